//! Whose code a frame is, and where its file is below the workspace's root. No file is looked at.

use std::collections::BTreeSet;

use crate::RawFrame;
use crate::name::Name;
use crate::trim::is_standard;

/// What a profile needs to know of the user's workspace to tell the user's own code from others'.
///
/// A function is the user's own when its crate is one of the user's. Where the name alone leaves two crates open, as
/// `<worker::Row as core::clone::Clone>::clone` does, the path of its file decides: below the root, in the folder of a registry, or
/// in that of the standard library.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    root: String,
    own: BTreeSet<String>,
    files: Vec<String>,
}

/// Whose code a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The user's own.
    Own,
    /// A dependency's.
    Dependency,
    /// The standard library's or a runtime's.
    Plumbing,
}

/// What the path of a file says of whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Relative to the root; of a short path that several files end with, the short path.
    InWorkspace(String),
    /// From the folder of the package on.
    Dependency(String),
    /// From `library/` on.
    Standard(String),
    /// The path says nothing, or there is none.
    Unknown(Option<String>),
}

impl Place {
    fn file(self) -> Option<String> {
        match self {
            Self::InWorkspace(file) | Self::Dependency(file) | Self::Standard(file) => Some(file),
            Self::Unknown(file) => file,
        }
    }
}

impl Workspace {
    /// The workspace with this root and these crates of the user's own, by the names they have in symbols: a package `ats-sync` is
    /// `ats_sync`, a test target `memory` is `memory`.
    pub fn new(root: &str, own: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let root = root.replace('\\', "/").trim_end_matches('/').to_owned();
        Self { root, own: own.into_iter().map(|name| name.into().replace('-', "_")).collect(), files: Vec::new() }
    }

    /// Names the workspace's source files, relative to its root. dhat keeps the last three parts of a path only: with this list
    /// `wire/simple.rs` is completed, where one file ends so; without it the short path is what is shown.
    #[must_use]
    pub fn files(mut self, files: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.files = files.into_iter().map(|file| file.into().replace('\\', "/")).collect();
        self
    }

    /// Whose code a frame is that is neither the allocator's nor plumbing by its name, and its file as it is shown.
    pub(crate) fn locate(&self, frame: &RawFrame, name: &Name) -> (Origin, Option<String>) {
        let place = self.place(frame.file.as_deref());
        let (own, others): (Vec<&String>, Vec<&String>) =
            name.crates.iter().partition(|krate| self.own.contains(*krate));
        let written_by_the_user = match &place {
            _ if own.is_empty() => false,
            // Whatever the file: a macro of another's may be expanded here.
            _ if others.is_empty() => true,
            // A trait of another's for a type of the user's: implemented by the user, or once for all types by the other.
            Place::InWorkspace(_) => true,
            Place::Standard(_) | Place::Dependency(_) => false,
            Place::Unknown(file) => file.is_none() || self.files.is_empty(),
        };
        let origin = match &place {
            _ if written_by_the_user => Origin::Own,
            Place::Standard(_) => Origin::Plumbing,
            Place::Dependency(_) => Origin::Dependency,
            _ if others.iter().all(|krate| is_standard(krate)) => Origin::Plumbing,
            _ => Origin::Dependency,
        };
        (origin, place.file())
    }

    /// The module that a frame's file is, as far as the path says: `ats_sync::store` for `scenarios/ats-sync/src/store/mod.rs`. `None`
    /// for a file that is not Rust's.
    pub(crate) fn module(&self, frame: &RawFrame) -> Option<String> {
        let place = self.place(frame.file.as_deref());
        // The package at the root is in no folder of the path.
        let at_the_root = matches!(place, Place::InWorkspace(_)).then(|| self.root.rsplit('/').next()).flatten();
        let file = place.file()?;
        let parts: Vec<&str> = file.strip_suffix(".rs")?.split('/').collect();
        let (package, modules) = match parts.iter().rposition(|part| *part == "src") {
            Some(src) => (parts[..src].last().copied().or(at_the_root), &parts[src + 1..]),
            // A file in `tests` and its like is a crate of its own.
            None => (None, &parts[parts.len() - 1..]),
        };
        let (package, modules) = match modules {
            ["bin", modules @ ..] => (None, modules),
            modules => (package, modules),
        };
        let package = package.map(|package| without_version(package).replace('-', "_"));
        // The files that are named for their place and not for their module.
        let alone = package.is_none() && modules.len() == 1;
        let modules = modules.iter().filter(|module| alone || !["lib", "main", "mod"].contains(*module));
        let modules: Vec<String> = modules.map(|module| (*module).to_owned()).collect();
        Some(package.into_iter().chain(modules).collect::<Vec<_>>().join("::"))
    }

    /// Whether a file is below the root.
    pub(crate) fn holds(&self, frame: &RawFrame) -> bool {
        matches!(self.place(frame.file.as_deref()), Place::InWorkspace(_))
    }

