//! What a site is matched by between a baseline and now. How sites are compared is left to `diff`.
//!
//! # What is used, and why
//!
//! - The functions of the user's own code on the way to the allocation, from the outermost to the innermost. They are what an author
//!   knows and names. Which functions the compiler inlined makes no difference, because the debug information names them all.
//! - The first function outside that code which the innermost of them calls: `Vec::push` and `serde_json::from_slice` in one
//!   function are two sites. It is a public function, named as long as its caller is not changed; what it does inside is its
//!   author's business and changes with its version, so nothing further in is used.
//! - No line numbers, which shift with every edit above; no addresses.
//! - No closure or async body apart from its function: the compiler numbers them in order, so that a new one renames all that
//!   follow, and the legacy mangling does not tell them apart at all.
//! - No type arguments: a changed type is no other site.
//! - Not a program's `main`, which is below every stack of its thread; dhat leaves it out or not by what was inlined.
//! - Each function once, so that the depth of a recursion makes no difference.
//!
//! Several stacks with one identity are one site; their amounts are added.
//!
//! A renamed function is another site. No profile shows a function that ended by calling the next one in its place (a tail call),
//! nor which of several functions with the same instructions it was, where LLVM has made one of them.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::Frame;
use crate::workspace::Origin;

/// What a site is matched by. As text it is `worker::run > worker::sync -> alloc::vec::Vec::push`: own functions from the outside
/// in, then what the last of them calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Identity {
    /// The functions of the user's own code, innermost first, each once.
    pub callers: Vec<String>,
    /// The first function outside that code that the innermost calls. For a stack without own code it is the innermost function of
    /// a dependency that is named.
    pub calls: Option<String>,
}

impl Identity {
    /// Stands for a stack of which no function is known.
    pub const UNKNOWN: &str = "(no function is known)";

    /// The identity of a stack's trimmed frames, innermost first.
    pub(crate) fn of(frames: &[Arc<Frame>]) -> Self {
        let first_own = frames.iter().position(|frame| frame.origin == Origin::Own);
        let (outside, inside) = frames.split_at(first_own.unwrap_or(frames.len()));
        let mut callers: Vec<String> = Vec::new();
        for frame in inside.iter().filter(|frame| frame.origin == Origin::Own) {
            if !callers.contains(&frame.path) {
                callers.push(frame.path.clone());
            }
        }
        if callers.len() > 1 && callers.last().is_some_and(|outermost| is_main(outermost)) {
            callers.pop();
        }
        let calls = match first_own {
            Some(_) => outside.last(),
            None => outside.iter().find(|frame| frame.origin == Origin::Dependency).or(outside.first()),
        };
        Self { callers, calls: calls.map(|frame| frame.path.clone()) }
    }

    /// How many functions stand in one and not in the other, when they can be the same site before and after an edit: a function
    /// was extracted or merged, or the stack was cut off elsewhere. The order of the others must be the same, what is called too,
    /// and the larger part of the functions must be in both.
    pub(crate) fn distance(&self, other: &Self) -> Option<usize> {
        let (fewer, more) = if self.callers.len() <= other.callers.len() { (self, other) } else { (other, self) };
        let mut rest = more.callers.iter();
        let contained = fewer.callers.iter().all(|function| rest.any(|other| other == function));
        let distance = more.callers.len() - fewer.callers.len();
        (self.calls == other.calls && contained && distance < fewer.callers.len().max(2) && !fewer.callers.is_empty())
            .then_some(distance)
    }
}

/// Whether it is the `main` at the root of a crate.
fn is_main(path: &str) -> bool {
    path.split_once("::").is_some_and(|(_, function)| function == "main")
}

/// Stands between own functions.
const INWARD: &str = " > ";

/// Stands before what is called outside of them.
const OUTWARD: &str = "-> ";

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, function) in self.callers.iter().rev().enumerate() {
            let separator = if index == 0 { "" } else { INWARD };
            write!(formatter, "{separator}{function}")?;
        }
        match &self.calls {
            Some(function) if self.callers.is_empty() => write!(formatter, "{OUTWARD}{function}"),
            Some(function) => write!(formatter, " {OUTWARD}{function}"),
            None if self.callers.is_empty() => formatter.write_str(Self::UNKNOWN),
            None => Ok(()),
        }
    }
}

impl FromStr for Identity {
    type Err = Infallible;

    /// Reads what [`Display`](fmt::Display) wrote. Paths hold no blanks, so that every text has one reading.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (callers, calls) = match text.split_once(OUTWARD) {
            Some((callers, calls)) => (callers.trim_end(), Some(calls.to_owned())),
            None => (text, None),
        };
        let callers = callers.split(INWARD).filter(|function| !function.is_empty() && !function.contains(' '));
        let mut callers: Vec<String> = callers.map(str::to_owned).collect();
        callers.reverse();
        Ok(Self { callers, calls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::profile;

    fn identity(text: &str) -> Identity {
        text.parse().unwrap()
    }

    #[test]
    fn main_is_no_part_unless_there_is_no_other() {
        let check = |stack: &str, expected: &str| {
            let profile = profile(&[(stack, 1, 1)]);
            assert_eq!(profile.sites()[0].identity.to_string(), expected);
        };
        check("worker::sync worker::run worker::main", "worker::run > worker::sync");
        check("worker::sync worker::cli::main", "worker::cli::main > worker::sync");
        check("alloc::vec::Vec<T,A>::push worker::main", "worker::main -> alloc::vec::Vec::push");
        check("worker::sync worker::main worker::outer", "worker::outer > worker::main > worker::sync");
    }

    #[test]
    fn what_is_called_is_the_first_function_outside() {
        let check = |stack: &str, expected: &str| {
            let profile = profile(&[(stack, 1, 1)]);
            assert_eq!(profile.sites()[0].identity.to_string(), expected);
        };
        check(
            "core::slice::f serde_json::read serde_json::from_str worker::run",
            "worker::run -> serde_json::from_str",
        );
        check("worker::visit serde_json::from_str worker::run", "worker::run > worker::visit");
        check("core::slice::f serde_json::read serde_json::from_str", "-> serde_json::read");
        check(
            "worker::walk worker::step worker::walk worker::step worker::run",
            "worker::run > worker::step > worker::walk",
        );
    }

    #[test]
    fn an_identity_survives_its_text() {
        for text in [
            "worker::run > worker::sync -> alloc::vec::Vec::push",
            "worker::run",
            "-> hyper::proto::h1::conn::Conn::new",
            "(no function is known)",
        ] {
            assert_eq!(identity(text).to_string(), text);
        }
        assert_eq!(identity("a > b -> c").callers, ["b", "a"]);
    }

    #[test]
    fn an_extracted_function_is_a_small_distance() {
        let check = |then: &str, now: &str, distance: Option<usize>| {
            assert_eq!(identity(then).distance(&identity(now)), distance, "{then} | {now}");
            assert_eq!(identity(now).distance(&identity(then)), distance, "{now} | {then}");
        };
        check("main > run > sync -> push", "main > run > sync -> push", Some(0));
        check("main > run > sync -> push", "main > run > sync > page -> push", Some(1));
        check("main > run > sync -> push", "main > retried > run > sync -> push", Some(1));
        check("main > run > sync -> push", "run > sync -> push", Some(1));
        check("run -> push", "run > page -> push", Some(1));
        check("main > run > sync -> push", "main > run > sync -> insert", None);
        check("main > run > sync -> push", "main > sync > run > page -> push", None);
        check("main > run > sync -> push", "main > run > store -> push", None);
        check("main -> push", "main > run > sync > page -> push", None);
        check("-> push", "main -> push", None);
    }
}
