//! A profile in pprof's format, for `go tool pprof` and whatever else reads it. The format's messages are `message`'s.

mod message;

use std::collections::HashMap;
use std::hash::Hash;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use highwater_profile::{Frame, Identity, Origin, Profile, Stack};

use message::{Function, Line, Location, Mapping, Sample, ValueType};

/// What each sample's numbers are. The first four are those of Go's heap profiles, by which its tools choose
/// (<https://go.dev/src/runtime/pprof/protomem.go>); in use is what is retained. The peak is highwater's own: `-sample_index=peak_space`.
const SAMPLE_TYPES: [(&str, &str); 6] = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
    ("peak_objects", "count"),
    ("peak_space", "bytes"),
];

/// What tools show when they are not told what to: as with Go's heap profiles, what is in use.
const DEFAULT_SAMPLE_TYPE: &str = "inuse_space";

/// Writes a profile as gzip'd `profile.proto`. `program` is what the profile calls the measured binary. The same profile makes the
/// same bytes.
///
/// # Errors
/// When `writer` fails.
pub fn write_pprof(profile: &Profile, program: &str, writer: impl Write) -> io::Result<()> {
    let mut encoder = GzEncoder::new(writer, Compression::default());
    encoder.write_all(&message_of(profile, program).encode())?;
    encoder.finish()?.flush()
}

fn message_of(profile: &Profile, program: &str) -> message::Profile {
    let mut tables = Tables::default();
    tables.texts.id("");
    let mut value_type = |(kind, unit)| ValueType { r#type: tables.text(kind), unit: tables.text(unit) };
    let sample_type = SAMPLE_TYPES.map(&mut value_type).into();
    let period_type = value_type(("space", "bytes"));
    let mapping = Mapping {
        id: MAPPING,
        filename: tables.text(program),
        has_functions: true,
        has_filenames: true,
        has_line_numbers: true,
        has_inline_frames: true,
    };
    let sample = profile.stacks().iter().map(|stack| tables.sample(stack)).collect();
    let default_sample_type = tables.text(DEFAULT_SAMPLE_TYPE);
    message::Profile {
        sample_type,
        sample,
        mapping,
        location: tables.location_messages,
        function: tables.function_messages,
        string_table: tables.texts.in_order(),
        period_type,
        // Every allocation is counted.
        period: 1,
        default_sample_type,
    }
}

/// The id of the only mapping. Without one, tools would look for a binary to read symbols from.
const MAPPING: u64 = 1;

/// What samples refer to by number. Locations and functions are numbered from 1, texts from 0.
#[derive(Default)]
struct Tables {
    texts: Numbering<String>,
    functions: Numbering<(String, Option<String>)>,
    function_messages: Vec<Function>,
    locations: Numbering<(u64, Option<u32>)>,
    location_messages: Vec<Location>,
}

impl Tables {
    fn text(&mut self, text: &str) -> i64 {
        self.texts.id(text).0 as i64
    }

    fn sample(&mut self, stack: &Stack) -> Sample {
        let amounts = stack.amounts;
        // A sample without a place would be dropped by some tools, and its bytes with it.
        let unknown = || Frame {
            function: Identity::UNKNOWN.to_owned(),
            path: Identity::UNKNOWN.to_owned(),
            origin: Origin::Plumbing,
            file: None,
            line: None,
        };
        let mut location_id: Vec<_> = stack.frames.iter().map(|frame| self.location(frame)).collect();
        if location_id.is_empty() {
            location_id.push(self.location(&unknown()));
        }
        let value = [amounts.total, amounts.retained, amounts.peak]
            .into_iter()
            .flat_map(|amount| [amount.blocks, amount.bytes]);
        Sample { location_id, value: value.collect() }
    }

    fn location(&mut self, frame: &Frame) -> u64 {
        let function_id = self.function(frame);
        let (index, new) = self.locations.id((function_id, frame.line));
        let id = index + 1;
        if new {
            let line = Line { function_id, line: frame.line.unwrap_or(0).into() };
            self.location_messages.push(Location { id, mapping_id: MAPPING, line });
        }
        id
    }

    fn function(&mut self, frame: &Frame) -> u64 {
        let (index, new) = self.functions.id((frame.function.clone(), frame.file.clone()));
        let id = index + 1;
        if new {
            let (name, system_name) = (self.text(&frame.function), self.text(&frame.path));
            let filename = self.text(frame.file.as_deref().unwrap_or_default());
            self.function_messages.push(Function { id, name, system_name, filename });
        }
        id
    }
}

/// Numbers values from 0 in the order in which they are first met.
struct Numbering<T> {
    numbers: HashMap<T, u64>,
}

impl<T> Default for Numbering<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new() }
    }
}

