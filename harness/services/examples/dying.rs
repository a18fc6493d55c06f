//! Scenarios whose real server dies at a known point, and those whose server lives, which run after them: what `tests/e2e/dying.rs` runs, and what it
//! should come to.
//!
//! A scenario is named after server, place, what is done to it, and when: `postgres-local-kill-late`.

use std::error::Error;
use std::fs;
use std::process::{Command, ExitCode};
use std::time::Duration;

use highwater::{
    BoxError, Endpoint, Observations, RunningService, Scenario, Service, ServiceError, ServiceFault, Suite, Workload,
};
use highwater_services::{Postgres, Redis};
use rustix::process::{Pid, Signal, getpid, getppid, kill_process};

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

const SERVERS: [&str; 2] = ["postgres", "redis"];
const PLACES: [&str; 2] = ["local", "docker"];
/// `backend` is the process of a Postgres that serves the client alone.
const DEEDS: [&str; 4] = ["kill", "backend", "pause", "remove"];
/// While the server starts, before the second sample, and in the child: in its setup, the second and the ninth of ten iterations, and its
/// teardown.
const MOMENTS: [&str; 6] = ["start", "between", "setup", "first", "late", "teardown"];

const ITERATIONS: u64 = 10;
/// For whoever looks after the server to see what became of it.
const NOTICED: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let mut suite = Suite::new("dying");
    let each = || SERVERS.into_iter().flat_map(|server| PLACES.map(|place| (server, place)));
    for (server, place) in each() {
        for deed in DEEDS {
            for when in MOMENTS {
                suite = suite.scenario(scenario(Death { server, place, deed, when }));
            }
        }
    }
    for (server, place) in each() {
        suite = suite.scenario(scenario(Death { server, place, deed: "nothing", when: "ever" }));
    }
    suite.main()
}

/// What happens to which server, and when.
#[derive(Debug, Clone, Copy)]
struct Death {
    server: &'static str,
    place: &'static str,
    deed: &'static str,
    when: &'static str,
}

fn scenario(death: Death) -> Scenario<impl Workload + Send + Sync> {
    let Death { server, place, deed, when } = death;
    // First of both: it strikes before the server is asked for a sample.
    let scenario = Scenario::sync(format!("{server}-{place}-{deed}-{when}"))
        .with(Assassin(death))
        .samples(2)
        .iterations(ITERATIONS);
    let scenario = match (server, place) {
        ("postgres", "local") => scenario.with(Postgres::new(server).local()),
        ("postgres", _) => scenario.with(Postgres::new(server).docker()),
        (_, "local") => scenario.with(Redis::new(server).local()),
        (_, _) => scenario.with(Redis::new(server).docker()),
    };
    scenario
        .timeout(Duration::from_secs(3))
        .setup(move |context| {
            let mut client = Client::connect(context.endpoint(server)?)?;
            death.strike_if("setup", getppid())?;
            client.ask()?;
            Ok((client, 0))
        })
        .iterate(move |(client, iteration): &mut (Client, u64)| {
            *iteration += 1;
            match *iteration {
                2 => death.strike_if("first", getppid())?,
                9 => death.strike_if("late", getppid())?,
                _ => {}
            }
            client.ask()
        })
        .teardown(move |_| death.strike_if("teardown", getppid()))
}

/// Somebody who speaks to the server.
enum Client {
    Postgres(tokio::runtime::Runtime, tokio_postgres::Client),
    Redis(redis::Connection),
}

impl Client {
    fn connect(url: &str) -> Result<Self, BoxError> {
        if url.starts_with("redis:") {
            return Ok(Self::Redis(redis::Client::open(url)?.get_connection()?));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
            tokio::spawn(connection);
            Ok::<_, tokio_postgres::Error>(client)
        })?;
        Ok(Self::Postgres(runtime, client))
    }

    fn ask(&mut self) -> Result<(), BoxError> {
        match self {
            Self::Postgres(runtime, client) => drop(runtime.block_on(client.simple_query("SELECT 1"))?),
            Self::Redis(connection) => redis::cmd("PING").query::<()>(connection)?,
        }
        Ok(())
    }
}

