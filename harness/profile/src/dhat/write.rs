//! Writes stacks as the `dhat` crate writes them, for the tools that read its files.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};

use serde::Serialize;
use serde_json::ser::PrettyFormatter;

use super::{MODE, ROOT, UNKNOWN, VERSION};
use crate::{Amounts, RawFrame, RawStack};

/// What a heap profile says of the run as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DhatAbout {
    /// What was run, as viewers show it. It is the only free text of the format: what the amounts leave out can be said here.
    pub command: String,
    /// The process.
    pub pid: u32,
    /// When most bytes were live, in microseconds from the beginning.
    pub peak_micros: u64,
    /// The end, in microseconds from the beginning.
    pub end_micros: u64,
}

/// Writes stacks as a heap profile that [`read_dhat`](crate::read_dhat), Valgrind's `dh_view.html` and Firefox's profiler read.
///
/// Of what the format holds, some is not measured here: lifetimes (`tl`) are 0, so that a viewer takes every block for short-lived,
/// and the most that one stack ever held (`mb`, `mbk`) is what it held at the peak of the whole. Addresses and columns are 0.
///
/// Stacks with the same frames are written as one, with their amounts added: `dh_view.html` refuses a file that has a stack twice.
///
/// Amounts may be negative, where blocks are freed in the window that were made before it. dhat never writes such, but they are read
/// back as they are, and viewers show them.
///
/// # Errors
/// When `writer` fails.
pub fn write_dhat(writer: impl Write, about: &DhatAbout, stacks: &[RawStack]) -> io::Result<()> {
    let mut frames = Frames::default();
    // Viewers expect it as the first.
    frames.number(ROOT.to_owned());
    // In the order of the stacks, each once.
    let mut merged: Vec<(Vec<usize>, Amounts)> = Vec::new();
    let mut known: HashMap<Vec<usize>, usize> = HashMap::new();
    for stack in stacks {
        let fs: Vec<usize> = stack.frames.iter().map(|frame| frames.number(text(frame))).collect();
        let index = *known.entry(fs.clone()).or_insert(merged.len());
        match merged.get_mut(index) {
            Some((_, amounts)) => *amounts += stack.amounts,
            None => merged.push((fs, stack.amounts)),
        }
    }
    let document = Document {
        version: VERSION,
        mode: MODE,
        verb: "Allocated",
        bklt: true,
        bkacc: false,
        tu: "µs",
        million: "s",
        tuth: 10,
        cmd: &about.command,
        pid: about.pid,
        tg: about.peak_micros,
        te: about.end_micros,
        pps: merged.into_iter().map(Point::from).collect(),
        ftbl: frames.texts,
    };
    let mut writer = BufWriter::new(writer);
    // A value a line, as dhat does it.
    let formatter = PrettyFormatter::with_indent(b"");
    document.serialize(&mut serde_json::Serializer::with_formatter(&mut writer, formatter))?;
    writer.flush()
}

/// A frame in the form of dhat's. Without an address, Firefox's profiler would take the whole text for the function's name.
fn text(frame: &RawFrame) -> String {
    format!("0x0: {} ({}:{}:0)", known(&frame.function), known(&frame.file), frame.line.unwrap_or(0))
}

fn known(text: &Option<String>) -> &str {
    text.as_deref().filter(|text| !text.is_empty()).unwrap_or(UNKNOWN)
}

/// The texts of frames, each once, by number.
#[derive(Default)]
struct Frames {
    numbers: HashMap<String, usize>,
    texts: Vec<String>,
}

impl Frames {
    fn number(&mut self, text: String) -> usize {
        *self.numbers.entry(text).or_insert_with_key(|text| {
            self.texts.push(text.clone());
            self.texts.len() - 1
        })
    }
}

/// The whole file, by dhat's names.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "dhatFileVersion")]
    version: u64,
    mode: &'static str,
    verb: &'static str,
    /// Whether stacks have lifetimes, and with them what they hold at the peak and at the end.
    bklt: bool,
    /// Whether stacks have reads and writes.
    bkacc: bool,
    /// The unit of time.
    tu: &'static str,
    /// A million of it.
    #[serde(rename = "Mtu")]
    million: &'static str,
    /// Up to which lifetime a block is short-lived.
    tuth: u64,
    cmd: &'a str,
    pid: u32,
    tg: u64,
    te: u64,
    pps: Vec<Point>,
    ftbl: Vec<String>,
}

/// A program point: a call stack and its numbers, by dhat's names.
#[derive(Serialize)]
struct Point {
    tb: i64,
    tbk: i64,
    tl: u64,
    mb: i64,
    mbk: i64,
    gb: i64,
    gbk: i64,
    eb: i64,
    ebk: i64,
    fs: Vec<usize>,
}

