//! Lists of any API whose author said how they are paged: recorded pages become one list, of any size, that is paged anew.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use url::Url;
use wiremock::Request;

use crate::collections::{Collection, Collections, Selection};
use crate::compile::{self, ScaleError, Source};
use crate::filter::Filter;
use crate::headers;
use crate::json_text;
use crate::paging::{Paging, Position};
use crate::recording::{Exchange, Response, Unplayable};
use crate::request_body::RequestBody;
use crate::scale::Scale;
use crate::template::{Cut, Template};

/// The paged lists of a recording.
#[derive(Debug)]
pub(crate) struct Paged {
    collections: Collections,
    lists: BTreeMap<String, List>,
    ignored_query: BTreeSet<String>,
}

#[derive(Debug)]
struct List {
    paging: Paging,
    method: String,
    /// The first recorded page around its items.
    envelope: Template<Hole>,
    headers: Vec<(String, String)>,
    page_size: u64,
    /// Every parameter that was recorded beside those of paging, with its value.
    recorded: BTreeSet<(String, String)>,
    /// Why nothing can be said of the whole list.
    incomplete: Option<String>,
}

/// A place of a page's body that is written anew.
#[derive(Debug)]
enum Hole {
    Items,
    Next { url: bool, quoted: bool },
    More,
    Total { quoted: bool },
}

/// What a request asks for.
struct Asked {
    start: u64,
    size: u64,
}

impl Paged {
    /// The lists at the paths of `pagings`, with the sizes that `scales` says.
    pub(crate) fn new(
        exchanges: &[Exchange],
        pagings: &BTreeMap<String, Paging>,
        scales: &BTreeMap<String, Scale>,
        ignored_query: &BTreeSet<String>,
    ) -> Result<Self, ScaleError> {
        if let Some(path) = scales.keys().find(|path| !pagings.contains_key(*path)) {
            let cause = "how the list is paged is not said; say it with `paged`".to_owned();
            return Err(ScaleError { path: path.clone(), cause });
        }
        let mut lists = BTreeMap::new();
        let mut sources = Vec::new();
        for (path, paging) in pagings {
            let recorded: Vec<&Exchange> = exchanges.iter().filter(|exchange| exchange.url.path() == path).collect();
            let scale = scales.get(path).cloned();
            let failed = |cause| ScaleError { path: path.clone(), cause };
            let (mut list, items) = list(paging, &recorded).map_err(failed)?;
            if scale.is_some() {
                list.incomplete = None;
            }
            lists.insert(path.clone(), list);
            sources.push(Source { path: path.clone(), items, scale, known_fields: Vec::new() });
        }
        Ok(Self { collections: compile::compile(&sources)?, lists, ignored_query: ignored_query.clone() })
    }

    /// The answer to `request`; none if it asks for no paged list. `base` is the replay's own URL.
    ///
    /// # Errors
    /// Why a request to a paged list cannot be answered.
    pub(crate) fn answer(&self, request: &Request, base: &str) -> Result<Option<Response>, String> {
        let path = request.url.path();
        let method = request.method.as_str();
        if let (Some(list), Some(collection)) = (self.lists.get(path), self.collections.at(path))
            && list.method == method
        {
            return self.page(list, collection, request, base).map(Some);
        }
        let Some((path, id)) = path.rsplit_once('/').filter(|_| method == "GET") else { return Ok(None) };
        let (Some(list), Some(collection)) = (self.lists.get(path), self.collections.at(path)) else { return Ok(None) };
        // Objects of an API that wraps its lists are wrapped as well, in ways that only their own recording shows.
        let bare = list.paging.items.is_none();
        Ok(collection.number_of(id).filter(|_| bare).map(|number| Response {
            status: 200,
            headers: list.headers.clone(),
            body: self.collections.item(collection, number),
        }))
    }