impl Death {
    /// Does the deed if it is the moment for it. `parent` is who started the server.
    fn strike_if(self, when: &str, parent: Option<Pid>) -> Result<(), BoxError> {
        if self.when == when && !self.strike(parent.ok_or("there is no parent")?)? {
            return Err(format!("there is nothing of {self:?} to strike").into());
        }
        Ok(())
    }

    /// Does the deed; whether there was anybody.
    fn strike(self, parent: Pid) -> Result<bool, BoxError> {
        let parent = parent.as_raw_nonzero().get();
        let struck = match self.place {
            "local" => self.strike_process(parent)?,
            _ => self.strike_container(parent)?,
        };
        if struck {
            std::thread::sleep(NOTICED);
        }
        Ok(struck)
    }

    fn strike_process(self, parent: i32) -> Result<bool, Box<dyn Error + Send + Sync>> {
        let servers = children_of(parent).into_iter().filter(|pid| name(*pid).starts_with(self.server));
        let victims: Vec<i32> = match self.deed {
            "backend" => servers.flat_map(children_of).filter(|pid| name(*pid).contains("highwater_")).collect(),
            _ => servers.collect(),
        };
        for pid in victims.iter().filter_map(|pid| Pid::from_raw(*pid)) {
            kill_process(pid, if self.deed == "pause" { Signal::STOP } else { Signal::KILL })?;
        }
        Ok(!victims.is_empty())
    }

    fn strike_container(self, parent: i32) -> Result<bool, BoxError> {
        let docker = |arguments: &[&str]| {
            let output = Command::new("docker").args(arguments).output()?;
            match output.status.success() {
                true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
                false => {
                    Err(BoxError::from(format!("docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr))))
                }
            }
        };
        let named = format!("name=highwater-{}-{parent}-", self.server);
        let victims = docker(&["ps", "--quiet", "--filter", &named])?;
        for id in victims.lines() {
            match self.deed {
                "kill" => docker(&["kill", id])?,
                "pause" => docker(&["pause", id])?,
                _ => docker(&["rm", "--force", id])?,
            };
        }
        Ok(!victims.is_empty())
    }
}

/// The processes that this one started.
fn children_of(parent: i32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // Behind the name, which may hold anything: the state, then the parent.
        let found = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(1));
        found == Some(&*parent.to_string())
    })
    .collect()
}

/// What a process calls itself: the program's file name, or what a Postgres tells of a process's work.
fn name(pid: i32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let first = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let first = String::from_utf8_lossy(first).into_owned();
    first.rsplit_once('/').filter(|_| first.starts_with('/')).map_or(first.clone(), |(_, name)| name.to_owned())
}

/// Strikes in the parent, where a service can.
struct Assassin(Death);

impl Service for Assassin {
    fn name(&self) -> &str {
        "assassin"
    }

    fn identity(&self) -> Result<String, ServiceError> {
        Ok("assassin-1".to_owned())
    }

    fn start(&self) -> Result<Box<dyn RunningService>, ServiceError> {
        let death = self.0;
        if death.when == "start" {
            // As soon as there is somebody; when there is nobody any more, whoever waits for the outcome says so.
            std::thread::spawn(move || {
                while !death.strike(getpid()).unwrap_or(false) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        }
        Ok(Box::new(Waiting { death, samples: 0 }))
    }
}

struct Waiting {
    death: Death,
    samples: u32,
}

impl RunningService for Waiting {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        self.samples += 1;
        if self.samples == 2 {
            self.death
                .strike_if("between", Some(getpid()))
                .map_err(|error| ServiceError::new("strike between two samples", error))?;
        }
        Ok(Endpoint::new("nowhere:"))
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        Ok(Observations::new())
    }
}
