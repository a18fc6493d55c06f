//! What a scenario's author says about how an API pages a list. How such a list is answered is left to `paged`.

/// How an API pages a list, for [`Replay::paged`](crate::Replay::paged).
///
/// ```
/// use highwater_replay::Paging;
///
/// // Lever: GET, `?limit=100&offset=<token>`, answered `{"data": [...], "hasNext": true, "next": "<token>"}`.
/// let lever = Paging::cursor("offset").size("limit").items("data").next("next").more("hasNext");
/// // Ashby: POST `{"limit": 100, "cursor": "<token>"}`, answered `{"results": [...], "moreDataAvailable": true, "nextCursor": ...}`.
/// let ashby = Paging::cursor("cursor").size("limit").items("results").next("nextCursor").more("moreDataAvailable");
/// // Greenhouse Harvest v3: a bare array, `Link: <...?cursor=<token>>; rel="next"`.
/// let harvest_v3 = Paging::cursor("cursor").size("per_page").link();
/// // Workday: `?limit=100&offset=200`, answered `{"total": 5000, "data": [...]}`.
/// let workday = Paging::offset("offset").size("limit").items("data").total("total");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    pub(crate) position: Position,
    /// The name of the parameter that says where a page starts.
    pub(crate) parameter: String,
    pub(crate) size: Option<String>,
    pub(crate) items: Option<String>,
    pub(crate) next: Option<String>,
    pub(crate) more: Option<String>,
    pub(crate) total: Option<String>,
    pub(crate) link: bool,
}

/// How a request says where its page starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// The number of the page, from 1.
    Number,
    /// The number of items before it.
    Offset,
    /// A token from the page before.
    Cursor,
}

impl Paging {
    /// Pages have numbers from 1, which the parameter `name` says. Parameters are those of the query, or the members of a JSON body.
    pub fn numbered(name: impl Into<String>) -> Self {
        Self::new(Position::Number, name.into())
    }

    /// The parameter `name` says how many items come before the page.
    pub fn offset(name: impl Into<String>) -> Self {
        Self::new(Position::Offset, name.into())
    }

    /// The parameter `name` repeats a token that the page before has given.
    pub fn cursor(name: impl Into<String>) -> Self {
        Self::new(Position::Cursor, name.into())
    }

    fn new(position: Position, parameter: String) -> Self {
        Self { position, parameter, size: None, items: None, next: None, more: None, total: None, link: false }
    }

    /// The parameter `name` says how many items a page has; without it, as many as the first recorded page.
    #[must_use]
    pub fn size(mut self, name: impl Into<String>) -> Self {
        self.size = Some(name.into());
        self
    }

    /// The items stand in the array at `member` of the body (`data.items`); without it, the body is the array.
    #[must_use]
    pub fn items(mut self, member: impl Into<String>) -> Self {
        self.items = Some(member.into());
        self
    }

    /// The body says at `member` where the next page starts: its number, offset or token, or its URL if a URL was recorded. On the
    /// last page it is null.
    #[must_use]
    pub fn next(mut self, member: impl Into<String>) -> Self {
        self.next = Some(member.into());
        self
    }

    /// The body says at `member` whether there is a next page.
    #[must_use]
    pub fn more(mut self, member: impl Into<String>) -> Self {
        self.more = Some(member.into());
        self
    }

    /// The body says at `member` how many items the whole list has.
    #[must_use]
    pub fn total(mut self, member: impl Into<String>) -> Self {
        self.total = Some(member.into());
        self
    }

    /// A `Link` header says where the next page is.
    #[must_use]
    pub fn link(mut self) -> Self {
        self.link = true;
        self
    }
}
