//! What a profiled scenario is told as: its largest sites, what they add up to, how they differ from the baseline's, and the files that
//! were written. Sites in words are `highwater-profile`'s.

use anstyle::{AnsiColor, Style};
use highwater_model::{Amount, Measurement, Metric, ScenarioResult, SiteReport, Verdict};
use highwater_profile::{Measure, Profile, explain_report, largest};

use crate::{Colour, duration};

/// How many sites are named by each measure, and of each kind of change.
const SITES: usize = 10;

/// A scenario that was profiled.
#[derive(Debug, Clone, Copy)]
pub struct Explained<'a> {
    /// The run: what recorded the call stacks, what was counted, how the sites differ from the baseline's, what a reader should know of
    /// them, and why it failed if it did.
    pub result: &'a ScenarioResult,
    /// Its call sites.
    pub profile: &'a Profile,
    /// What was written of them.
    pub files: &'a [ProfileFile],
}

/// A file with call sites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileFile {
    /// Where it is, as it is shown.
    pub path: String,
    /// A command line, or what else opens it.
    pub opened_by: String,
}

/// The scenario as text, with an empty line before it and a newline at its end.
pub fn profile_report(explained: &Explained<'_>, colour: Colour) -> String {
    let Explained { result, profile, files } = explained;
    let mut text = heading(result, colour);
    let mut line = |line: &str| text.push_str(&(format!("  {line}").trim_end().to_owned() + "\n"));
    result.failure.iter().for_each(|failure| failure.to_string().lines().for_each(&mut line));
    for told in sites(profile).iter().chain(&totals(result.measurement.as_ref(), profile)) {
        line(told);
    }
    for told in result.sites.iter().flat_map(|sites| differences(sites, &result.baseline)) {
        line(&told);
    }
    for note in result.sites.iter().flat_map(|sites| &sites.notes) {
        line(&format!("note: {note}"));
    }
    let width = files.iter().map(|file| file.path.chars().count()).max().unwrap_or(0);
    if !files.is_empty() {
        line("files, and what opens each:");
    }
    for ProfileFile { path, opened_by } in *files {
        line(&format!("  {path:width$}  {opened_by}"));
    }
    text
}

/// `profiled  worker/paged, by sites in 0.1 s`.
fn heading(result: &ScenarioResult, colour: Colour) -> String {
    let outcome = match result.verdict {
        Verdict::Failed => colour.verdict(Verdict::Failed),
        _ => colour.paint(AnsiColor::Green.on_default(), "profiled"),
    };
    let name = colour.paint(Style::new().bold(), &format!("{}/{}", result.suite, result.scenario));
    let engine = result.sites.as_ref().map(|sites| format!(", by {}", sites.engine));
    let sample = result.measurement.as_ref().and_then(|measurement| measurement.samples.first());
    let took = sample.map(|sample| format!(" in {}", duration(std::time::Duration::from_micros(sample.child_micros))));
    format!("\n{outcome}  {name}{}{}\n", engine.unwrap_or_default(), took.unwrap_or_default())
}

/// The largest sites by what they hold at the peak and at the end, a line each. What is often the same is said once.
fn sites(profile: &Profile) -> Vec<String> {
    let amounts = profile.amounts();
    let mut told: Vec<(String, String)> = Vec::new();
    for (metric, measure) in [(Metric::PeakBytes, Measure::Peak), (Metric::RetainedBytes, Measure::Retained)] {
        let text = match largest(profile, measure, SITES) {
            none if none.is_empty() => ": none holds a byte".to_owned(),
            sites => format!(", {}:\n{sites}", shown(measure.of(&amounts))),
        };
        match told.iter_mut().find(|(_, other)| *other == text) {
            Some((metrics, _)) => *metrics = format!("{metrics} and {metric}"),
            None => told.push((metric.to_string(), text)),
        }
    }
    let text: String =
        told.iter().map(|(metrics, text)| format!("call sites by {metrics}{}\n", text.trim_end())).collect();
    text.lines().map(str::to_owned).collect()
}

/// What all sites add up to, and what of the counted numbers is no site's.
fn totals(measurement: Option<&Measurement>, profile: &Profile) -> Vec<String> {
    let amounts = profile.amounts();
    let number = match profile.sites().len() {
        1 => "1 site".to_owned(),
        sites => format!("{sites} sites"),
    };
    let (peak, retained, total) = (shown(amounts.peak), shown(amounts.retained), shown(amounts.total));
    let mut lines = vec![format!("{number}: {peak} at the peak, {retained} retained; {total} allocated in all")];
    let unit = Metric::PeakBytes.unit();
    for (metric, measure) in [(Metric::PeakBytes, Measure::Peak), (Metric::RetainedBytes, Measure::Retained)] {
        let counted = measurement.and_then(|measurement| measurement.spread(metric)).map(|spread| spread.median);
        let Some(counted) = counted else { continue };
        let unexplained = counted - measure.of(&amounts).bytes;
        if unexplained != 0 {
            let more = if unexplained > 0 { "more" } else { "less" };
            let (counted, by) = (unit.show(counted), unit.show_amount(unexplained.unsigned_abs()));
            lines.push(format!("{metric} was counted as {counted}: {by} {more} than its sites hold"));
        }
    }
    lines
}

