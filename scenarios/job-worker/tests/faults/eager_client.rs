//! A statsd client built as datadog-go 5 builds one: all buffers at once, four background tasks, a socket. Nothing of it goes before it is
//! closed, since its tasks hold it (github.com/DataDog/datadog-go, statsd/statsdex.go, buffer_pool.go, sender.go).

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

/// datadog-go's defaults for UDP. Go's own buffers have 512 bytes more each, in a size class of 2,048.
const BUFFERS: usize = 2_048;
const BUFFER: usize = 1_432;

/// The client.
pub(crate) struct EagerClient {
    pool: Mutex<Vec<Vec<u8>>>,
    current: Mutex<Vec<u8>>,
    full: mpsc::Sender<Vec<u8>>,
    closed: Notify,
    socket: UdpSocket,
}

impl EagerClient {
    /// Makes it, with its buffers and its tasks.
    pub(crate) fn to(agent: SocketAddr) -> std::io::Result<Arc<Self>> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect(agent)?;
        socket.set_nonblocking(true)?;
        let (full, buffers) = mpsc::channel(BUFFERS);
        let pool = (0..BUFFERS).map(|_| Vec::with_capacity(BUFFER)).collect();
        let (pool, current) = (Mutex::new(pool), Mutex::default());
        let client = Arc::new(Self { pool, current, full, closed: Notify::new(), socket });
        tokio::spawn(send(Arc::clone(&client), buffers));
        // The flush of a buffer that is not full, the aggregator's, and the telemetry's.
        for every in [Duration::from_millis(100), Duration::from_secs(2)] {
            tokio::spawn(every_so_often(Arc::clone(&client), every, Self::flush));
        }
        tokio::spawn(every_so_often(Arc::clone(&client), Duration::from_secs(10), |client| {
            client.count("datadog.dogstatsd.client.metrics", "client:go,client_transport:udp");
            client.flush();
        }));
        Ok(client)
    }

    /// Adds a count of one.
    pub(crate) fn count(&self, name: &str, tags: &str) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.capacity() == 0 {
            *current = self.pool.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        }
        current.extend_from_slice(format!("{name}:1|c|#{tags}\n").as_bytes());
    }

    /// Sends what has gathered. It stops nothing and frees nothing.
    pub(crate) fn flush(&self) {
        let gathered = std::mem::take(&mut *self.current.lock().unwrap_or_else(PoisonError::into_inner));
        if !gathered.is_empty() {
            // As datadog-go: what the queue does not take is lost.
            let _ = self.full.try_send(gathered);
        }
    }
}

async fn send(client: Arc<EagerClient>, mut buffers: mpsc::Receiver<Vec<u8>>) {
    while let Some(mut buffer) = buffers.recv().await {
        // UDP: what the kernel does not take is lost.
        let _ = client.socket.send(&buffer);
        buffer.clear();
        client.pool.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

async fn every_so_often(client: Arc<EagerClient>, every: Duration, act: fn(&EagerClient)) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => act(&client),
            // Nobody closes it: that is the fault.
            () = client.closed.notified() => return,
        }
    }
}
