//! What parent and child say to each other: an instruction in the environment, and lines of JSON in a journal that outlives
//! the child.
//!
//! The journal is a file, not a pipe: what a killed child wrote stays readable, a slow reader never makes the child wait, and
//! nothing has to be inherited.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use highwater_model::{Bytes, Engine, Headroom, Injection, Metric, Moment, Phase, Progress};
use serde::{Deserialize, Serialize};

use crate::timeline::Trough;

/// What the parent tells a child, in the environment variable [`Instruction::VARIABLE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Instruction {
    /// The scenario to run.
    pub(crate) scenario: String,
    /// What counts.
    pub(crate) engine: Engine,
    /// The URL of each service.
    pub(crate) endpoints: BTreeMap<String, String>,
    /// The file by which to enter a control group, if the kernel is to limit the run.
    pub(crate) cgroup: Option<PathBuf>,
    /// Whether a launcher starts the child, and so is its parent.
    pub(crate) launched: bool,
    /// The file to write [`Message`]s to.
    pub(crate) journal: PathBuf,
    /// The process that is to read it.
    pub(crate) parent: u32,
    /// Regressions to make.
    pub(crate) injections: Vec<Injection>,
    /// The limit that the allocator is to enforce, if any.
    pub(crate) limit: Option<Bytes>,
    /// Where to leave what is recorded of call sites, if anything is to be.
    pub(crate) profile: Option<PathBuf>,
}

impl Instruction {
    pub(crate) const VARIABLE: &str = "HIGHWATER_CHILD";

    /// The instruction, when this process is a child.
    pub(crate) fn from_environment() -> Option<Result<Self, serde_json::Error>> {
        std::env::var(Self::VARIABLE).ok().map(|text| serde_json::from_str(&text))
    }

    pub(crate) fn to_variable(&self) -> String {
        serde_json::to_string(self).expect("an instruction has string keys and UTF-8 paths")
    }
}

/// What a child says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Message {
    /// How far it is.
    Progress(Progress),
    /// A thread panicked; the run may go on.
    Panic { thread: String, location: String, message: String },
    /// The limit was passed; the child ends.
    Limit { limit: Bytes, live: Bytes, requested: Bytes, timeline: Vec<Moment> },
    /// The author's code returned an error; the child ends.
    Error { phase: Phase, message: String },
    /// The global allocator does not count; the child ends.
    NotCounting,
    /// The run is over and these are the numbers.
    Done(Report),
    /// A launcher: it watches the child, which waits for that.
    Watched,
    /// A launcher: how the limit fared that it had the kernel enforce.
    Limited { limit: Bytes, kills: u64, peak: Option<Bytes> },
    /// A launcher: why it started no child.
    NotLaunched(String),
}

/// The numbers of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub(crate) headroom: Option<Headroom>,
    pub(crate) metrics: BTreeMap<Metric, i64>,
    pub(crate) new_fds: BTreeMap<String, u64>,
    pub(crate) new_threads: BTreeMap<String, u64>,
    pub(crate) peak_slack: u64,
    pub(crate) settled: bool,
    pub(crate) timeline: Vec<Moment>,
    pub(crate) troughs: Vec<Trough>,
    pub(crate) processor_micros: u64,
    pub(crate) window_micros: u64,
}

/// The child's end of the journal.
#[derive(Debug)]
pub(crate) struct JournalWriter(File);

impl JournalWriter {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new().append(true).open(path).map(Self)
    }

    /// Writes how far the run is, in one system call and without allocating.
    pub(crate) fn progress(&self, progress: &Progress) {
        let mut line = [0_u8; 256];
        let mut rest = &mut line[..];
        // Numbers and unit variants only: serde_json allocates nothing for them, and 256 bytes hold the longest.
        let written = serde_json::to_writer(&mut rest, &BorrowedMessage::Progress(progress));
        let ended = written.is_ok() && rest.write_all(b"\n").is_ok();
        let unused = rest.len();
        if ended {
            let _ = (&self.0).write_all(&line[..line.len() - unused]);
        }
    }

    /// Writes a message, in one system call.
    pub(crate) fn tell(&self, message: &Message) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        (&self.0).write_all(&line)
    }
}

/// [`Message::Progress`] without owning it.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum BorrowedMessage<'a> {
    Progress(&'a Progress),
}

/// The parent's end of the journal.
#[derive(Debug)]
pub(crate) struct JournalReader {
    file: File,
    partial: Vec<u8>,
}

impl JournalReader {
    /// Creates the journal, empty.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        File::create(path)?;
        Ok(Self { file: File::open(path)?, partial: Vec::new() })
    }

    /// The messages that were completed since the last call, in order. What is no message is told with its start.
    pub(crate) fn read(&mut self) -> io::Result<Vec<Result<Message, String>>> {
        self.file.read_to_end(&mut self.partial)?;
        let Some(end) = self.partial.iter().rposition(|byte| *byte == b'\n') else { return Ok(Vec::new()) };
        let rest = self.partial.split_off(end + 1);
        let lines = std::mem::replace(&mut self.partial, rest);
        Ok(lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).map_err(|error| format!("{error}: {:?}", start(line))))
            .collect())
    }

    /// The start of a line that was never finished, if any.
    pub(crate) fn unfinished(&self) -> Option<String> {
        (!self.partial.is_empty()).then(|| start(&self.partial))
    }
}

fn start(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[..line.len().min(120)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use highwater_model::InjectionKind;

    fn progress(live: u64) -> Progress {
        let (live, peak) = (Some(Bytes(live)), Some(Bytes(u64::MAX)));
        Progress { phase: Phase::Window, done: u64::MAX, of: u64::MAX, live, peak }
    }

    #[test]
    fn messages_arrive_whole_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut reader = JournalReader::create(&path).unwrap();
        let writer = JournalWriter::open(&path).unwrap();
        assert_eq!(reader.read().unwrap(), []);
        writer.progress(&progress(u64::MAX));
        let error = Message::Error { phase: Phase::Setup, message: "two\nlines".into() };
        writer.tell(&error).unwrap();
        (&writer.0).write_all(b"{\"progr").unwrap();
        assert_eq!(reader.read().unwrap(), [Ok(Message::Progress(progress(u64::MAX))), Ok(error)]);
        assert_eq!(reader.unfinished().as_deref(), Some("{\"progr"));
        (&writer.0).write_all(b"ess\":").unwrap();
        assert_eq!(reader.read().unwrap(), []);
    }

    #[test]
    fn what_is_no_message_is_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut reader = JournalReader::create(&path).unwrap();
        std::fs::write(&path, "\"not_counting\"\nhello from the workload\n").unwrap();
        let messages = reader.read().unwrap();
        assert_eq!(messages[0], Ok(Message::NotCounting));
        assert!(messages[1].as_ref().unwrap_err().contains("hello from the workload"), "{messages:?}");
    }

    #[test]
    fn an_instruction_survives_its_variable() {
        let instruction = Instruction {
            scenario: "paged".into(),
            engine: Engine::StatsAlloc,
            endpoints: [("api".to_owned(), "http://127.0.0.1:4010".to_owned())].into(),
            cgroup: None,
            launched: false,
            journal: "/tmp/journal".into(),
            parent: 7,
            injections: vec![Injection { kind: InjectionKind::Fds, size: 1 }],
            limit: None,
            profile: Some("/tmp/profile".into()),
        };
        assert_eq!(serde_json::from_str::<Instruction>(&instruction.to_variable()).unwrap(), instruction);
    }
}