impl<T: Hash + Eq> Numbering<T> {
    /// The number of a value, and whether it is new.
    fn id(&mut self, value: impl Into<T>) -> (u64, bool) {
        let next = self.numbers.len() as u64;
        let id = *self.numbers.entry(value.into()).or_insert(next);
        (id, id == next)
    }

    fn in_order(self) -> Vec<T> {
        let mut values: Vec<_> = self.numbers.into_iter().collect();
        values.sort_unstable_by_key(|(_, number)| *number);
        values.into_iter().map(|(value, _)| value).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use highwater_profile::Measure;

    use super::*;
    use crate::profile::example::profile;

    /// The message that is in the file.
    fn written(profile: &Profile) -> message::Profile {
        let (mut file, mut again) = (Vec::new(), Vec::new());
        write_pprof(profile, "worker", &mut file).unwrap();
        write_pprof(profile, "worker", &mut again).unwrap();
        assert_eq!(file, again, "the same profile makes the same bytes");
        let mut bytes = Vec::new();
        GzDecoder::new(file.as_slice()).read_to_end(&mut bytes).unwrap();
        let message = message_of(profile, "worker");
        assert_eq!(bytes, message.encode());
        message
    }

    fn example() -> Profile {
        profile(&[
            ("alloc::vec::Vec<T,A>::push worker::sync worker::main", 700, 100),
            ("worker::sync worker::main", 300, 0),
            ("alloc::alloc::alloc", 50, 50),
        ])
    }

    #[test]
    fn sample_types_are_those_of_go_s_heap_profiles_and_the_peak() {
        let message = written(&example());
        let text = |index: i64| message.string_table[index as usize].as_str();
        let types: Vec<_> = message.sample_type.iter().map(|kind| (text(kind.r#type), text(kind.unit))).collect();
        assert_eq!(types, SAMPLE_TYPES);
        assert_eq!(text(message.default_sample_type), "inuse_space");
        let period = &message.period_type;
        assert_eq!((text(period.r#type), text(period.unit), message.period), ("space", "bytes", 1));
        assert_eq!(message.string_table[0], "");
    }

    #[test]
    fn samples_add_up_to_the_profile() {
        let profile = example();
        let message = written(&profile);
        let sum = |index: usize| message.sample.iter().map(|sample| sample.value[index]).sum::<i64>();
        let amounts = profile.amounts();
        for (index, measure) in [(0, Measure::Total), (2, Measure::Retained), (4, Measure::Peak)] {
            let amount = measure.of(&amounts);
            assert_eq!((sum(index), sum(index + 1)), (amount.blocks, amount.bytes), "{measure:?}");
        }
    }

    #[test]
    fn every_id_and_text_that_is_referred_to_is_there() {
        let message = written(&example());
        let text = |index: i64| message.string_table[index as usize].as_str();
        assert_eq!((message.mapping.id, text(message.mapping.filename)), (1, "worker"));
        let function = |id: u64| message.function.iter().find(|function| function.id == id).unwrap();
        let location = |id: &u64| {
            let location = message.location.iter().find(|location| location.id == *id).unwrap();
            assert_eq!(location.mapping_id, 1);
            let function = function(location.line.function_id);
            (text(function.name), text(function.filename), location.line.line)
        };
        let stacks: Vec<Vec<_>> =
            message.sample.iter().map(|sample| sample.location_id.iter().map(location).collect()).collect();
        let (sync, main) = (("worker::sync", "src/sync.rs", 42), ("worker::main", "src/sync.rs", 42));
        let push = ("alloc::vec::Vec::push", "library/alloc/src/vec/mod.rs", 42);
        assert_eq!(stacks, [vec![("(no function is known)", "", 0)], vec![push, sync, main], vec![sync, main]]);
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
        assert_eq!(write_pprof(&example(), "worker", Full).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
