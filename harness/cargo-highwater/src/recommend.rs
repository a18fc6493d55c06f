//! `cargo highwater recommend`: the fastest setting of a workload's knobs that stays within a memory limit, read from its curve. It builds
//! nothing, runs nothing and writes nothing.

use clap::Args;
use highwater_model::{AcceptedPoint, Bytes, CurvePoint, Spread, Unit, fastest_within};

use crate::build::BuildOptions;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::print::print;
use crate::shelf::{Known, Shelf, begins_with};

/// The arguments of `recommend`.
#[derive(Debug, Args)]
pub(crate) struct RecommendArguments {
    /// A curve by its name; or scenarios, as for `check`: the curves of their suite, and of these what is fastest in the scenario's own
    /// series as well; or a part of a curve's name
    #[arg(value_name = "CURVE or SCENARIO")]
    filter: String,
    /// The most that the workload may hold (`64MiB`)
    #[arg(long, value_name = "BYTES")]
    limit: Bytes,
    #[command(flatten)]
    build: BuildOptions,
}

/// A curve, as far as it is known.
struct Candidates {
    curve: String,
    all: Vec<Candidate>,
    /// Where they were read.
    source: &'static str,
}

/// A setting that may be recommended.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    setting: String,
    series: String,
    peak: Spread,
    /// In any unit, the same for all.
    time: i64,
    shown_time: String,
    resident: Option<i64>,
}

/// Recommends a setting.
///
/// # Errors
/// When there is no such curve, or it cannot be read.
pub(crate) fn recommend(arguments: &RecommendArguments) -> Result<Exit, CommandError> {
    let shelf = Shelf::find(&arguments.build)?;
    let mut exit = Exit::Within;
    for (known, scenarios) in shelf.asked(&arguments.filter)? {
        let candidates = match known {
            Known::Measured(curve) => Candidates {
                curve: curve.name,
                all: curve.points.iter().map(of_point).collect(),
                source: "the curve that the last `cargo bench` left",
            },
            Known::Accepted(frontier) => Candidates {
                curve: frontier.curve,
                all: frontier.points.iter().map(of_accepted).collect(),
                source: "the accepted frontier in baselines/curves",
            },
        };
        let (text, fits) = recommendation(&candidates, &scenarios, arguments.limit);
        print(&text)?;
        if !fits {
            exit = Exit::Regressed;
        }
    }
    Ok(exit)
}

fn of_point(point: &CurvePoint) -> Candidate {
    Candidate {
        setting: point.setting.to_string(),
        series: point.setting.series.clone(),
        peak: point.peak,
        time: point.micros.median,
        shown_time: format!("{:.3} s", point.micros.median as f64 / 1e6),
        resident: point.resident.map(|resident| resident.max),
    }
}

fn of_accepted(point: &AcceptedPoint) -> Candidate {
    Candidate {
        setting: point.setting.to_string(),
        series: point.setting.series.clone(),
        peak: point.peak,
        time: i64::try_from(point.ratio).unwrap_or(i64::MAX),
        shown_time: format!("{:.2} times the reference's time", point.ratio as f64 / 1_000.0),
        resident: None,
    }
}

/// What is recommended, and whether anything fits: of the whole curve, and of each series that one of the scenarios is of.
fn recommendation(candidates: &Candidates, scenarios: &[String], limit: Bytes) -> (String, bool) {
    let Candidates { curve, all, source } = candidates;
    let best = best(all, limit);
    let mut text = match best {
        Some(best) => format!("fastest within {limit}  {curve}: {}", shown(best)),
        None => format!("nothing fits  {curve} within {limit}{}\n", least(all)),
    };
    text.push_str(&format!("  by {source}\n"));
    text.push_str(&best.map(|best| resident(best, limit)).unwrap_or_default());
    for (series, scenarios) in series_of(all, scenarios) {
        let own: Vec<Candidate> = all.iter().filter(|candidate| candidate.series == series).cloned().collect();
        text.push_str(&format!("of {series}, as {} {}  {curve}: ", listed(&scenarios), be(&scenarios)));
        text.push_str(&match self::best(&own, limit) {
            Some(own) if Some(own) == best => "the same\n".to_owned(),
            Some(own) => format!("{}{}", shown(own), resident(own, limit)),
            None => format!("nothing fits within {limit}{}\n", least(&own)),
        });
    }
    (text, best.is_some())
}

fn best(candidates: &[Candidate], limit: Bytes) -> Option<&Candidate> {
    fastest_within(candidates, limit, |candidate| candidate.peak, |candidate| candidate.time)
}

