//! What a scenario's author says about the size of a collection and about the ids in it. How items are made of it is left to
//! `collections`.

use serde_json::Value;

/// How many items a recorded collection has when it is replayed, and how they differ from one another.
///
/// A few recorded items serve as templates: item *i* has the text of template *i* modulo their number, with an id of its own and
/// with the ids that [`field`](Scale::field) names. Nothing else of the recorded bytes changes.
///
/// Two generations of one collection, for a sync that runs again, are two scales:
///
/// ```
/// use highwater_replay::Scale;
///
/// let yesterday = Scale::to(50_000).ids_from(19_214_950_003);
/// let today = yesterday.clone().skip(500).revise_every(10); // 500 gone, 500 new, every tenth of the others changed
/// ```
#[derive(Debug, Clone)]
pub struct Scale {
    pub(crate) count: u64,
    pub(crate) first_id: Option<u64>,
    pub(crate) skip: u64,
    pub(crate) revise_every: Option<u64>,
    pub(crate) revised_at: Option<String>,
    pub(crate) revisions: Vec<(String, Value)>,
    pub(crate) fields: Vec<(String, Fill)>,
}

/// Where the ids at a [field](Scale::field) of an item come from.
#[derive(Debug, Clone)]
pub struct Ids(Fill);

/// What stands at a field of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fill {
    /// The id, or another member, of an item of another collection.
    Target { path: String, spread: bool, member: Option<String> },
    /// The ids of the items of `path` whose `field` refers to this item, or the items themselves.
    Sources { path: String, field: String, items: bool },
    /// An id that occurs nowhere else.
    Unique { first: u64 },
    /// The recorded string with the number of the item in it.
    Numbered,
}

impl Scale {
    /// As many as `count` items.
    pub fn to(count: u64) -> Self {
        Self {
            count,
            first_id: None,
            skip: 0,
            revise_every: None,
            revised_at: None,
            revisions: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// The id of the first item; each further item has the next one. Without it, the smallest recorded id. Where ids were recorded as
    /// UUIDs, the number is in their last twelve digits, and 1 is the first.
    #[must_use]
    pub fn ids_from(mut self, first: u64) -> Self {
        self.first_id = Some(first);
        self
    }

    /// The ids at `field` of each item: `candidate_id`, `jobs[].id`, `credited_to.id`. Values that were recorded as null or are
    /// absent stay so.
    #[must_use]
    pub fn field(self, field: impl Into<String>, ids: Ids) -> Self {
        self.fill(field.into(), ids.0)
    }

    /// The array at `field` of each item holds the items of the collection `path` whose field `by` refers to it:
    /// `nested("applications", "/v1/applications", "candidate_id")`. They have the members that the recorded nested ones have.
    #[must_use]
    pub fn nested(self, field: impl Into<String>, path: impl Into<String>, by: impl Into<String>) -> Self {
        self.fill(field.into(), Fill::Sources { path: path.into(), field: by.into(), items: true })
    }

    /// The string at `field` of each item carries the item's number, so that it is unique: `ada@example.com` becomes
    /// `ada-17@example.com`.
    #[must_use]
    pub fn numbered(self, field: impl Into<String>) -> Self {
        self.fill(field.into(), Fill::Numbered)
    }

    /// A later generation: the first `items` of the collection are gone, as many new ones stand at its end.
    ///
    /// All times of new items that tell of their creation or change are those of [`revised_at`](Scale::revised_at).
    #[must_use]
    pub fn skip(mut self, items: u64) -> Self {
        self.skip = items;
        self
    }

    /// A later generation: each `n`-th item has changed; `updated_at`, `last_activity_at` and `last_activity` say when.
    #[must_use]
    pub fn revise_every(mut self, n: u64) -> Self {
        self.revise_every = Some(n);
        self
    }

    /// When revised and new items changed, in ISO 8601. Without it, a day after the latest change that was recorded.
    #[must_use]
    pub fn revised_at(mut self, time: impl Into<String>) -> Self {
        self.revised_at = Some(time.into());
        self
    }

    /// What revised items have at `field`, besides their times: `revise("status", "rejected")`.
    #[must_use]
    pub fn revise(mut self, field: impl Into<String>, value: impl Into<Value>) -> Self {
        self.revisions.push((field.into(), value.into()));
        self
    }

    /// Sets what stands at `field`; the last word counts.
    fn fill(mut self, field: String, fill: Fill) -> Self {
        self.fields.retain(|(known, _)| *known != field);
        self.fields.push((field, fill));
        self
    }
}

impl Ids {
    /// Ids of the items of the collection `path`, in order: neighbours share their item (50,000 applications of 20,000 candidates:
    /// the first two or three are the first candidate's).
    pub fn of(path: impl Into<String>) -> Self {
        Self(Fill::Target { path: path.into(), spread: false, member: None })
    }

    /// Ids of the items of the collection `path`, in turn: each neighbour has another one.
    pub fn spread_over(path: impl Into<String>) -> Self {
        Self(Fill::Target { path: path.into(), spread: true, member: None })
    }

    /// Ids of the items of the collection `path` whose `field` refers to this item: all of them where an array was recorded, one
    /// of them where a single id was.
    pub fn referring(path: impl Into<String>, field: impl Into<String>) -> Self {
        Self(Fill::Sources { path: path.into(), field: field.into(), items: false })
    }

    /// Ids that occur nowhere else, from `first` on: each item owns what carries them.
    pub fn unique_from(first: u64) -> Self {
        Self(Fill::Unique { first })
    }

    /// The member `name` of the same item in place of its id: `field("jobs[].name", Ids::spread_over("/v1/jobs").member("name"))`, or
    /// `field("candidate_id", Ids::of("/v1/applications").member("candidate_id"))`. Only for [`Ids::of`] and [`Ids::spread_over`].
    #[must_use]
    pub fn member(mut self, name: impl Into<String>) -> Self {
        if let Fill::Target { member, .. } = &mut self.0 {
            *member = Some(name.into());
        }
        self
    }
}
