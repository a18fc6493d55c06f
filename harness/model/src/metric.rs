//! The names and units of what is measured. How it is counted is `highwater-alloc`'s.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::bytes::group;
use crate::{Bytes, Observed};

/// Something a sample measures. The order is the order in tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// The most bytes live at once inside the window, less the bytes live when it opened.
    PeakBytes,
    /// Bytes live when the window closed after settling, less the bytes live when it opened. Can be negative.
    RetainedBytes,
    /// Blocks live when the window closed after settling, less the blocks live when it opened. Can be negative.
    RetainedBlocks,
    /// Bytes kept per iteration and never given back, in thousandths: see [`Growth`](crate::Growth). Absent where the iterations are
    /// too few to tell.
    GrowthBytes,
    /// Blocks kept per iteration and never given back, in thousandths. Absent where the iterations are too few to tell.
    GrowthBlocks,
    /// Bytes live when the window opened, less those live before setup: what setup and the warm-up keep.
    StandingBytes,
    /// Operating-system threads alive when the window closed, less those when it opened.
    Threads,
    /// File descriptors open when the window closed, less those when it opened.
    Fds,
    /// Tasks of the scenario's tokio runtime alive when the window closed, less those when it opened.
    Tasks,
    /// Bytes allocated in the window, freed or not; a reallocation adds what it grew by.
    TotalBytes,
    /// Blocks allocated in the window, freed or not; a reallocation adds none.
    TotalBlocks,
    /// Resident bytes of the whole process when the window closed, less those when it opened, as the kernel counts them: with
    /// C libraries, stacks, code and what an allocator keeps for itself.
    RssBytes,
    /// The most bytes of the whole process that were resident at once in the window, as the kernel counts them; not less what was
    /// resident when it opened.
    RssPeakBytes,
    /// What a service saw during the whole run, for which the scenario declares a tolerance; the others are told as
    /// [observations](crate::Sample::observations).
    Observed(Observed),
}

impl Metric {
    /// This observation of this service, such as the `keys` of `redis`.
    pub fn observed(service: &str, observation: &str) -> Self {
        Self::Observed(Observed::new(service, observation))
    }

    /// Every metric of the measured process, in the order of tables.
    pub const ALL: [Self; 13] = [
        Self::PeakBytes,
        Self::RetainedBytes,
        Self::RetainedBlocks,
        Self::GrowthBytes,
        Self::GrowthBlocks,
        Self::StandingBytes,
        Self::Threads,
        Self::Fds,
        Self::Tasks,
        Self::TotalBytes,
        Self::TotalBlocks,
        Self::RssBytes,
        Self::RssPeakBytes,
    ];

    /// The name in files, such as `peak_bytes`, or `redis.keys` for what a service saw.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PeakBytes => "peak_bytes",
            Self::RetainedBytes => "retained_bytes",
            Self::RetainedBlocks => "retained_blocks",
            Self::GrowthBytes => "growth_bytes",
            Self::GrowthBlocks => "growth_blocks",
            Self::StandingBytes => "standing_bytes",
            Self::Threads => "threads",
            Self::Fds => "fds",
            Self::Tasks => "tasks",
            Self::TotalBytes => "total_bytes",
            Self::TotalBlocks => "total_blocks",
            Self::RssBytes => "rss_bytes",
            Self::RssPeakBytes => "rss_peak_bytes",
            Self::Observed(observed) => observed.name(),
        }
    }

    /// What its numbers count.
    pub fn unit(self) -> Unit {
        match self {
            Self::PeakBytes | Self::RetainedBytes | Self::StandingBytes | Self::TotalBytes => Unit::Bytes,
            Self::RssBytes | Self::RssPeakBytes => Unit::Bytes,
            Self::RetainedBlocks | Self::TotalBlocks | Self::Threads | Self::Fds | Self::Tasks => Unit::Count,
            Self::GrowthBytes => Unit::BytesPerIteration,
            Self::GrowthBlocks => Unit::CountPerIteration,
            Self::Observed(observed) if observed.observation().ends_with("bytes") => Unit::Bytes,
            Self::Observed(_) => Unit::Count,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::PeakBytes => "peak",
            Self::RetainedBytes => "retained",
            Self::RetainedBlocks => "retained blocks",
            Self::GrowthBytes => "growth",
            Self::GrowthBlocks => "growth blocks",
            Self::StandingBytes => "standing",
            Self::Threads => "threads",
            Self::Fds => "fds",
            Self::Tasks => "tasks",
            Self::TotalBytes => "total",
            Self::TotalBlocks => "total blocks",
            Self::RssBytes => "rss",
            Self::RssPeakBytes => "rss peak",
            Self::Observed(observed) => {
                let observation = observed.observation().trim_end_matches("_bytes").replace('_', " ");
                return f.pad(&format!("{} {observation}", observed.service()));
            }
        })
    }
}

