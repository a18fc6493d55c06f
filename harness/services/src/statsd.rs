//! The service statsd: an agent on UDP that counts what reaches it. What a line says is [`line`]'s.

mod line;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use highwater::{Endpoint, Observations, RunningService, Service, ServiceError, ServiceFault};

use line::{Element, Kind, parse};

/// An agent for metrics in DogStatsD's format, on a UDP port of the loopback.
///
/// The endpoint is `udp://host:port`. It counts per sample: `packets`, `metrics` (values, where a line packs several), `received_bytes`
/// and `sources`, the distinct addresses that sent something: a client that is made and never closed is one more. A sample in
/// which a line was malformed fails and names the first.
///
/// ```
/// use highwater::Service;
/// use highwater_services::StatsdAgent;
///
/// let agent = StatsdAgent::new("statsd");
/// let mut running = agent.start()?;
/// let endpoint = running.begin_sample()?;
/// let address = endpoint.as_str().strip_prefix("udp://").unwrap();
/// std::net::UdpSocket::bind("127.0.0.1:0")?.send_to(b"jobs.done:2|c|#queue:mail\n", address)?;
///
/// assert_eq!(running.end_sample()?["metrics"], 1);
/// assert_eq!(agent.received().count("jobs.done"), 2.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct StatsdAgent {
    name: String,
    received: Arc<Mutex<Received>>,
}

/// What an agent received in a sample.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// Datagrams.
    pub packets: u64,
    /// Values of metrics; events and service checks are none.
    pub metrics: u64,
    /// Events.
    pub events: u64,
    /// Service checks.
    pub service_checks: u64,
    /// Payload of the datagrams, in bytes.
    pub bytes: u64,
    /// Who sent them.
    pub sources: BTreeSet<SocketAddr>,
    /// Lines that are none of these.
    pub malformed: u64,
    first_malformed: Option<String>,
    counts: BTreeMap<String, f64>,
}

impl Received {
    /// The sum of a counter under whatever tags, with sampled values scaled up; 0 for one that never came.
    pub fn count(&self, name: &str) -> f64 {
        self.counts.get(name).copied().unwrap_or(0.0)
    }

    fn datagram(&mut self, payload: &[u8], source: SocketAddr) {
        self.packets += 1;
        self.bytes += payload.len() as u64;
        self.sources.insert(source);
        // The last line may end with a newline or without.
        for line in payload.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match parse(line) {
                Ok(Element::Metric(metric)) => {
                    self.metrics += metric.values;
                    if metric.kind == Kind::Count {
                        *self.counts.entry(metric.name.to_owned()).or_default() += metric.sum / metric.rate;
                    }
                }
                Ok(Element::Event) => self.events += 1,
                Ok(Element::ServiceCheck) => self.service_checks += 1,
                Err(cause) => {
                    self.malformed += 1;
                    let shown = || format!("`{}`: {cause}", String::from_utf8_lossy(line).escape_debug());
                    self.first_malformed.get_or_insert_with(shown);
                }
            }
        }
    }
}

impl StatsdAgent {
    /// An agent by this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), received: Arc::default() }
    }

    /// What it, or a clone of it, received in the present sample, or in the last one between samples.
    pub fn received(&self) -> Received {
        lock(&self.received).clone()
    }
}

impl Service for StatsdAgent {
    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> Result<String, ServiceError> {
        Ok("statsd".to_owned())
    }

    fn start(&self) -> Result<Box<dyn RunningService>, ServiceError> {
        Ok(Box::new(RunningAgent::start(Arc::clone(&self.received))?))
    }
}

/// Larger than any datagram.
const LARGEST: usize = 65_536;
/// How often the receiver looks whether it should stop.
const GLANCE: Duration = Duration::from_millis(50);
/// For the receiver to read what the kernel holds.
const PATIENCE: Duration = Duration::from_secs(10);

struct RunningAgent {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// From which the agent writes to itself, to learn how far it has read.
    own: UdpSocket,
    receiver: Option<JoinHandle<()>>,
}

struct Shared {
    received: Arc<Mutex<Received>>,
    stopped: AtomicBool,
    own: SocketAddr,
    /// The last number that the agent wrote to itself and has read.
    read_up_to: AtomicU64,
}

impl RunningAgent {
    fn start(received: Arc<Mutex<Received>>) -> Result<Self, ServiceError> {
        let failed = |cause: std::io::Error| ServiceError::new("start the statsd agent", cause);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let own = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        socket.set_read_timeout(Some(GLANCE)).map_err(failed)?;
        let shared = Arc::new(Shared {
            received,
            stopped: AtomicBool::new(false),
            own: own.local_addr().map_err(failed)?,
            read_up_to: AtomicU64::new(0),
        });
        let receiver = {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name("statsd".to_owned()).spawn(move || receive(&socket, &shared))
        };
        Ok(Self { address, shared, own, receiver: Some(receiver.map_err(failed)?) })
    }

    /// Waits until all that was sent up to now is counted. The kernel delivers in order, so it is when a datagram of our own is read.
    fn settle(&self) -> Result<(), String> {
        let number = self.shared.read_up_to.load(Ordering::Acquire) + 1;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            // Again and again, for a full buffer takes nothing.
            self.own
                .send_to(&number.to_be_bytes(), self.address)
                .map_err(|cause| format!("failed to reach the statsd agent: {cause}"))?;
            let again = Instant::now() + Duration::from_millis(100);
            while Instant::now() < again {
                if self.shared.read_up_to.load(Ordering::Acquire) >= number {
                    return Ok(());
                }
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        Err(format!("the statsd agent did not read its packets within {} s", PATIENCE.as_secs()))
    }
}

fn receive(socket: &UdpSocket, shared: &Shared) {
    let mut buffer = vec![0; LARGEST];
    while !shared.stopped.load(Ordering::Relaxed) {
        // An error is the time-out.
        let Ok((length, source)) = socket.recv_from(&mut buffer) else { continue };
        let payload = &buffer[..length];
        match <[u8; 8]>::try_from(payload) {
            Ok(number) if source == shared.own => {
                shared.read_up_to.fetch_max(u64::from_be_bytes(number), Ordering::AcqRel);
            }
            _ => lock(&shared.received).datagram(payload, source),
        }
    }
}

impl RunningService for RunningAgent {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        // What a client of an earlier sample left must not be counted in this one.
        self.settle().map_err(|cause| ServiceError::new("begin a sample of the statsd agent", cause))?;
        *lock(&self.shared.received) = Received::default();
        Ok(Endpoint::new(format!("udp://{}", self.address)))
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        self.settle().map_err(ServiceFault::Failed)?;
        let received = lock(&self.shared.received);
        if let Some(first) = &received.first_malformed {
            let text = format!("the statsd agent got {} malformed line(s); the first: {first}", received.malformed);
            return Err(ServiceFault::Failed(text));
        }
        Ok(Observations::from([
            ("packets".to_owned(), received.packets),
            ("metrics".to_owned(), received.metrics),
            ("received_bytes".to_owned(), received.bytes),
            ("sources".to_owned(), received.sources.len() as u64),
        ]))
    }
}

impl Drop for RunningAgent {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        if let Some(receiver) = self.receiver.take() {
            // A panic of it has been told already.
            let _ = receiver.join();
        }
    }
}

fn lock(received: &Mutex<Received>) -> MutexGuard<'_, Received> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}