    fn page(&self, list: &List, collection: &Collection, request: &Request, base: &str) -> Result<Response, String> {
        if let Some(why) = &list.incomplete {
            return Err(why.clone());
        }
        let Asked { start, size } = self.asked(list, request)?;
        let Selection { total, numbers } = self.collections.select(collection, &Filter::default(), start, size);
        let next = (start.saturating_add(size) < total).then(|| list.paging.position_at(start + size, size));
        let next_url =
            |next: &str| format!("{base}{}?{}", request.url.path(), next_query(&request.url, &list.paging, next));
        let mut body = Vec::with_capacity(numbers.len() * (collection.item_bytes + 1) + 1_000);
        list.envelope.write(&mut body, |hole, out| match hole {
            Hole::Items => self.collections.write_page(collection, &numbers, out),
            Hole::More => out.extend_from_slice(if next.is_some() { b"true" } else { b"false" }),
            Hole::Total { quoted } => out.extend_from_slice(quote(&total.to_string(), *quoted).as_bytes()),
            Hole::Next { url, quoted } => out.extend_from_slice(
                match &next {
                    None => "null".to_owned(),
                    Some(next) if *url => quote(&next_url(next), true),
                    Some(next) => quote(next, *quoted),
                }
                .as_bytes(),
            ),
        });
        let mut headers = list.headers.clone();
        if let Some(next) = next.filter(|_| list.paging.link) {
            headers.push(("link".to_owned(), format!("<{}>; rel=\"next\"", next_url(&next))));
        }
        Ok(Response { status: 200, headers, body })
    }

    fn asked(&self, list: &List, request: &Request) -> Result<Asked, String> {
        let (mut position, mut size) = (None, None);
        for (name, value) in parameters(&request.url, &request.body) {
            if name == list.paging.parameter {
                position = Some(value);
            } else if list.paging.size.as_ref() == Some(&name) {
                let number = value.parse().ok().filter(|&size| size > 0);
                size = Some(number.ok_or_else(|| format!("`{name}={value}` is no page size"))?);
            } else if !self.ignored_query.contains(&name) && !list.recorded.contains(&(name.clone(), value.clone())) {
                return Err(format!("`{name}={value}` was not recorded with this list"));
            }
        }
        let Some(position) = position.filter(|position| !position.is_empty()) else {
            return Ok(Asked { start: 0, size: size.unwrap_or(list.page_size) });
        };
        let asked = list.paging.asked(&position, size, list.page_size);
        asked.ok_or_else(|| format!("`{}={position}` does not come from a page of this replay", list.paging.parameter))
    }
}

impl Paging {
    /// What says that a page starts with the item number `start`.
    fn position_at(&self, start: u64, size: u64) -> String {
        match self.position {
            Position::Number => (start / size + 1).to_string(),
            Position::Offset => start.to_string(),
            Position::Cursor => URL_SAFE_NO_PAD.encode(format!("{start}:{size}")),
        }
    }

    /// What a request with `position` and perhaps a `size` asks for; a token remembers the size of its page.
    fn asked(&self, position: &str, size: Option<u64>, page_size: u64) -> Option<Asked> {
        let known = size.unwrap_or(page_size);
        match self.position {
            Position::Number => {
                Some(Asked { start: position.parse::<u64>().ok()?.checked_sub(1)?.checked_mul(known)?, size: known })
            }
            Position::Offset => Some(Asked { start: position.parse().ok()?, size: known }),
            Position::Cursor => {
                let token = String::from_utf8(URL_SAFE_NO_PAD.decode(position).ok()?).ok()?;
                let (start, remembered) = token.split_once(':')?;
                Some(Asked { start: start.parse().ok()?, size: size.or(remembered.parse().ok())? })
            }
        }
    }

    fn is_own(&self, parameter: &str) -> bool {
        parameter == self.parameter || self.size.as_deref() == Some(parameter)
    }
}

