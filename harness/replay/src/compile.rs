//! Makes collections of recorded items and of what a scenario's author says about them: finds the places that vary, resolves
//! references between collections, refuses what does not fit the recording.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::collections::{Age, ByAge, Collection, Collections, Facts, Hole, HoleValue, OwnIds};
use crate::json_text;
use crate::relation::{Relation, Window};
use crate::scale::{Fill, Scale};
use crate::template::{Cut, Template, replaced};
use crate::time;

/// A collection before it is compiled.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    /// The recorded items, as JSON text.
    pub(crate) items: Vec<String>,
    pub(crate) scale: Option<Scale>,
    /// Fields that the API is known to have; left out where nothing recorded has them.
    pub(crate) known_fields: Vec<(String, Fill)>,
}

/// The scale of a collection does not fit the recording.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{path}: {cause}")]
pub(crate) struct ScaleError {
    pub(crate) path: String,
    pub(crate) cause: String,
}

const CHANGED: [&str; 3] = ["updated_at", "last_activity_at", "last_activity"];
const CREATED: [&str; 3] = ["created_at", "applied_at", "opened_at"];
const DAY: i64 = 86_400_000;

/// Compiles the collections of one recording.
pub(crate) fn compile(sources: &[Source]) -> Result<Collections, ScaleError> {
    let by_path: BTreeMap<String, usize> =
        sources.iter().enumerate().map(|(index, source)| (source.path.clone(), index)).collect();
    let plans = sources.iter().map(plan).collect::<Result<Vec<_>, _>>()?;
    let mut all = Vec::new();
    for (source, plan) in sources.iter().zip(&plans) {
        all.push(collection(source, plan)?);
    }
    let mut compiler = Compiler { sources, plans: &plans, by_path: &by_path, all };
    for index in 0..sources.len() {
        let whole = compiler.rendering(index, None)?;
        compiler.all[index].renderings[0] = whole;
    }
    let all = compiler.all;
    let mut collections = Collections { all, by_path };
    for index in 0..collections.all.len() {
        let collection = &collections.all[index];
        let few: Vec<u64> = collection.window.numbers().take(collection.has_field.len()).collect();
        let bytes = collections.page(collection, &few).len();
        collections.all[index].item_bytes = bytes / few.len().max(1) + 16;
    }
    Ok(collections)
}

/// What is settled about a collection before its templates are cut.
struct Plan {
    window: Window,
    fields: Vec<(String, Fill)>,
    /// The recorded items as they are at each age.
    texts: ByAge<String>,
}

struct Compiler<'a> {
    sources: &'a [Source],
    plans: &'a [Plan],
    by_path: &'a BTreeMap<String, usize>,
    all: Vec<Collection>,
}

fn fail<T>(source: &Source, cause: impl Into<String>) -> Result<T, ScaleError> {
    Err(ScaleError { path: source.path.clone(), cause: cause.into() })
}

fn plan(source: &Source) -> Result<Plan, ScaleError> {
    let mut fields = Vec::new();
    let set: &[(String, Fill)] = source.scale.as_ref().map_or(&[], |scale| &scale.fields);
    for (field, fill) in set {
        if !has(&source.items, field) {
            return fail(source, format!("no recorded item has a value at `{field}`"));
        }
        fields.push((field.clone(), fill.clone()));
    }
    for (field, fill) in &source.known_fields {
        if has(&source.items, field) && !set.iter().any(|(known, _)| known == field) {
            fields.push((field.clone(), fill.clone()));
        }
    }
    let window = match &source.scale {
        None => Window { first: 0, count: source.items.len() as u64 },
        Some(_) if source.items.is_empty() => {
            return fail(source, "the recorded list is empty, there is nothing to scale");
        }
        Some(scale) => Window { first: scale.skip, count: scale.count },
    };
    Ok(Plan { window, fields, texts: texts(source)? })
}

