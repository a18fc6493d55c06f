//! The campaign with a few runs: it reaches its goals, and its document tells of all that it tries. `CAMPAIGN.md` has the whole.

use std::process::Command;

use crate::project::{Ran, built, clean, root};

#[test]
fn a_small_campaign_reaches_its_goals_and_is_told() {
    let campaign = built(&["--workspace", "--example", "campaign"], "campaign");
    let mut campaign = clean(Command::new(campaign), root());
    let tables = Ran::of(campaign.args(["--clean", "30", "--injected", "1"])).expect(0).stdout;
    let document = std::fs::read_to_string(root().join("tests/CAMPAIGN.md")).unwrap();
    // What a row of the second table is of: scenario, injection, metric.
    let rows: Vec<String> = tables
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').map(str::trim).take(4).collect::<Vec<_>>())
        .filter(|cells| cells[2].parse::<u64>().is_err())
        .map(|cells| format!("| {} | {} | {} |", cells[1], cells[2], cells[3]))
        .collect();
    assert!(rows.len() > 40, "{tables}");
    for row in rows {
        assert!(document.contains(&row), "CAMPAIGN.md has no row {row:?}\n{tables}");
    }
}
