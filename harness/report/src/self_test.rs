//! The report of a self-test: every scenario, every injection, and whether the gate fired for it.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use highwater_model::{Injected, Injection, SelfTest, Trial, Verdict};

use crate::cell;
use crate::layout::{Align, lay_out};
use crate::{Colour, duration};

/// The scenarios as a table, below it what was missed and what failed with its figures, and a last line with the counts and the
/// wall time.
pub fn self_test_report(tests: &[SelfTest], wall: Duration, colour: Colour) -> String {
    let mut text = table(tests, colour);
    for test in tests {
        for trial in &test.trials {
            text.push_str(&explanation(test, trial, colour));
        }
    }
    text.push_str(&format!("\n{}; {}\n", counts(tests), duration(wall)));
    text
}

fn table(tests: &[SelfTest], colour: Colour) -> String {
    let columns = [
        ("scenario", Align::Left),
        ("injection", Align::Left),
        ("size", Align::Right),
        ("metric", Align::Left),
        ("outcome", Align::Left),
    ];
    let none = || cell::NONE.to_owned();
    let mut rows = Vec::new();
    for test in tests {
        let mut clean = colour.verdict(test.clean);
        if test.clean != Verdict::Within {
            clean.push_str("; nothing was injected");
        }
        rows.push(vec![format!("{}/{}", test.suite, test.scenario), "none".to_owned(), none(), none(), clean]);
        for trial in &test.trials {
            let outcome = outcome(trial, colour);
            rows.push(match trial {
                Trial::Caught(injected) | Trial::Missed(injected) => {
                    let Injected { injection, metric, .. } = injected;
                    let (kind, size) = (injection.kind.to_string(), injection.shown_size());
                    vec![String::new(), kind, size, metric.to_string(), outcome]
                }
                Trial::Failed { injection, .. } => {
                    vec![String::new(), injection.kind.to_string(), injection.shown_size(), none(), outcome]
                }
                Trial::NotGated { kind, .. } => vec![String::new(), kind.to_string(), none(), none(), outcome],
            });
        }
    }
    lay_out(&columns, &rows)
}

fn outcome(trial: &Trial, colour: Colour) -> String {
    let red = AnsiColor::Red.on_default().bold();
    match trial {
        Trial::Caught(_) => colour.paint(AnsiColor::Green.on_default(), "caught"),
        Trial::Missed(_) => colour.paint(red, "MISSED"),
        Trial::Failed { .. } => colour.paint(red, "failed"),
        Trial::NotGated { reason, .. } => format!("not gated: {reason}"),
    }
}

/// What a reader should know of an injection that was missed or failed, with an empty line before it.
fn explanation(test: &SelfTest, trial: &Trial, colour: Colour) -> String {
    let heading = |injection: &Injection| {
        let name = colour.paint(Style::new().bold(), &format!("{}/{}", test.suite, test.scenario));
        format!("\n{}  {name}, {} {}\n", outcome(trial, colour), injection.kind, injection.shown_size())
    };
    match trial {
        Trial::Caught(_) | Trial::NotGated { .. } => String::new(),
        Trial::Failed { injection, cause } => {
            let lines: String = cause.lines().map(|line| format!("  {line}").trim_end().to_owned() + "\n").collect();
            heading(injection) + &lines
        }
        Trial::Missed(Injected { injection, metric, compared, growth }) => {
            let said = match compared {
                None if let Some(growth) = growth => format!("{growth} growth of {metric} is what was declared"),
                None => format!("{metric} could not be compared with the baseline"),
                Some(compared) => {
                    let show = |value| metric.unit().show(value);
                    let (accepted, now) = (show(compared.accepted.median), show(compared.now.median));
                    let allowed = compared.allowed.map_or_else(
                        || "not gated".to_owned(),
                        |allowed| format!("allowed: {}", metric.unit().show_amount(allowed)),
                    );
                    format!("{metric} came to {now}, accepted are {accepted}; {allowed}")
                }
            };
            format!("{}  {said}\n", heading(injection))
        }
    }
}

