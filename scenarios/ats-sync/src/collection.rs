//! The three lists that a sync keeps, and the order in which it keeps them. What a record of each looks like is
//! [`harvest`](crate::harvest)'s, how it is stored is [`store`](crate::store)'s.

use std::fmt;

/// A list of the API and the table of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Collection {
    /// Openings that people apply to.
    Jobs,
    /// People.
    Candidates,
    /// A person's application to a job.
    Applications,
}

impl Collection {
    /// Every collection in the order of a sync: what is referred to comes before what refers to it.
    pub const ALL: [Self; 3] = [Self::Jobs, Self::Candidates, Self::Applications];

    /// The name of the list in the API's paths, of the table, and of the label in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Candidates => "candidates",
            Self::Applications => "applications",
        }
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
