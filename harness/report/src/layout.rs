//! The frame of every text table: no lines, two spaces between columns and before the first, numbers to the right.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// To which side the cells of a column lean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Lays out a table under these headings, each line with its newline. Every row has a cell for every column. The last column
/// may hold escape codes: they are counted as width there, and nothing stands to its right that they could move.
pub(crate) fn lay_out(columns: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|(heading, _)| *heading));
    table.add_rows(rows.iter().map(|row| row.iter()));
    for (column, (_, align)) in table.column_iter_mut().zip(columns) {
        column.set_padding((2, 0));
        column.set_cell_alignment(match align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        });
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lean_left_and_numbers_right() {
        let rows = [["paged", "20.9 MiB", "\u{1b}[32mwithin\u{1b}[0m"], ["", "7", "x"]];
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect();
        assert_eq!(
            lay_out(&[("scenario", Align::Left), ("now", Align::Right), ("verdict", Align::Left)], &rows),
            "  scenario       now  verdict\n  paged     20.9 MiB  \u{1b}[32mwithin\u{1b}[0m\n                   7  x\n"
        );
    }
}
