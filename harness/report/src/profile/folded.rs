//! Folded stacks: one line a stack, functions from the outside in with `;` between them, then bytes. Flamegraphs are drawn from them.
//!
//! The format is that of <https://github.com/brendangregg/FlameGraph>.

use std::collections::BTreeMap;

use highwater_model::SiteList;
use highwater_profile::{Identity, Measure, Profile};

/// The stacks of a profile and the bytes of each, in the order of their text. A stack without bytes has no line.
pub fn folded(profile: &Profile, measure: Measure) -> String {
    let mut lines: BTreeMap<String, i64> = BTreeMap::new();
    for stack in profile.stacks() {
        let functions = stack.frames.iter().rev().map(|frame| frame.function.as_str());
        *lines.entry(join(functions)).or_default() += measure.of(&stack.amounts).bytes;
    }
    let line = |(stack, bytes): (String, i64)| (bytes > 0).then(|| format!("{stack} {bytes}\n"));
    lines.into_iter().filter_map(line).collect()
}

/// The sites that a baseline lists and those of a profile, with the bytes of each then and now. Sites that the baseline does not list
/// and that hold no more than such a site can have held then are one line, as they are in the baseline.
pub fn differential_folded(then: &SiteList, now: &Profile, measure: Measure) -> String {
    let mut lines: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for (name, amount) in &then.sites {
        lines.entry(line_of(&parse(name))).or_default().0 += amount.bytes;
    }
    lines.entry(OTHERS.to_owned()).or_default().0 += then.rest.bytes;
    let at_most = then.unlisted_at_most();
    for site in now.sites() {
        let bytes = measure.of(&site.amounts).bytes;
        let listed = then.sites.contains_key(&site.identity.to_string());
        let line = if listed || bytes > at_most { line_of(&site.identity) } else { OTHERS.to_owned() };
        lines.entry(line).or_default().1 += bytes;
    }
    let line = |(stack, (then, now)): (String, (i64, i64))| {
        let (then, now) = (then.max(0), now.max(0));
        (then + now > 0).then(|| format!("{stack} {then} {now}\n"))
    };
    lines.into_iter().filter_map(line).collect()
}

/// Stands for the sites that are not told apart.
const OTHERS: &str = "(other sites)";

fn parse(name: &str) -> Identity {
    name.parse().unwrap_or_else(|never| match never {})
}

fn line_of(Identity { callers, calls }: &Identity) -> String {
    join(callers.iter().rev().chain(calls).map(String::as_str))
}

fn join<'a>(functions: impl Iterator<Item = &'a str>) -> String {
    let functions: Vec<_> = functions.map(|function| function.replace(';', ",")).collect();
    if functions.is_empty() { Identity::UNKNOWN.to_owned() } else { functions.join(";") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::example::profile;

    #[test]
    fn a_line_is_a_stack_from_the_outside_in_and_its_bytes() {
        let profile = profile(&[
            ("alloc::vec::Vec<T,A>::push worker::sync::{async_fn#0} worker::main", 700, 100),
            ("worker::sync worker::main", 300, 0),
            ("alloc::alloc::alloc", 50, 0),
        ]);
        assert_eq!(
            folded(&profile, Measure::Peak),
            "(no function is known) 50
worker::main;worker::sync 300
worker::main;worker::sync (async);alloc::vec::Vec::push 700
"
        );
        assert_eq!(
            folded(&profile, Measure::Retained),
            "worker::main;worker::sync (async);alloc::vec::Vec::push 100\n"
        );
    }

    #[test]
    fn a_differential_line_has_the_bytes_then_and_now() {
        let then = profile(&[("worker::sync worker::run", 300, 0), ("worker::old", 20, 0)]);
        let now = profile(&[("worker::sync worker::run", 500, 0), ("worker::new", 30, 0)]);
        assert_eq!(
            differential_folded(&then.top().peak, &now, Measure::Peak),
            "worker::new 0 30\nworker::old 20 0\nworker::run;worker::sync 300 500\n"
        );
    }

    #[test]
    fn sites_below_those_that_a_baseline_lists_are_one_line() {
        let names: Vec<String> = (0..12).map(|i| format!("worker::f{i:02}")).collect();
        let of = |least: i64| {
            let bytes = |i: usize| if i >= 10 { least } else { 1_000 };
            profile(&names.iter().enumerate().map(|(i, name)| (name.as_str(), bytes(i), 0)).collect::<Vec<_>>())
        };
        let text = differential_folded(&of(30).top().peak, &of(40), Measure::Peak);
        assert!(text.starts_with("(other sites) 60 80\nworker::f00 1000 1000\n"), "{text}");
        assert_eq!(text.lines().count(), 11);
    }
}
