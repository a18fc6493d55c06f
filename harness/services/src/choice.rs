//! Which server a service is: code, then the variable with its URL, then `HIGHWATER_SERVICES`, then the embedded one. And the first that
//! can be had, where that is what is asked for.

use std::ffi::OsString;
use std::fmt;

use highwater::{Endpoint, Observations, RunningService, ServiceError, ServiceFault};

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    Embedded,
    Local,
    Docker,
    /// The first of the others that can be had: [`first_of`].
    Auto,
    Url(String),
}

impl Choice {
    pub(crate) fn kind(&self) -> ServerKind {
        match self {
            Self::Embedded => ServerKind::Embedded,
            Self::Local => ServerKind::Local,
            Self::Docker => ServerKind::Docker,
            Self::Auto => ServerKind::Auto,
            Self::Url(_) => ServerKind::Url,
        }
    }
}

/// Where a [`Postgres`](crate::Postgres) or a [`Redis`](crate::Redis) comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerKind {
    /// In this process.
    Embedded,
    /// A real server, started from the programs of this machine.
    Local,
    /// A real server, in a container of Docker's.
    Docker,
    /// The first of those in a container, local and embedded that can be had, which is known once it is started.
    Auto,
    /// A real server that runs already.
    Url,
}

impl fmt::Display for ServerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Embedded => "embedded",
            Self::Local => "local",
            Self::Docker => "docker",
            Self::Auto => "auto",
            Self::Url => "url",
        })
    }
}

/// What is chosen for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chosen {
    /// `Postgres`.
    pub(crate) server: &'static str,
    /// The variable that may hold the URL of one: `DATABASE_URL`.
    pub(crate) variable: &'static str,
    /// The variable that may name the image of its container: `HIGHWATER_POSTGRES_IMAGE`.
    pub(crate) image_variable: &'static str,
    /// The image otherwise.
    pub(crate) image: &'static str,
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
            Some("docker") => Ok(Choice::Docker),
            Some("auto") => Ok(Choice::Auto),
            Some(other) => Err(self.refused(&format!("HIGHWATER_SERVICES={other} is not known"))),
        }
    }

    /// The image of its container: what the code says, then the variable, then the default.
    pub(crate) fn image(self, explicit: Option<&str>) -> Result<String, ServiceError> {
        let by_environment = self.text(self.image_variable, std::env::var_os(self.image_variable))?;
        Ok(explicit.map(str::to_owned).or(by_environment).unwrap_or_else(|| self.image.to_owned()))
    }

    fn refused(self, cause: &str) -> ServiceError {
        ServiceError::new(format!("choose a {} server", self.server), cause).remedy(format!(
            "set HIGHWATER_SERVICES to embedded (the default), local, docker or auto, or {} to the URL of a server",
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

/// A way to have a server, and what it is called.
pub(crate) type Way<'a> = (&'static str, &'a dyn Fn() -> Result<Box<dyn RunningService>, ServiceError>);

/// The first of these that can be had; it says which that was, and why not those before it.
///
/// # Errors
/// When none can, with the reasons.
pub(crate) fn first_of(server: &str, ways: &[Way<'_>]) -> Result<Box<dyn RunningService>, ServiceError> {
    let mut reasons = String::new();
    for (kind, start) in ways {
        match start() {
            Ok(running) => {
                let remark = format!("HIGHWATER_SERVICES=auto chose the {kind} {server}{reasons}");
                return Ok(Box::new(First { running, remark }));
            }
            Err(error) => reasons.push_str(&format!("; not {kind}: {error}")),
        }
    }
    Err(ServiceError::new(format!("find a {server} that can be had"), reasons.trim_start_matches("; ")))
}

/// The one that was chosen.
struct First {
    running: Box<dyn RunningService>,
    remark: String,
}

impl RunningService for First {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        self.running.begin_sample()
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        self.running.end_sample()
    }

    fn remark(&self) -> Option<String> {
        Some(self.remark.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl RunningService for Nothing {
        fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
            Ok(Endpoint::new("nothing://"))
        }

        fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
            Ok(Observations::new())
        }
    }

    #[test]
    fn the_first_that_can_be_had_is_taken_and_says_so() {
        let has = || Ok(Box::new(Nothing) as Box<dyn RunningService>);
        let has_not = || Err(ServiceError::new("reach it", "nobody is there"));
        let never = || -> Result<Box<dyn RunningService>, ServiceError> { panic!("asked although one was had") };
        let remark = |ways: &[Way<'_>]| first_of("Redis", ways).map(|running| running.remark().unwrap());
        assert_eq!(
            remark(&[("docker", &has), ("local", &never)]).unwrap(),
            "HIGHWATER_SERVICES=auto chose the docker Redis"
        );
        let second = "HIGHWATER_SERVICES=auto chose the local Redis; not docker: failed to reach it: nobody is there";
        assert_eq!(remark(&[("docker", &has_not), ("local", &has), ("embedded", &never)]).unwrap(), second);
        let none = remark(&[("docker", &has_not), ("local", &has_not)]).unwrap_err().to_string();
        assert!(
            none.contains("find a Redis") && none.contains("not docker: ") && none.contains("not local: "),
            "{none}"
        );
    }

    #[test]
    fn the_code_names_the_image_before_the_default_does() {
        assert_eq!(CHOSEN.image(None).unwrap(), "postgres:15");
        assert_eq!(CHOSEN.image(Some("postgres:17")).unwrap(), "postgres:17");
    }

    const CHOSEN: Chosen = Chosen {
        server: "Postgres",
        variable: "DATABASE_URL",
        image_variable: "HIGHWATER_TEST_UNSET",
        image: "postgres:15",
    };

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
        check(None, None, Some("docker"), Choice::Docker);
        check(None, None, Some(" auto "), Choice::Auto);
        check(Some(Choice::Docker), Some("postgres://h/d"), Some("local"), Choice::Docker);
        check(None, Some("postgres://h/d"), Some("local"), url());
        check(None, Some("postgres://h/d"), Some("nonsense"), url());
        check(None, Some(""), Some(""), Choice::Embedded);
        check(Some(Choice::Local), Some("postgres://h/d"), None, Choice::Local);
    }

    #[test]
    fn an_unknown_value_is_an_error_that_lists_the_known_ones() {
        for value in ["podman", "Local", "redis"] {
            let error = CHOSEN.choose(None, None, Some(value.into())).unwrap_err().to_string();
            assert!(
                error.contains(value) && error.contains("embedded (the default), local, docker or auto"),
                "{error}"
            );
        }
    }
}
