//! What a reader sees while suites run, on the standard error: a bar for each running scenario on a terminal, a line at its
//! start and its end elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use highwater::{Event, Mode};
use highwater_model::{Injection, Progress, Verdict};
use highwater_report::duration;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Shows events as they come.
#[derive(Debug)]
pub(crate) struct Display {
    mode: Mode,
    injections: Vec<Injection>,
    /// Absent where there is no terminal.
    bars: Option<MultiProgress>,
    running: BTreeMap<String, Running>,
    remarks: BTreeSet<String>,
}

#[derive(Debug)]
struct Running {
    since: Instant,
    bar: Option<ProgressBar>,
}

impl Display {
    /// A display on the standard error.
    pub(crate) fn new(mode: Mode, injections: &[Injection]) -> Self {
        let bars = io::stderr().is_terminal().then(MultiProgress::new);
        Self { mode, injections: injections.to_vec(), bars, running: BTreeMap::new(), remarks: BTreeSet::new() }
    }

    /// Shows an event.
    pub(crate) fn show(&mut self, event: &Event) {
        match event {
            Event::Started { suite, scenario } => {
                let name = self.name(suite, scenario);
                let bar = self.bars.as_ref().map(|bars| bars.add(bar(&name)));
                if bar.is_none() {
                    self.say(&format!("{name}: started"));
                }
                self.running.insert(name, Running { since: Instant::now(), bar });
            }
            Event::Progress { suite, scenario, sample, of, progress } => {
                let running = self.running.get(&self.name(suite, scenario));
                if let Some(bar) = running.and_then(|running| running.bar.as_ref()) {
                    bar.set_length(progress.of.max(1));
                    bar.set_position(progress.done);
                    bar.set_message(under_way(self.mode, (*sample, *of), progress));
                }
            }
            Event::Remark { text } => {
                // Each suite says it once, and there may be many.
                if self.remarks.insert(text.clone()) {
                    self.say(text);
                }
            }
            Event::Finished { suite, scenario, verdict, .. } => {
                let name = self.name(suite, scenario);
                let running = self.running.remove(&name);
                let took = running.as_ref().map_or(Duration::ZERO, |running| running.since.elapsed());
                let end = match (self.mode, verdict) {
                    // Nothing was compared.
                    (Mode::Measure | Mode::Sample, Verdict::New) => "measured".to_owned(),
                    (Mode::Profile, Verdict::New) => "profiled".to_owned(),
                    _ => verdict.to_string(),
                };
                self.say(&format!("{name}: {end} after {}", duration(took)));
                // Only now: with no bar below it, a line is left without its end.
                if let Some(bar) = running.and_then(|running| running.bar) {
                    bar.finish_and_clear();
                }
            }
        }
    }

    /// Removes the bars of scenarios that will not end any more.
    pub(crate) fn clear(&mut self) {
        for (_, running) in std::mem::take(&mut self.running) {
            if let Some(bar) = running.bar {
                bar.finish_and_clear();
            }
        }
    }

    /// `suite/scenario`, with what is injected: it regresses because it has to.
    fn name(&self, suite: &str, scenario: &str) -> String {
        let injected = self.injections.iter().map(|one| format!(", {} {}", one.kind, one.shown_size()));
        format!("{suite}/{scenario}{}", injected.collect::<String>())
    }

    /// Writes a line. A reader that has gone away costs it the line, not us the run.
    fn say(&self, line: &str) {
        let _ = match &self.bars {
            Some(bars) => bars.println(line),
            None => writeln!(io::stderr(), "{line}"),
        };
    }
}

fn bar(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix}  {bar:16}  {msg}").expect("the template is well-formed");
    ProgressBar::new(1).with_style(style).with_prefix(name.to_owned()).with_message("starting services")
}

/// How far a sample is: `sample 1 of at most 5, warm-up, iteration 2 of 3, 20.0 MiB live`.
fn under_way(mode: Mode, (sample, of): (usize, usize), progress: &Progress) -> String {
    let most = if mode == Mode::Check { "at most " } else { "" };
    let Progress { phase, done, of: iterations, live, .. } = progress;
    let iteration = match iterations {
        0 => String::new(),
        _ => format!(", iteration {} of {iterations}", (done + 1).min(*iterations)),
    };
    let live = live.map_or_else(String::new, |live| format!(", {live} live"));
    format!("sample {sample} of {most}{of}, {phase}{iteration}{live}")
}

#[cfg(test)]
mod tests {
    use highwater_model::{Bytes, InjectionKind, Phase};

    use super::*;

    #[test]
    fn a_message_names_sample_phase_iteration_and_live_bytes() {
        let live = Some(Bytes::mib(20));
        let progress = |phase, done, of| Progress { phase, done, of, live, peak: live };
        for (progress, message) in [
            (progress(Phase::WarmUp, 1, 3), "sample 1 of at most 5, warm-up, iteration 2 of 3, 20.0 MiB live"),
            (progress(Phase::Window, 3, 3), "sample 1 of at most 5, the window, iteration 3 of 3, 20.0 MiB live"),
            (progress(Phase::Setup, 0, 0), "sample 1 of at most 5, setup, 20.0 MiB live"),
        ] {
            assert_eq!(under_way(Mode::Check, (1, 5), &progress), message);
        }
        let message = under_way(Mode::Measure, (10, 10), &progress(Phase::Settle, 0, 0));
        assert_eq!(message, "sample 10 of 10, settling, 20.0 MiB live");
    }

    #[test]
    fn a_bar_lives_from_start_to_end() {
        let mut display = Display {
            mode: Mode::Check,
            injections: vec![Injection { kind: InjectionKind::Leak, size: 16 }],
            bars: Some(MultiProgress::new()),
            running: BTreeMap::new(),
            remarks: BTreeSet::new(),
        };
        let (suite, scenario) = ("worker".to_owned(), "paged".to_owned());
        display.show(&Event::Started { suite: suite.clone(), scenario: scenario.clone() });
        let progress = Progress { phase: Phase::Window, done: 2, of: 10, live: Some(Bytes(1)), peak: Some(Bytes(1)) };
        display.show(&Event::Progress { suite: suite.clone(), scenario: scenario.clone(), sample: 2, of: 5, progress });
        let bar = display.running["worker/paged, leak 16 B/iter"].bar.clone().unwrap();
        assert_eq!((bar.position(), bar.length()), (2, Some(10)));
        assert!(bar.message().starts_with("sample 2 of at most 5"));
        display.show(&Event::Finished { suite, scenario, verdict: Verdict::Within, result: "r".into() });
        assert!(display.running.is_empty() && bar.is_finished());
    }
}
