//! Scenarios whose service dies, refuses, hangs or answers garbage at a known point, each followed by one whose service is sound.
//! The service answers each line with `pong`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use highwater::{
    BoxError, Endpoint, Observations, RunningService, Scenario, Service, ServiceError, ServiceFault, Suite, Workload,
};

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

fn main() -> ExitCode {
    Fault::ALL
        .into_iter()
        .fold(Suite::new("faults"), |suite, fault| {
            suite
                .scenario(scenario(fault.name().to_owned(), fault))
                .scenario(scenario(format!("{}-next", fault.name()), Fault::None))
        })
        .main()
}

/// What the service does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    StartFails,
    StartPanics,
    BeginFails,
    BeginPanics,
    Refuses,
    DiesAtOnce,
    DiesMidRun,
    Hangs,
    Garbage,
    EndFails,
    EndPanics,
    DropPanics,
    DiesAndEndFails,
}

impl Fault {
    const ALL: [Self; 13] = [
        Self::StartFails,
        Self::StartPanics,
        Self::BeginFails,
        Self::BeginPanics,
        Self::Refuses,
        Self::DiesAtOnce,
        Self::DiesMidRun,
        Self::Hangs,
        Self::Garbage,
        Self::EndFails,
        Self::EndPanics,
        Self::DropPanics,
        Self::DiesAndEndFails,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::StartFails => "start-fails",
            Self::StartPanics => "start-panics",
            Self::BeginFails => "begin-fails",
            Self::BeginPanics => "begin-panics",
            Self::Refuses => "refuses",
            Self::DiesAtOnce => "dies-at-once",
            Self::DiesMidRun => "dies-mid-run",
            Self::Hangs => "hangs",
            Self::Garbage => "garbage",
            Self::EndFails => "end-fails",
            Self::EndPanics => "end-panics",
            Self::DropPanics => "drop-panics",
            Self::DiesAndEndFails => "dies-and-end-fails",
        }
    }

    /// What it answers to a request of this number, from 1; nothing when it dies.
    fn answer(self, number: u32) -> Option<&'static [u8]> {
        match self {
            Self::DiesAtOnce => None,
            Self::DiesMidRun | Self::DiesAndEndFails if number > 3 => None,
            Self::Hangs if number > 3 => Some(b""),
            Self::Garbage if number > 3 => Some(b"\xff\x00\n"),
            _ => Some(b"pong\n"),
        }
    }
}

fn scenario(name: String, fault: Fault) -> Scenario<impl Workload + Send + Sync> {
    Scenario::sync(name)
        .with(Ponger(fault))
        .timeout(Duration::from_secs(1))
        .iterations(10)
        .setup(|context| {
            let address = context.endpoint("ponger")?.trim_start_matches("tcp://").to_owned();
            Ok(BufReader::new(TcpStream::connect(address)?))
        })
        .iterate(|server: &mut BufReader<TcpStream>| {
            server.get_mut().write_all(b"ping\n")?;
            let mut answer = Vec::new();
            match server.read_until(b'\n', &mut answer)? {
                0 => Err(BoxError::from("the server closed the connection")),
                _ if answer != b"pong\n" => Err(format!("{answer:?} is no answer").into()),
                _ => Ok(()),
            }
        })
}

struct Ponger(Fault);

impl Service for Ponger {
    fn name(&self) -> &str {
        "ponger"
    }

    fn identity(&self) -> Result<String, ServiceError> {
        Ok("ponger-1".to_owned())
    }

    fn start(&self) -> Result<Box<dyn RunningService>, ServiceError> {
        match self.0 {
            Fault::StartFails => Err(ServiceError::new("start ponger", "it is not installed").remedy("install it")),
            Fault::StartPanics => panic!("no {}", "luck"),
            fault => Ok(Box::new(Running(fault))),
        }
    }
}

struct Running(Fault);

impl RunningService for Running {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        let failed = |cause: std::io::Error| ServiceError::new("open a port", cause);
        let fault = self.0;
        if fault == Fault::BeginFails {
            return Err(ServiceError::new("empty ponger", "it is read-only"));
        }
        assert!(fault != Fault::BeginPanics, "no luck");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        if fault != Fault::Refuses {
            std::thread::spawn(move || serve(&listener, fault));
        }
        Ok(Endpoint::new(format!("tcp://{address}")))
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        match self.0 {
            Fault::EndPanics | Fault::DropPanics => panic!("no luck"),
            Fault::EndFails | Fault::DiesAndEndFails => Err(ServiceFault::Failed("it ran out of disk".to_owned())),
            _ => Ok(Observations::new()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        assert!(self.0 != Fault::DropPanics, "no luck at the end either");
    }
}

/// Serves one connection.
fn serve(listener: &TcpListener, fault: Fault) {
    let Ok((stream, _)) = listener.accept() else { return };
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        if !matches!(lines.read_line(&mut line), Ok(1..)) {
            return;
        }
        match fault.answer(number) {
            Some(answer) if lines.get_mut().write_all(answer).is_ok() => {}
            _ => return,
        }
    }
}