/// The series that the scenarios are of, each with those: the one whose name a scenario has or begins with; of several, the longest.
fn series_of<'a>(all: &'a [Candidate], scenarios: &'a [String]) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    for scenario in scenarios {
        let of = all.iter().map(|candidate| candidate.series.as_str()).filter(|series| begins_with(scenario, series));
        let Some(series) = of.max_by_key(|series| series.len()) else { continue };
        match found.iter_mut().find(|(known, _)| *known == series) {
            Some((_, scenarios)) => scenarios.push(scenario),
            None => found.push((series, vec![scenario])),
        }
    }
    found
}

fn listed(scenarios: &[&str]) -> String {
    scenarios.join(" and ")
}

fn be(scenarios: &[&str]) -> &'static str {
    if scenarios.len() == 1 { "is" } else { "are" }
}

/// The setting, and what it takes.
fn shown(candidate: &Candidate) -> String {
    let Candidate { setting, peak, shown_time, .. } = candidate;
    format!("{setting}\n  peak {} at the most of {} runs, {shown_time}\n", Unit::Bytes.show(peak.max), peak.samples)
}

fn least(candidates: &[Candidate]) -> String {
    let least = candidates.iter().min_by_key(|candidate| candidate.peak.max);
    least.map_or_else(String::new, |least| {
        format!("; the least is {}, by {}", Unit::Bytes.show(least.peak.max), least.setting)
    })
}

/// What the whole process took, where that is known.
fn resident(candidate: &Candidate, limit: Bytes) -> String {
    let Some(resident) = candidate.resident else { return String::new() };
    let above = u64::try_from(resident).is_ok_and(|resident| resident > limit.0);
    format!(
        "  the whole process was resident with {} at the most{}\n",
        Unit::Bytes.show(resident),
        if above { ", which is above the limit: a container needs more than the heap" } else { "" },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(setting: &str, peak: i64, time: i64) -> Candidate {
        Candidate {
            setting: setting.into(),
            series: setting.split(' ').next().unwrap_or_default().into(),
            peak: Spread { max: peak, median: peak, min: peak, samples: 10 },
            time,
            shown_time: format!("{time} s"),
            resident: Some(peak + (10 << 20)),
        }
    }

    fn check(scenarios: &[&str], limit: Bytes, fits: bool, expect: &str) {
        let all = vec![
            candidate("paged", 21 << 20, 3),
            candidate("paged page_size=100", 9 << 20, 6),
            candidate("upsert", 60 << 20, 2),
            candidate("x", 90 << 20, 1),
        ];
        let candidates = Candidates { curve: "sync".into(), all, source: "the curve" };
        let scenarios: Vec<String> = scenarios.iter().map(ToString::to_string).collect();
        assert_eq!(recommendation(&candidates, &scenarios, limit), (expect.to_owned(), fits));
    }

    #[test]
    fn the_fastest_that_fits_is_named_with_its_source() {
        check(
            &[],
            Bytes::mib(64),
            true,
            "fastest within 64.0 MiB  sync: upsert
  peak 60.0 MiB at the most of 10 runs, 2 s
  by the curve
  the whole process was resident with 70.0 MiB at the most, which is above the limit: a container needs more than the heap
",
        );
        check(
            &[],
            Bytes::mib(8),
            false,
            "nothing fits  sync within 8.0 MiB; the least is 9.0 MiB, by paged page_size=100\n  by the curve\n",
        );
    }

    #[test]
    fn a_scenario_s_own_series_has_an_answer_of_its_own() {
        check(
            &["paged-first", "paged-repeat", "other"],
            Bytes::mib(100),
            true,
            "fastest within 100.0 MiB  sync: x
  peak 90.0 MiB at the most of 10 runs, 1 s
  by the curve
  the whole process was resident with 100.0 MiB at the most
of paged, as paged-first and paged-repeat are  sync: paged
  peak 21.0 MiB at the most of 10 runs, 3 s
  the whole process was resident with 31.0 MiB at the most
",
        );
        check(
            &["upsert", "paged"],
            Bytes::mib(40),
            true,
            "fastest within 40.0 MiB  sync: paged
  peak 21.0 MiB at the most of 10 runs, 3 s
  by the curve
  the whole process was resident with 31.0 MiB at the most
of upsert, as upsert is  sync: nothing fits within 40.0 MiB; the least is 60.0 MiB, by upsert
of paged, as paged is  sync: the same
",
        );
    }
}