/// The list of the `recorded` exchanges of one path, and its items.
fn list(paging: &Paging, recorded: &[&Exchange]) -> Result<(List, Vec<String>), String> {
    let lost = recorded.iter().find(|exchange| matches!(exchange.response, Err(Unplayable::NoBody(_))));
    let incomplete =
        lost.map(|exchange| format!("{}: the recorded response's body is not in the recording", exchange.place()));
    let mut list = None;
    let mut items = Vec::new();
    for exchange in recorded {
        let Ok(response) = &exchange.response else { continue };
        let Some((text, found)) = page_items(paging, response) else { continue };
        if list.is_none() {
            list = Some(List {
                paging: paging.clone(),
                method: exchange.method.clone(),
                envelope: envelope(paging, text)?,
                headers: headers::of_list(&response.headers),
                page_size: (found.len() as u64).max(1),
                recorded: BTreeSet::new(),
                incomplete: incomplete.clone(),
            });
        }
        json_text::add_new(&mut items, found);
        if let Some(list) = &mut list {
            let body = exchange.body.as_ref().map(RequestBody::to_bytes).unwrap_or_default();
            list.recorded.extend(parameters(&exchange.url, &body).into_iter().filter(|(name, _)| !paging.is_own(name)));
        }
    }
    let place = paging.items.as_ref().map_or("as its body".to_owned(), |member| format!("at `{member}`"));
    Ok((list.ok_or_else(|| format!("no response was recorded at this path that has an array {place}"))?, items))
}

/// The body's text and its items; none if the response is no page.
fn page_items<'a>(paging: &Paging, response: &'a Response) -> Option<(&'a str, Vec<String>)> {
    let text = std::str::from_utf8(&response.body).ok()?.trim();
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok().filter(|_| response.status == 200)?;
    let place = match &paging.items {
        Some(member) => json_text::find(text, member).pop()?,
        None => 0..text.len(),
    };
    let items = text[place.clone()].starts_with('[').then(|| json_text::elements(text, place))?;
    Some((text, items.into_iter().map(|place| text[place].to_owned()).collect()))
}

fn envelope(paging: &Paging, text: &str) -> Result<Template<Hole>, String> {
    let items = paging.items.as_ref().map_or(0..text.len(), |member| json_text::find(text, member).swap_remove(0));
    let mut cuts = vec![Cut { place: items, hole: Hole::Items }];
    for (member, kind) in [(&paging.next, 0), (&paging.more, 1), (&paging.total, 2)] {
        let Some(member) = member else { continue };
        let place =
            json_text::find(text, member).pop().ok_or_else(|| format!("the first recorded page has no `{member}`"))?;
        let recorded = &text[place.clone()];
        let quoted = recorded.starts_with('"');
        let hole = match kind {
            0 => Hole::Next {
                url: recorded.starts_with("\"http"),
                quoted: quoted || paging.position == Position::Cursor,
            },
            1 => Hole::More,
            _ => Hole::Total { quoted },
        };
        cuts.push(Cut { place, hole });
    }
    Template::cut(text, cuts).map_err(|place| format!("two members of the page overlap at `{place}`"))
}

/// The parameters of a request: its query, and the members of its body if that is a JSON object.
fn parameters(url: &Url, body: &[u8]) -> Vec<(String, String)> {
    let mut parameters: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if let Ok(Value::Object(members)) = serde_json::from_slice(body) {
        parameters.extend(members.into_iter().map(|(name, value)| match value {
            Value::String(text) => (name, text),
            Value::Null => (name, String::new()),
            other => (name, other.to_string()),
        }));
    }
    parameters
}

/// The query of the next page. A cursor stands alone: it knows the rest.
fn next_query(url: &Url, paging: &Paging, next: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let kept = url.query_pairs().filter(|(name, _)| *name != paging.parameter);
    query.extend_pairs(kept.filter(|_| paging.position != Position::Cursor || !paging.link));
    query.append_pair(&paging.parameter, next);
    query.finish()
}

fn quote(text: &str, quoted: bool) -> String {
    if quoted { format!("\"{text}\"") } else { text.to_owned() }
}
