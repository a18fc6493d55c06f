//! The name of something that a service saw: `redis.keys`. What it saw is a [`Sample`](crate::Sample)'s.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// What a service saw, as a metric: the service's name within the scenario and the observation's, such as `redis.keys`.
///
/// A handle to a name that is kept for as long as the process lives: metrics are copied everywhere, and a process meets few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Observed(&'static str);

/// Every name that this process met.
static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

impl Observed {
    /// This observation of this service.
    pub fn new(service: &str, observation: &str) -> Self {
        Self::kept(format!("{service}.{observation}"))
    }

    /// The observation whose full name this is; `None` for a text without a service.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (service, observation) = name.rsplit_once('.')?;
        (!service.is_empty() && !observation.is_empty()).then(|| Self::kept(name.to_owned()))
    }

    fn kept(name: String) -> Self {
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name.as_str()) {
            return Self(known);
        }
        let name: &'static str = name.leak();
        names.insert(name);
        Self(name)
    }

    /// Both names, as in files.
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// The service's name.
    pub fn service(self) -> &'static str {
        self.split().0
    }

    /// The observation's name. Its last word is its unit.
    pub fn observation(self) -> &'static str {
        self.split().1
    }

    fn split(self) -> (&'static str, &'static str) {
        self.0.rsplit_once('.').expect("it was made of two names")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_a_service_and_what_it_saw() {
        let keys = Observed::new("redis.main", "keys");
        assert_eq!((keys.service(), keys.observation(), keys.name()), ("redis.main", "keys", "redis.main.keys"));
        assert_eq!(Observed::parse("redis.main.keys"), Some(keys));
        for no_name in ["keys", ".keys", "redis."] {
            assert_eq!(Observed::parse(no_name), None, "{no_name}");
        }
    }
}