/// `2 scenarios: 10 injections caught, 1 missed, 1 not gated`.
fn counts(tests: &[SelfTest]) -> String {
    let count = |meant: fn(&Trial) -> bool| tests.iter().flat_map(|test| &test.trials).filter(|t| meant(t)).count();
    let caught = count(|trial| matches!(trial, Trial::Caught(_)));
    let mut text = match tests.len() {
        1 => "1 scenario".to_owned(),
        n => format!("{n} scenarios"),
    };
    text.push_str(&format!(": {caught} injection{} caught", if caught == 1 { "" } else { "s" }));
    for (name, number) in [
        ("missed", count(|trial| matches!(trial, Trial::Missed(_)))),
        ("failed", count(|trial| matches!(trial, Trial::Failed { .. }))),
        ("not gated", count(|trial| matches!(trial, Trial::NotGated { .. }))),
    ] {
        if number > 0 {
            text.push_str(&format!(", {number} {name}"));
        }
    }
    let unclean = tests.iter().filter(|test| test.clean != Verdict::Within).count();
    if unclean > 0 {
        text.push_str(&format!("; {unclean} not within without an injection"));
    }
    text
}

#[cfg(test)]
mod tests {
    use highwater_model::{InjectionKind, Metric, MetricComparison, NotGated, Spread};

    use super::*;

    fn injected(kind: InjectionKind, size: u64, metric: Metric, now: i64) -> Injected {
        let point = |value| Spread { max: value, median: value, min: value, samples: 1 };
        let compared = MetricComparison {
            metric,
            accepted: point(0),
            now: point(now),
            allowed: Some(1_000),
            drift: None,
            verdict: None,
        };
        Injected { injection: Injection { kind, size }, metric, compared: Some(compared), growth: None }
    }

    fn test(scenario: &str, clean: Verdict, trials: Vec<Trial>) -> SelfTest {
        SelfTest { suite: "worker".into(), scenario: scenario.into(), clean, trials }
    }

    #[test]
    fn a_report_has_a_row_for_each_injection_and_explains_what_was_missed() {
        let missed = injected(InjectionKind::Leak, 3, Metric::GrowthBytes, 500);
        let failed = Injection { kind: InjectionKind::Threads, size: 9 };
        let tests = [
            test(
                "paged",
                Verdict::Within,
                vec![
                    Trial::Missed(missed),
                    Trial::Caught(injected(InjectionKind::Spike, 856_001, Metric::PeakBytes, 1_000_000)),
                    Trial::Failed { injection: failed, cause: "the child died\n\n  of this".into() },
                    Trial::not_gated(InjectionKind::Tasks, NotGated::NotMeasured(Metric::Tasks)),
                ],
            ),
            test("upsert", Verdict::Regressed, Vec::new()),
        ];
        assert_eq!(
            self_test_report(&tests, Duration::from_secs(3), Colour::Never),
            "\x20 scenario       injection       size  metric  outcome
  worker/paged   none               -  -       within
                 leak        3 B/iter  growth  MISSED
                 spike      835.9 KiB  peak    caught
                 threads            9  -       failed
                 tasks              -  -       not gated: tasks not measured in this scenario
  worker/upsert  none               -  -       regressed; nothing was injected

MISSED  worker/paged, leak 3 B/iter
  growth came to 0.5 B/iter, accepted are 0 B/iter; allowed: 1 B/iter

failed  worker/paged, threads 9
  the child died

    of this

2 scenarios: 1 injection caught, 1 missed, 1 failed, 1 not gated; 1 not within without an injection; 3.0 s
"
        );
    }

    #[test]
    fn an_injection_that_could_not_be_compared_says_so() {
        let missed = Injected { compared: None, ..injected(InjectionKind::Fds, 1, Metric::Fds, 0) };
        let report = self_test_report(
            &[test("paged", Verdict::Within, vec![Trial::Missed(missed)])],
            Duration::ZERO,
            Colour::Never,
        );
        assert!(
            report.contains("\nMISSED  worker/paged, fds 1\n  fds could not be compared with the baseline\n"),
            "{report}"
        );
    }
}
