//! What counts the allocations of a run. How it counts is `highwater-alloc`'s.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What counts the allocations of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// highwater's own counters. The only one whose numbers become baselines.
    #[default]
    Counting,
    /// The crate `stats_alloc`: a second opinion on everything but the peak, which it does not know.
    StatsAlloc,
    /// The crate `dhat`: a second opinion on the peak as well, some thirty times slower. In its totals a reallocation is one more
    /// block, and its whole new size.
    Dhat,
    /// highwater's own counters, and for every block the call stack that made it. For profiles; slower, and needs frame pointers.
    Sites,
    /// None: what a run takes without counting.
    Off,
}

impl Engine {
    /// The engines that somebody may ask for.
    pub const CHOICES: [Self; 4] = [Self::Counting, Self::StatsAlloc, Self::Dhat, Self::Sites];

    /// The name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counting => "counting",
            Self::StatsAlloc => "stats_alloc",
            Self::Dhat => "dhat",
            Self::Sites => "sites",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_on_the_command_line_is_the_serialised_name() {
        for engine in Engine::CHOICES.into_iter().chain([Engine::Off]) {
            assert_eq!(serde_json::to_string(&engine).unwrap(), format!("\"{}\"", engine.name()));
        }
    }
}