/// The recorded items at each age that the scale makes.
fn texts(source: &Source) -> Result<ByAge<String>, ScaleError> {
    let mut texts = ByAge([source.items.clone(), Vec::new(), Vec::new()]);
    let Some(scale) = &source.scale else { return Ok(texts) };
    let changed = |text: &str| -> Option<i64> { CHANGED.iter().filter_map(|field| time_at(text, field)).max() };
    let revised_at = match &scale.revised_at {
        Some(given) => match time::millis(given) {
            Some(millis) => millis,
            None => return fail(source, format!("revised_at({given:?}) is no ISO 8601 time")),
        },
        None => source.items.iter().filter_map(|text| changed(text)).max().unwrap_or_default() + DAY,
    };
    match scale.revise_every {
        Some(0) => return fail(source, "revise_every(0): the first item that changes has to have a number"),
        Some(_) => {
            let times = CHANGED.iter().any(|field| has(&source.items, field));
            if !times && scale.revisions.is_empty() {
                return fail(
                    source,
                    "revise_every: no recorded item has a time of change; say what changes with revise(field, value)",
                );
            }
            let mut revised: Vec<String> =
                source.items.iter().map(|text| at_time(text, &CHANGED, revised_at)).collect();
            for (field, value) in &scale.revisions {
                if !has_place(&source.items, field) {
                    return fail(source, format!("revise: no recorded item has `{field}`"));
                }
                revised.iter_mut().for_each(|text| *text = replaced(text, field, value).0);
            }
            texts.0[Age::Revised as usize] = revised;
        }
        None if !scale.revisions.is_empty() => {
            return fail(source, "revise says what changes, and revise_every is not said");
        }
        None => {}
    }
    if scale.skip > 0 {
        let new = |text: &String| at_time(&at_time(text, &CHANGED, revised_at), &CREATED, revised_at);
        texts.0[Age::New as usize] = source.items.iter().map(new).collect();
    }
    Ok(texts)
}

/// A collection without its renderings.
fn collection(source: &Source, plan: &Plan) -> Result<Collection, ScaleError> {
    let recorded: Vec<String> = source
        .items
        .iter()
        .map(|text| json_text::find(text, "id").pop().map_or(String::new(), |place| text[place].to_owned()))
        .collect();
    let ids = match &source.scale {
        None => OwnIds::Recorded(recorded),
        Some(scale) => {
            let smallest = || recorded.iter().filter_map(|id| id.trim_matches('"').parse().ok()).min();
            let Some(first) = scale.first_id.or_else(smallest) else {
                return fail(source, "no recorded item has a number as `id`; say ids_from");
            };
            let last = first.checked_add(plan.window.first).and_then(|first| first.checked_add(plan.window.count));
            if last.is_none_or(|last| last > i64::MAX as u64) {
                return fail(source, format!("ids from {first} on do not fit 63 bits"));
            }
            OwnIds::Counted { first }
        }
    };
    let has_field = source
        .items
        .iter()
        .map(|text| plan.fields.iter().map(|(field, _)| !values(text, field).is_empty()).collect())
        .collect();
    Ok(Collection {
        path: source.path.clone(),
        window: plan.window,
        ids,
        revise_every: source.scale.as_ref().and_then(|scale| scale.revise_every),
        renderings: vec![ByAge([const { Vec::new() }; 3])],
        facts: map(&plan.texts, facts),
        members: Vec::new(),
        has_field,
        item_bytes: 0,
    })
}

