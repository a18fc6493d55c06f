//! The last line of a check: how many scenarios came to what, and how long it took.

use std::time::Duration;

use highwater_model::{ScenarioResult, Verdict};

/// The counts by verdict, the wall time and what counting costs where that is known, without a newline: `3 scenarios: 2 within, 1 regressed; 12.3 s`.
pub fn summary(results: &[ScenarioResult], ignored: usize, wall: Duration) -> String {
    let mut text = match results.len() {
        1 => "1 scenario".to_owned(),
        n => format!("{n} scenarios"),
    };
    const ORDER: [Verdict; 6] =
        [Verdict::Within, Verdict::Improved, Verdict::New, Verdict::Incomparable, Verdict::Regressed, Verdict::Failed];
    let mut parts: Vec<String> = Vec::new();
    for verdict in ORDER {
        let count = results.iter().filter(|result| result.verdict == verdict).count();
        if count > 0 {
            parts.push(format!("{count} {verdict}"));
        }
    }
    if ignored > 0 {
        parts.push(format!("{ignored} ignored"));
    }
    if !parts.is_empty() {
        text.push_str(": ");
        text.push_str(&parts.join(", "));
    }
    text.push_str("; ");
    text.push_str(&duration(wall));
    let costs = results.iter().filter_map(|result| result.measurement.as_ref()?.cost);
    if let Some((least, most)) = costs.clone().min().zip(costs.max()) {
        let times = |cost: u64| format!("{:.2}", cost as f64 / 1_000.0);
        let range = if least == most { times(most) } else { format!("{} to {}", times(least), times(most)) };
        text.push_str(&format!("; counting takes {range} times the processor time of none"));
    }
    text
}

/// A wall time for people: `12.3 s`, `2 min 5 s`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    // 59.96 s would round to "60.0 s".
    if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else {
        let seconds = seconds.round() as u64;
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn scenarios_are_counted_by_verdict() {
        let results = [example::within(), example::regressed(), example::within(), example::failed()];
        assert_eq!(
            summary(&results, 2, Duration::from_millis(12_340)),
            "4 scenarios: 2 within, 1 regressed, 1 failed, 2 ignored; 12.3 s"
        );
        assert_eq!(summary(&results[..1], 0, Duration::from_secs(125)), "1 scenario: 1 within; 2 min 5 s");
    }

    #[test]
    fn a_minute_is_written_as_such() {
        for (millis, shown) in [(0, "0.0 s"), (59_949, "59.9 s"), (59_951, "1 min 0 s"), (3_600_000, "60 min 0 s")] {
            assert_eq!(duration(Duration::from_millis(millis)), shown);
        }
    }
}
