//! Why a scenario is not simply within, in words, and what the reader can do about it. The same sentences for a terminal and
//! for markdown.

use anstyle::Style;
use highwater_model::{Comparison, MetricComparison, ScenarioResult, Tolerance, Verdict};
use highwater_profile::explain_report;

use crate::Colour;
use crate::cell;

/// Why a scenario came to what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub(crate) verdict: Verdict,
    /// `suite/scenario`.
    pub(crate) name: String,
    /// A sentence each.
    pub(crate) sentences: Vec<String>,
    /// A failure's own text, of several lines; it may hold what a child wrote.
    pub(crate) verbatim: Option<String>,
    /// What accepts the numbers; absent when there are none to accept or nothing is to be accepted.
    pub(crate) command: Option<String>,
}

/// The explanations of these results as text, each with an empty line before it: of every scenario that is not within, and of
/// every one that has notes. Empty when there is nothing to explain.
pub fn explanations(results: &[ScenarioResult], colour: Colour) -> String {
    let mut text = String::new();
    for Explanation { verdict, name, sentences, verbatim, command } in explain(results) {
        let heading = colour.paint(Style::new().bold(), &name);
        text.push_str(&format!("\n{}  {heading}\n", colour.verdict(verdict)));
        for line in sentences.iter().map(String::as_str).chain(verbatim.iter().flat_map(|text| text.lines())) {
            // A child's empty line needs no blanks.
            text.push_str(format!("  {line}").trim_end());
            text.push('\n');
        }
        if let Some(command) = command {
            text.push_str(&format!("  to accept: {command}\n"));
        }
    }
    text
}

/// Explains the results that are not within or have notes.
pub(crate) fn explain(results: &[ScenarioResult]) -> impl Iterator<Item = Explanation> {
    results.iter().filter_map(|result| {
        // The scenario's name alone, unless another suite has the same.
        let shared = results.iter().any(|other| other.scenario == result.scenario && other.suite != result.suite);
        let name = format!("{}/{}", result.suite, result.scenario);
        let argument = if shared { name.clone() } else { result.scenario.clone() };
        explain_one(result, name, &argument)
    })
}

fn explain_one(result: &ScenarioResult, name: String, argument: &str) -> Option<Explanation> {
    let mut sentences = Vec::new();
    let mut verbatim = None;
    let mut command = None;
    match result.verdict {
        Verdict::Within => {}
        Verdict::Regressed if result.scaling.is_some() => {
            let scaling = result.scaling.iter();
            sentences.extend(scaling.filter_map(|scaling| scaling.found.beyond(scaling.declared)));
        }
        Verdict::Improved | Verdict::Regressed => {
            sentences.extend(moved_metrics(result));
            command = Some(match result.verdict {
                Verdict::Improved => format!("cargo highwater update {argument}"),
                _ => format!("cargo highwater update {argument} --reason \"why it may\""),
            });
        }
        Verdict::New => {
            sentences.push(format!("there is no baseline {}", result.baseline));
            command = Some(format!("cargo highwater update {argument}"));
        }
        Verdict::Incomparable => {
            sentences.push(format!("the baseline {} is of another workload or build:", result.baseline));
            let differences = result.comparison.iter().flat_map(|comparison| &comparison.differences);
            sentences.extend(differences.map(|difference| format!("  {difference}")));
            command = Some(format!("cargo highwater update {argument}"));
        }
        Verdict::Failed => match &result.failure {
            Some(failure) => verbatim = Some(failure.to_string()),
            None => sentences.push("it yielded no numbers, and its result does not say why".to_owned()),
        },
    }
    sentences.extend(result.sites.iter().flat_map(explain_report));
    sentences.extend(result.notes().into_iter().map(|note| format!("note: {note}")));
    (result.verdict != Verdict::Within || !sentences.is_empty()).then_some(Explanation {
        verdict: result.verdict,
        name,
        sentences,
        verbatim,
        command: command.filter(|_| !result.is_of_variant()),
    })
}

/// A sentence for each gated metric that moved too far, the regressed ones first.
fn moved_metrics(result: &ScenarioResult) -> Vec<String> {
    let Some(Comparison { metrics, .. }) = &result.comparison else { return Vec::new() };
    let mut sentences = Vec::new();
    for verdict in [Verdict::Regressed, Verdict::Improved] {
        for comparison in metrics.iter().filter(|comparison| comparison.verdict == Some(verdict)) {
            let tolerances = result.measurement.as_ref().map(|measurement| &measurement.tolerances);
            sentences.push(movement(comparison, tolerances.and_then(|all| all.get(&comparison.metric))));
        }
    }
    sentences
}

