//! Which Postgres: code, then `DATABASE_URL`, then `HIGHWATER_SERVICES`, then the embedded one.

use std::ffi::OsString;

use highwater::ServiceError;

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    Embedded,
    Local,
    Url(String),
}

/// Decides. The variables are given, so that tests need not change the environment; an empty one counts as unset.
pub(super) fn choose(
    explicit: Option<&Choice>,
    database_url: Option<OsString>,
    services: Option<OsString>,
) -> Result<Choice, ServiceError> {
    if let Some(choice) = explicit {
        return Ok(choice.clone());
    }
    if let Some(url) = text("DATABASE_URL", database_url)? {
        return Ok(Choice::Url(url));
    }
    match text("HIGHWATER_SERVICES", services)?.as_deref() {
        None | Some("embedded") => Ok(Choice::Embedded),
        Some("local") => Ok(Choice::Local),
        Some("docker") => Err(refused("HIGHWATER_SERVICES=docker is not supported by this version")),
        Some(other) => Err(refused(&format!("HIGHWATER_SERVICES={other} is not known"))),
    }
}

fn refused(cause: &str) -> ServiceError {
    ServiceError::new("choose a Postgres server", cause)
        .remedy("set HIGHWATER_SERVICES to embedded (the default) or local, or DATABASE_URL to the URL of a server")
}

fn text(name: &str, value: Option<OsString>) -> Result<Option<String>, ServiceError> {
    match value.map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(Err(_)) => Err(refused(&format!("{name} is not valid UTF-8"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_says_something_decides() {
        let url = || Choice::Url("postgres://h/d".to_owned());
        let check = |explicit: Option<Choice>, database_url: Option<&str>, services: Option<&str>, expect: Choice| {
            let chosen = choose(explicit.as_ref(), database_url.map(Into::into), services.map(Into::into)).unwrap();
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
            let error = choose(None, None, Some(value.into())).unwrap_err().to_string();
            assert!(error.contains(value) && error.contains("embedded (the default) or local"), "{error}");
        }
    }
}
