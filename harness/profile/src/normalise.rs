//! From a recorded call stack to the functions that an author knows: named, told apart by whose they are, trimmed. The names are
//! `name`'s, the table of what is trimmed `trim`'s.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::dhat::ROOT;
use crate::name::{Body, Name};
use crate::trim::{Trimmed, trimmed};
use crate::workspace::{Origin, Workspace};
use crate::{RawFrame, RawStack};

/// A function in a call stack, as an author knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame {
    /// As it is shown: `worker::sync (async)`, `worker::Cache<u64, Row>::insert`.
    pub function: String,
    /// As it is matched: without type arguments and what kind of function it is.
    pub path: String,
    /// Whose it is.
    pub origin: Origin,
    /// The source file: relative to the workspace's root, or from the folder of its package on.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
}

impl Frame {
    /// Where it is: `src/sync.rs:42`.
    pub fn place(&self) -> Option<String> {
        let file = self.file.as_deref()?;
        Some(self.line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}")))
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.function)
    }
}

/// Names and trims stacks. What it has read once it keeps.
pub(crate) struct Normaliser<'a> {
    workspace: &'a Workspace,
    names: HashMap<String, Arc<Name>>,
    /// What is shown of a frame; nothing for one of the allocator's.
    frames: HashMap<(Arc<RawFrame>, Body), Option<Arc<Frame>>>,
    /// Whether the path of some function of the user's own is only that of its file.
    pub(crate) short_names: bool,
}

impl<'a> Normaliser<'a> {
    pub(crate) fn new(workspace: &'a Workspace) -> Self {
        Self { workspace, names: HashMap::new(), frames: HashMap::new(), short_names: false }
    }

    /// The functions of a stack that an author wrote, innermost first, before them what the first of them called of the standard
    /// library or a runtime. For a stack in which no author's function is, the innermost one.
    pub(crate) fn frames(&mut self, stack: &RawStack) -> Vec<Arc<Frame>> {
        let mut shown = self.shown(stack);
        let Some(first) = shown.iter().position(|frame| frame.origin != Origin::Plumbing) else {
            shown.truncate(1);
            return shown;
        };
        let authors = shown[first..].iter().filter(|frame| frame.origin != Origin::Plumbing);
        shown[..first].last().into_iter().chain(authors).cloned().collect()
    }

    /// All functions of a stack but the allocator's, innermost first.
    fn shown(&mut self, stack: &RawStack) -> Vec<Arc<Frame>> {
        let named = stack.frames.iter().filter_map(|frame| {
            let function = frame.function.as_deref().filter(|function| *function != ROOT)?;
            Some((frame, self.name(function, frame)))
        });
        let named: Vec<(&Arc<RawFrame>, Arc<Name>)> = named.collect();
        let mut shown = Vec::with_capacity(named.len());
        let mut caller: Option<(&Name, Body)> = None;
        // From the outside in: what a closure is shows by who calls it.
        for (frame, name) in named.iter().rev() {
            let body = body(name, caller);
            caller = Some((name, body));
            shown.extend(self.frame(frame, name, body));
        }
        shown.reverse();
        shown
    }

    fn name(&mut self, function: &str, frame: &RawFrame) -> Arc<Name> {
        let name = match self.names.get(function) {
            Some(name) => Arc::clone(name),
            None => {
                let name = Arc::new(Name::parse(function));
                self.names.insert(function.to_owned(), Arc::clone(&name));
                name
            }
        };
        // The allocator's entry points have no path, and the file in which the user declares an allocator.
        if name.has_path() || trimmed(&name.path, &name.crates) == Some(Trimmed::Allocator) {
            return name;
        }
        self.workspace.module(frame).map_or(name.clone(), |module| Arc::new(name.within(&module)))
    }

    fn frame(&mut self, frame: &Arc<RawFrame>, name: &Name, body: Body) -> Option<Arc<Frame>> {
        let workspace = self.workspace;
        let make = || {
            let (origin, file) = match trimmed(&name.path, &name.crates) {
                Some(Trimmed::Allocator) => return None,
                Some(Trimmed::Plumbing) => (Origin::Plumbing, workspace.file(frame)),
                // The folder's name, from which the crate's is guessed, may be another.
                None if name.of_file && workspace.holds(frame) => (Origin::Own, workspace.file(frame)),
                None => workspace.locate(frame, name),
            };
            self.short_names |= name.of_file && origin == Origin::Own;
            let kind = match body {
                Body::Function => "",
                Body::Closure => " (closure)",
                Body::Async => " (async)",
            };
            let function = format!("{}{kind}", name.shown);
            Some(Arc::new(Frame { function, path: name.path.clone(), origin, file, line: frame.line }))
        };
        self.frames.entry((Arc::clone(frame), body)).or_insert_with(make).clone()
    }
}

/// What kind of function it is, given who calls it.
///
/// The symbols of a closure and of an async body are alike (`worker::sync::{closure#0}`), but an async body is called by what polls
/// it: by a function called so, or by the async body of another function that awaits it.
fn body(name: &Name, caller: Option<(&Name, Body)>) -> Body {
    match (name.body, caller) {
        (Body::Closure, Some((caller, body))) if polls(caller) || body == Body::Async && caller.path != name.path => {
            Body::Async
        }
        (body, _) => body,
    }
}

