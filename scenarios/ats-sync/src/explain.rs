//! An error and its causes as one line, for logs and for messages that end a program.

use std::error::Error;

/// The error, then each cause that its text does not hold already, separated by colons.
///
/// ```
/// let error = ats_sync::Config::new("ftp://example.com", "key", "postgresql://localhost/ats").unwrap_err();
/// assert_eq!(
///     ats_sync::explain(&error),
///     "HARVEST_URL is wrong: `ftp` is not http or https (example: https://harvest.greenhouse.io/v1)"
/// );
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