/// How far a metric moved, and how far it may: `peak rose by 14.3 MiB (+68.5 %), from 20.9 MiB to 35.2 MiB; allowed are
/// 427.7 KiB (±2.0 %)`.
fn movement(comparison: &MetricComparison, tolerance: Option<&Tolerance>) -> String {
    let unit = comparison.metric.unit();
    let change = comparison.change();
    let direction = if change > 0 { "rose" } else { "fell" };
    let mut sentence = format!("{} {direction} by {}", comparison.metric, unit.show_amount(change.unsigned_abs()));
    if let Some(relative) = cell::telling_change(comparison) {
        sentence.push_str(&format!(" ({:+.1} %)", relative * 100.0));
    }
    let (from, to) = (unit.show(comparison.accepted.median), unit.show(comparison.now.median));
    sentence.push_str(&format!(", from {from} to {to}"));
    if comparison.now.samples > 1 {
        let (min, max) = (unit.show(comparison.now.min), unit.show(comparison.now.max));
        let samples = comparison.now.samples;
        if min == max {
            sentence.push_str(&format!(" in {samples} samples"));
        } else {
            sentence.push_str(&format!(" (the median of {samples} samples, {min} to {max})"));
        }
    }
    if let Some(drift) = comparison.drift {
        let (then, allowed) = (unit.show(drift.accepted), unit.show_amount(drift.allowed));
        sentence.push_str(&format!("; last accepted with a reason: {then}, allowed since then: {allowed}"));
    } else if let Some(allowed) = comparison.allowed {
        let shown = cell::allowed(comparison, tolerance);
        sentence.push_str(&match allowed {
            0 => "; it is exact".to_owned(),
            _ if shown.ends_with('%') => format!("; allowed: {} ({shown})", unit.show_amount(allowed)),
            _ => format!("; allowed: {}", unit.show_amount(allowed)),
        });
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn check(result: ScenarioResult, expect: &str) {
        assert_eq!(explanations(&[result], Colour::Never), expect);
    }

    #[test]
    fn a_scenario_within_needs_no_words() {
        check(example::within(), "");
    }

    #[test]
    fn a_regression_says_which_metric_by_how_much_and_what_is_allowed() {
        check(
            example::regressed(),
            "
regressed  ats-sync/upsert
  peak rose by 14.3 MiB (+68.5 %), from 20.9 MiB to 35.2 MiB (the median of 3 samples, 35.1 MiB to 35.2 MiB); \
allowed: 427.7 KiB (±2.0 %)
  retained blocks rose by 1,000, from 12 to 1,012 in 3 samples; allowed: 16
  to accept: cargo highwater update upsert --reason \"why it may\"
",
        );
    }

    #[test]
    fn growth_beyond_the_declared_is_told_and_cannot_be_accepted() {
        check(
            example::sizes(5 << 20, 50 << 20),
            "
regressed  ats-sync/scaling
  peak grows linearly (exponent 1.00, 1,049 B an item): 5.0 MiB at 5,000, 50.0 MiB at 50,000, where constant growth was declared
",
        );
    }

    #[test]
    fn a_metric_that_crept_is_told_against_the_last_reason() {
        let mut result = example::regressed();
        let metrics = &mut result.comparison.as_mut().unwrap().metrics;
        metrics.truncate(1);
        metrics[0].drift = Some(highwater_model::Drift { accepted: 20_000_000, allowed: 400_000 });
        let text = explanations(&[result], Colour::Never);
        assert!(text.contains("; last accepted with a reason: 19.1 MiB, allowed since then: 390.6 KiB\n"), "{text}");
    }

    #[test]
    fn an_improvement_can_be_kept() {
        check(
            example::improved(),
            "
improved  ats-sync/streamed
  peak fell by 11.3 MiB (-54.3 %), from 20.9 MiB to 9.5 MiB; allowed: 427.7 KiB (±2.0 %)
  to accept: cargo highwater update streamed
",
        );
    }

    #[test]
    fn a_variant_is_named_and_nobody_is_told_to_accept_it() {
        let mut result = example::regressed();
        result.measurement.as_mut().unwrap().variant = Some("client-per-job".into());
        let text = explanations(&[result], Colour::Never);
        let note = "\n  note: what ran is the variant `client-per-job`: its numbers cannot be accepted\n";
        assert!(text.contains(note) && !text.contains("to accept"), "{text}");
    }

    #[test]
    fn a_name_that_two_suites_share_is_told_with_its_suite() {
        let other = ScenarioResult { suite: "other".into(), ..example::new() };
        let text = explanations(&[example::new(), example::improved(), other], Colour::Never);
        for command in ["update ats-sync/full\n", "update other/full\n", "update streamed\n"] {
            assert!(text.contains(command), "{command:?} is not in {text}");
        }
    }

    #[test]
    fn a_new_scenario_names_the_file_that_is_missing() {
        check(
            example::new(),
            "
new  ats-sync/full
  there is no baseline baselines/ats-sync/full/x86_64-unknown-linux-gnu.json
  to accept: cargo highwater update full
",
        );
    }

    #[test]
    fn an_incomparable_scenario_lists_the_fields_that_differ() {
        check(
            example::incomparable(),
            "
incomparable  ats-sync/rated
  the baseline baselines/ats-sync/rated/x86_64-unknown-linux-gnu.json is of another workload or build:
    workload.iterations was 10, now 20
    provenance.opt_level was 3, now 0
  to accept: cargo highwater update rated
",
        );
    }

    #[test]
    fn a_failure_is_told_whole_and_offers_nothing_to_accept() {
        check(
            example::failed(),
            "
failed  ats-sync/killed
  the child was killed by signal 9 (SIGKILL)
    it was in the window, iteration 4 of 10, 100.0 MiB live, peak 128.0 MiB
    the end of its standard error:
      page 3 of 7
      ```
      out of luck | really
",
        );
    }

    #[test]
    fn a_note_is_told_once_also_for_a_scenario_within() {
        let mut measurement = example::measurement(&[[21_900_000, 1_229, 12, 300_000_000, 1_204_123]; 3]);
        for sample in &mut measurement.samples[1..] {
            sample.notes.push("it did not settle".into());
        }
        check(
            example::compared("paged-first", measurement),
            "\nwithin  ats-sync/paged-first\n  note: it did not settle (in 2 of 3 samples)\n",
        );
    }
}
