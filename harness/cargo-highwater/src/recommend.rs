//! `cargo highwater recommend`: the fastest setting of a workload's knobs that stays within a memory limit, read from its curve. It builds
//! nothing, runs nothing and writes nothing.

use clap::Args;
use highwater_model::{AcceptedPoint, Bytes, Curve, CurvePoint, Frontier, Spread, Unit, fastest_within};

use crate::build::BuildOptions;
use crate::curves::{CurvesError, Shelf};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::print::print;

/// The arguments of `recommend`.
#[derive(Debug, Args)]
pub(crate) struct RecommendArguments {
    /// The curve: its name, or a part of it
    #[arg(value_name = "CURVE")]
    curve: String,
    /// The most that the workload may hold (`64MiB`)
    #[arg(long, value_name = "BYTES")]
    limit: Bytes,
    #[command(flatten)]
    build: BuildOptions,
}

/// A setting that may be recommended.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    setting: String,
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
    let filter = &arguments.curve;
    let curves: Vec<(String, Vec<Candidate>, &str)> = match shelf.measured(std::slice::from_ref(filter)) {
        Ok(curves) => {
            let of = |curve: Curve| {
                (curve.name, curve.points.iter().map(of_point).collect(), "the curve that the last `cargo bench` left")
            };
            curves.into_iter().map(of).collect()
        }
        Err(CurvesError::NoMatch { .. }) => {
            let of = |frontier: Frontier| {
                (
                    frontier.curve,
                    frontier.points.iter().map(of_accepted).collect(),
                    "the accepted frontier in baselines/curves",
                )
            };
            shelf.accepted(filter)?.into_iter().map(of).collect()
        }
        Err(error) => return Err(error.into()),
    };
    let mut exit = Exit::Within;
    for (curve, candidates, source) in curves {
        let (text, fits) = recommendation(&curve, &candidates, arguments.limit, source);
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
        peak: point.peak,
        time: point.micros.median,
        shown_time: format!("{:.3} s", point.micros.median as f64 / 1e6),
        resident: point.resident.map(|resident| resident.max),
    }
}

fn of_accepted(point: &AcceptedPoint) -> Candidate {
    Candidate {
        setting: point.setting.to_string(),
        peak: point.peak,
        time: i64::try_from(point.ratio).unwrap_or(i64::MAX),
        shown_time: format!("{:.2} times the reference's time", point.ratio as f64 / 1_000.0),
        resident: None,
    }
}

/// What is recommended, and whether anything fits.
fn recommendation(curve: &str, candidates: &[Candidate], limit: Bytes, source: &str) -> (String, bool) {
    let bytes = |value: i64| Unit::Bytes.show(value);
    let Some(best) = fastest_within(candidates, limit, |candidate| candidate.peak, |candidate| candidate.time) else {
        let least = candidates.iter().min_by_key(|candidate| candidate.peak.max);
        let least = least.map_or_else(String::new, |least| {
            format!("; the least is {}, by {}", bytes(least.peak.max), least.setting)
        });
        return (format!("nothing fits  {curve} within {limit}{least}\n  by {source}\n"), false);
    };
    let mut text = format!(
        "fastest within {limit}  {curve}: {}\n  peak {} at the most of {} runs, {}\n  by {source}\n",
        best.setting,
        bytes(best.peak.max),
        best.peak.samples,
        best.shown_time,
    );
    if let Some(resident) = best.resident {
        text.push_str(&format!("  the whole process was resident with {} at the most", bytes(resident)));
        let above = u64::try_from(resident).is_ok_and(|resident| resident > limit.0);
        text.push_str(if above { ", which is above the limit: a container needs more than the heap\n" } else { "\n" });
    }
    (text, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(setting: &str, peak: i64, time: i64) -> Candidate {
        Candidate {
            setting: setting.into(),
            peak: Spread { max: peak, median: peak, min: peak, samples: 10 },
            time,
            shown_time: format!("{time} s"),
            resident: Some(peak + (10 << 20)),
        }
    }

    #[test]
    fn the_fastest_that_fits_is_named_with_its_source() {
        let candidates =
            [candidate("paged", 21 << 20, 3), candidate("upsert", 60 << 20, 2), candidate("x", 90 << 20, 1)];
        let (text, fits) = recommendation("sync", &candidates, Bytes::mib(64), "the curve");
        assert!(fits);
        assert_eq!(
            text,
            "fastest within 64.0 MiB  sync: upsert
  peak 60.0 MiB at the most of 10 runs, 2 s
  by the curve
  the whole process was resident with 70.0 MiB at the most, which is above the limit: a container needs more than the heap
"
        );
        let (text, fits) = recommendation("sync", &candidates, Bytes::mib(20), "the curve");
        assert!(!fits);
        assert_eq!(text, "nothing fits  sync within 20.0 MiB; the least is 21.0 MiB, by paged\n  by the curve\n");
    }
}
