//! Scenarios whose numbers, or whose deaths, are known in advance.

use std::hint::black_box;
use std::io::Write as _;
use std::process::{Command, ExitCode};
use std::time::Duration;

use highwater::{
    Bytes, Class, Endpoint, Metric, Observations, RunningService, Scenario, Service, ServiceError, ServiceFault, Sizes,
    Suite, Tolerance,
};

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

fn main() -> ExitCode {
    let checks = std::env::var("HIGHWATER_CONTROL").is_ok_and(|control| control.contains("\"mode\":\"check\""));
    if checks && number("KNOWN_DYING_SUITE", 0) > 0 {
        return ExitCode::FAILURE;
    }
    Suite::new("known")
        .scenario(exact())
        .scenario(silent())
        .scenario(workers())
        .scenario(leaks())
        .scenario(shrinks())
        .scenario(noisy())
        .scenario(Scenario::new("panics").iterations(5).setup(async |_| Ok(0)).iterate(async |done: &mut u32| {
            assert!(*done < 2, "the third is one too many");
            *done += 1;
            Ok(())
        }))
        .scenario(Scenario::new("survives-a-panic").iterate(async |_: &mut ()| {
            let task = tokio::spawn(async { panic!("in a task") });
            assert!(task.await.is_err());
            Ok(())
        }))
        .scenario(Scenario::sync("exits-3").iterate(|_| std::process::exit(3)))
        .scenario(Scenario::sync("exits-0").iterate(|_| std::process::exit(0)))
        .scenario(Scenario::sync("aborts").iterate(|_| {
            eprintln!("about to abort");
            std::process::abort()
        }))
        .scenario(Scenario::sync("is-killed").iterate(|_| {
            Command::new("kill").args(["-9", &std::process::id().to_string()]).status()?;
            std::thread::sleep(Duration::from_secs(60));
            Ok(())
        }))
        .scenario(Scenario::sync("hangs").timeout(Duration::from_secs(number("KNOWN_TIMEOUT", 1))).iterate(|_| {
            // A process of its own, which must not outlive the child.
            let mut sleeper = Command::new("sleep").arg("1000").spawn()?;
            std::fs::write(std::env::var("KNOWN_PID_FILE")?, sleeper.id().to_string())?;
            sleeper.wait()?;
            Ok(())
        }))
        .scenario(
            Scenario::sync("exceeds")
                .limit(Bytes::mib(16))
                .iterations(40)
                .setup(|_| Ok(Vec::with_capacity(100)))
                .iterate(|kept: &mut Vec<Vec<u8>>| {
                    kept.push(vec![1; 1 << 20]);
                    Ok(())
                }),
        )
        .scenario(Scenario::sync("fills").iterations(number("KNOWN_MIB", 40)).setup(|_| Ok(Vec::new())).iterate(
            |kept: &mut Vec<Vec<u8>>| {
                kept.push(vec![1; 1 << 20]);
                Ok(())
            },
        ))
        .scenario(
            Scenario::new("setup-fails")
                .setup(async |_| {
                    std::fs::read("/nonexistent/input")?;
                    Ok(())
                })
                .iterate(async |_| Ok(())),
        )
        .scenario(Scenario::new("iteration-fails").iterate(async |_| Err("wrong rows".into())))
        .scenario(
            Scenario::new("teardown-fails").iterate(async |_| Ok(())).teardown(async |_| Err("3 of 4 rows".into())),
        )
        .scenario(Scenario::sync("writes-to-the-journal").iterate(|_| {
            let instruction = std::env::var("HIGHWATER_CHILD")?;
            let journal = instruction.split("\"journal\":\"").nth(1).and_then(|rest| rest.split('"').next());
            let journal = journal.ok_or("the instruction names no journal")?;
            std::fs::OpenOptions::new().append(true).open(journal)?.write_all(b"what is this\n")?;
            Ok(())
        }))
        .scenario(Scenario::sync("chatters").iterate(|_| {
            println!("test chatters ... FAILED\n{{\"event\":\"finished\"}}");
            Ok(())
        }))
        .scenario(Scenario::new("never-settles").settle(Duration::from_millis(100)).iterate(async |_: &mut ()| {
            tokio::spawn(async {
                let mut kept = Vec::new();
                loop {
                    kept.push(black_box(Box::new([0_u8; 100])));
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
            Ok(())
        }))
        .scenario(
            with_service("served", Behaviour::Sound).tolerance(Metric::observed("fake", "requests"), Tolerance::EXACT),
        )
        .scenario(
            with_service("gates-what-is-not-seen", Behaviour::Sound)
                .tolerance(Metric::observed("fake", "keys"), Tolerance::EXACT),
        )
        .scenario(with_service("unmatched", Behaviour::Unmatched))
        .scenario(with_service("service-fails", Behaviour::Fails))
        .scenario(with_service("service-missing", Behaviour::DoesNotStart))
        .scenario(
            Scenario::new("asks-for-another")
                .with(Fake(Behaviour::Sound))
                .setup(async |context| {
                    context.endpoint("redis")?;
                    Ok(())
                })
                .iterate(async |_| Ok(())),
        )
        .scenario(Scenario::sync("no-iterations").iterations(0).iterate(|_| Ok(())))
        .scenario(Scenario::sync("on-request").ignored("takes an hour").iterate(|_| Ok(())))
        .sizes(at_two_sizes("keeps-all", |items| items))
        .sizes(at_two_sizes("keeps-ten", |_| 10))
        .main()
}

/// Declared not to grow: keeps so many items of 8 bytes. `KNOWN_FAILING_SIZE` is a size that fails.
fn at_two_sizes(name: &str, kept: fn(usize) -> usize) -> Sizes {
    let of = |items: usize| {
        Scenario::sync("any").iterate(move |_| {
            if number("KNOWN_FAILING_SIZE", 0) == items as u64 {
                return Err("so many are too many".into());
            }
            black_box(vec![0_u64; kept(items)]);
            Ok(())
        })
    };
    Sizes::new(name, Class::Constant).at(1_000, of(1_000)).at(10_000, of(10_000))
}

/// The time is the noise of its peak: one of ten equally likely sizes. `KNOWN_TOLERANCE` declares a tolerance, in bytes.
fn noisy() -> highwater::Scenario<impl highwater::Workload + Send + Sync> {
    let scenario = Scenario::sync("noisy").setup(|_| Ok(Vec::new())).iterate(|kept: &mut Vec<Vec<u8>>| {
        let nanos = std::time::UNIX_EPOCH.elapsed()?.subsec_nanos() as usize;
        kept.push(vec![0; 1_000_000 + nanos / 1_000 % 10 * 100_000]);
        Ok(())
    });
    match number("KNOWN_TOLERANCE", 0) {
        0 => scenario,
        bytes => scenario.tolerance(Metric::PeakBytes, Tolerance::new(0.0, bytes)),
    }
}

/// In ten iterations: a spike of 100,000 bytes each, and 64 bytes in one block kept each. `KNOWN_LEAK` keeps more, and `KNOWN_VARIANT`
/// says that it is a variant.
fn exact() -> highwater::Scenario<impl highwater::Workload + Send + Sync> {
    Scenario::sync("exact")
        .variant(std::env::var("KNOWN_VARIANT").ok())
        .warm_up(1)
        .iterations(number("KNOWN_ITERATIONS", 10))
        .limit(Bytes::mib(16))
        .setup(|_| Ok((Vec::with_capacity(100), number("KNOWN_LEAK", 0) as usize)))
        .iterate(|(kept, leak): &mut (Vec<Vec<u8>>, usize)| {
            drop(black_box(vec![1_u8; 100_000]));
            kept.push(black_box(vec![1; 64 + *leak]));
            Ok(())
        })
}

/// The number in this environment variable.
fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// The harness itself allocates nothing in the window, whatever the number of iterations. It opens no file, so that may go unsaid.
fn silent() -> highwater::Scenario<impl highwater::Workload + Send + Sync> {
    Scenario::new("silent").iterations(200_000).ungated(Metric::Fds).iterate(async |_| Ok(()))
}

/// In each of 2,000 iterations 16 bytes are kept in a block; in the 1,000th also a thread, two files and three tasks.
fn leaks() -> highwater::Scenario<impl highwater::Workload + Send + Sync> {
    struct State {
        iteration: u32,
        boxes: Vec<Box<[u8; 16]>>,
        files: Vec<std::fs::File>,
    }
    Scenario::new("leaks")
        .iterations(2_000)
        .setup(async |_| Ok(State { iteration: 0, boxes: Vec::with_capacity(2_000), files: Vec::with_capacity(2) }))
        .iterate(async |state: &mut State| {
            state.iteration += 1;
            state.boxes.push(black_box(Box::new([1; 16])));
            if state.iteration == 1_000 {
                std::thread::spawn(std::thread::park);
                for _ in 0..2 {
                    state.files.push(std::fs::File::open("/dev/null")?);
                }
                for _ in 0..3 {
                    tokio::spawn(std::future::pending::<()>());
                }
            }
            Ok(())
        })
}

/// In each of 40 iterations a block of 64 bytes that setup made is given back.
fn shrinks() -> highwater::Scenario<impl highwater::Workload + Send + Sync> {
    Scenario::sync("shrinks").iterations(40).setup(|_| Ok(vec![vec![1_u8; 64]; 40])).iterate(
        |blocks: &mut Vec<Vec<u8>>| {
            drop(blocks.pop());
            Ok(())
        },
    )
}

/// 100 blocks of 1,000 bytes made in tasks of two workers and kept; the retained bytes are exact.
fn workers() -> highwater::Scenario<impl highwater::Workload + Send + Sync> {
    Scenario::new("workers").workers(2).warm_up(1).setup(async |_| Ok(Vec::with_capacity(1_000))).iterate(
        async |kept: &mut Vec<Vec<u8>>| {
            for _ in 0..100 {
                kept.push(tokio::spawn(async { vec![1; 1_000] }).await?);
            }
            Ok(())
        },
    )
}

fn with_service(name: &str, behaviour: Behaviour) -> highwater::Scenario<impl highwater::Workload + Send + Sync> {
    Scenario::new(name).with(Fake(behaviour)).setup(async |context| Ok(context.endpoint("fake")?.to_owned())).iterate(
        async |url: &mut String| if url == "fake://1" { Ok(()) } else { Err(format!("the endpoint is {url}").into()) },
    )
}

#[derive(Clone, Copy, PartialEq)]
enum Behaviour {
    Sound,
    Unmatched,
    Fails,
    DoesNotStart,
}

/// A service that serves nothing and behaves in one way.
struct Fake(Behaviour);

impl Service for Fake {
    fn name(&self) -> &str {
        "fake"
    }
    fn identity(&self) -> Result<String, ServiceError> {
        Ok("fake-1".into())
    }
    fn start(&self) -> Result<Box<dyn RunningService>, ServiceError> {
        if self.0 == Behaviour::DoesNotStart {
            return Err(ServiceError::new("start fake from /usr/bin/fake", "no such file").remedy("install fake"));
        }
        Ok(Box::new(RunningFake(self.0)))
    }
}

struct RunningFake(Behaviour);

impl RunningService for RunningFake {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        Ok(Endpoint::new("fake://1"))
    }
    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        match self.0 {
            Behaviour::Unmatched => Err(ServiceFault::UnmatchedRequests {
                requests: vec!["GET /v1/offers?page=1: no recorded exchange has this path".into()],
                total: 3,
            }),
            Behaviour::Fails => Err(ServiceFault::Failed("it ran out of disk".into())),
            _ => Ok([("requests".to_owned(), number("KNOWN_REQUESTS", 7))].into()),
        }
    }
}
