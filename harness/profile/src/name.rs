//! What a function is called: a symbol, mangled or not, read into the path that identifies it and the name that an author would give
//! it. Whose function it is, is left to `workspace`.
//!
//! Both manglings are read as rustc-demangle prints them: the legacy one, which knows no type arguments
//! (`<worker::Row as core::clone::Clone>::clone`, `worker::sync::{{closure}}`), and v0, which does (`worker::load::<u64>`,
//! `worker::sync::{closure#0}`), with the names that DWARF gives to async bodies (`worker::sync::{async_fn_env#0}`).

/// A function's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// Without type arguments, closures and numbers, and with the type in place of its `impl`: `worker::Cache::insert`. It stays the
    /// same when another closure is added or the type arguments change.
    pub(crate) path: String,
    /// The path with short type arguments where the symbol has them: `worker::Cache::insert<Row>`.
    pub(crate) shown: String,
    /// The crates in which the code can be: one, or for a function of a trait's `impl` the type's and the trait's.
    pub(crate) crates: Vec<String>,
    /// What kind of function it is, as far as the symbol says.
    pub(crate) body: Body,
    /// Whether the symbol had no path, so that it has that of the file's module.
    pub(crate) of_file: bool,
}

/// What kind of function a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Body {
    #[default]
    Function,
    /// A closure, or an async body: their symbols are alike.
    Closure,
    /// The body of an async function or block.
    Async,
}

impl Name {
    /// Reads a symbol. What has no form of Rust's is its own path.
    pub(crate) fn parse(symbol: &str) -> Self {
        let text = demangle(symbol);
        let mut reader = PathReader::default();
        reader.read(&text, 0);
        let PathReader { mut path, mut shown, mut crates, body } = reader;
        // A closure or async body may have no name but that: see `within`.
        if path.iter().all(String::is_empty) && body == Body::Function {
            path = vec![text.split_whitespace().collect()];
            crates.clone_from(&path);
            shown = vec![text];
        }
        if crates.is_empty() {
            crates.extend(path.first().cloned());
        }
        Self { path: path.join("::"), shown: shown.join("::"), crates, body, of_file: false }
    }

    /// Whether the symbol says where the function is. Debug information of line tables only says no more than `insert<u64>` or
    /// `{async_fn#0}`.
    pub(crate) fn has_path(&self) -> bool {
        self.path.contains("::")
    }

    /// The same function in the module that a file is.
    pub(crate) fn within(&self, module: &str) -> Self {
        let join = |name: &str| if name.is_empty() { module.to_owned() } else { format!("{module}::{name}") };
        let krate = module.split("::").next().unwrap_or_default().to_owned();
        Self { path: join(&self.path), shown: join(&self.shown), crates: vec![krate], body: self.body, of_file: true }
    }

    /// The last part of the path: `insert`.
    pub(crate) fn last(&self) -> &str {
        self.path.rsplit("::").next().unwrap_or_default()
    }
}

/// The demangled symbol without the hash at its end.
fn demangle(symbol: &str) -> String {
    let mut text = format!("{:#}", rustc_demangle::demangle(symbol));
    // A symbol that somebody else has demangled, with its hash.
    if let Some((path, hash)) = text.rsplit_once("::h")
        && hash.len() == 16
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        text.truncate(path.len());
    }
    text
}

/// How deep types may be nested in types before they are left out: no name that a person wrote is deeper.
const DEEPEST: usize = 16;

/// Longer type arguments are left out.
const LONGEST_ARGUMENTS: usize = 32;

/// Collects the parts of a name from left to right.
#[derive(Default)]
struct PathReader {
    path: Vec<String>,
    shown: Vec<String>,
    crates: Vec<String>,
    body: Body,
}

impl PathReader {
    fn read(&mut self, text: &str, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        for (index, part) in split_outside(text, "::").into_iter().enumerate() {
            match part.as_bytes().first() {
                None => {}
                Some(b'{') => self.mark(part),
                Some(b'<') => {
                    let inner = part.strip_suffix('>').unwrap_or(part)[1..].trim();
                    if index == 0 || inner.starts_with("impl ") {
                        self.qualify(inner, depth);
                    } else if let Some(last) = self.shown.last_mut() {
                        last.push_str(&short_arguments(inner, depth));
                    }
                }
                Some(_) => self.push(part, depth),
            }
        }
    }

