//! What answers at one replay: the collections of an API that is known, and recorded exchanges for everything else.

use wiremock::Request;

use crate::exact::{Cursors, Exact};
use crate::harvest::Harvest;
use crate::origins::Origins;
use crate::pacing::Pacing;
use crate::paged::Paged;
use crate::recording::Response;

/// Everything that shapes the answers of a replay. It never changes; what does is in `session`.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) harvest: Option<Harvest>,
    pub(crate) paged: Option<Paged>,
    pub(crate) exact: Exact,
    pub(crate) origins: Origins,
    pub(crate) rewrite_bodies: bool,
    pub(crate) pacing: Pacing,
    /// The first recorded 429.
    pub(crate) recorded_refusal: Option<Response>,
}

impl Site {
    /// The answer to `request` at the URL `base`.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn answer(&self, request: &Request, base: &str, cursors: &mut Cursors) -> Result<Response, String> {
        if let Some(harvest) = &self.harvest
            && let Some(response) = harvest.answer(request, base)?
        {
            return Ok(response);
        }
        if let Some(paged) = &self.paged
            && let Some(response) = paged.answer(request, base)?
        {
            return Ok(response);
        }
        let mut response = self.exact.answer(request, cursors)?.clone();
        for (name, value) in &mut response.headers {
            if matches!(name.as_str(), "link" | "location") {
                *value = self.origins.rewrite(value, base).into_owned();
            }
        }
        if self.rewrite_bodies
            && let Ok(text) = std::str::from_utf8(&response.body)
        {
            response.body = self.origins.rewrite(text, base).into_owned().into_bytes();
        }
        Ok(response)
    }
}
