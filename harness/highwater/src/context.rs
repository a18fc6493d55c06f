//! What a workload is given: where its services are.

use std::collections::BTreeMap;

/// What a scenario's setup is given.
#[derive(Debug, Clone)]
pub struct Context {
    endpoints: BTreeMap<String, String>,
}

/// The scenario has no such service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the scenario has no service named `{asked}`; it has {}", listed(.known))]
pub struct UnknownService {
    asked: String,
    known: Vec<String>,
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none: add one with `.with(..)`".to_owned() } else { names.join(", ") }
}

impl Context {
    pub(crate) const fn new(endpoints: BTreeMap<String, String>) -> Self {
        Self { endpoints }
    }

    /// The URL of the service of this name.
    ///
    /// # Errors
    /// When the scenario has no such service; the error names those it has.
    pub fn endpoint(&self, service: &str) -> Result<&str, UnknownService> {
        self.endpoints.get(service).map(String::as_str).ok_or_else(|| UnknownService {
            asked: service.to_owned(),
            known: self.endpoints.keys().cloned().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_service_is_told_with_those_there_are() {
        let context = Context::new([("postgres".to_owned(), "postgres://x".to_owned())].into());
        assert_eq!(context.endpoint("postgres"), Ok("postgres://x"));
        let error = context.endpoint("redis").unwrap_err().to_string();
        assert_eq!(error, "the scenario has no service named `redis`; it has postgres");
    }
}
