//! A check as markdown, for the summary of a CI job.

use std::time::Duration;

use highwater_model::{ScenarioResult, Verdict};

use crate::explanation::{Explanation, explain};
use crate::row::{Row, have_spread, rows};
use crate::summary;

/// The results as GitHub-flavoured markdown: a heading with the counts, one table, and an explanation of each scenario that is
/// not within.
pub fn markdown(results: &[ScenarioResult], ignored: usize, wall: Duration) -> String {
    let mut text = format!("### Memory: {}\n", summary(results, ignored, wall));
    if !results.is_empty() {
        table(&mut text, results);
    }
    for explanation in explain(results) {
        explained(&mut text, &explanation);
    }
    text
}

fn table(text: &mut String, results: &[ScenarioResult]) {
    let spread = have_spread(results);
    text.push_str("\n| scenario | metric | baseline | now | change | allowed |");
    text.push_str(if spread { " spread | verdict |\n" } else { " verdict |\n" });
    text.push_str("|:--|:--|--:|--:|--:|--:|");
    text.push_str(if spread { "--:|:--|\n" } else { ":--|\n" });
    for result in results {
        let mut name = format!("`{}/{}`", escape(&result.suite), escape(&result.scenario));
        for row in rows(result) {
            let Row { metric, baseline, now, change, allowed, .. } = &row;
            text.push_str(&format!("| {name} | {metric} | {baseline} | {now} | {change} | {allowed} |"));
            if spread {
                text.push_str(&format!(" {} |", row.spread));
            }
            text.push_str(&match row.verdict {
                None => " |\n".to_owned(),
                Some(verdict @ (Verdict::Within | Verdict::Improved)) => format!(" {verdict} |\n"),
                Some(verdict) => format!(" **{verdict}** |\n"),
            });
            name.clear();
        }
    }
}

fn explained(text: &mut String, explanation: &Explanation) {
    let Explanation { verdict, name, sentences, verbatim, command } = explanation;
    text.push_str(&format!("\n**{verdict}** `{name}`\n"));
    if !sentences.is_empty() {
        text.push('\n');
    }
    for sentence in sentences {
        // What is indented belongs to the sentence before it.
        let indent = sentence.len() - sentence.trim_start().len();
        text.push_str(&format!("{}- {}\n", " ".repeat(indent), escape(sentence.trim_start())));
    }
    if let Some(verbatim) = verbatim {
        let fence = fence(verbatim);
        text.push_str(&format!("\n{fence}text\n{}\n{fence}\n", verbatim.trim_end()));
    }
    if let Some(command) = command {
        text.push_str(&format!("\nTo accept: `{command}`\n"));
    }
}

/// A fence longer than any run of backticks in the text, so that the text cannot end it.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(3.max(longest + 1))
}

/// Text that neither opens markup nor ends a table's cell.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '|' | '<' | '*' | '`' | '\\' | '[') {
            escaped.push('\\');
        }
        escaped.push(if c == '\n' { ' ' } else { c });
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn markdown_has_counts_a_table_and_explanations() {
        let text = markdown(&[example::within(), example::regressed()], 0, Duration::from_secs(3));
        assert_eq!(
            text,
            "\
### Memory: 2 scenarios: 1 within, 1 regressed; 3.0 s

| scenario | metric | baseline | now | change | allowed | spread | verdict |
|:--|:--|--:|--:|--:|--:|--:|:--|
| `ats-sync/paged-first` | peak | 20.9 MiB | 20.9 MiB | +0.0 % | ±2.0 % | - | within |
|  | retained | 1,229 B | 1,229 B | 0 B | ±16.0 KiB | - | within |
|  | retained blocks | 12 | 12 | 0 | ±16 | - | within |
|  | total | 286.1 MiB | 286.1 MiB | 0 % | not gated | - | |
|  | total blocks | 1,204,123 | 1,204,123 | 0 % | not gated | - | |
| `ats-sync/upsert` | peak | 20.9 MiB | 35.2 MiB | +68.5 % | ±2.0 % | 107.4 KiB | **regressed** |
|  | retained | 1,229 B | 1,229 B | 0 B | ±16.0 KiB | 0 B | within |
|  | retained blocks | 12 | 1,012 | +1,000 | ±16 | 0 | **regressed** |
|  | total | 286.1 MiB | 286.1 MiB | 0 % | not gated | 0 B | |
|  | total blocks | 1,204,123 | 1,204,123 | 0 % | not gated | 0 | |

**regressed** `ats-sync/upsert`

- peak rose by 14.3 MiB (+68.5 %), from 20.9 MiB to 35.2 MiB (the median of 3 samples, 35.1 MiB to 35.2 MiB); \
allowed: 427.7 KiB (±2.0 %)
- retained blocks rose by 1,000, from 12 to 1,012 in 3 samples; allowed: 16

To accept: `cargo highwater update upsert --reason \"why it may\"`
"
        );
    }

    #[test]
    fn what_a_child_wrote_cannot_end_its_fence() {
        let text = markdown(&[example::failed()], 1, Duration::from_secs(3));
        assert!(text.starts_with("### Memory: 1 scenario: 1 failed, 1 ignored; 3.0 s\n"), "{text}");
        assert!(text.contains("\n````text\nthe child was killed by signal 9 (SIGKILL)\n"), "{text}");
        assert!(text.ends_with("\n    out of luck | really\n````\n"), "{text}");
        assert!(text.contains("| `ats-sync/killed` | - | - | - | - | - | **failed** |\n"), "{text}");
    }

    #[test]
    fn markup_in_a_note_is_text() {
        let mut result = example::within();
        if let Some(measurement) = &mut result.measurement {
            measurement.samples[0].notes.push("thread `a|b` panicked: <oops>".into());
        }
        let text = markdown(&[result], 0, Duration::ZERO);
        assert!(text.contains("- note: thread \\`a\\|b\\` panicked: \\<oops>\n"), "{text}");
    }

    #[test]
    fn nothing_to_show_is_a_heading_alone() {
        assert_eq!(markdown(&[], 0, Duration::ZERO), "### Memory: 0 scenarios; 0.0 s\n");
    }
}
