//! Which functions say nothing about why something was allocated: the table of them. How a stack is trimmed by it is left to
//! `normalise`.

/// The part that a function plays in a stack, other than an author's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trimmed {
    /// It is how every allocation is made: never shown.
    Allocator,
    /// It carries calls from one author's function to another: shown only where it is what an author's function called last.
    Plumbing,
}

/// Paths of functions; one that ends in `::` stands for all that begin with it. Functions of the standard library that are not
/// here are plumbing too.
const TABLE: &[(Trimmed, &str)] = &[
    // Allocators that count, and how they walk the stack.
    (Trimmed::Allocator, "dhat::"),
    (Trimmed::Allocator, "highwater_alloc::"),
    (Trimmed::Allocator, "stats_alloc::"),
    (Trimmed::Allocator, "backtrace::"),
    // What the compiler puts between `alloc::alloc` and the global allocator.
    (Trimmed::Allocator, "__rust_alloc"),
    (Trimmed::Allocator, "__rust_alloc_zeroed"),
    (Trimmed::Allocator, "__rust_realloc"),
    (Trimmed::Allocator, "__rg_alloc"),
    (Trimmed::Allocator, "__rg_alloc_zeroed"),
    (Trimmed::Allocator, "__rg_realloc"),
    (Trimmed::Allocator, "__rdl_alloc"),
    (Trimmed::Allocator, "__rdl_alloc_zeroed"),
    (Trimmed::Allocator, "__rdl_realloc"),
    (Trimmed::Allocator, "__rustc::"),
    // The standard library's way to the allocator: `Box` calls the first, `Vec` and `String` the second.
    (Trimmed::Allocator, "alloc::alloc::"),
    (Trimmed::Allocator, "alloc::raw_vec::"),
    (Trimmed::Allocator, "core::alloc::"),
    (Trimmed::Allocator, "std::alloc::"),
    (Trimmed::Allocator, "std::sys::alloc::"),
    (Trimmed::Allocator, "malloc"),
    (Trimmed::Allocator, "calloc"),
    (Trimmed::Allocator, "realloc"),
    (Trimmed::Allocator, "posix_memalign"),
    (Trimmed::Allocator, "aligned_alloc"),
    // Where processes and threads begin. std's own beginnings (`std::rt::lang_start`) are plumbing as all of std is.
    (Trimmed::Plumbing, "_start"),
    (Trimmed::Plumbing, "main"),
    (Trimmed::Plumbing, "__libc_start_main"),
    (Trimmed::Plumbing, "__libc_start_main_impl"),
    (Trimmed::Plumbing, "__libc_start_call_main"),
    (Trimmed::Plumbing, "start_thread"),
    (Trimmed::Plumbing, "clone"),
    (Trimmed::Plumbing, "clone3"),
    (Trimmed::Plumbing, "__clone3"),
    (Trimmed::Plumbing, "__rust_try"),
    // Test runners, and the harness that runs scenarios.
    (Trimmed::Plumbing, "libtest_mimic::"),
    (Trimmed::Plumbing, "highwater::"),
    // How runtimes poll.
    (Trimmed::Plumbing, "tokio::runtime::"),
    (Trimmed::Plumbing, "tokio::task::"),
    (Trimmed::Plumbing, "tokio::future::"),
    (Trimmed::Plumbing, "tokio::macros::"),
    (Trimmed::Plumbing, "tokio::loom::"),
    (Trimmed::Plumbing, "tokio::util::"),
    (Trimmed::Plumbing, "tokio::time::timeout::"),
    (Trimmed::Plumbing, "futures_core::"),
    (Trimmed::Plumbing, "futures_executor::"),
    (Trimmed::Plumbing, "futures_util::"),
    (Trimmed::Plumbing, "tracing::instrument::"),
    (Trimmed::Plumbing, "tracing::span::Span::in_scope"),
    // Work stealing.
    (Trimmed::Plumbing, "rayon::"),
    (Trimmed::Plumbing, "rayon_core::"),
];

/// The crates that come with the compiler. `test` is libtest.
const STANDARD: &[&str] =
    &["alloc", "core", "std", "proc_macro", "test", "compiler_builtins", "panic_unwind", "hashbrown", "std_detect"];

/// Whether a function is trimmed; `None` when it is an author's, in the user's own code or in a dependency.
pub(crate) fn trimmed(path: &str, crates: &[String]) -> Option<Trimmed> {
    let listed = TABLE.iter().find(|(_, pattern)| match pattern.strip_suffix("::") {
        Some(start) => path.strip_prefix(start).is_some_and(|rest| rest.starts_with("::")),
        None => path == *pattern,
    });
    match listed {
        Some((trimmed, _)) => Some(*trimmed),
        None if crates.iter().all(|krate| is_standard(krate)) => Some(Trimmed::Plumbing),
        None => None,
    }
}

/// Whether a crate comes with the compiler.
pub(crate) fn is_standard(krate: &str) -> bool {
    STANDARD.contains(&krate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    fn check(symbol: &str, expected: Option<Trimmed>) {
        let name = Name::parse(symbol);
        assert_eq!(trimmed(&name.path, &name.crates), expected, "{symbol}");
    }

    #[test]
    fn every_way_to_the_allocator_is_the_allocator_s() {
        for symbol in [
            "<dhat::Alloc as core::alloc::global::GlobalAlloc>::alloc",
            "<highwater_alloc::alloc::Alloc as core::alloc::global::GlobalAlloc>::realloc",
            "__rustc::__rust_alloc",
            "__rustc[5224e6b81cd82a8f]::__rg_alloc",
            "alloc::alloc::alloc",
            "<alloc::alloc::Global as core::alloc::Allocator>::allocate",
            "alloc::raw_vec::RawVec<T,A>::grow_one",
            "<alloc::raw_vec::RawVecInner>::finish_grow",
        ] {
            check(symbol, Some(Trimmed::Allocator));
        }
    }

    #[test]
    fn runtimes_test_runners_and_the_standard_library_are_plumbing() {
        for symbol in [
            "std::rt::lang_start::{{closure}}",
            "<alloc::boxed::Box<F,A> as core::ops::function::FnOnce<Args>>::call_once",
            "<core::pin::Pin<P> as core::future::future::Future>::poll",
            "tokio::runtime::task::core::Core<T,S>::poll",
            "tokio::runtime::context::runtime::enter_runtime",
            "test::run_test_in_process",
            "libtest_mimic::run",
            "highwater::drive::drive",
            "main",
            "alloc::vec::Vec<T,A>::push",
        ] {
            check(symbol, Some(Trimmed::Plumbing));
        }
    }

    #[test]
    fn what_an_author_wrote_stays() {
        for symbol in [
            "worker::main",
            "main::run",
            "dhat_viewer::open",
            "serde_json::de::from_slice",
            "tokio::sync::mpsc::bounded::Sender<T>::send",
            "<alloc::vec::Vec<T> as worker::Extra>::extra",
            "hyper::proto::h1::conn::Conn<I,B,T>::poll_read_head",
        ] {
            check(symbol, None);
        }
    }
}
