//! The child as a process: started in a group of its own, watched, and ended with all of its group. What its end means is
//! `verdict_of_end`'s in this file; what a sample is, is `sampling`'s.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use highwater_alloc::SITES_VARIABLE;
use highwater_model::{Bytes, Cause, Engine, Failure, Moment, Progress};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::cgroup::{Cgroup, Charged};
use crate::launch::Launcher;
use crate::message::{Instruction, JournalReader, Message, Report};

const POLL: Duration = Duration::from_millis(5);
/// For a launcher that was asked to end; to take a container away takes it a fraction of a second.
const LAUNCHER_GRACE: Duration = Duration::from_secs(10);
const OUTPUT_BYTES: u64 = 4_096;
const OUTPUT_LINES: usize = 20;

/// The numbers of one child, with what should be known about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChildReport {
    pub(crate) report: Report,
    pub(crate) notes: Vec<String>,
    pub(crate) child_micros: u64,
    /// How far it came: to its end.
    pub(crate) progress: Option<Progress>,
}

/// Who starts the child.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Starter<'a> {
    /// This process. The instruction has the child enter the group, if there is one.
    Parent(Option<&'a Cgroup>),
    /// Another program, which limits its memory.
    Launcher(&'a Launcher),
}

/// Runs this binary again as a child and returns its numbers. Its standard output and error go to files in `folder`.
pub(crate) fn run_child(
    instruction: &Instruction,
    starter: Starter<'_>,
    folder: &Path,
    timeout: Duration,
    mut on_progress: impl FnMut(Progress),
) -> Result<ChildReport, Failure> {
    let stderr = folder.join("stderr.log");
    let began = Instant::now();
    let mut heard = Heard::default();
    let end = (|| {
        let mut journal = JournalReader::create(&instruction.journal)?;
        let mut child = spawn(instruction, starter, folder)?;
        // A launcher has to end what it started elsewhere.
        let grace = if matches!(starter, Starter::Launcher(_)) { LAUNCHER_GRACE } else { Duration::ZERO };
        let end = watch(&mut child, began + timeout, grace, || {
            heard.listen(&mut journal, &mut on_progress);
            heard.unreadable.is_some()
        });
        heard.listen(&mut journal, &mut on_progress);
        heard.unfinished = journal.unfinished();
        end
    })();
    let child_micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let (progress, timeline) = (heard.progress, std::mem::take(&mut heard.timeline));
    let charged = match starter {
        Starter::Parent(cgroup) => {
            cgroup.map(|group| group.charged().map(|charged| (group.limit(), charged))).transpose()
        }
        Starter::Launcher(_) => heard.launcher(&end),
    };
    let result = match (end, charged) {
        (Ok(end), Ok(charged)) => outcome(end, heard, timeout, charged),
        (Err(error), _) | (_, Err(error)) => Err(Cause::Spawn(error.to_string())),
    };
    match result {
        Ok((report, notes)) => Ok(ChildReport { report, notes, child_micros, progress }),
        Err(cause) => Err(Failure { cause, output: tail(&stderr), progress, timeline }),
    }
}

fn spawn(instruction: &Instruction, starter: Starter<'_>, folder: &Path) -> io::Result<Child> {
    let executable = std::env::current_exe()?;
    let mut command = match starter {
        Starter::Parent(_) => Command::new(executable),
        Starter::Launcher(Launcher { program, arguments }) => {
            let mut command = Command::new(program);
            command.args(arguments).arg(executable);
            command
        }
    };
    // Has to be known before `main`.
    match instruction.engine {
        Engine::Sites => command.env(SITES_VARIABLE, "1"),
        _ => command.env_remove(SITES_VARIABLE),
    };
    command
        .env(Instruction::VARIABLE, instruction.to_variable())
        .env_remove(crate::Control::VARIABLE)
        // A backtrace that an error captures is memory of the run, and differs with the reader's settings.
        .env("RUST_BACKTRACE", "0")
        .env("RUST_LIB_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(File::create(folder.join("stdout.log"))?)
        .stderr(File::create(folder.join("stderr.log"))?)
        .process_group(0)
        .spawn()
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// By itself, or by a signal that was not ours.
    Itself(ExitStatus),
    /// It ran out of time, and we killed it.
    TimedOut,
}

/// Waits for the child's end, calling `listen` all along; when that says so, or when time is up, ends it: by SIGTERM, where it is given
/// `grace`, and by SIGKILL. In every case all of its group is dead when this returns.
fn watch(child: &mut Child, deadline: Instant, grace: Duration, mut listen: impl FnMut() -> bool) -> io::Result<End> {
    let pid = Pid::from_child(child);
    let (mut timed_out, mut stopped) = (false, false);
    let ended = wait_until(pid, || {
        timed_out = Instant::now() >= deadline;
        stopped = listen();
        timed_out || stopped
    });
    if matches!(ended, Ok(false)) && !grace.is_zero() {
        let _ = kill_process_group(pid, Signal::TERM);
        let until = Instant::now() + grace;
        // Whether it obeyed is seen below.
        let _ = wait_until(pid, || Instant::now() >= until);
    }
    let _ = kill_process_group(pid, Signal::KILL);
    let status = child.wait()?;
    ended?;
    Ok(if timed_out && !stopped { End::TimedOut } else { End::Itself(status) })
}

/// Waits for the end of a child, or until `is_over`; whether it ended. The zombie is left in place: as long as it is there, its number, and
/// that of its group, is not another's.
fn wait_until(pid: Pid, mut is_over: impl FnMut() -> bool) -> rustix::io::Result<bool> {
    let waiting = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    loop {
        match waitid(WaitId::Pid(pid), waiting) {
            Ok(Some(_)) => return Ok(true),
            Ok(None) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error),
        }
        if is_over() {
            return Ok(false);
        }
        std::thread::sleep(POLL);
    }
}

/// What the parent heard from the child.
#[derive(Debug, Default)]
struct Heard {
    progress: Option<Progress>,
    timeline: Vec<Moment>,
    panics: Vec<(String, Cause)>,
    /// The message that tells why the child ends.
    last_words: Option<Cause>,
    report: Option<Report>,
    unreadable: Option<String>,
    unfinished: Option<String>,
    /// What a launcher says of the limit.
    limited: Option<(Bytes, Charged)>,
    not_launched: Option<String>,
}

impl Heard {
    fn listen(&mut self, journal: &mut JournalReader, on_progress: &mut impl FnMut(Progress)) {
        let messages = journal.read().unwrap_or_else(|error| vec![Err(error.to_string())]);
        for message in messages {
            let message = match message {
                Ok(message) => message,
                Err(problem) => {
                    self.unreadable.get_or_insert(problem);
                    continue;
                }
            };
            match message {
                Message::Progress(progress) => {
                    self.progress = Some(progress);
                    on_progress(progress);
                }
                Message::Panic { thread, location, message } => {
                    self.panics.push((thread, Cause::Panic { location, message }));
                }
                Message::Limit { limit, live, requested, timeline } => {
                    self.timeline = timeline;
                    self.last_words.get_or_insert(Cause::LimitExceeded { limit, live, requested });
                }
                Message::Error { phase, message } => {
                    self.last_words.get_or_insert(Cause::Workload { phase, message });
                }
                Message::NotCounting => {
                    self.last_words.get_or_insert(Cause::NotCounting);
                }
                Message::Done(report) => self.report = Some(report),
                Message::Limited { limit, kills, peak } => self.limited = Some((limit, Charged { kills, peak })),
                Message::Watched => {}
                Message::NotLaunched(why) => self.not_launched = Some(why),
            }
        }
    }

    /// What the launcher said of the limit. Without a word of it nothing is known of how the child ended, unless we ended it.
    fn launcher(&self, end: &io::Result<End>) -> io::Result<Option<(Bytes, Charged)>> {
        match (end, &self.not_launched) {
            // We ended it, and it may have said anything about that.
            _ if self.unreadable.is_some() => Ok(self.limited),
            (Ok(End::TimedOut) | Err(_), _) => Ok(self.limited),
            (Ok(End::Itself(_)), Some(why)) => Err(io::Error::other(why.clone())),
            (Ok(End::Itself(status)), None) if self.limited.is_none() => {
                Err(io::Error::other(format!("its launcher ended ({status}) without saying how it fared")))
            }
            (Ok(End::Itself(_)), None) => Ok(self.limited),
        }
    }
}

/// What the child's end means, with what was heard from it. The child's own words come first: they are the cause of what
/// followed.
fn outcome(
    end: End,
    heard: Heard,
    timeout: Duration,
    charged: Option<(Bytes, Charged)>,
) -> Result<(Report, Vec<String>), Cause> {
    // The kernel's counter, and not the signal: others send it too, and it may have been another process of the group.
    if let Some((limit, Charged { kills: kills @ 1.., peak })) = charged {
        return Err(Cause::OomKilled { kills, limit, peak });
    }
    if let Some(unreadable) = heard.unreadable {
        return Err(Cause::BadMessage(unreadable));
    }
    if let Some(cause) = heard.last_words {
        return Err(cause);
    }
    let status = match end {
        End::TimedOut => return Err(Cause::Timeout { seconds: timeout.as_secs() }),
        End::Itself(status) => status,
    };
    // 101 is the panic of the main thread; SIGABRT is what a panic becomes where panics abort.
    let panicked = status.code() == Some(101) || status.signal() == Some(Signal::ABORT.as_raw());
    if panicked && let Some((_, cause)) = heard.panics.last() {
        return Err(cause.clone());
    }
    if let Some(signal) = status.signal() {
        return Err(Cause::Signal { signal, name: signal_name(signal) });
    }
    if let Some(code) = status.code().filter(|code| *code != 0) {
        return Err(Cause::Exit { code });
    }
    match (heard.report, heard.unfinished) {
        (Some(report), None) => {
            let mut notes: Vec<String> = heard
                .panics
                .iter()
                .map(|(thread, cause)| format!("thread `{thread}` {cause}, and the run went on"))
                .collect();
            if let Some((limit, Charged { peak, .. })) = charged {
                let most = peak.map_or_else(String::new, |peak| format!(": {peak} were charged at the most"));
                notes.push(format!("the kernel's limit of {limit} held it{most}"));
            }
            if !report.settled {
                notes.push("live bytes or tasks did not stop moving before the window was opened or closed".to_owned());
            }
            Ok((report, notes))
        }
        (_, Some(start)) => Err(Cause::BadMessage(format!("it ends in the middle: {start:?}"))),
        (None, None) => Err(Cause::NoMessage),
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL, as an out-of-memory killer or a person sends it",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

/// The end of a text file: at most so many lines and bytes.
fn tail(path: &Path) -> String {
    let read = || {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(OUTPUT_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(OUTPUT_BYTES).read_to_end(&mut bytes)?;
        io::Result::Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    };
    // An output that cannot be read is no output: the cause of the failure stands without it.
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(OUTPUT_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use highwater_model::{Metric, Phase};

    const EXIT_0: i32 = 0;
    const EXIT_3: i32 = 3 << 8;
    const EXIT_101: i32 = 101 << 8;
    const ABORTED: i32 = 6;
    const KILLED: i32 = 9;

    fn report(settled: bool) -> Report {
        let metrics = [(Metric::PeakBytes, 1)].into();
        Report {
            headroom: None,
            metrics,
            new_fds: Default::default(),
            new_threads: Default::default(),
            peak_slack: 0,
            settled,
            timeline: Vec::new(),
            troughs: Vec::new(),
            processor_micros: 1,
            window_micros: 1,
        }
    }

    fn panicked() -> Vec<(String, Cause)> {
        vec![("main".into(), Cause::Panic { location: "src/lib.rs:1:2".into(), message: "boom".into() })]
    }

    fn check(raw: i32, heard: Heard, expected: &str) {
        let end = End::Itself(ExitStatus::from_raw(raw));
        let cause = outcome(end, heard, Duration::from_secs(1), None).expect_err(expected);
        assert_eq!(cause.name(), expected, "{cause}");
    }

    #[test]
    fn the_causes_of_an_end_are_told_apart() {
        check(EXIT_0, Heard::default(), "no_message");
        check(EXIT_3, Heard::default(), "exit");
        check(KILLED, Heard::default(), "signal");
        check(EXIT_101, Heard { panics: panicked(), ..Heard::default() }, "panic");
        check(ABORTED, Heard { panics: panicked(), ..Heard::default() }, "panic");
        check(EXIT_101, Heard::default(), "exit");
        check(EXIT_0, Heard { unfinished: Some("{\"do".into()), ..Heard::default() }, "bad_message");
        check(
            EXIT_0,
            Heard { unreadable: Some("x".into()), report: Some(report(true)), ..Heard::default() },
            "bad_message",
        );
        let limit = Cause::LimitExceeded { limit: Bytes(1), live: Bytes(1), requested: Bytes(1) };
        check(ABORTED, Heard { last_words: Some(limit), panics: panicked(), ..Heard::default() }, "limit_exceeded");
        let error = Cause::Workload { phase: Phase::Setup, message: "x".into() };
        check(256, Heard { last_words: Some(error), ..Heard::default() }, "workload");
    }

    #[test]
    fn numbers_count_only_when_the_child_ended_well() {
        check(EXIT_3, Heard { report: Some(report(true)), ..Heard::default() }, "exit");
        check(KILLED, Heard { report: Some(report(true)), ..Heard::default() }, "signal");
    }

    #[test]
    fn a_timeout_says_its_seconds() {
        let cause = outcome(End::TimedOut, Heard::default(), Duration::from_secs(7), None).unwrap_err();
        assert_eq!(cause, Cause::Timeout { seconds: 7 });
    }

    #[test]
    fn the_kernel_s_counter_tells_an_oom_kill_from_another_signal() {
        let killed = |kills, heard| {
            let charged = Charged { kills, peak: Some(Bytes::mib(64)) };
            let end = End::Itself(ExitStatus::from_raw(KILLED));
            outcome(end, heard, Duration::from_secs(1), Some((Bytes::mib(64), charged))).unwrap_err()
        };
        let oom = Cause::OomKilled { kills: 1, limit: Bytes::mib(64), peak: Some(Bytes::mib(64)) };
        assert_eq!(killed(1, Heard::default()), oom);
        assert_eq!(killed(0, Heard::default()).name(), "signal");
        let said = "killed by the kernel for want of memory, under a limit of 64.0 MiB (64.0 MiB charged at the most)";
        assert!(oom.to_string().starts_with(said), "{oom}");
        let heard = Heard { report: Some(report(true)), ..Heard::default() };
        let charged = Charged { kills: 0, peak: Some(Bytes::mib(40)) };
        let ended = outcome(
            End::Itself(ExitStatus::from_raw(EXIT_0)),
            heard,
            Duration::from_secs(1),
            Some((Bytes::mib(64), charged)),
        );
        assert_eq!(ended.unwrap().1, ["the kernel's limit of 64.0 MiB held it: 40.0 MiB were charged at the most"]);
    }

    #[test]
    fn a_launcher_that_says_nothing_of_the_limit_tells_nothing_of_the_end() {
        let end = |raw| Ok(End::Itself(ExitStatus::from_raw(raw)));
        let said = |heard: &Heard, end| heard.launcher(&end).map_err(|error| error.to_string());
        let silent = said(&Heard::default(), end(EXIT_0)).unwrap_err();
        assert!(silent.contains("launcher ended (exit status: 0)"), "{silent}");
        assert_eq!(said(&Heard::default(), Ok(End::TimedOut)), Ok(None), "it was ended before it could");
        let refused = Heard { not_launched: Some("no Docker".into()), ..Heard::default() };
        assert_eq!(said(&refused, end(EXIT_3)), Err("no Docker".into()));
        assert_eq!(said(&refused, Ok(End::TimedOut)), Ok(None), "its container was taken from it");
        let limited = Some((Bytes::mib(64), Charged { kills: 1, peak: None }));
        assert_eq!(said(&Heard { limited, ..Heard::default() }, end(KILLED)), Ok(limited));
        let cause = outcome(End::Itself(ExitStatus::from_raw(KILLED)), Heard::default(), POLL, limited).unwrap_err();
        assert_eq!(cause, Cause::OomKilled { kills: 1, limit: Bytes::mib(64), peak: None });
    }

    #[test]
    fn a_launcher_is_asked_to_end_and_then_made_to() {
        let run = |script: &str, grace| {
            let mut child = Command::new("sh").args(["-c", script]).process_group(0).spawn().unwrap();
            let began = Instant::now();
            let end = watch(&mut child, began + Duration::from_millis(300), grace, || false).unwrap();
            assert_eq!(end, End::TimedOut);
            (child.wait().unwrap(), began.elapsed())
        };
        let obeys = "trap 'exit 7' TERM; while :; do sleep 0.01; done";
        assert_eq!(run(obeys, Duration::from_secs(10)).0.code(), Some(7));
        assert_eq!(run(obeys, Duration::ZERO).0.signal(), Some(KILLED));
        let (status, took) = run("trap '' TERM; while :; do sleep 0.01; done", Duration::from_millis(200));
        assert_eq!(status.signal(), Some(KILLED));
        assert!(took >= Duration::from_millis(500), "{took:?}");
    }

    #[test]
    fn a_panic_that_the_run_survived_is_a_note() {
        let heard = Heard { panics: panicked(), report: Some(report(false)), ..Heard::default() };
        let (_, notes) = outcome(End::Itself(ExitStatus::from_raw(0)), heard, Duration::from_secs(1), None).unwrap();
        assert_eq!(notes.len(), 2);
        assert_eq!(notes[0], "thread `main` panicked at src/lib.rs:1:2: boom, and the run went on");
        assert!(notes[1].contains("did not stop moving"));
    }

    #[test]
    fn the_tail_of_an_output_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stderr.log");
        assert_eq!(tail(&path), "");
        let text: String = (0..10_000).map(|i| format!("line {i}\n")).collect();
        std::fs::write(&path, text).unwrap();
        let tail = tail(&path);
        assert_eq!(tail.lines().count(), OUTPUT_LINES);
        assert!(tail.ends_with("line 9999"));
    }
}
