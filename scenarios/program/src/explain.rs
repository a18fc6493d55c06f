//! An error and its causes as one line, for logs and for messages that end a program.

use std::error::Error;

/// The error, then each cause that its text does not hold already, separated by colons.
///
/// ```
/// let error = std::io::Error::other("disk full");
/// assert_eq!(program::explain(&error), "disk full");
/// ```
pub fn explain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    for cause in std::iter::successors(error.source(), |error| (*error).source()) {
        let cause = cause.to_string();
        if !line.contains(&cause) {
            line.push_str(": ");
            line.push_str(&cause);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use std::io::Error as Cause;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Told {
        text: &'static str,
        source: Cause,
    }

    #[test]
    fn a_cause_that_is_told_already_is_not_repeated() {
        let check = |text, cause: &str, expect| {
            assert_eq!(explain(&Told { text, source: Cause::other(cause.to_owned()) }), expect);
        };
        check("cannot write", "disk full", "cannot write: disk full");
        check("cannot write: disk full", "disk full", "cannot write: disk full");
    }
}
