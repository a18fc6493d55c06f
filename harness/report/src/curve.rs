//! A curve of time against peak: as a table, as a picture (`svg`), as a page (`html`), and its accepted frontier beside today's. How its
//! parts are written stands here.

mod html;
mod svg;

use anstyle::{AnsiColor, Style};
use highwater_model::{Bytes, Curve, CurvePoint, FrontierComparison, PointComparison, Spread, Verdict};

use crate::Colour;
use crate::cell::NONE;
use crate::layout::{Align, lay_out};

pub use html::curve_html;
pub use svg::{CurveDrawError, curve_svg};

/// The points as a table, with a newline after each line: time, peak and what was resident, and both of the first as multiples of the
/// curve's references. Those on the frontier are marked.
pub fn curve_table(curve: &Curve, colour: Colour) -> String {
    let (headings, rows) = cells(curve);
    let columns: Vec<(&str, Align)> = headings
        .iter()
        .enumerate()
        .map(|(i, heading)| {
            (heading.as_str(), if i == 0 || i + 1 == headings.len() { Align::Left } else { Align::Right })
        })
        .collect();
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|mut row| {
            if let Some(mark) = row.last_mut().filter(|mark| !mark.is_empty()) {
                *mark = colour.paint(AnsiColor::Green.on_default(), mark);
            }
            row
        })
        .collect();
    lay_out(&columns, &rows)
}

/// The headings and the cells of every point.
fn cells(curve: &Curve) -> (Vec<String>, Vec<Vec<String>>) {
    let references: Vec<&CurvePoint> = curve.references().collect();
    let frontier = curve.frontier();
    let mut headings: Vec<String> = ["point", "time", "peak", "resident"].map(str::to_owned).into();
    for reference in &references {
        headings.push(format!("time / {}", reference.setting));
        headings.push(format!("peak / {}", reference.setting));
    }
    headings.push(String::new());
    let row = |point: &CurvePoint| {
        let mut row = vec![
            point.setting.to_string(),
            time(point.micros.median),
            bytes(point.peak.median),
            point.resident.map_or_else(|| NONE.to_owned(), |resident| bytes(resident.median)),
        ];
        for reference in &references {
            row.push(times(point.ratio(reference)));
            row.push(times(point.peak_ratio(reference)));
        }
        row.push(if frontier.contains(&point) { "frontier".to_owned() } else { String::new() });
        row
    };
    let rows = curve.points.iter().map(row).collect();
    (headings, rows)
}

/// What today's points are beside the accepted frontier: a line for the whole, and one for each point that is not within.
pub fn frontier_report(curve: &str, comparison: &FrontierComparison, baseline: &str, colour: Colour) -> String {
    let name = colour.paint(Style::new().bold(), &format!("curves/{curve}"));
    let held = comparison.points.iter().filter(|point| point.verdict != Verdict::Regressed).count();
    let mut text = format!("{}  {name}", colour.verdict(comparison.verdict));
    if comparison.verdict != Verdict::Incomparable {
        text.push_str(&format!(": {held} of {} points of the frontier hold", comparison.points.len()));
    }
    text.push('\n');
    for difference in &comparison.differences {
        text.push_str(&format!("  {difference}\n"));
    }
    for point in &comparison.points {
        if let Some(line) = explained(point) {
            text.push_str(&format!("  {line}\n"));
        }
    }
    match comparison.verdict {
        Verdict::Within => {}
        Verdict::Improved => text.push_str("  the accepted frontier is out of date: `cargo bench`, then `cargo highwater update --curves`\n"),
        _ => text.push_str(&format!(
            "  against {baseline}\n  if this is meant: `cargo bench`, then `cargo highwater update --curves {curve} --reason \"..\"`\n"
        )),
    }
    text
}

fn explained(point: &PointComparison) -> Option<String> {
    let PointComparison { accepted, allowed, held_by, peak, ratio, verdict } = point;
    let moved = format!(
        "{}: peak {}, was {} (allowed: {}); time {} of the reference's, was {}",
        accepted.setting,
        bytes(peak.median),
        bytes(accepted.peak.median),
        if *allowed == 0 { "exact".to_owned() } else { format!("±{}", Bytes(*allowed)) },
        times(*ratio),
        times(accepted.ratio),
    );
    match (verdict, held_by) {
        (Verdict::Within, None) => None,
        (Verdict::Within, Some(other)) => Some(format!("{moved}; held by {other}")),
        (verdict, _) => Some(format!("{verdict}  {moved}")),
    }
}

fn bytes(value: i64) -> String {
    highwater_model::Unit::Bytes.show(value)
}

