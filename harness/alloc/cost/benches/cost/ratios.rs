//! Ratios of pairs of measurements, and a table of them.

use highwater_alloc_cost::WORKLOADS;

use crate::layouts::LAYOUTS;

/// Time under an allocator divided by the time under the system's, by layout.
pub(crate) type Ratios = [Vec<f64>; LAYOUTS];

/// One allocator's ratios, by workload.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) cells: [Ratios; WORKLOADS.len()],
}

/// In markdown.
pub(crate) fn table(rows: &[Row]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut table = line(["allocator"].into_iter().chain(WORKLOADS.map(|(name, _)| name)).map(str::to_owned).collect());
    table.push_str(&line(vec!["---".to_owned(); 1 + WORKLOADS.len()]));
    for row in rows {
        table.push_str(&line([row.name.to_owned()].into_iter().chain(row.cells.iter().map(cell)).collect()));
    }
    table
}

/// The median of all pairs, and from the lowest to the highest median of a layout.
fn cell(ratios: &Ratios) -> String {
    if ratios.iter().any(Vec::is_empty) {
        return "-".to_owned();
    }
    let mut of_layouts = ratios.each_ref().map(|of_layout| median(of_layout.clone()));
    of_layouts.sort_by(f64::total_cmp);
    format!("{:.2} ({:.2}-{:.2})", median(ratios.concat()), of_layouts[0], of_layouts[LAYOUTS - 1])
}

fn median(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}