    /// A part that is named: `Cache<K,V>`.
    fn push(&mut self, part: &str, depth: usize) {
        let (name, arguments) = part.split_once('<').unwrap_or((part, ""));
        let arguments = arguments.strip_suffix('>').unwrap_or(arguments);
        // A crate's number, where somebody demangled with hashes: `worker[5224e6b81cd82a8f]`.
        let name = name.split_once('[').map_or(name, |(name, _)| name);
        self.path.push(name.split_whitespace().collect());
        self.shown.push(format!("{name}{}", short_arguments(arguments, depth)));
        self.body = Body::Function;
    }

    /// A part that the compiler named: `{closure#0}`, `{{closure}}`, `{async_fn_env#0}`, `{impl#3}`.
    fn mark(&mut self, part: &str) {
        if part.contains("async") || part.contains("coroutine") {
            self.body = Body::Async;
        } else if part.contains("closure") {
            self.body = Body::Closure;
        }
    }

    /// The type and trait of an `impl`: `worker::Row as core::clone::Clone`, `impl core::clone::Clone for worker::Row`,
    /// `impl worker::Row`. What was read before was only where the `impl` stands.
    fn qualify(&mut self, inner: &str, depth: usize) {
        let (subject, of_trait) = match inner.strip_prefix("impl ") {
            Some(inner) => match split_outside(inner, " for ")[..] {
                [of_trait, subject] => (subject, Some(of_trait)),
                _ => (inner, None),
            },
            None => match split_outside(inner, " as ")[..] {
                [subject, of_trait] => (subject, Some(of_trait)),
                _ => (inner, None),
            },
        };
        let subject = bare(subject);
        let of_trait = of_trait.map(|of_trait| Self::of(of_trait, depth));
        // The call of a closure through `FnOnce` is a shim of the compiler's, whoever wrote the closure.
        let shim = of_trait.as_ref().is_some_and(|of_trait| of_trait.path.iter().take(3).eq(FUNCTION_TRAITS));
        let home = if is_path(subject) && !shim { Some(Self::of(subject, depth)) } else { None };
        match (home, of_trait) {
            (Some(home), of_trait) => {
                self.crates = home
                    .path
                    .first()
                    .into_iter()
                    .chain(of_trait.iter().flat_map(|t| t.path.first()))
                    .cloned()
                    .collect();
                (self.path, self.shown) = (home.path, home.shown);
            }
            (None, Some(of_trait)) => (self.path, self.shown) = (of_trait.path, of_trait.shown),
            // Only the standard library implements for a slice or a number; the legacy mangling says in which module.
            (None, None) if self.path.is_empty() => {
                let name = if subject.starts_with('[') { "slice" } else { subject };
                (self.path, self.shown) = (vec![name.to_owned()], vec![name.to_owned()]);
                self.crates = vec!["core".to_owned()];
            }
            (None, None) => {}
        }
    }

    fn of(text: &str, depth: usize) -> Self {
        let mut reader = Self::default();
        reader.read(bare(text), depth + 1);
        reader
    }
}

const FUNCTION_TRAITS: [&str; 3] = ["core", "ops", "function"];

/// Without references, pointers, `dyn`, lifetimes and further bounds: `&mut dyn worker::Store + Send` is `worker::Store`.
fn bare(text: &str) -> &str {
    let mut text = split_outside(text, " + ")[0].trim();
    loop {
        let stripped = text.strip_prefix(['&', '(']).map(|rest| rest.strip_suffix(')').unwrap_or(rest));
        let stripped = match stripped {
            // A tuple stays one.
            Some(rest) if text.starts_with('(') && split_outside(rest, ",").len() > 1 => None,
            other => other,
        };
        let keyword = ["mut ", "dyn ", "*const ", "*mut "].iter().find_map(|keyword| text.strip_prefix(keyword));
        let lifetime = || text.strip_prefix('\'')?.split_once(' ').map(|(_, rest)| rest);
        match stripped.or(keyword).or_else(lifetime) {
            Some(rest) => text = rest.trim(),
            None => return text,
        }
    }
}

/// Whether it names a type by its path, and not a slice, a tuple, a function pointer, a number or a parameter such as `T`.
fn is_path(text: &str) -> bool {
    let function_pointer = split_outside(text, "fn(").len() > 1;
    !text.starts_with(['[', '(']) && !function_pointer && split_outside(text, "::").len() > 1
}