/// The bytes of several samples: the median, and the range where they differ.
fn spread(spread: &Spread) -> String {
    match spread.width() {
        0 => bytes(spread.median),
        _ => format!("{} ({} to {})", bytes(spread.median), bytes(spread.min), bytes(spread.max)),
    }
}

/// A time in microseconds, for people.
fn time(micros: i64) -> String {
    let micros = micros.max(0) as f64;
    match micros {
        micros if micros >= 999_500.0 => format!("{:.2} s", micros / 1e6),
        micros if micros >= 9_995.0 => format!("{:.0} ms", micros / 1e3),
        micros if micros >= 1_000.0 => format!("{:.1} ms", micros / 1e3),
        micros => format!("{micros:.0} µs"),
    }
}

/// A ratio in thousandths, as `1.25x`.
fn times(thousandths: u64) -> String {
    format!("{:.2}x", thousandths as f64 / 1_000.0)
}

#[cfg(test)]
pub(crate) mod tests {
    use highwater_model::{Frontier, Provenance, Runtime, Setting, Tolerance, Workload};

    use super::*;

    pub(crate) fn point(series: &str, knobs: &[(&str, &str)], peak: i64, micros: i64) -> CurvePoint {
        let knobs = knobs.iter().map(|(knob, value)| ((*knob).to_owned(), (*value).to_owned())).collect();
        let setting = Setting { series: series.into(), knobs };
        let steady = |value| Spread { max: value, median: value, min: value, samples: 10 };
        CurvePoint {
            name: setting.scenario("sync"),
            setting,
            micros: steady(micros),
            peak: steady(peak),
            resident: None,
            tolerance: Tolerance::new(0.02, 0),
            workload: Workload { iterations: 1, runtime: Runtime::Sync, services: Default::default(), warm_up: 0 },
        }
    }

    pub(crate) fn curve() -> Curve {
        Curve {
            format: Curve::FORMAT,
            name: "sync".into(),
            baseline: "baselines/curves/sync/t.json".into(),
            limit: Some(Bytes::mib(64)),
            notes: vec!["time is scaled by 1:50 <b>".into()],
            points: vec![
                point("upsert", &[], 90 << 20, 750_000),
                point("paged", &[], 21 << 20, 1_350_000),
                point("paged", &[("page_size", "100")], 5 << 20, 5_000_000),
                point("reconcile", &[], 190 << 20, 760_000),
            ],
            provenance: Provenance::default(),
            references: vec!["sync.upsert".into(), "sync.paged".into()],
        }
    }

    #[test]
    fn the_table_has_ratios_and_marks_the_frontier() {
        assert_eq!(
            curve_table(&curve(), Colour::Never),
            "\x20 point                  time       peak  resident  time / upsert  peak / upsert  time / paged  peak / paged
  upsert               750 ms   90.0 MiB         -          1.00x          1.00x         0.56x         4.29x  frontier
  paged                1.35 s   21.0 MiB         -          1.80x          0.23x         1.00x         1.00x  frontier
  paged page_size=100  5.00 s    5.0 MiB         -          6.67x          0.06x         3.70x         0.24x  frontier
  reconcile            760 ms  190.0 MiB         -          1.01x          2.11x         0.56x         9.05x
"
        );
    }

    #[test]
    fn a_frontier_that_moved_is_told_with_the_point() {
        let accepted = Frontier::accept(&curve(), None, None);
        let mut now = curve();
        now.points[1].peak = Spread { max: 30 << 20, median: 30 << 20, min: 30 << 20, samples: 1 };
        let comparison = accepted.compare(&now.points, &now.provenance, None);
        assert_eq!(
            frontier_report("sync", &comparison, "baselines/curves/sync/t.json", Colour::Never),
            "regressed  curves/sync: 2 of 3 points of the frontier hold
  regressed  paged: peak 30.0 MiB, was 21.0 MiB (allowed: ±430.1 KiB); time 1.80x of the reference's, was 1.80x
  against baselines/curves/sync/t.json
  if this is meant: `cargo bench`, then `cargo highwater update --curves sync --reason \"..\"`
"
        );
        let same = accepted.compare(&curve().points, &now.provenance, None);
        let told = frontier_report("sync", &same, "x", Colour::Never);
        assert_eq!(told, "within  curves/sync: 3 of 3 points of the frontier hold\n");
    }

    #[test]
    fn times_are_short() {
        let shown = [(7, "7 µs"), (1_250, "1.2 ms"), (81_000, "81 ms"), (999_600, "1.00 s"), (12_345_678, "12.35 s")];
        for (micros, expect) in shown {
            assert_eq!(time(micros), expect);
        }
    }
}
