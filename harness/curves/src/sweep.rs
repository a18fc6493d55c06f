//! A sweep as its author declares it, and its `main`. Measuring is `measure`'s, the curve that it leaves is `leave`'s.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use highwater::{BaselineStore, Bytes, Scenario, Suite, Workload};
use highwater_model::Setting;

use crate::leave::{Named, leave};
use crate::measure::measure;

/// The settings of a workload's knobs, of which a bench makes a curve of time against peak memory.
#[derive(Debug)]
#[must_use = "a sweep does nothing until its `main` is called"]
pub struct Sweep {
    named: Named,
    settings: Vec<Setting>,
    references: Vec<Setting>,
    suite: Suite,
}

impl Sweep {
    /// A sweep without points. Its name, of letters, digits, `-` and `_`, is unique within the workspace: it names the curve's files
    /// and its baseline.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            named: Named { name: name.into(), limit: None, notes: Vec::new() },
            settings: Vec::new(),
            references: Vec::new(),
            suite: Suite::new(BaselineStore::CURVES),
        }
    }

    /// Adds a point: a setting of the knobs (see [`knobs`](crate::knobs)) in a series, which is drawn in one colour, and the scenario
    /// that measures it, given the name that it has to have.
    pub fn point<P: Workload + Send + Sync + 'static>(
        mut self,
        series: impl Into<String>,
        knobs: BTreeMap<String, String>,
        scenario: impl FnOnce(String) -> Scenario<P>,
    ) -> Self {
        let setting = Setting { series: series.into(), knobs };
        self.suite = self.suite.scenario(scenario(setting.scenario(&self.named.name)));
        self.settings.push(setting);
        self
    }

    /// A series whose default others are told as multiples of; the first point when there is none. May be said several times. Times in
    /// the baseline are multiples of the first.
    pub fn reference(mut self, series: impl Into<String>) -> Self {
        self.references.push(Setting { series: series.into(), knobs: BTreeMap::new() });
        self
    }

    /// The memory limit of the container that the workload runs in: a line in the picture.
    pub fn limit(mut self, limit: Bytes) -> Self {
        self.named.limit = Some(limit);
        self
    }

    /// What a reader of the numbers should know, such as the factor by which time is scaled.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.named.notes.push(note.into());
        self
    }

    /// The folder of baselines, from the workspace's root; `baselines` when not said.
    pub fn baselines(mut self, folder: impl Into<PathBuf>) -> Self {
        self.suite = self.suite.baselines(folder);
        self
    }

    /// Runs the sweep as the `main` of its bench target: as a child of itself, for `cargo highwater`, or with criterion's command line.
    pub fn main(self) -> ExitCode {
        let Self { named, settings, mut references, suite } = self;
        let bench = match suite.bench() {
            Ok(bench) => bench,
            Err(done) => return done,
        };
        if references.is_empty() {
            references.extend(settings.first().cloned());
        }
        let done = check(&named.name, &settings, &references)
            .and_then(|()| measure(&named.name, &settings, &bench))
            .and_then(|measured| leave(&named, &settings, &references, &bench, &measured));
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => {
                eprintln!("highwater: {problem}");
                ExitCode::FAILURE
            }
        }
    }
}

/// What is wrong with the declaration, as far as it can be told before anything runs. Names of scenarios are checked with them.
fn check(name: &str, settings: &[Setting], references: &[Setting]) -> Result<(), String> {
    let allowed =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let words = settings
        .iter()
        .flat_map(|setting| setting.knobs.iter().flat_map(|(knob, value)| [knob, value]).chain([&setting.series]));
    if let Some(word) = [name].into_iter().chain(words.map(String::as_str)).find(|word| !allowed(word)) {
        return Err(format!("{word:?} is no name for a curve, a series or a knob: use letters, digits, `-` and `_`"));
    }
    if settings.is_empty() {
        return Err(format!("the curve `{name}` has no points: nothing would be measured"));
    }
    match references.iter().find(|reference| !settings.contains(reference)) {
        Some(reference) => Err(format!("the curve `{name}` refers to `{reference}`, and has no such point")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knobs;

    #[test]
    fn a_wrong_declaration_is_told_before_anything_runs() {
        let setting = |series: &str, value: &str| Setting { series: series.into(), knobs: knobs([("k", value)]) };
        let good = [setting("paged", "1")];
        assert_eq!(check("sync", &good, &good), Ok(()));
        for (name, settings, references, problem) in [
            ("a.b", &good[..], &good[..], "\"a.b\" is no name"),
            ("sync", &[setting("a b", "1")], &[], "\"a b\" is no name"),
            ("sync", &[setting("a", "1/2")], &[], "\"1/2\" is no name"),
            ("sync", &[], &[], "has no points"),
            ("sync", &good, &[setting("upsert", "1")], "refers to `upsert k=1`, and has no such point"),
        ] {
            let found = check(name, settings, references).unwrap_err();
            assert!(found.contains(problem), "{found}");
        }
    }
}
