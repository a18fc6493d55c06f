//! Whether text is coloured, and what colour a verdict has. Whether a terminal is there is the caller's to know.

use anstyle::{AnsiColor, Style};
use highwater_model::Verdict;

/// Whether verdicts are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// With ANSI escape codes, for a terminal.
    Always,
    /// As plain text, for files, pipes and `NO_COLOR`.
    Never,
}

impl Colour {
    /// The name of a verdict.
    pub(crate) fn verdict(self, verdict: Verdict) -> String {
        let style = match verdict {
            Verdict::Within => AnsiColor::Green.on_default(),
            Verdict::Improved => AnsiColor::Cyan.on_default(),
            Verdict::New | Verdict::Incomparable => AnsiColor::Yellow.on_default(),
            Verdict::Regressed | Verdict::Failed => AnsiColor::Red.on_default().bold(),
        };
        self.paint(style, &verdict.to_string())
    }

    /// The text in this style.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        match self {
            Self::Always => format!("{style}{text}{style:#}"),
            Self::Never => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_coloured_only_when_asked_for() {
        assert_eq!(Colour::Never.verdict(Verdict::Regressed), "regressed");
        assert_eq!(Colour::Always.verdict(Verdict::Within), "\u{1b}[32mwithin\u{1b}[0m");
    }
}
