//! The smallest limits under which scenarios complete, as text.

use anstyle::{AnsiColor, Style};
use highwater_model::{Bytes, Enforcer, Fit, Found, Verdict};

use crate::Colour;

/// A paragraph for each scenario: the smallest limit, how sure that is, and what it suggests for a container.
pub fn fit_report(fits: &[Fit], colour: Colour) -> String {
    fits.iter().map(|fit| paragraph(fit, colour)).collect()
}

fn paragraph(fit: &Fit, colour: Colour) -> String {
    let name = colour.paint(Style::new().bold(), &format!("{}/{}", fit.suite, fit.scenario));
    match &fit.found {
        Ok(found) => {
            let fits = colour.paint(AnsiColor::Green.on_default(), "fits");
            let lines: String = lines(fit.by, found).iter().map(|line| format!("  {line}\n")).collect();
            format!("\n{fits}  {name} in {}\n{lines}", exact(found.fits))
        }
        Err(failure) => {
            let text: String = failure.to_string().lines().map(|line| format!("  {line}\n")).collect();
            format!("\n{}  {name}\n{text}", colour.verdict(Verdict::Failed))
        }
    }
}

fn lines(by: Enforcer, found: &Found) -> Vec<String> {
    let of = match by {
        Enforcer::Kernel => "enforced by the kernel: heap, stacks, C libraries, files that are read",
        Enforcer::Allocator => "enforced by the allocator: requested bytes of the Rust heap alone",
    };
    let times = if found.runs == 1 { "once".to_owned() } else { format!("{} times", found.runs) };
    let fails = match found.fails {
        Some(fails) => format!("completed {times} under that, and not under {}", exact(fails)),
        None => format!("completed {times} under that; nothing smaller was tried"),
    };
    let resident = found.resident.map(|resident| format!(", {resident} resident")).unwrap_or_default();
    vec![
        of.to_owned(),
        fails,
        format!("without a limit: {} of heap at the most{resident}", found.heap),
        format!(
            "suggested container: request {}, limit {} ({} % headroom)",
            quantity(found.suggested_request(by)),
            quantity(found.suggested_limit(by)),
            Found::HEADROOM_PERCENT
        ),
    ]
}

/// Whole MiB without decimals: a limit is what somebody writes down.
fn exact(bytes: Bytes) -> String {
    if bytes.0.is_multiple_of(1 << 20) { format!("{} MiB", bytes.0 >> 20) } else { format!("{bytes} ({} B)", bytes.0) }
}

/// As Kubernetes and Docker read it.
fn quantity(bytes: Bytes) -> String {
    format!("{}Mi", bytes.0 >> 20)
}

#[cfg(test)]
mod tests {
    use highwater_model::{Cause, Failure};

    use super::*;

    #[test]
    fn a_fit_tells_limit_certainty_and_container() {
        let found = Found {
            fits: Bytes::mib(27),
            fails: Some(Bytes::mib(26)),
            runs: 3,
            heap: Bytes(10_322_776),
            resident: Some(Bytes(25_000_000)),
        };
        let fit = |by, found| Fit { suite: "ats-sync".into(), scenario: "paged".into(), by, found };
        let fits =
            [fit(Enforcer::Kernel, Ok(found)), fit(Enforcer::Kernel, Err(Failure::before_the_run(Cause::NoMessage)))];
        assert_eq!(
            fit_report(&fits, Colour::Never),
            "
fits  ats-sync/paged in 27 MiB
  enforced by the kernel: heap, stacks, C libraries, files that are read
  completed 3 times under that, and not under 26 MiB
  without a limit: 9.8 MiB of heap at the most, 23.8 MiB resident
  suggested container: request 27Mi, limit 34Mi (25 % headroom)

failed  ats-sync/paged
  the child exited with code 0 and left no message: something in the workload ended the process
"
        );
        let alone =
            fit_report(&[fit(Enforcer::Allocator, Ok(Found { fits: Bytes(10_322_776), ..found }))], Colour::Never);
        assert!(alone.contains("in 9.8 MiB (10322776 B)") && alone.contains("heap alone"), "{alone}");
    }
}
