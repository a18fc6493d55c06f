//! `SET` and `SHOW`. What would change an answer has one value here; what only tunes a server is taken and remembered.

use std::collections::BTreeMap;

use super::error::{SqlError, SqlResult, state};

/// The settings of one session.
#[derive(Clone)]
pub(super) struct Settings(BTreeMap<String, String>);

/// PostgreSQL 15's defaults of what it reports to a client at its start (`ParameterStatus`); clients keep them, so that their
/// memory depends on names and values.
const REPORTED: &[(&str, &str)] = &[
    ("application_name", ""),
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO, MDY"),
    ("default_transaction_read_only", "off"),
    ("in_hot_standby", "off"),
    ("integer_datetimes", "on"),
    ("IntervalStyle", "postgres"),
    ("is_superuser", "on"),
    ("server_encoding", "UTF8"),
    ("server_version", SERVER_VERSION),
    ("session_authorization", ""),
    ("standard_conforming_strings", "on"),
    ("TimeZone", "UTC"),
];

/// The PostgreSQL whose behaviour is served.
pub(super) const SERVER_VERSION: &str = "15.0";

/// Settings with the only values they may have; the first is shown.
const FIXED: &[(&str, &[&str])] = &[
    ("timezone", &["UTC", "Etc/UTC", "GMT", "Z", "0"]),
    ("client_encoding", &["UTF8", "UTF-8", "unicode"]),
    ("datestyle", &["ISO, MDY", "ISO", "ISO, DMY", "ISO, YMD"]),
    ("intervalstyle", &["postgres"]),
    ("bytea_output", &["hex"]),
    ("standard_conforming_strings", &["on", "true", "1"]),
    ("transaction_isolation", &["read committed"]),
    ("default_transaction_isolation", &["read committed"]),
    ("default_transaction_read_only", &["off", "false", "0"]),
    ("search_path", &["\"$user\", public", "public", "$user, public"]),
    ("xmloption", &["content"]),
    ("row_security", &["on", "off"]),
    ("check_function_bodies", &["on", "off", "true", "false"]),
    ("default_table_access_method", &["heap"]),
    ("default_tablespace", &[""]),
];

/// Settings that change no answer, with their defaults.
const FREE: &[(&str, &str)] = &[
    ("application_name", ""),
    ("client_min_messages", "notice"),
    ("extra_float_digits", "1"),
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("tcp_keepalives_idle", "0"),
    ("synchronous_commit", "on"),
    ("work_mem", "4MB"),
    ("maintenance_work_mem", "64MB"),
    ("temp_buffers", "8MB"),
    ("effective_cache_size", "4GB"),
    ("random_page_cost", "4"),
    ("seq_page_cost", "1"),
    ("jit", "on"),
    ("enable_seqscan", "on"),
    ("enable_indexscan", "on"),
    ("enable_bitmapscan", "on"),
    ("enable_hashjoin", "on"),
    ("enable_mergejoin", "on"),
    ("enable_nestloop", "on"),
    ("max_parallel_workers_per_gather", "2"),
    ("plan_cache_mode", "auto"),
    ("log_statement", "none"),
    ("log_min_duration_statement", "-1"),
];

impl Settings {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Changes a setting; `None` is its default.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) -> SqlResult<()> {
        let key = name.to_ascii_lowercase();
        if FREE.iter().any(|(free, _)| *free == key) {
            match value {
                Some(value) => self.0.insert(key, value.to_owned()),
                None => self.0.remove(&key),
            };
            return Ok(());
        }
        let Some((_, allowed)) = FIXED.iter().find(|(fixed, _)| *fixed == key) else {
            let message = format!("unrecognized configuration parameter \"{name}\"");
            return Err(SqlError::new(state::UNDEFINED_OBJECT, message).beyond(true));
        };
        match value {
            Some(value) if !allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(value)) => {
                Err(SqlError::unsupported(format!("{name} = {value} (only {})", allowed[0])))
            }
            _ => Ok(()),
        }
    }

    /// All settings to their defaults.
    pub(super) fn reset(&mut self) {
        self.0.clear();
    }

    /// Gives the settings of these names the values they have in `before`.
    pub(super) fn restore(&mut self, before: &Self, names: &[String]) {
        for name in names {
            match before.0.get(name) {
                Some(value) => self.0.insert(name.clone(), value.clone()),
                None => self.0.remove(name),
            };
        }
    }

    pub(super) fn show(&self, name: &str) -> SqlResult<String> {
        let key = name.to_ascii_lowercase();
        if let Some(value) = self.0.get(&key) {
            return Ok(value.clone());
        }
        let pairs = FIXED
            .iter()
            .map(|(name, values)| (*name, values[0]))
            .chain(FREE.iter().copied())
            .chain(REPORTED.iter().copied());
        let mut pairs = pairs.filter(|(known, _)| known.eq_ignore_ascii_case(&key));
        let value = pairs.next().map(|(_, value)| value.to_owned());
        let missing = || {
            let message = format!("unrecognized configuration parameter \"{name}\"");
            SqlError::new(state::UNDEFINED_OBJECT, message).beyond(true)
        };
        value.ok_or_else(missing)
    }

    /// What a client is told at its start.
    pub(super) fn reported(user: &str, application: &str) -> Vec<(String, String)> {
        let value = |name: &str, value: &str| match name {
            "application_name" => application.to_owned(),
            "session_authorization" => user.to_owned(),
            _ => value.to_owned(),
        };
        REPORTED.iter().map(|(name, default)| ((*name).to_owned(), value(name, default))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_change_an_answer_is_refused() {
        let mut settings = Settings::new();
        settings.set("TimeZone", Some("utc")).unwrap();
        assert_eq!(settings.set("TimeZone", Some("Europe/Paris")).unwrap_err().state, "0A000");
        assert_eq!(settings.set("no_such", Some("1")).unwrap_err().state, "42704");
    }

    #[test]
    fn what_only_tunes_is_taken_and_shown() {
        let mut settings = Settings::new();
        settings.set("statement_timeout", Some("5s")).unwrap();
        assert_eq!(settings.show("statement_timeout").unwrap(), "5s");
        settings.set("statement_timeout", None).unwrap();
        assert_eq!(settings.show("statement_timeout").unwrap(), "0");
        assert_eq!(settings.show("server_version").unwrap(), SERVER_VERSION);
    }
}