/// How the sites differ from the baseline's, if it has any.
fn differences(sites: &SiteReport, baseline: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if !sites.diffs.is_empty() {
        let moved = SiteReport { notes: Vec::new(), profile: None, ..sites.clone() };
        let moved = explain_report(&moved);
        if moved.is_empty() {
            lines.push(format!("no site differs from {baseline}"));
        } else {
            lines.push(format!("compared with {baseline}:"));
            lines.extend(moved.iter().map(|line| format!("  {line}")));
        }
    }
    lines
}

/// `2,000 B in 20 blocks`.
fn shown(amount: Amount) -> String {
    let blocks = if amount.blocks == 1 { "block" } else { "blocks" };
    let (bytes, number) =
        (Metric::PeakBytes.unit().show(amount.bytes), Metric::RetainedBlocks.unit().show(amount.blocks));
    format!("{bytes} in {number} {blocks}")
}

#[cfg(test)]
mod tests {
    use highwater_model::{Cause, Engine, Failure};
    use highwater_profile::diff;

    use super::*;
    use crate::example;
    use crate::profile::example::profile;

    fn result(measurement: Option<Measurement>, sites: SiteReport) -> ScenarioResult {
        ScenarioResult { measurement, sites: Some(sites), ..example::new() }
    }

    fn recorded() -> SiteReport {
        SiteReport { diffs: Vec::new(), engine: Engine::Sites, notes: Vec::new(), profile: None }
    }

    #[test]
    fn a_scenario_is_told_with_its_sites_its_totals_its_changes_and_its_files() {
        let sync = "alloc::vec::Vec<T,A>::push worker::sync worker::run";
        let then = profile(&[(sync, 500, 0)]).top().peak;
        let now = profile(&[(sync, 700, 100), ("worker::run", 300, 0)]);
        let diffs = vec![diff(&then, &now, Measure::Peak, 510)];
        let notes = vec!["retained-diff.svg is not drawn".to_owned()];
        let mut measurement = example::measurement(&[[1_010, 100, 12, 0, 0]]);
        measurement.samples[0].child_micros = 120_000;
        let result = result(Some(measurement), SiteReport { diffs, notes, ..recorded() });
        let file = |path: &str, opened_by: &str| ProfileFile { path: path.into(), opened_by: opened_by.into() };
        let files = [file("t/peak.svg", "xdg-open t/peak.svg"), file("t/profile.dhat.json", "dh_view")];
        let explained = Explained { result: &result, profile: &now, files: &files };
        assert_eq!(
            profile_report(&explained, Colour::Never),
            format!(
                "
profiled  ats-sync/full, by sites in 0.1 s
  call sites by peak, 1,000 B in 100 blocks:
    700 B in 70 blocks
      worker::sync, src/sync.rs:42
      calls alloc::vec::Vec::push
      called by worker::run
    300 B in 30 blocks
      worker::run, src/sync.rs:42
  call sites by retained, 100 B in 10 blocks:
    100 B in 10 blocks
      worker::sync, src/sync.rs:42
      calls alloc::vec::Vec::push
      called by worker::run
  2 sites: 1,000 B in 100 blocks at the peak, 100 B in 10 blocks retained; 2,000 B in 200 blocks allocated in all
  peak was counted as 1,010 B: 10 B more than its sites hold
  compared with {}:
    call sites by peak:
      appeared with 300 B in 30 blocks
        worker::run, src/sync.rs:42
      grew by 200 B, from 500 B in 50 blocks to 700 B in 70 blocks
        worker::sync, src/sync.rs:42
        calls alloc::vec::Vec::push
        called by worker::run
      10 B more than these sites explain
  note: retained-diff.svg is not drawn
  files, and what opens each:
    t/peak.svg           xdg-open t/peak.svg
    t/profile.dhat.json  dh_view
",
                result.baseline
            )
        );
    }

    #[test]
    fn what_cannot_be_compared_and_what_is_the_same_is_said() {
        let now = profile(&[("worker::sync", 700, 700)]);
        let diffs = vec![diff(&now.top().peak, &now, Measure::Peak, 0)];
        let same = result(None, SiteReport { diffs, ..recorded() });
        let text = profile_report(&Explained { result: &same, profile: &now, files: &[] }, Colour::Never);
        assert!(text.contains("\n  call sites by peak and retained, 700 B in 70 blocks:\n"), "{text}");
        assert!(text.ends_with(&format!("\n  no site differs from {}\n", same.baseline)), "{text}");
        let new = result(None, SiteReport { notes: vec!["there is no baseline".into()], ..recorded() });
        let text = profile_report(&Explained { result: &new, profile: &now, files: &[] }, Colour::Never);
        assert!(text.ends_with("allocated in all\n  note: there is no baseline\n"), "{text}");
    }

    #[test]
    fn a_run_that_ended_at_its_limit_is_told_first() {
        let mut failed = result(None, recorded());
        failed.verdict = Verdict::Failed;
        failed.failure = Some(Failure::before_the_run(Cause::NotCounting));
        let now = profile(&[("worker::sync", 700, 0)]);
        let text = profile_report(&Explained { result: &failed, profile: &now, files: &[] }, Colour::Never);
        let start = format!("\nfailed  ats-sync/full, by sites\n  {}", failed.failure.unwrap());
        assert!(text.starts_with(&start), "{text}");
        assert!(text.contains("\n  call sites by retained: none holds a byte\n"), "{text}");
    }
}
