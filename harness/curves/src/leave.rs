//! What a bench leaves: the curve as JSON, picture and page, its table, and how it stands beside the accepted frontier.

use std::path::Path;

use highwater::{Bench, Bytes, TARGET, write_whole};
use highwater_model::{Curve, CurvePoint, Measurement, Setting};
use highwater_report::{Colour, curve_html, curve_svg, curve_table, frontier_report};

use crate::measure::SAMPLES;

/// What an author says of the whole curve.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) limit: Option<Bytes>,
    pub(crate) notes: Vec<String>,
}

/// Prints the points that were measured; leaves the curve when all were.
///
/// # Errors
/// When a file cannot be written, or the accepted frontier is there and cannot be read.
pub(crate) fn leave(
    named: &Named,
    settings: &[Setting],
    references: &[Setting],
    bench: &Bench,
    measured: &[Option<Measurement>],
) -> Result<(), String> {
    let name = &named.name;
    let mut points = Vec::new();
    let mut provenance = None;
    for (setting, measurement) in settings.iter().zip(measured) {
        let Some(measurement) = measurement else { continue };
        let point = CurvePoint::new(name, setting.clone(), measurement);
        points.push(point.ok_or_else(|| format!("a child of {setting} did not tell its peak"))?);
        provenance.get_or_insert_with(|| measurement.provenance.clone());
    }
    // Nothing was run: criterion listed, or loaded numbers of an earlier run.
    let Some(provenance) = provenance else { return Ok(()) };
    let variant = measured.iter().flatten().find_map(|measurement| measurement.variant.as_ref());
    let store = bench.baselines();
    let path = store.frontier_path(name, TARGET);
    let shown = |path: &Path| path.strip_prefix(bench.root()).unwrap_or(path).display().to_string();
    let curve = Curve {
        format: Curve::FORMAT,
        name: name.clone(),
        baseline: shown(&path),
        limit: named.limit,
        notes: named.notes.clone(),
        points,
        provenance,
        references: references.iter().map(|setting| setting.scenario(name)).collect(),
    };
    println!("\n{}", curve_table(&curve, Colour::Never));
    for note in &curve.notes {
        println!("  {note}");
    }
    if let Some(variant) = variant {
        println!("  what ran is the variant `{variant}`: that is no curve, and the last one is left as it is");
        return Ok(());
    }
    let least = curve.points.iter().map(|point| point.peak.samples).min().unwrap_or_default();
    if curve.points.len() < settings.len() || least < SAMPLES {
        let (some, all) = (curve.points.len(), settings.len());
        println!(
            "  {some} of {all} points in at least {least} runs each: that is no curve, and the last one is left as it is"
        );
        return Ok(());
    }
    let accepted = store.read_frontier(name, TARGET).map_err(|error| error.to_string())?;
    match &accepted {
        Some(accepted) => {
            let comparison = accepted.compare(&curve.points, &curve.provenance, None);
            println!("\n{}", frontier_report(name, &comparison, &shown(&path), Colour::Never).trim_end());
        }
        None => println!(
            "\n  no frontier is accepted yet: `cargo highwater update --curves {name}` writes {}",
            shown(&path)
        ),
    }
    let drawn = |error: highwater_report::CurveDrawError| error.to_string();
    let folder = bench.results().join("curves");
    // The stable form first: pictures can be drawn again.
    for (kind, text) in [
        ("json", curve.to_text()),
        ("svg", curve_svg(&curve, accepted.as_ref()).map_err(drawn)?),
        ("html", curve_html(&curve, accepted.as_ref()).map_err(drawn)?),
    ] {
        let path = folder.join(format!("{name}.{kind}"));
        write_whole(&path, text.as_bytes()).map_err(|error| format!("failed to write {}: {error}", path.display()))?;
        println!("wrote  {}", shown(&path));
    }
    Ok(())
}