impl Compiler<'_> {
    /// The templates of a collection, with only the members `kept` if that is said.
    fn rendering(
        &mut self,
        index: usize,
        kept: Option<&BTreeSet<String>>,
    ) -> Result<ByAge<Template<Hole>>, ScaleError> {
        let plan = &self.plans[index];
        let mut rendering = ByAge([const { Vec::new() }; 3]);
        let values = self.hole_values(index, kept)?;
        for (age, texts) in plan.texts.0.iter().enumerate() {
            for text in texts {
                let text = kept.map_or_else(|| text.clone(), |kept| json_text::only(text, kept));
                rendering.0[age].push(self.template(index, &text, &values)?);
            }
        }
        Ok(rendering)
    }

    fn template(&self, index: usize, text: &str, fields: &[FieldValue]) -> Result<Template<Hole>, ScaleError> {
        let mut cuts = Vec::new();
        if matches!(self.all[index].ids, OwnIds::Counted { .. }) {
            cuts.extend(values(text, "id").into_iter().map(|place| Cut {
                hole: Hole { quoted: text[place.clone()].starts_with('"'), value: HoleValue::Id },
                place,
            }));
        }
        for FieldValue { field, value } in fields {
            for (nth, mut place) in values(text, field).into_iter().enumerate() {
                let recorded = &text[place.clone()];
                let mut quoted = recorded.starts_with('"');
                let value = match value {
                    &Resolved::Target { to, relation, member } => {
                        quoted &= member.is_none() && matches!(self.all[to].ids, OwnIds::Counted { .. });
                        HoleValue::Target { to, relation, nth: nth as u64, member }
                    }
                    &Resolved::Unique { first, per_item } => HoleValue::Unique { first, per_item, nth: nth as u64 },
                    &Resolved::Sources { from, relation, field, rendering } => {
                        let array = recorded.starts_with('[');
                        quoted &= matches!(self.all[from].ids, OwnIds::Counted { .. });
                        match rendering {
                            Some(rendering) => HoleValue::SourceItems { from, relation, field, rendering },
                            None if array => HoleValue::SourceIds { from, relation, field },
                            None => HoleValue::SourceId { from, relation, field, nth },
                        }
                    }
                    Resolved::Numbered => {
                        let at = recorded.find('@').unwrap_or(recorded.len() - usize::from(quoted));
                        place = place.start + at..place.start + at;
                        quoted = false;
                        HoleValue::Number
                    }
                };
                cuts.push(Cut { place, hole: Hole { quoted, value } });
            }
        }
        Template::cut(text, cuts)
            .or_else(|place| fail(&self.sources[index], format!("two fields set the same place, `{place}`")))
    }

    /// What the fields of a collection hold, with references resolved.
    fn hole_values(&mut self, index: usize, kept: Option<&BTreeSet<String>>) -> Result<Vec<FieldValue>, ScaleError> {
        let mut values = Vec::new();
        for (field, fill) in &self.plans[index].fields {
            if kept.is_some_and(|kept| !kept.contains(root(field))) {
                continue;
            }
            let value = match fill {
                Fill::Target { path, spread, member } => {
                    let (to, relation) = self.target(index, path, *spread)?;
                    let member = member.as_ref().map(|name| self.member(to, name)).transpose()?;
                    Resolved::Target { to, relation, member }
                }
                Fill::Unique { first } => {
                    let items = &self.sources[index].items;
                    let per_item =
                        items.iter().map(|text| json_text::find(text, field).len()).max().unwrap_or(1) as u64;
                    Resolved::Unique { first: *first, per_item }
                }
                Fill::Sources { path, field: by, items } => {
                    let (from, relation, by) = self.source(index, path, by)?;
                    let rendering = match (items, kept) {
                        (false, _) => None,
                        (true, None) => Some(self.nested(index, field, from)?),
                        (true, Some(_)) => {
                            return fail(
                                &self.sources[index],
                                format!("items with `{field}` are nested elsewhere: that would nest without end"),
                            );
                        }
                    };
                    Resolved::Sources { from, relation, field: by, rendering }
                }
                Fill::Numbered => Resolved::Numbered,
            };
            values.push(FieldValue { field: field.clone(), value });
        }
        Ok(values)
    }

    fn target(&self, index: usize, path: &str, spread: bool) -> Result<(usize, Relation), ScaleError> {
        let to = self.index_of(index, path)?;
        if self.plans[to].window.count == 0 {
            return fail(&self.sources[index], format!("{path}, to which its items refer, is empty"));
        }
        Ok((to, Relation { from: self.plans[index].window, to: self.plans[to].window, spread }))
    }

    /// The collection at `path`, whose field `by` refers to this one.
    fn source(&self, index: usize, path: &str, by: &str) -> Result<(usize, Relation, usize), ScaleError> {
        let from = self.index_of(index, path)?;
        let own = &self.sources[index].path;
        let found = self.plans[from].fields.iter().enumerate().find_map(|(number, (field, fill))| match fill {
            Fill::Target { path, spread, member: None } if field == by && path == own => Some((number, *spread)),
            _ => None,
        });
        let Some((field, spread)) = found else {
            return fail(&self.sources[index], format!("{path} does not say field({by:?}, Ids::of({own:?}))"));
        };
        let (_, relation) = self.target(from, own, spread)?;
        if relation.from.count == 0 {
            return fail(&self.sources[index], format!("{path}, whose items should refer to it, is empty"));
        }
        Ok((from, relation, field))
    }

    fn index_of(&self, index: usize, path: &str) -> Result<usize, ScaleError> {
        let known: Vec<&str> = self.by_path.keys().map(String::as_str).collect();
        match self.by_path.get(path) {
            Some(&found) => Ok(found),
            None => fail(
                &self.sources[index],
                format!("{path} was not recorded; lists in the recording: {}", known.join(", ")),
            ),
        }
    }

    /// The number of the rendering of `from` as `field` of this collection nests it.
    fn nested(&mut self, index: usize, field: &str, from: usize) -> Result<usize, ScaleError> {
        let element = format!("{field}[]");
        let mut kept = BTreeSet::new();
        for text in &self.sources[index].items {
            for place in json_text::find(text, &element) {
                kept.extend(json_text::members(text, place).into_iter().map(|member| member.name.to_owned()));
            }
        }
        let all = self.sources[from].items.iter().flat_map(|text| json_text::members(text, 0..text.len()));
        let all: BTreeSet<String> = all.map(|member| member.name.to_owned()).collect();
        let rendering = self.rendering(from, Some(if kept.is_empty() { &all } else { &kept }))?;
        self.all[from].renderings.push(rendering);
        Ok(self.all[from].renderings.len() - 1)
    }

    /// The number of the top-level member `name` among those that are shown elsewhere.
    fn member(&mut self, index: usize, name: &str) -> Result<usize, ScaleError> {
        if !has_place(&self.sources[index].items, name) {
            return fail(
                &self.sources[index],
                format!("no recorded item has the member `{name}`, which another collection shows"),
            );
        }
        let texts = map(&self.plans[index].texts, |text| {
            json_text::find(text, name).pop().map_or_else(|| "null".to_owned(), |place| text[place].to_owned())
        });
        self.all[index].members.push(texts);
        Ok(self.all[index].members.len() - 1)
    }
}