/// The names in files of [`Metric::ALL`].
const NAMES: [&str; Metric::ALL.len()] = {
    let mut names = [""; Metric::ALL.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = Metric::ALL[index].name();
        index += 1;
    }
    names
};

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = Self::ALL.into_iter().find(|metric| metric.name() == name);
        known
            .or_else(|| Observed::parse(&name).map(Self::Observed))
            .ok_or_else(|| de::Error::unknown_variant(&name, &NAMES))
    }
}

/// What a metric's number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Blocks, threads, descriptors, tasks: the metric's name says which.
    Count,
    /// Thousandths of a byte per iteration.
    BytesPerIteration,
    /// Thousandths of a block per iteration.
    CountPerIteration,
}

impl Unit {
    /// The number for people: bytes with a unit (`20.0 MiB`, `-512 B`), counts without, growth as `16 B/iter` or `0.5/iter`.
    pub fn show(self, value: i64) -> String {
        let sign = if value < 0 { "-" } else { "" };
        let magnitude = value.unsigned_abs();
        // Up to three decimals, and only those that say something.
        let thousandths = || {
            let decimals = format!("{:03}", magnitude % 1_000);
            let decimals = decimals.trim_end_matches('0');
            let point = if decimals.is_empty() { "" } else { "." };
            format!("{sign}{}{point}{decimals}", group(magnitude / 1_000))
        };
        match self {
            Self::Bytes => format!("{sign}{}", Bytes(magnitude)),
            Self::Count => format!("{sign}{}", group(magnitude)),
            Self::BytesPerIteration if magnitude >= 10_240_000 => format!("{sign}{}/iter", Bytes(magnitude / 1_000)),
            Self::BytesPerIteration => format!("{} B/iter", thousandths()),
            Self::CountPerIteration => format!("{}/iter", thousandths()),
        }
    }

    /// A magnitude, such as a tolerance or a spread. What is beyond 2^63 is shown as that: a tolerance of "any".
    pub fn show_amount(self, amount: u64) -> String {
        self.show(i64::try_from(amount).unwrap_or(i64::MAX))
    }

    /// The number as a change, always signed: `+1.2 MiB`, `0 B`.
    pub fn show_change(self, value: i64) -> String {
        let shown = self.show(value);
        if value > 0 { format!("+{shown}") } else { shown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_in_files_is_the_serialised_name() {
        for metric in Metric::ALL.into_iter().chain([Metric::observed("redis", "keys")]) {
            let text = serde_json::to_string(&metric).unwrap();
            assert_eq!(text, format!("\"{}\"", metric.name()));
            assert_eq!(serde_json::from_str::<Metric>(&text).unwrap(), metric);
        }
        let unknown = serde_json::from_str::<Metric>("\"peek_bytes\"").unwrap_err().to_string();
        assert!(unknown.starts_with("unknown variant `peek_bytes`, expected one of `peak_bytes`"), "{unknown}");
    }

    #[test]
    fn what_a_service_saw_comes_last_and_is_shown_with_its_unit() {
        let memory = Metric::observed("redis", "used_memory_bytes");
        assert_eq!((memory.to_string().as_str(), memory.unit()), ("redis used memory", Unit::Bytes));
        let keys = Metric::observed("redis", "keys");
        assert_eq!((keys.to_string().as_str(), keys.unit()), ("redis keys", Unit::Count));
        assert!(Metric::ALL.into_iter().all(|metric| metric < keys) && keys < memory);
        assert!(Metric::ALL.is_sorted());
    }

    #[test]
    fn numbers_are_shown_with_sign_and_unit() {
        assert_eq!(Unit::Bytes.show(-512), "-512 B");
        assert_eq!(Unit::Count.show(1_204), "1,204");
        assert_eq!(Unit::Bytes.show_change(15_000_000), "+14.3 MiB");
        assert_eq!(Unit::Bytes.show_change(0), "0 B");
        assert_eq!(Unit::BytesPerIteration.show(16_000), "16 B/iter");
        assert_eq!(Unit::BytesPerIteration.show(-1_250), "-1.25 B/iter");
        assert_eq!(Unit::BytesPerIteration.show(4_300_000_000), "4.1 MiB/iter");
        assert_eq!(Unit::CountPerIteration.show(500), "0.5/iter");
    }
}
