//! Live bytes over the time of a run, and their picture in one line.

use serde::{Deserialize, Serialize};

use crate::Bytes;

/// How much was live at one moment of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// Microseconds since the first warm-up iteration.
    pub micros: u64,
    /// Bytes live in the whole process.
    pub live: Bytes,
}

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const WIDTH: u64 = 48;

/// The moments as bars of equal time, each as high as the most that was live in it, and what the ends stand for:
/// `▁▂▄▆█▂ up to 331.0 MiB live, over 5.2 s`. `None` when there is nothing to draw.
pub fn sparkline(moments: &[Moment]) -> Option<String> {
    let (first, last) = (moments.first()?, moments.last()?);
    let most = moments.iter().map(|moment| moment.live.0).max().filter(|most| *most > 0)?;
    let span = last.micros.saturating_sub(first.micros).max(1);
    let mut highest = [None::<u64>; WIDTH as usize];
    for moment in moments {
        let bar = ((moment.micros - first.micros) * (WIDTH - 1) / span) as usize;
        highest[bar] = highest[bar].max(Some(moment.live.0));
    }
    let mut line = String::new();
    let mut live = first.live.0;
    for bar in highest {
        // Where nobody looked, nothing moved.
        live = bar.unwrap_or(live);
        line.push(BARS[(live * (BARS.len() as u64 - 1) / most) as usize]);
    }
    let seconds = span as f64 / 1e6;
    Some(format!("{line} up to {} live, over {seconds:.1} s", Bytes(most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(micros: u64, live: u64) -> Moment {
        Moment { micros, live: Bytes(live) }
    }

    #[test]
    fn a_rise_and_a_fall_are_drawn() {
        let moments: Vec<_> = (0..=47).map(|i| moment(i * 100_000, if i < 40 { i << 20 } else { 1 << 20 })).collect();
        assert_eq!(
            sparkline(&moments).unwrap(),
            "▁▁▁▁▁▁▂▂▂▂▂▂▃▃▃▃▃▄▄▄▄▄▄▅▅▅▅▅▆▆▆▆▆▆▇▇▇▇▇█▁▁▁▁▁▁▁▁ up to 39.0 MiB live, over 4.7 s"
        );
    }

    #[test]
    fn where_nobody_looked_nothing_moved() {
        let line = sparkline(&[moment(0, 8), moment(47, 1)]).unwrap();
        assert!(line.starts_with(&"█".repeat(47)) && line.contains("█▁ up to 8 B live"), "{line}");
    }

    #[test]
    fn nothing_is_not_drawn() {
        assert_eq!(sparkline(&[]), None);
        assert_eq!(sparkline(&[moment(1, 0)]), None);
        assert!(sparkline(&[moment(1, 5)]).is_some());
    }
}
