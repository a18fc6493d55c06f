//! The exit codes of `cargo highwater`. What a script or a CI job may rely on stands here and nowhere else.

use std::process::ExitCode;

use highwater_model::{Fit, ScenarioResult, SelfTest, Trial, Verdict};

/// How the command ended. 2 is clap's (wrong arguments) and 101 a panic's: never ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All was done, and every scenario that was checked is within, or was profiled.
    Within = 0,
    /// Nothing regressed, but a baseline is out of date: with `--strict` only.
    Improved = 4,
    /// A scenario has no baseline, or one of another workload or build.
    NoBaseline = 5,
    /// Nothing could be run: no workspace, no suite, no scenario of that name, a file that cannot be written.
    Setup = 96,
    /// A scenario or a frontier regressed, a workload at several sizes grows faster than declared, nothing fits within a limit, or an injected regression was missed.
    Regressed = 100,
    /// A scenario failed to run, so that there are no numbers.
    Failed = 102,
    /// The build failed.
    Build = 103,
    /// A signal asked for the end. 128 and the number of SIGINT, as shells have it.
    Interrupted = 130,
}

impl Exit {
    /// The codes for the end of the help text.
    pub(crate) const HELP: &str = "\
Exit codes:
  0    every scenario is within its tolerances; `explain`: was profiled
  4    a scenario improved beyond its tolerances, and none regressed (`check --strict` only)
  5    a scenario has no baseline, or one of another workload or build
  96   nothing could be run: no workspace, no suite, no scenario of that name, ...
  100  a scenario or a frontier regressed, or memory grows faster with the size of the input than declared; `recommend`: nothing fits; `self-test`: or was not within, or an injected regression was missed
  102  a scenario failed to run
  103  the build failed
  130  interrupted";

    /// What these results come to: the verdict that asks most of the reader decides.
    pub(crate) fn of(results: &[ScenarioResult], strict: bool) -> Self {
        Self::of_verdicts(results.iter().map(|result| result.verdict), strict)
    }

    /// What these verdicts come to.
    pub(crate) fn of_verdicts(verdicts: impl Iterator<Item = Verdict>, strict: bool) -> Self {
        let code = |verdict| match verdict {
            Verdict::Within => Self::Within,
            Verdict::Improved if strict => Self::Improved,
            Verdict::Improved => Self::Within,
            Verdict::New | Verdict::Incomparable => Self::NoBaseline,
            Verdict::Regressed => Self::Regressed,
            Verdict::Failed => Self::Failed,
        };
        Self::worst(verdicts.map(code))
    }

    /// What these self-tests come to: the one that asks most of the reader decides.
    pub(crate) fn of_self_tests(tests: &[SelfTest]) -> Self {
        let code = |test: &SelfTest| match test.clean {
            Verdict::Within if test.passed() => Self::Within,
            Verdict::Within if test.trials.iter().any(|trial| matches!(trial, Trial::Failed { .. })) => Self::Failed,
            // Nothing is proved where the clean run is not within, also where it improved.
            Verdict::Within | Verdict::Improved | Verdict::Regressed => Self::Regressed,
            Verdict::New | Verdict::Incomparable => Self::NoBaseline,
            Verdict::Failed => Self::Failed,
        };
        Self::worst(tests.iter().map(code))
    }

    /// What these profiles come to: there is one of each scenario that did not fail.
    pub(crate) fn of_profiles(results: &[ScenarioResult]) -> Self {
        let code =
            |result: &ScenarioResult| if result.verdict == Verdict::Failed { Self::Failed } else { Self::Within };
        Self::worst(results.iter().map(code))
    }

    /// What these searches come to: each found a limit, or failed.
    pub(crate) fn of_fits(fits: &[Fit]) -> Self {
        Self::worst(fits.iter().map(|fit| if fit.found.is_ok() { Self::Within } else { Self::Failed }))
    }

