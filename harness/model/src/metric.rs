//! The names and units of what is measured. How it is counted is `highwater-alloc`'s.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Bytes;
use crate::bytes::group;

/// Something a sample measures. The order is the order in tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The most bytes live at once inside the window, less the bytes live when it opened.
    PeakBytes,
    /// Bytes live when the window closed after settling, less the bytes live when it opened. Can be negative.
    RetainedBytes,
    /// Blocks live when the window closed after settling, less the blocks live when it opened. Can be negative.
    RetainedBlocks,
    /// Bytes allocated in the window, freed or not; a reallocation adds what it grew by.
    TotalBytes,
    /// Blocks allocated in the window, freed or not; a reallocation adds none.
    TotalBlocks,
}

impl Metric {
    /// Every metric, in the order of tables.
    pub const ALL: [Self; 5] =
        [Self::PeakBytes, Self::RetainedBytes, Self::RetainedBlocks, Self::TotalBytes, Self::TotalBlocks];

    /// The name in files, such as `peak_bytes`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PeakBytes => "peak_bytes",
            Self::RetainedBytes => "retained_bytes",
            Self::RetainedBlocks => "retained_blocks",
            Self::TotalBytes => "total_bytes",
            Self::TotalBlocks => "total_blocks",
        }
    }

    /// What its numbers count.
    pub const fn unit(self) -> Unit {
        match self {
            Self::PeakBytes | Self::RetainedBytes | Self::TotalBytes => Unit::Bytes,
            Self::RetainedBlocks | Self::TotalBlocks => Unit::Blocks,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::PeakBytes => "peak",
            Self::RetainedBytes => "retained",
            Self::RetainedBlocks => "retained blocks",
            Self::TotalBytes => "total",
            Self::TotalBlocks => "total blocks",
        })
    }
}

/// What a metric's number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Requested bytes (`Layout::size`).
    Bytes,
    /// Allocations.
    Blocks,
}

impl Unit {
    /// The number for people: bytes with a unit (`20.0 MiB`, `-512 B`), blocks without, since the metric's name says it.
    pub fn show(self, value: i64) -> String {
        let sign = if value < 0 { "-" } else { "" };
        let magnitude = value.unsigned_abs();
        match self {
            Self::Bytes => format!("{sign}{}", Bytes(magnitude)),
            Self::Blocks => format!("{sign}{}", group(magnitude)),
        }
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
        for metric in Metric::ALL {
            assert_eq!(serde_json::to_string(&metric).unwrap(), format!("\"{}\"", metric.name()));
        }
    }

    #[test]
    fn numbers_are_shown_with_sign_and_unit() {
        assert_eq!(Unit::Bytes.show(-512), "-512 B");
        assert_eq!(Unit::Blocks.show(1_204), "1,204");
        assert_eq!(Unit::Bytes.show_change(15_000_000), "+14.3 MiB");
        assert_eq!(Unit::Bytes.show_change(0), "0 B");
    }
}