struct FieldValue {
    field: String,
    value: Resolved,
}

enum Resolved {
    Target { to: usize, relation: Relation, member: Option<usize> },
    Unique { first: u64, per_item: u64 },
    Sources { from: usize, relation: Relation, field: usize, rendering: Option<usize> },
    Numbered,
}

fn map<T>(texts: &ByAge<String>, f: impl Fn(&str) -> T) -> ByAge<T> {
    ByAge(texts.0.each_ref().map(|texts| texts.iter().map(|text| f(text)).collect()))
}

/// Where values stand at `path`; null is none.
fn values(text: &str, path: &str) -> Vec<std::ops::Range<usize>> {
    let mut places = json_text::find(text, path);
    places.retain(|place| &text[place.clone()] != "null");
    places
}

fn has(items: &[String], path: &str) -> bool {
    items.iter().any(|text| !values(text, path).is_empty())
}

fn has_place(items: &[String], path: &str) -> bool {
    items.iter().any(|text| !json_text::find(text, path).is_empty())
}

/// The first name of a path.
fn root(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}

fn string_at(text: &str, field: &str) -> Option<String> {
    let place = json_text::find(text, field).pop()?;
    serde_json::from_str(&text[place]).ok()
}

fn time_at(text: &str, field: &str) -> Option<i64> {
    time::millis(&string_at(text, field)?)
}

/// `text` with the times that it has at `fields` set to `millis`.
fn at_time(text: &str, fields: &[&str], millis: i64) -> String {
    fields.iter().fold(text.to_owned(), |text, field| match string_at(&text, field) {
        Some(recorded) => replaced(&text, field, &Value::from(time::text(millis, &recorded))).0,
        None => text,
    })
}

fn facts(text: &str) -> Facts {
    Facts {
        created: time_at(text, "created_at").or_else(|| time_at(text, "applied_at")),
        updated: time_at(text, "updated_at"),
        last_activity: time_at(text, "last_activity_at").or_else(|| time_at(text, "last_activity")),
        status: string_at(text, "status"),
    }
}
