//! Following the file to which a suite appends what happens, a line of JSON each, while it grows.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use highwater::Event;

/// Reads the events that are new each time it is asked.
#[derive(Debug)]
pub(crate) struct EventTail {
    file: File,
    /// The beginning of a line whose end is not yet written.
    pending: Vec<u8>,
}

impl EventTail {
    /// Creates the file, empty, and follows it.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        File::create(path)?;
        Ok(Self { file: File::open(path)?, pending: Vec::new() })
    }

    /// The events whose lines have been finished since the last call, in order. A line that is no event of this version comes as
    /// the text that it is.
    pub(crate) fn read(&mut self) -> io::Result<Vec<Result<Event, String>>> {
        self.file.read_to_end(&mut self.pending)?;
        let mut events = Vec::new();
        let mut begin = 0;
        while let Some(length) = memchr::memchr(b'\n', &self.pending[begin..]) {
            let line = &self.pending[begin..begin + length];
            events.push(serde_json::from_slice(line).map_err(|_| String::from_utf8_lossy(line).into_owned()));
            begin += length + 1;
        }
        self.pending.drain(..begin);
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn line(scenario: &str) -> String {
        format!("{{\"event\":\"started\",\"suite\":\"worker\",\"scenario\":\"{scenario}\"}}\n")
    }

    fn started(scenario: &str) -> Result<Event, String> {
        Ok(Event::Started { suite: "worker".into(), scenario: scenario.into() })
    }

    #[test]
    fn a_line_is_an_event_once_it_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut tail = EventTail::create(&path).unwrap();
        let mut file = File::options().append(true).open(&path).unwrap();
        assert_eq!(tail.read().unwrap(), []);
        let text = format!("{}{}{}", line("one"), line("two"), line("größe"));
        // Split inside of the second line, and inside of a character of the third.
        let (second, third) = (line("one").len() + 7, text.find('ö').unwrap() + 1);
        let bytes = text.as_bytes();
        for (part, expect) in [
            (&bytes[..second], vec![started("one")]),
            (&bytes[second..third], vec![started("two")]),
            (&bytes[third..bytes.len() - 1], vec![]),
            (&bytes[bytes.len() - 1..], vec![started("größe")]),
        ] {
            file.write_all(part).unwrap();
            assert_eq!(tail.read().unwrap(), expect);
        }
        assert_eq!(tail.read().unwrap(), []);
    }

    #[test]
    fn a_line_that_is_no_event_is_told_and_the_next_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut tail = EventTail::create(&path).unwrap();
        std::fs::write(&path, format!("{{\"event\":\"novelty\"}}\n{}", line("one"))).unwrap();
        assert_eq!(tail.read().unwrap(), [Err("{\"event\":\"novelty\"}".into()), started("one")]);
    }
}