    /// The file of any frame as it is shown.
    pub(crate) fn file(&self, frame: &RawFrame) -> Option<String> {
        self.place(frame.file.as_deref()).file()
    }

    fn place(&self, file: Option<&str>) -> Place {
        let Some(file) = file else { return Place::Unknown(None) };
        let file = file.replace('\\', "/");
        let after = |marker: &str| file.split_once(marker).map(|(_, rest)| rest.to_owned());
        // Below `lib/rustlib/src/rust/` on a machine that has the sources, below `rustc/<commit>/` in what is distributed.
        if let Some(rest) = after("/rustlib/src/rust/library/").or_else(|| {
            let rest = file.strip_prefix("/rustc/")?;
            rest.split_once("/library/").map(|(_, rest)| rest.to_owned())
        }) {
            return Place::Standard(format!("library/{rest}"));
        }
        // `registry/src/<index>/<package>/…` and `git/checkouts/<repository>/<revision>/…`.
        if let Some(rest) =
            after("/registry/src/").and_then(|rest| rest.split_once('/').map(|(_, rest)| rest.to_owned()))
        {
            return Place::Dependency(rest);
        }
        if let Some(rest) = after("/git/checkouts/") {
            return Place::Dependency(rest);
        }
        if let Some(rest) = file.strip_prefix(&self.root).and_then(|rest| rest.strip_prefix('/'))
            && !self.root.is_empty()
        {
            return Place::InWorkspace(rest.to_owned());
        }
        self.place_of_short(file)
    }

    /// A path of which only the end is known.
    fn place_of_short(&self, file: String) -> Place {
        let first = file.split('/').next().unwrap_or_default();
        if is_standard(first) && file[first.len()..].starts_with("/src/") {
            return Place::Standard(format!("library/{file}"));
        }
        if is_versioned(first) {
            return Place::Dependency(file);
        }
        let mut complete = self.files.iter().filter(|whole| {
            whole.strip_suffix(file.as_str()).is_some_and(|start| start.is_empty() || start.ends_with('/'))
                // The short path can begin above the root: `project/src/main.rs` of a project in a folder of that name.
                || (file.strip_suffix(whole.as_str()))
                    .and_then(|start| start.strip_suffix('/'))
                    .is_some_and(|start| self.root.ends_with(&format!("/{start}")))
        });
        match (complete.next(), complete.next()) {
            (Some(whole), None) => Place::InWorkspace(whole.clone()),
            (Some(_), Some(_)) => Place::InWorkspace(file),
            (None, _) => Place::Unknown(Some(file)),
        }
    }
}

/// Whether a folder is named as a registry names a package's: `serde_json-1.0.154`.
fn is_versioned(folder: &str) -> bool {
    without_version(folder).len() < folder.len()
}