    /// The one of the two that asks more of the reader.
    pub(crate) fn or(self, other: Self) -> Self {
        Self::worst([self, other].into_iter())
    }

    fn worst(exits: impl Iterator<Item = Self>) -> Self {
        exits.max_by_key(|exit| *exit as u8).unwrap_or(Self::Within)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use highwater_model::{Injected, Injection, InjectionKind, Metric};

    use super::*;

    fn results(verdicts: &[Verdict]) -> Vec<ScenarioResult> {
        verdicts
            .iter()
            .map(|verdict| ScenarioResult {
                format: ScenarioResult::FORMAT,
                suite: "worker".into(),
                scenario: "paged".into(),
                verdict: *verdict,
                baseline: "baselines/worker/paged/t.json".into(),
                measurement: None,
                comparison: None,
                failure: None,
                sites: None,
                scaling: None,
            })
            .collect()
    }

    fn check(verdicts: &[Verdict], strict: bool, expect: u8) {
        let results = results(verdicts);
        assert_eq!(Exit::of(&results, strict) as u8, expect, "{verdicts:?} strict: {strict}");
    }

    #[test]
    fn each_verdict_has_its_code() {
        check(&[Verdict::Within], true, 0);
        check(&[Verdict::Improved], false, 0);
        check(&[Verdict::Improved], true, 4);
        check(&[Verdict::New], false, 5);
        check(&[Verdict::Incomparable], false, 5);
        check(&[Verdict::Regressed], false, 100);
        check(&[Verdict::Failed], false, 102);
    }

    #[test]
    fn the_verdict_that_asks_most_decides() {
        check(&[Verdict::New, Verdict::Improved, Verdict::Within], true, 5);
        check(&[Verdict::New, Verdict::Regressed, Verdict::Within], true, 100);
        check(&[Verdict::Failed, Verdict::Regressed, Verdict::New], true, 102);
    }

    #[test]
    fn a_profile_has_failed_or_not() {
        assert_eq!(Exit::of_profiles(&results(&[Verdict::New, Verdict::New])) as u8, 0);
        assert_eq!(Exit::of_profiles(&results(&[Verdict::Failed, Verdict::New])) as u8, 102);
    }

    #[test]
    fn a_self_test_passes_only_when_all_was_caught_on_clean_runs() {
        let injection = Injection { kind: InjectionKind::Fds, size: 1 };
        let injected = Injected { injection, metric: Metric::Fds, compared: None, growth: None };
        let failed = Trial::Failed { injection, cause: "died".into() };
        let check = |clean, trials: &[Trial], expect: u8| {
            let test = |clean, trials: &[Trial]| SelfTest {
                suite: "worker".into(),
                scenario: "paged".into(),
                clean,
                trials: trials.to_vec(),
            };
            let tests = [test(Verdict::Within, &[Trial::Caught(injected)]), test(clean, trials)];
            assert_eq!(Exit::of_self_tests(&tests) as u8, expect, "{clean} {trials:?}");
        };
        check(Verdict::Within, &[Trial::Caught(injected)], 0);
        check(Verdict::Within, &[Trial::Caught(injected), Trial::Missed(injected)], 100);
        check(Verdict::Within, &[Trial::Missed(injected), failed], 102);
        check(Verdict::Improved, &[], 100);
        check(Verdict::Regressed, &[], 100);
        check(Verdict::New, &[], 5);
        check(Verdict::Incomparable, &[], 5);
        check(Verdict::Failed, &[], 102);
    }

    #[test]
    fn the_help_names_every_code() {
        for exit in [
            Exit::Within,
            Exit::Improved,
            Exit::NoBaseline,
            Exit::Setup,
            Exit::Regressed,
            Exit::Failed,
            Exit::Build,
            Exit::Interrupted,
        ] {
            assert!(Exit::HELP.contains(&format!("\n  {}  ", exit as u8)), "{exit:?}");
        }
    }
}
