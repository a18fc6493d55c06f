//! Configuration by environment variables: read, checked, and refused with the variable's name, what is wrong with it, and an example.
//! Which variables there are is the program's.

use std::env::{self, VarError};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

type Lookup<'a> = dyn Fn(&str) -> Result<String, VarError> + 'a;

/// Where variables are looked up: the environment, or a test's table.
pub struct Variables<'a>(Box<Lookup<'a>>);

impl fmt::Debug for Variables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variables").finish_non_exhaustive()
    }
}

/// A variable that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {problem} (example: {example})")]
pub struct VariableError {
    /// Its name.
    pub variable: &'static str,
    /// What is wrong with it.
    pub problem: String,
    /// What it may look like.
    pub example: &'static str,
}

impl<'a> Variables<'a> {
    /// The environment of this process.
    pub fn of_environment() -> Self {
        Self(Box::new(|name| env::var(name)))
    }

    /// What this function finds; `None` counts as not set.
    pub fn of(lookup: impl Fn(&str) -> Option<String> + 'a) -> Self {
        Self(Box::new(move |name| lookup(name).ok_or(VarError::NotPresent)))
    }

    /// Reads a variable that may be missing, as which one set to nothing counts.
    ///
    /// # Errors
    /// [`VariableError`] with what `parse` says is wrong, or when it is not text.
    pub fn read<T>(
        &self,
        variable: &'static str,
        example: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, VariableError> {
        let wrong = |problem| VariableError { variable, problem, example };
        match (self.0)(variable) {
            Ok(value) if value.trim().is_empty() => Ok(None),
            Ok(value) => parse(value.trim()).map(Some).map_err(|problem| wrong(format!("is wrong: {problem}"))),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(wrong("is not valid UTF-8".to_owned())),
        }
    }

    /// Reads a variable that has to be there.
    ///
    /// # Errors
    /// [`VariableError`] as for [`Variables::read`], and when it is missing.
    pub fn need<T>(
        &self,
        variable: &'static str,
        example: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, VariableError> {
        let missing = || VariableError { variable, problem: "is not set".to_owned(), example };
        self.read(variable, example, parse)?.ok_or_else(missing)
    }
}

/// A whole number within the range, both ends included.
///
/// # Errors
/// What is wrong with the text.
pub fn whole<N: Copy + FromStr + PartialOrd + fmt::Display>(value: &str, from: N, to: N) -> Result<N, String> {
    match value.parse() {
        Ok(number) if from <= number && number <= to => Ok(number),
        _ => Err(format!("`{value}` is not a whole number from {from} to {to}")),
    }
}

/// An IP address with a port.
///
/// # Errors
/// What is wrong with the text.
pub fn address(value: &str) -> Result<SocketAddr, String> {
    value.parse().map_err(|_| format!("`{value}` is not an IP address with a port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_read_or_refused_with_its_name() {
        let check = |value: Option<&str>, expect: Result<Option<u8>, &str>| {
            let variables = Variables::of(|name| value.filter(|_| name == "LANES").map(str::to_owned));
            let read = variables.read("LANES", "4", |value| whole(value, 1, 9));
            assert_eq!(read.map_err(|error| error.to_string()), expect.map_err(str::to_owned), "{value:?}");
        };
        check(None, Ok(None));
        check(Some(" "), Ok(None));
        check(Some(" 4 "), Ok(Some(4)));
        check(Some("10"), Err("LANES is wrong: `10` is not a whole number from 1 to 9 (example: 4)"));
    }

    #[test]
    fn a_variable_that_is_needed_and_missing_is_named() {
        let missing = Variables::of(|_| None).need("LANES", "4", |value| whole(value, 1, 9)).map(|_: u8| ());
        assert_eq!(missing.map_err(|error| error.to_string()), Err("LANES is not set (example: 4)".to_owned()));
    }
}