/// The last parts of type arguments, such as `<Row, u64>`; nothing for parameters that the symbol does not resolve, such as `K,V`.
fn short_arguments(arguments: &str, depth: usize) -> String {
    let arguments: Vec<_> =
        split_outside(arguments, ",").into_iter().map(bare).filter(|argument| !argument.is_empty()).collect();
    if depth > DEEPEST || arguments.iter().all(|argument| is_parameter(argument)) {
        return String::new();
    }
    let short = |argument: &&str| {
        if argument.starts_with(['[', '(', '{']) || argument.contains("fn(") {
            return "_".to_owned();
        }
        PathReader::of(argument, depth).shown.pop().unwrap_or_else(|| "_".to_owned())
    };
    let text = format!("<{}>", arguments.iter().map(short).collect::<Vec<_>>().join(", "));
    if text.len() > LONGEST_ARGUMENTS { "<_>".to_owned() } else { text }
}

/// `T`, `K2`, `_`, `'a`.
fn is_parameter(text: &str) -> bool {
    let mut characters = text.chars();
    let first = characters.next().unwrap_or('_');
    first == '\'' || first == '_' || first.is_ascii_uppercase() && characters.all(|c| c.is_ascii_digit())
}

/// The parts of `text` between separators that stand in no bracket.
fn split_outside<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let bytes = text.as_bytes();
    let (mut parts, mut start, mut open, mut i) = (Vec::new(), 0, 0_usize, 0);
    while i < bytes.len() {
        match bytes[i] {
            b'<' | b'(' | b'[' | b'{' => open += 1,
            b'>' if i > 0 && bytes[i - 1] == b'-' => {}
            b'>' | b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ if open == 0 && bytes[i..].starts_with(separator.as_bytes()) => {
                parts.push(&text[start..i]);
                i += separator.len();
                start = i;
                continue;
            }
            _ => {}
        }
        i += 1;
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(symbol: &str, path: &str, shown: &str, crates: &[&str], body: Body) {
        let name = Name::parse(symbol);
        assert_eq!((name.path.as_str(), name.shown.as_str(), name.body), (path, shown, body), "{symbol}");
        assert_eq!(name.crates, crates, "{symbol}");
    }

    #[test]
    fn a_mangled_symbol_loses_its_hash() {
        check("_ZN6worker4sync17h05af221e174051e9E", "worker::sync", "worker::sync", &["worker"], Body::Function);
        check("worker::sync::h05af221e174051e9", "worker::sync", "worker::sync", &["worker"], Body::Function);
        check("_RNCNvC6worker4sync0", "worker::sync", "worker::sync", &["worker"], Body::Closure);
    }

    #[test]
    fn closures_and_async_bodies_are_their_function_s() {
        let closure = |symbol| check(symbol, "worker::sync", "worker::sync", &["worker"], Body::Closure);
        closure("worker::sync::{{closure}}");
        closure("worker::sync::{closure#0}");
        closure("worker::sync::{closure#12}::{closure#1}");
        closure("worker::sync::{async_fn#0}::{closure#0}");
        let body = |symbol| check(symbol, "worker::sync", "worker::sync", &["worker"], Body::Async);
        body("worker::sync::{async_fn_env#0}");
        body("worker::sync::{async_block#2}");
        body("worker::sync::{closure#0}::{async_block_env#0}");
        check(
            "worker::sync::{{closure}}::helper",
            "worker::sync::helper",
            "worker::sync::helper",
            &["worker"],
            Body::Function,
        );
    }

    #[test]
    fn type_arguments_are_short_where_they_are_known_and_no_part_of_the_path() {
        let check = |symbol: &str, path: &str, shown: &str| {
            let name = Name::parse(symbol);
            assert_eq!((name.path.as_str(), name.shown.as_str()), (path, shown), "{symbol}");
        };
        check("worker::load::<u64>", "worker::load", "worker::load<u64>");
        check("worker::load::<worker::row::Row, 4usize>", "worker::load", "worker::load<Row, 4usize>");
        check("worker::load::<[u8; 4]>", "worker::load", "worker::load<_>");
        check("worker::load::<fn(u8) -> worker::Row>", "worker::load", "worker::load<_>");
        check("worker::load::<&mut dyn worker::Store + core::marker::Send>", "worker::load", "worker::load<Store>");
        check("worker::load::<worker::sync::{closure#0}>", "worker::load", "worker::load<sync>");
        check("worker::Cache<K,V>::insert", "worker::Cache::insert", "worker::Cache::insert");
        check("<worker::Cache<u64, worker::Row>>::insert", "worker::Cache::insert", "worker::Cache<u64, Row>::insert");
        check(
            "<alloc::vec::Vec<alloc::vec::Vec<worker::Row>>>::push",
            "alloc::vec::Vec::push",
            "alloc::vec::Vec<Vec<Row>>::push",
        );
        check(
            "worker::load::<alloc::collections::BTreeMap<worker::AVeryLongName, worker::AnotherLongName>>",
            "worker::load",
            "worker::load<_>",
        );
    }

    #[test]
    fn an_impl_is_named_by_its_type() {
        let check = |symbol: &str, path: &str, crates: &[&str]| check(symbol, path, path, crates, Body::Function);
        check("<worker::Row as core::clone::Clone>::clone", "worker::Row::clone", &["worker", "core"]);
        check("worker::row::<impl worker::Row>::new", "worker::Row::new", &["worker"]);
        check("worker::row::<impl core::fmt::Debug for worker::Row>::fmt", "worker::Row::fmt", &["worker", "core"]);
        check("worker::row::{impl#3}::new", "worker::row::new", &["worker"]);
        check(
            "<worker::_::<impl serde::de::Deserialize for worker::Row>::deserialize::__Visitor as serde::de::Visitor>::visit_map",
            "worker::Row::deserialize::__Visitor::visit_map",
            &["worker", "serde"],
        );
        check(
            "<<worker::Row as serde::de::Deserialize>::deserialize::__Visitor as serde::de::Visitor>::visit_map",
            "worker::Row::deserialize::__Visitor::visit_map",
            &["worker", "serde"],
        );
        check("<alloc::vec::Vec<T> as worker::Extra>::extra", "alloc::vec::Vec::extra", &["alloc", "worker"]);
        check("<dyn worker::Store>::save", "worker::Store::save", &["worker"]);
    }

    #[test]
    fn an_impl_for_any_type_is_named_by_its_trait() {
        let check = |symbol: &str, path: &str, krate: &str| check(symbol, path, path, &[krate], Body::Function);
        check("<T as core::convert::Into<U>>::into", "core::convert::Into::into", "core");
        check("<&mut F as worker::Call>::call", "worker::Call::call", "worker");
        check("<[T] as worker::Pages>::pages", "worker::Pages::pages", "worker");
        check("<(A, B) as worker::Pages>::pages", "worker::Pages::pages", "worker");
        check("<extern \"C\" fn(u8) -> std::path::Path as worker::Pages>::pages", "worker::Pages::pages", "worker");
        check("<for<'a> fn(&'a u8) as worker::Pages>::pages", "worker::Pages::pages", "worker");
        check("alloc::slice::<impl [T]>::to_vec", "alloc::slice::to_vec", "alloc");
        check("<[u8]>::to_vec", "slice::to_vec", "core");
        check("<str>::to_owned", "str::to_owned", "core");
        check(
            "<worker::sync::{closure#0} as core::ops::function::FnOnce<()>>::call_once::{shim:vtable#0}",
            "core::ops::function::FnOnce::call_once",
            "core",
        );
    }

    #[test]
    fn a_name_without_a_path_gets_that_of_a_module() {
        let check = |symbol: &str, path: &str, shown: &str, body: Body| {
            let name = Name::parse(symbol);
            assert!(!name.has_path(), "{symbol}");
            let name = name.within("worker::store");
            assert_eq!((name.path.as_str(), name.shown.as_str(), name.body), (path, shown, body), "{symbol}");
            assert_eq!(name.crates, ["worker"]);
        };
        check("insert<u64, worker::Row>", "worker::store::insert", "worker::store::insert<u64, Row>", Body::Function);
        check("{async_fn#0}", "worker::store", "worker::store", Body::Async);
        check("{closure#1}<u8>", "worker::store", "worker::store", Body::Closure);
    }

    #[test]
    fn what_is_no_rust_name_is_its_own_path() {
        check("malloc", "malloc", "malloc", &["malloc"], Body::Function);
        check("", "", "", &[""], Body::Function);
        check("<", "<", "<", &["<"], Body::Function);
        check(
            "operator new(unsigned long)",
            "operatornew(unsignedlong)",
            "operator new(unsigned long)",
            &["operatornew(unsignedlong)"],
            Body::Function,
        );
    }

    #[test]
    fn a_name_of_any_depth_is_read() {
        let deep = format!("worker::load::<{}u8{}>", "alloc::vec::Vec<".repeat(5_000), ">".repeat(5_000));
        assert_eq!(Name::parse(&deep).path, "worker::load");
        let deep = format!("{}u8{}::f", "<".repeat(5_000), " as a::B>".repeat(5_000));
        assert_eq!(Name::parse(&deep).path, "a::B::f");
    }
}
