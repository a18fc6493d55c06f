//! The filters of a Harvest v1 list that can be honoured on scaled items: times, status, an application's job, candidates' ids.

use crate::collections::Facts;
use crate::time::millis;

/// What a list request asks of its items.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    created: Span,
    updated: Span,
    last_activity: Span,
    status: Option<String>,
    /// Only items with this job.
    pub(crate) job_id: Option<String>,
    /// Only items with these ids.
    pub(crate) ids: Option<Vec<String>>,
}

/// Milliseconds since 1970; `after` is inclusive, `before` is not.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Span {
    after: Option<i64>,
    before: Option<i64>,
}

impl Filter {
    /// Adds the parameter `name=value` of a list request to `path`.
    ///
    /// # Errors
    /// Why it cannot be honoured. A filter is never passed over: the workload would then measure other data than it asked for.
    pub(crate) fn add(&mut self, path: &str, name: &str, value: &str) -> Result<(), String> {
        if !documented(path, name) {
            return Err(format!("the filter `{name}` cannot be honoured on a replayed {path}"));
        }
        match name {
            "status" => self.status = Some(value.to_owned()),
            "job_id" => self.job_id = Some(value.to_owned()),
            "candidate_ids" => self.ids = Some(value.split(',').map(|id| id.trim().to_owned()).collect()),
            _ => self.add_time(name, value)?,
        }
        Ok(())
    }

    fn add_time(&mut self, name: &str, value: &str) -> Result<(), String> {
        let time = millis(value).ok_or_else(|| format!("`{name}={value}` is no ISO 8601 time"))?;
        match name {
            "created_after" => self.created.after = Some(time),
            "created_before" => self.created.before = Some(time),
            "updated_after" => self.updated.after = Some(time),
            "updated_before" => self.updated.before = Some(time),
            _ => self.last_activity.after = Some(time),
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether times and status list an item with these facts. An item without a time is not, where one is asked for.
    pub(crate) fn lets(&self, facts: &Facts) -> bool {
        self.created.lets(facts.created)
            && self.updated.lets(facts.updated)
            && self.last_activity.lets(facts.last_activity)
            && self.status.as_ref().is_none_or(|status| facts.status.as_ref() == Some(status))
    }
}

impl Span {
    fn lets(&self, time: Option<i64>) -> bool {
        let after = self.after.is_none_or(|after| time.is_some_and(|time| time >= after));
        after && self.before.is_none_or(|before| time.is_some_and(|time| time < before))
    }
}

/// The filters that the list at `path` documents, as far as they can be honoured: <https://developers.greenhouse.io/harvest.html>.
fn documented(path: &str, name: &str) -> bool {
    match name {
        "created_after" | "created_before" => true,
        // The documentation names no such filter for applications.
        "updated_after" | "updated_before" => path != "/v1/applications",
        "last_activity_after" => path == "/v1/applications",
        "job_id" => path == "/v1/applications",
        "candidate_ids" => path == "/v1/candidates",
        "status" => matches!(path, "/v1/applications" | "/v1/jobs" | "/v1/offers"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, query: &[(&str, &str)], facts: &Facts, expected: bool) {
        let mut filter = Filter::default();
        for (name, value) in query {
            filter.add(path, name, value).unwrap();
        }
        assert_eq!(filter.lets(facts), expected, "{query:?}");
    }

    #[test]
    fn after_is_inclusive_and_before_is_not() {
        let facts = Facts { updated: millis("2024-05-01T10:00:00Z"), ..Facts::default() };
        let jobs = "/v1/jobs";
        check(jobs, &[("updated_after", "2024-05-01T10:00:00.000Z")], &facts, true);
        check(jobs, &[("updated_after", "2024-05-01T10:00:00.001Z")], &facts, false);
        check(jobs, &[("updated_before", "2024-05-01T10:00:00Z")], &facts, false);
        check(jobs, &[("updated_after", "2024-04-01"), ("updated_before", "2024-06-01")], &facts, true);
        check(jobs, &[("created_after", "2024-04-01")], &facts, false);
    }

    #[test]
    fn an_unknown_status_lists_nothing() {
        let facts = Facts { status: Some("open".into()), ..Facts::default() };
        check("/v1/jobs", &[("status", "open")], &facts, true);
        check("/v1/jobs", &[("status", "half-open")], &facts, false);
    }

    #[test]
    fn a_filter_that_cannot_be_honoured_says_so() {
        let check = |path, name, value, expected: &str| {
            assert_eq!(Filter::default().add(path, name, value).unwrap_err(), expected);
        };
        check(
            "/v1/applications",
            "updated_after",
            "2024-01-01",
            "the filter `updated_after` cannot be honoured on a replayed /v1/applications",
        );
        check(
            "/v1/candidates",
            "email",
            "a@example.com",
            "the filter `email` cannot be honoured on a replayed /v1/candidates",
        );
        check(
            "/v1/candidates",
            "status",
            "active",
            "the filter `status` cannot be honoured on a replayed /v1/candidates",
        );
        check("/v1/jobs", "updated_after", "soon", "`updated_after=soon` is no ISO 8601 time");
    }
}
