//! The table of a check: every scenario, every metric, beside what was accepted.

use highwater_model::ScenarioResult;

use crate::Colour;
use crate::layout::{Align, lay_out};
use crate::row::{Row, have_spread, rows};

/// The widest line that a name may stand on together with numbers.
const WIDTH: usize = 110;

/// The results as a table, grouped by scenario, with a newline after each line. The spread of the samples has a column when any
/// scenario has more than one.
pub fn table(results: &[ScenarioResult], colour: Colour) -> String {
    // Escape codes have no width of their own.
    let widest = beside(results, Colour::Never).lines().map(|line| line.chars().count()).max();
    if widest.unwrap_or(0) <= WIDTH { beside(results, colour) } else { above(results, colour) }
}

/// The table with each scenario's name beside its first metric.
fn beside(results: &[ScenarioResult], colour: Colour) -> String {
    let spread = have_spread(results);
    let mut columns = columns(spread);
    columns.insert(0, ("scenario", Align::Left));
    let mut lines = Vec::new();
    for result in results {
        let mut name = format!("{}/{}", result.suite, result.scenario);
        for row in rows(result) {
            let mut cells = cells(row, spread, colour);
            cells.insert(0, std::mem::take(&mut name));
            lines.push(cells);
        }
    }
    lay_out(&columns, &lines)
}

/// The table with each scenario's name on a line of its own above its metrics, for names of any length.
fn above(results: &[ScenarioResult], colour: Colour) -> String {
    let spread = have_spread(results);
    let groups: Vec<Vec<Vec<String>>> =
        results.iter().map(|result| rows(result).into_iter().map(|row| cells(row, spread, colour)).collect()).collect();
    let table = lay_out(&columns(spread), &groups.concat());
    let mut lines = table.lines();
    let mut text = format!("  {}\n", lines.next().unwrap_or_default());
    for (result, group) in results.iter().zip(&groups) {
        text.push_str(&format!("  {}/{}\n", result.suite, result.scenario));
        for line in lines.by_ref().take(group.len()) {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}

fn columns(spread: bool) -> Vec<(&'static str, Align)> {
    let mut columns = vec![
        ("metric", Align::Left),
        ("baseline", Align::Right),
        ("now", Align::Right),
        ("change", Align::Right),
        ("allowed", Align::Right),
    ];
    if spread {
        columns.push(("spread", Align::Right));
    }
    columns.push(("verdict", Align::Left));
    columns
}

/// The cells of a row under [`columns`].
fn cells(row: Row, spread: bool, colour: Colour) -> Vec<String> {
    let mut cells = vec![row.metric, row.baseline, row.now, row.change, row.allowed];
    if spread {
        cells.push(row.spread);
    }
    cells.push(row.verdict.map(|verdict| colour.verdict(verdict)).unwrap_or_default());
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_table_groups_metrics_by_scenario() {
        let text = table(&[example::within(), example::regressed(), example::new(), example::failed()], Colour::Never);
        assert_eq!(
            text,
            "\x20 scenario              metric            baseline        now   change    allowed     spread  verdict
  ats-sync/paged-first  peak              20.9 MiB   20.9 MiB   +0.0 %     ±2.0 %          -  within
                        retained           1,229 B    1,229 B      0 B  ±16.0 KiB          -  within
                        retained blocks         12         12        0        ±16          -  within
                        total            286.1 MiB  286.1 MiB      0 %  not gated          -
                        total blocks     1,204,123  1,204,123      0 %  not gated          -
  ats-sync/upsert       peak              20.9 MiB   35.2 MiB  +68.5 %     ±2.0 %  107.4 KiB  regressed
                        retained           1,229 B    1,229 B      0 B  ±16.0 KiB        0 B  within
                        retained blocks         12      1,012   +1,000        ±16          0  regressed
                        total            286.1 MiB  286.1 MiB      0 %  not gated        0 B
                        total blocks     1,204,123  1,204,123      0 %  not gated          0
  ats-sync/full         peak                     -    4.8 MiB        -          -          -  new
                        retained                 -        0 B        -          -          -
                        retained blocks          -          0        -          -          -
                        total                    -   85.8 MiB        -  not gated          -
                        total blocks             -      4,123        -  not gated          -
  ats-sync/killed       -                        -          -        -          -          -  failed
"
        );
    }

    #[test]
    fn sizes_show_the_declared_class_the_exponent_and_the_numbers() {
        assert_eq!(
            table(&[example::sizes(5 << 20, 6 << 20), example::sizes(5 << 20, 50 << 20)], Colour::Never),
            "\x20 scenario          metric        baseline            now  change   allowed  verdict
  ats-sync/scaling  peak by size         -  exponent 0.08       -  constant  within
                    at 5,000             -        5.0 MiB       -         -
                    at 50,000            -        6.0 MiB       -         -
  ats-sync/scaling  peak by size         -  exponent 1.00       -  constant  regressed
                    at 5,000             -        5.0 MiB       -         -
                    at 50,000            -       50.0 MiB       -         -
"
        );
    }

    #[test]
    fn one_sample_each_needs_no_column_for_the_spread() {
        let text = table(&[example::within()], Colour::Never);
        assert!(!text.contains("spread"), "{text}");
    }

    #[test]
    fn a_name_too_long_stands_above_its_metrics() {
        let mut result = example::incomparable();
        result.scenario = "an-incremental-sync-with-a-rate-limit-and-a-cold-cache".into();
        assert_eq!(
            table(&[result, example::failed()], Colour::Never),
            "\x20   metric           baseline        now  change    allowed  verdict
  ats-sync/an-incremental-sync-with-a-rate-limit-and-a-cold-cache
    peak                    -   20.9 MiB       -          -  incomparable
    retained                -    1,229 B       -          -
    retained blocks         -         12       -          -
    total                   -  286.1 MiB       -  not gated
    total blocks            -  1,204,123       -  not gated
  ats-sync/killed
    -                       -          -       -          -  failed
"
        );
    }

    #[test]
    fn colour_moves_nothing() {
        let results = [example::within(), example::regressed()];
        let coloured = table(&results, Colour::Always);
        assert!(coloured.contains("\u{1b}[1m\u{1b}[31mregressed\u{1b}[0m\n"), "{coloured:?}");
        let mut plain = String::new();
        for (i, part) in coloured.split('\u{1b}').enumerate() {
            plain.push_str(if i == 0 { part } else { part.split_once('m').expect("a code ends in m").1 });
        }
        assert_eq!(plain, table(&results, Colour::Never));
    }
}
