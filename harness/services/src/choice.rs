//! Which server a service is: code, then the variable with its URL, then `HIGHWATER_SERVICES`, then the embedded one.

use std::ffi::OsString;

use highwater::ServiceError;

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    Embedded,
    Local,
    Url(String),
}

/// What is chosen for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chosen {
    /// `Postgres`.
    pub(crate) server: &'static str,
    /// The variable that may hold the URL of one: `DATABASE_URL`.
    pub(crate) variable: &'static str,
}

impl Chosen {
    /// Decides by the environment of this process.
    pub(crate) fn by_environment(self, explicit: Option<&Choice>) -> Result<Choice, ServiceError> {
        self.choose(explicit, std::env::var_os(self.variable), std::env::var_os("HIGHWATER_SERVICES"))
    }

    /// Decides. The variables are given, so that tests need not change the environment; an empty one counts as unset.
    fn choose(
        self,
        explicit: Option<&Choice>,
        url: Option<OsString>,
        services: Option<OsString>,
    ) -> Result<Choice, ServiceError> {
        if let Some(choice) = explicit {
            return Ok(choice.clone());
        }
        if let Some(url) = self.text(self.variable, url)? {
            return Ok(Choice::Url(url));
        }
        match self.text("HIGHWATER_SERVICES", services)?.as_deref() {
            None | Some("embedded") => Ok(Choice::Embedded),
            Some("local") => Ok(Choice::Local),
            Some("docker") => Err(self.refused("HIGHWATER_SERVICES=docker is not supported by this version")),
            Some(other) => Err(self.refused(&format!("HIGHWATER_SERVICES={other} is not known"))),
        }
    }

    fn refused(self, cause: &str) -> ServiceError {
        ServiceError::new(format!("choose a {} server", self.server), cause).remedy(format!(
            "set HIGHWATER_SERVICES to embedded (the default) or local, or {} to the URL of a server",
            self.variable
        ))
    }

    fn text(self, name: &str, value: Option<OsString>) -> Result<Option<String>, ServiceError> {
        match value.map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Some(Err(_)) => Err(self.refused(&format!("{name} is not valid UTF-8"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHOSEN: Chosen = Chosen { server: "Postgres", variable: "DATABASE_URL" };

    #[test]
    fn the_first_that_says_something_decides() {
        let url = || Choice::Url("postgres://h/d".to_owned());
        let check = |explicit: Option<Choice>, database_url: Option<&str>, services: Option<&str>, expect: Choice| {
            let chosen =
                CHOSEN.choose(explicit.as_ref(), database_url.map(Into::into), services.map(Into::into)).unwrap();
            assert_eq!(chosen, expect, "{explicit:?} {database_url:?} {services:?}");
        };
        check(None, None, None, Choice::Embedded);
        check(None, None, Some("embedded"), Choice::Embedded);
        check(None, None, Some("local"), Choice::Local);
        check(None, Some("postgres://h/d"), Some("local"), url());
        check(None, Some("postgres://h/d"), Some("nonsense"), url());
        check(None, Some(""), Some(""), Choice::Embedded);
        check(Some(Choice::Local), Some("postgres://h/d"), None, Choice::Local);
    }

    #[test]
    fn an_unknown_value_is_an_error_that_lists_the_known_ones() {
        for value in ["docker", "Local", "redis"] {
            let error = CHOSEN.choose(None, None, Some(value.into())).unwrap_err().to_string();
            assert!(error.contains(value) && error.contains("embedded (the default) or local"), "{error}");
        }
    }
}