impl From<(Vec<usize>, Amounts)> for Point {
    fn from((fs, Amounts { total, peak, retained }): (Vec<usize>, Amounts)) -> Self {
        Self {
            tb: total.bytes,
            tbk: total.blocks,
            tl: 0,
            mb: peak.bytes,
            mbk: peak.blocks,
            gb: peak.bytes,
            gbk: peak.blocks,
            eb: retained.bytes,
            ebk: retained.blocks,
            fs,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use highwater_model::Amount;
    use serde_json::{Value, json};

    use super::*;
    use crate::read_dhat;

    fn frame(function: Option<&str>, file: Option<&str>, line: Option<u32>) -> Arc<RawFrame> {
        Arc::new(RawFrame { function: function.map(Into::into), file: file.map(Into::into), line })
    }

    /// A stack whose amounts are told apart by every number.
    fn stack(frames: &[&Arc<RawFrame>], bytes: i64) -> RawStack {
        let amount = |times: i64| Amount { blocks: times, bytes: times * bytes };
        let amounts = Amounts { total: amount(3), peak: amount(2), retained: amount(1) };
        RawStack { frames: frames.iter().copied().cloned().collect(), amounts }
    }

    fn written(stacks: &[RawStack]) -> String {
        let about = DhatAbout { command: "worker --once".into(), pid: 7, peak_micros: 30, end_micros: 50 };
        let mut file = Vec::new();
        write_dhat(&mut file, &about, stacks).unwrap();
        String::from_utf8(file).unwrap()
    }

    fn read_back(stacks: &[RawStack]) -> Vec<RawStack> {
        read_dhat("heap.json", written(stacks).as_bytes()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let main = frame(Some("worker::main"), Some("/home/ada/worker/src/main.rs"), Some(3));
        let others = [
            frame(Some("worker::call::<fn(u8, (A, B)) -> u8>"), Some("c:/a b/sync.rs"), Some(7)),
            frame(Some("<(A, B) as worker::T>::f::<u8, (C, D)>"), Some("/home/ada/worker (old)/src/t (2).rs"), Some(8)),
            frame(Some("<worker::Row as core::clone::Clone>::clone"), Some("src/\"row\".rs"), None),
            frame(Some("_RNvC6worker4sync"), None, Some(9)),
            frame(Some("malloc"), None, None),
            frame(None, Some("src/é.rs"), Some(u32::MAX)),
            frame(None, None, None),
            frame(Some("[root]"), None, None),
        ];
        let mut stacks: Vec<_> = others.iter().zip(1..).map(|(other, bytes)| stack(&[other, &main], bytes)).collect();
        // Of no frames, and of the beginning of another.
        stacks.push(stack(&[], 100));
        stacks.push(stack(&[&main], i64::MAX / 3));
        assert_eq!(read_back(&stacks), stacks);
        assert_eq!(read_back(&[]), []);
    }

    #[test]
    fn negative_amounts_are_read_back() {
        let sync = frame(Some("worker::sync"), None, None);
        let stacks = [stack(&[&sync], -100), stack(&[&sync, &sync], i64::MIN / 4)];
        assert_eq!(read_back(&stacks), stacks);
    }

    #[test]
    fn stacks_with_the_same_frames_are_one() {
        let (sync, main) = (frame(Some("sync"), None, None), frame(Some("main"), None, None));
        let unknown = [frame(Some("???"), None, Some(0)), frame(None, Some(""), None)];
        let stacks =
            [stack(&[&sync, &main], 10), stack(&[&unknown[0]], 1), stack(&[&sync, &main], 5), stack(&[&unknown[1]], 2)];
        let merged: Vec<_> = read_back(&stacks).iter().map(|stack| (stack.frames.len(), stack.amounts.total)).collect();
        assert_eq!(merged, [(2, Amount { blocks: 6, bytes: 45 }), (1, Amount { blocks: 6, bytes: 9 })]);
    }

    #[test]
    fn every_member_that_viewers_ask_for_is_there() {
        let main = frame(Some("worker::main"), Some("src/main.rs"), Some(3));
        let sync = frame(Some("worker::sync"), Some("src/main.rs"), Some(9));
        let text = written(&[stack(&[&main], 100), stack(&[&sync, &main], 10)]);
        let expected = json!({
            "dhatFileVersion": 2, "mode": "rust-heap", "verb": "Allocated", "bklt": true, "bkacc": false,
            "tu": "µs", "Mtu": "s", "tuth": 10, "cmd": "worker --once", "pid": 7, "tg": 30, "te": 50,
            "pps": [
                {"tb": 300, "tbk": 3, "tl": 0, "mb": 200, "mbk": 2, "gb": 200, "gbk": 2, "eb": 100, "ebk": 1, "fs": [1]},
                {"tb": 30, "tbk": 3, "tl": 0, "mb": 20, "mbk": 2, "gb": 20, "gbk": 2, "eb": 10, "ebk": 1, "fs": [2, 1]},
            ],
            "ftbl": ["[root]", "0x0: worker::main (src/main.rs:3:0)", "0x0: worker::sync (src/main.rs:9:0)"],
        });
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }

    #[test]
    fn a_writer_that_fails_is_told() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = write_dhat(Full, &DhatAbout::default(), &[]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