/// The name of a package in a registry's folder: `serde_json` of `serde_json-1.0.154`.
fn without_version(folder: &str) -> &str {
    let version = folder.match_indices('-').find(|(at, _)| {
        let numbers: Vec<&str> = folder[at + 1..].splitn(3, '.').collect();
        numbers.len() == 3 && numbers.iter().all(|number| number.starts_with(|c: char| c.is_ascii_digit()))
    });
    &folder[..version.map_or(folder.len(), |(at, _)| at)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        Workspace::new("/home/ada/ats/", ["ats-sync", "memory"])
    }

    fn check(workspace: &Workspace, function: &str, file: &str, origin: Origin, shown: &str) {
        let frame = RawFrame { function: Some(function.into()), file: Some(file.into()), line: Some(7) };
        let located = workspace.locate(&frame, &Name::parse(function));
        assert_eq!(located, (origin, Some(shown.to_owned())), "{function} in {file}");
    }

    #[test]
    fn files_are_shown_without_what_differs_between_machines() {
        let check = |function, file, origin, shown| check(&workspace(), function, file, origin, shown);
        check("ats_sync::run", "/home/ada/ats/sync/src/run.rs", Origin::Own, "sync/src/run.rs");
        check(
            "serde_json::de::from_str",
            "/home/ada/.cargo/registry/src/index-1949cf8c6b5b557f/serde_json-1.0.154/src/de.rs",
            Origin::Dependency,
            "serde_json-1.0.154/src/de.rs",
        );
        check(
            "wire::read",
            "/home/ada/.cargo/git/checkouts/wire-52aa/9f1c/src/lib.rs",
            Origin::Dependency,
            "wire-52aa/9f1c/src/lib.rs",
        );
        check(
            "alloc::vec::Vec<T,A>::push",
            "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/alloc/src/vec/mod.rs",
            Origin::Plumbing,
            "library/alloc/src/vec/mod.rs",
        );
        check(
            "alloc::vec::Vec<T,A>::push",
            "/home/ada/.rustup/toolchains/stable/lib/rustlib/src/rust/library/alloc/src/vec/mod.rs",
            Origin::Plumbing,
            "library/alloc/src/vec/mod.rs",
        );
    }

    #[test]
    fn another_s_crate_below_the_root_is_a_dependency() {
        check(
            &workspace(),
            "wire::read",
            "/home/ada/ats/vendor/wire/src/lib.rs",
            Origin::Dependency,
            "vendor/wire/src/lib.rs",
        );
        check(&workspace(), "ats_sync_api::read", "/home/ada/ats/api/src/lib.rs", Origin::Dependency, "api/src/lib.rs");
    }

    #[test]
    fn where_a_name_leaves_two_crates_open_the_file_decides() {
        let check = |function, file, origin, shown| check(&workspace(), function, file, origin, shown);
        let clone = "<ats_sync::Row as core::clone::Clone>::clone";
        check(clone, "/home/ada/ats/sync/src/row.rs", Origin::Own, "sync/src/row.rs");
        let to_vec = "<ats_sync::Row as alloc::slice::ConvertVec>::to_vec";
        check(to_vec, "/rustc/5980/library/alloc/src/slice.rs", Origin::Plumbing, "library/alloc/src/slice.rs");
        let stream = "<ats_sync::Pages as futures::StreamExt>::next";
        check(stream, "/c/registry/src/i/futures-0.3.1/src/lib.rs", Origin::Dependency, "futures-0.3.1/src/lib.rs");
        check(
            "<alloc::vec::Vec<T> as ats_sync::Extra>::extra",
            "/home/ada/ats/sync/src/x.rs",
            Origin::Own,
            "sync/src/x.rs",
        );
        // A macro of another's, expanded in the user's function.
        check(
            "ats_sync::run",
            "/c/registry/src/i/anyhow-1.0.1/src/macros.rs",
            Origin::Own,
            "anyhow-1.0.1/src/macros.rs",
        );
    }

    #[test]
    fn a_short_path_is_completed_where_one_file_ends_so() {
        let workspace = workspace().files([
            "sync/src/wire/simple.rs",
            "sync/src/run.rs",
            "api/src/a/mod.rs",
            "sync/src/a/mod.rs",
            "build.rs",
        ]);
        let check = |function, file, origin, shown| check(&workspace, function, file, origin, shown);
        check("ats_sync::wire::read", "src/wire/simple.rs", Origin::Own, "sync/src/wire/simple.rs");
        check("ats_sync::run", "sync/src/run.rs", Origin::Own, "sync/src/run.rs");
        check("ats_sync::a::f", "src/a/mod.rs", Origin::Own, "src/a/mod.rs");
        check("ats_sync::build", "ada/ats/build.rs", Origin::Own, "build.rs");
        check("ats_sync::build", "other/build.rs", Origin::Own, "other/build.rs");
        check("ats_sync::run", "nc/src/run.rs", Origin::Own, "nc/src/run.rs");
        check(
            "serde_json::de::from_str",
            "serde_json-1.0.154/src/de.rs",
            Origin::Dependency,
            "serde_json-1.0.154/src/de.rs",
        );
        check("hyper::proto::h1::read", "proto/h1/conn.rs", Origin::Dependency, "proto/h1/conn.rs");
        check("core::iter::f", "core/src/iter.rs", Origin::Plumbing, "library/core/src/iter.rs");
        check(
            "<ats_sync::Row as alloc::slice::ConvertVec>::to_vec",
            "src/vec/mod.rs",
            Origin::Plumbing,
            "src/vec/mod.rs",
        );
        check("<ats_sync::Row as core::clone::Clone>::clone", "sync/src/run.rs", Origin::Own, "sync/src/run.rs");
    }

    #[test]
    fn a_file_says_its_module() {
        let check = |file: &str, module: Option<&str>| {
            let frame = RawFrame { file: Some(file.into()), ..RawFrame::default() };
            assert_eq!(workspace().module(&frame).as_deref(), module, "{file}");
        };
        check("/home/ada/ats/scenarios/ats-sync/src/store/mod.rs", Some("ats_sync::store"));
        check("/home/ada/ats/scenarios/ats-sync/src/lib.rs", Some("ats_sync"));
        check("/home/ada/ats/src/run.rs", Some("ats::run"));
        check("/home/ada/ats/sync/src/bin/once.rs", Some("once"));
        check("/home/ada/ats/sync/tests/memory.rs", Some("memory"));
        check("/c/registry/src/i/serde_json-1.0.154/src/de.rs", Some("serde_json::de"));
        check("/rustc/5980/library/alloc/src/raw_vec/mod.rs", Some("alloc::raw_vec"));
        check("src/vec/mod.rs", Some("vec"));
        check("../sysdeps/unix/sysv/linux/x86_64/clone3.S", None);
    }

    #[test]
    fn a_folder_with_a_version_is_a_package_of_a_registry() {
        for folder in ["serde_json-1.0.154", "tokio-1.54.1", "a-b-0.1.0-rc.1", "x-0.10.0+curl-8"] {
            assert!(is_versioned(folder), "{folder}");
        }
        for folder in ["ats-sync", "src", "v-1", "x-1.2", "x-1.2.y", "log-4.x.1"] {
            assert!(!is_versioned(folder), "{folder}");
        }
    }
}