fn polls(caller: &Name) -> bool {
    // `poll_fn` calls a closure and not a body.
    let last = caller.last();
    (last == "poll" || last == "block_on" || last.starts_with("poll_") || last.ends_with("_poll"))
        && !caller.path.starts_with("core::future::poll_fn::")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of a stack of these functions, innermost first, in a crate `worker`.
    fn check(functions: &[&str], expected: &[&str]) {
        let frame = |function: &&str| Arc::new(RawFrame { function: Some((*function).into()), file: None, line: None });
        let stack = RawStack { frames: functions.iter().map(frame).collect(), ..RawStack::default() };
        let workspace = Workspace::new("/w", ["worker"]);
        let frames = Normaliser::new(&workspace).frames(&stack);
        assert_eq!(frames.iter().map(|frame| frame.function.as_str()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn only_what_authors_wrote_and_what_they_called_last_is_shown() {
        check(
            &[
                "dhat::new_backtrace",
                "<dhat::Alloc as core::alloc::global::GlobalAlloc>::alloc",
                "__rustc::__rust_alloc",
                "alloc::alloc::Global::alloc_impl",
                "alloc::raw_vec::RawVecInner<A>::finish_grow",
                "alloc::raw_vec::RawVec<T,A>::grow_one",
                "alloc::vec::Vec<T,A>::push_mut",
                "alloc::vec::Vec<T,A>::push",
                "worker::keep",
                "worker::each::{{closure}}",
                "core::iter::traits::iterator::Iterator::for_each::call::{{closure}}",
                "core::iter::traits::iterator::Iterator::for_each",
                "worker::each",
                "serde_json::visit",
                "worker::main",
                "core::ops::function::FnOnce::call_once",
                "std::sys::backtrace::__rust_begin_short_backtrace",
                "std::rt::lang_start::{{closure}}",
                "std::rt::lang_start_internal",
                "main",
                "__libc_start_call_main",
                "_start",
            ],
            &[
                "alloc::vec::Vec::push",
                "worker::keep",
                "worker::each (closure)",
                "worker::each",
                "serde_json::visit",
                "worker::main",
            ],
        );
    }

    #[test]
    fn a_closure_that_is_polled_is_an_async_body() {
        check(
            &[
                "worker::page::{{closure}}::{{closure}}",
                "worker::page::{{closure}}",
                "worker::sync::{{closure}}",
                "<core::pin::Pin<P> as core::future::future::Future>::poll",
                "tokio::runtime::task::core::Core<T,S>::poll::{{closure}}",
                "std::thread::Builder::spawn_unchecked_::{{closure}}",
            ],
            &["worker::page (closure)", "worker::page (async)", "worker::sync (async)"],
        );
        check(
            &["worker::wait::{{closure}}", "<core::future::poll_fn::PollFn<F> as core::future::future::Future>::poll"],
            &["worker::wait (closure)"],
        );
    }

    #[test]
    fn a_spawned_task_is_named_by_what_was_called() {
        check(
            &[
                "tokio::runtime::task::core::Cell<T,S>::new",
                "tokio::task::spawn::spawn_inner",
                "tokio::task::spawn::spawn",
                "worker::start",
            ],
            &["tokio::task::spawn::spawn", "worker::start"],
        );
    }

    #[test]
    fn names_of_line_tables_only_get_the_modules_of_their_files() {
        let frame = |(function, file): (&str, &str)| {
            Arc::new(RawFrame { function: Some(function.into()), file: Some(file.into()), line: Some(3) })
        };
        let frames = [
            ("grow_one<u8, alloc::alloc::Global>", "/rustc/5980/library/alloc/src/raw_vec/mod.rs"),
            ("push<u8, alloc::alloc::Global>", "/rustc/5980/library/alloc/src/vec/mod.rs"),
            ("{async_fn#0}", "/w/job-worker/src/store.rs"),
            ("poll<worker::store::keep::{async_fn_env#0}>", "/c/registry/src/i/tokio-1.54.1/src/runtime/task/core.rs"),
            ("main", "/w/job-worker/src/main.rs"),
        ]
        .map(frame);
        let workspace = Workspace::new("/w", ["worker"]);
        let mut normaliser = Normaliser::new(&workspace);
        let frames = normaliser.frames(&RawStack { frames: frames.to_vec(), ..RawStack::default() });
        let shown: Vec<_> = frames.iter().map(|frame| (frame.function.as_str(), frame.origin)).collect();
        assert_eq!(
            shown,
            [
                ("alloc::vec::push<u8, Global>", Origin::Plumbing),
                ("job_worker::store (async)", Origin::Own),
                ("job_worker::main", Origin::Own)
            ]
        );
        assert!(normaliser.short_names);
    }

    #[test]
    fn a_stack_of_nobody_s_keeps_its_innermost_function() {
        check(
            &["alloc::alloc::alloc", "std::thread::Thread::new", "std::rt::lang_start"],
            &["std::thread::Thread::new"],
        );
        check(&["[root]"], &[]);
        check(&["alloc::alloc::alloc"], &[]);
    }
}
