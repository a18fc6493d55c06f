//! Flamegraphs as SVG, drawn by inferno from folded stacks.

use std::io::{self, Write};

use highwater_model::SiteList;
use highwater_profile::{Measure, Profile};
use inferno::flamegraph::color::{BasicPalette, Palette};
use inferno::flamegraph::{Options, from_lines};

use super::folded::{differential_folded, folded};

/// A flamegraph could not be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlamegraphError {
    /// No stack holds a byte, so that there is nothing whose width could be drawn.
    #[error("no call site holds a byte: there is nothing to draw")]
    Empty,
    /// It could not be written.
    #[error("failed to write the flamegraph: {0}")]
    Write(#[from] io::Error),
}

/// Draws the stacks of a profile, as wide as the bytes they hold.
///
/// # Errors
/// When there is nothing to draw, or `writer` fails.
pub fn flamegraph(profile: &Profile, measure: Measure, title: &str, writer: impl Write) -> Result<(), FlamegraphError> {
    draw(&folded(profile, measure), options(title), writer)
}

/// Draws the sites of a baseline and of a profile, as wide as the bytes they hold now; red grew, blue shrank.
///
/// # Errors
/// When there is nothing to draw, or `writer` fails.
pub fn differential_flamegraph(
    then: &SiteList,
    now: &Profile,
    measure: Measure,
    title: &str,
    writer: impl Write,
) -> Result<(), FlamegraphError> {
    draw(&differential_folded(then, now, measure), options(title), writer)
}

/// The same profile makes the same picture.
fn options(title: &str) -> Options<'static> {
    let mut options = Options::default();
    options.title = title.to_owned();
    options.count_name = "bytes".to_owned();
    options.colors = Palette::Basic(BasicPalette::Mem);
    options.deterministic = true;
    options
}

fn draw(folded: &str, mut options: Options<'_>, writer: impl Write) -> Result<(), FlamegraphError> {
    let drawn = |line: &str| line.rsplit(' ').next() != Some("0");
    if !folded.lines().any(drawn) {
        return Err(FlamegraphError::Empty);
    }
    Ok(from_lines(&mut options, folded.lines(), writer)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::example::profile;

    fn drawn(draw: impl Fn(&mut Vec<u8>) -> Result<(), FlamegraphError>) -> String {
        let (mut svg, mut again) = (Vec::new(), Vec::new());
        draw(&mut svg).unwrap();
        draw(&mut again).unwrap();
        assert_eq!(svg, again, "the same profile makes the same picture");
        String::from_utf8(svg).unwrap()
    }

    #[test]
    fn frames_are_drawn_with_their_bytes() {
        let profile = profile(&[("worker::sync worker::main", 700, 0), ("worker::main", 300, 0)]);
        let svg = drawn(|svg| flamegraph(&profile, Measure::Peak, "paged at its peak", svg));
        for part in
            ["<svg ", "paged at its peak", "worker::main (1,000 bytes, 100.00%)", "worker::sync (700 bytes, 70.00%)"]
        {
            assert!(svg.contains(part), "{part} is not drawn");
        }
    }

    #[test]
    fn a_flamegraph_is_as_wide_as_all_that_is_there() {
        let stacks = [("worker::sync worker::main", 700, 0), ("worker::main", 300, 0), ("alloc::alloc::alloc", 50, 0)];
        let profile = profile(&stacks);
        let bytes = profile.amounts().peak.bytes;
        assert_eq!(bytes, 1_050);
        let svg = drawn(|svg| flamegraph(&profile, Measure::Peak, "paged", svg));
        assert!(svg.contains(&format!("total_samples=\"{bytes}\"")), "{svg}");
    }

    #[test]
    fn a_difference_is_drawn_with_what_it_grew_by() {
        let then = profile(&[("worker::sync worker::main", 200, 0)]).top().peak;
        let now = profile(&[("worker::sync worker::main", 700, 0), ("worker::main", 300, 0)]);
        let svg = drawn(|svg| differential_flamegraph(&then, &now, Measure::Peak, "paged", svg));
        assert!(svg.contains("worker::sync (700 bytes, 70.00%; +50.00%)"), "{svg}");
    }

    #[test]
    fn without_a_byte_there_is_nothing_to_draw() {
        let none = profile(&[("worker::sync", 0, 0)]);
        let error = flamegraph(&none, Measure::Peak, "paged", Vec::new()).unwrap_err();
        assert!(matches!(error, FlamegraphError::Empty), "{error}");
        let then = profile(&[("worker::sync", 100, 0)]).top().peak;
        let error = differential_flamegraph(&then, &none, Measure::Peak, "paged", Vec::new()).unwrap_err();
        assert!(matches!(error, FlamegraphError::Empty), "{error}");
    }
}
