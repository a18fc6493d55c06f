//! Makes collections of recorded items and of what a scenario's author says about them: finds the places that vary, resolves
//! references between collections, refuses what does not fit the recording.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::collections::{Age, ByAge, Collection, Collections, Facts, Hole, HoleValue, OwnIds, Reference, Shown};
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
    compiler.resolve_references()?;
    for index in 0..sources.len() {
        let whole = compiler.rendering(index, None)?;
        compiler.all[index].renderings[0] = whole;
    }
    let all = compiler.all;
    let mut collections = Collections { all, by_path };
    for index in 0..collections.all.len() {
        let collection = &collections.all[index];
        let few: Vec<u64> = collection.window.numbers().take(collection.values.len()).collect();
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
        Some(0) => return fail(source, "revise_every(0): say every how many items change, from 1"),
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
            let uuid = recorded.first().is_some_and(|id| is_uuid(id.trim_matches('"')));
            let smallest = || match uuid {
                true => Some(1),
                false => recorded.iter().filter_map(|id| id.trim_matches('"').parse().ok()).min(),
            };
            let Some(first) = scale.first_id.or_else(smallest) else {
                return fail(source, "no recorded item has a number or a UUID as `id`; say ids_from");
            };
            let last = first.checked_add(plan.window.first).and_then(|first| first.checked_add(plan.window.count));
            let bits = if uuid { 48 } else { 63 };
            if last.is_none_or(|last| last >> bits > 0) {
                return fail(source, format!("ids from {first} on do not fit {bits} bits"));
            }
            OwnIds::Counted { first, uuid }
        }
    };
    let count = |text: &String| plan.fields.iter().map(|(field, _)| values(text, field).len() as u64).collect();
    let references = plan.fields.iter().map(|(field, _)| Reference { name: field.clone(), target: None }).collect();
    Ok(Collection {
        path: source.path.clone(),
        window: plan.window,
        ids,
        revise_every: source.scale.as_ref().and_then(|scale| scale.revise_every),
        renderings: vec![ByAge([const { Vec::new() }; 3])],
        facts: map(&plan.texts, facts),
        members: Vec::new(),
        values: source.items.iter().map(count).collect(),
        references,
        item_bytes: 0,
    })
}

impl Compiler<'_> {
    /// Notes to which collection each field refers with its ids.
    fn resolve_references(&mut self) -> Result<(), ScaleError> {
        for index in 0..self.all.len() {
            for (number, (_, fill)) in self.plans[index].fields.iter().enumerate() {
                if let Fill::Target { path, spread, member: None } = fill {
                    self.all[index].references[number].target = Some(self.target(index, path, *spread)?);
                }
            }
        }
        Ok(())
    }

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
                    Resolved::Target(target) => {
                        quoted &= self.writes_number(target);
                        target.at(nth as u64)
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
                    let shown = match member {
                        Some(name) => self.shown(to, name)?,
                        None => ShownOf::Id,
                    };
                    Resolved::Target(Target { to, relation, shown })
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

    /// Whether a reference is written as digits, which may need quotes; recorded ids and members have their own.
    fn writes_number(&self, target: &Target) -> bool {
        match target.shown {
            ShownOf::Id => matches!(self.all[target.to].ids, OwnIds::Counted { .. }),
            ShownOf::Member(_) => false,
            ShownOf::Reference(to, _) => matches!(self.all[to].ids, OwnIds::Counted { .. }),
        }
    }

    /// What is shown as the member `name` of items of a collection: what it refers to in turn, or its text.
    fn shown(&mut self, index: usize, name: &str) -> Result<ShownOf, ScaleError> {
        let plans = self.plans;
        let refers = plans[index].fields.iter().find_map(|(field, fill)| match fill {
            Fill::Target { path, spread, member: None } if field == name => Some((path, *spread)),
            _ => None,
        });
        if let Some((path, spread)) = refers {
            let (to, relation) = self.target(index, path, spread)?;
            return Ok(ShownOf::Reference(to, relation));
        }
        Ok(ShownOf::Member(self.member(index, name)?))
    }

    /// The number of the member `name` among those that are shown elsewhere.
    fn member(&mut self, index: usize, name: &str) -> Result<usize, ScaleError> {
        if !has_place(&self.sources[index].items, name) {
            return fail(
                &self.sources[index],
                format!("no recorded item has the member `{name}`, which another collection shows"),
            );
        }
        let texts = map(&self.plans[index].texts, |text| {
            json_text::find(text, name)
                .into_iter()
                .next()
                .map_or_else(|| "null".to_owned(), |place| text[place].to_owned())
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
    Target(Target),
    Unique { first: u64, per_item: u64 },
    Sources { from: usize, relation: Relation, field: usize, rendering: Option<usize> },
    Numbered,
}

/// A reference before it has a place.
struct Target {
    to: usize,
    relation: Relation,
    shown: ShownOf,
}

enum ShownOf {
    Id,
    Member(usize),
    Reference(usize, Relation),
}

impl Target {
    /// The hole of the `nth` of its places in an item.
    fn at(&self, nth: u64) -> HoleValue {
        let shown = match self.shown {
            ShownOf::Id => Shown::Id,
            ShownOf::Member(member) => Shown::Member(member),
            ShownOf::Reference(to, relation) => {
                Shown::Reference(Box::new(HoleValue::Target { to, relation, nth: 0, shown: Shown::Id }))
            }
        };
        HoleValue::Target { to: self.to, relation: self.relation, nth, shown }
    }
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

/// Whether `id` has the form `8-4-4-4-12`.
fn is_uuid(id: &str) -> bool {
    id.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
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
        job_ids: json_text::find(text, "jobs[].id").into_iter().map(|place| text[place].to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::Ids;

    fn source(path: &str, items: &[&str], scale: Option<Scale>) -> Source {
        let items = items.iter().map(|item| (*item).to_owned()).collect();
        Source { path: path.to_owned(), items, scale, known_fields: Vec::new() }
    }

    fn page(sources: &[Source], path: &str) -> String {
        let collections = compile(sources).unwrap();
        let collection = collections.at(path).unwrap();
        let numbers: Vec<u64> = collection.window.numbers().collect();
        String::from_utf8(collections.page(collection, &numbers)).unwrap()
    }

    fn check(sources: &[Source], expected: &str) {
        assert_eq!(compile(sources).unwrap_err().to_string(), expected);
    }

    const PARENTS: &[&str] = &[r#"{"id":1,"name":"one"}"#, r#"{"id":2,"name":"two"}"#];
    const CHILDREN: &[&str] =
        &[r#"{"id":8,"parent_id":1,"parent":"one","n":[{"id":5},{"id":6}]}"#, r#"{"id":9,"parent_id":null}"#];

    #[test]
    fn templates_repeat_with_ids_and_references_of_their_own() {
        let scale = Scale::to(4)
            .ids_from(9_000_000_001)
            .field("parent_id", Ids::of("/parents"))
            .field("parent", Ids::of("/parents").member("name"))
            .field("n[].id", Ids::unique_from(70));
        let sources = [source("/children", CHILDREN, Some(scale)), source("/parents", PARENTS, None)];
        let expected = concat!(
            r#"[{"id":9000000001,"parent_id":1,"parent":"one","n":[{"id":70},{"id":71}]},{"id":9000000002,"parent_id":null},"#,
            r#"{"id":9000000003,"parent_id":2,"parent":"two","n":[{"id":74},{"id":75}]},{"id":9000000004,"parent_id":null}]"#,
        );
        assert_eq!(page(&sources, "/children"), expected);
    }

    #[test]
    fn lists_of_referring_items_leave_out_those_that_do_not_refer() {
        let children = Scale::to(4).field("parent_id", Ids::of("/parents"));
        let parents = Scale::to(2).field("children", Ids::referring("/children", "parent_id"));
        let sources = [
            source("/children", CHILDREN, Some(children)),
            source("/parents", &[r#"{"id":"a1","children":[]}"#], Some(parents.ids_from(3))),
        ];
        assert_eq!(page(&sources, "/parents"), r#"[{"id":"3","children":[8]},{"id":"4","children":[10]}]"#);
    }

    #[test]
    fn a_reference_may_be_shown_through_another_item() {
        let children = Scale::to(4).field("parent_id", Ids::spread_over("/parents"));
        let notes = Scale::to(4).field("of", Ids::of("/children").member("parent_id"));
        let sources = [
            source("/children", CHILDREN, Some(children)),
            source("/notes", &[r#"{"id":0,"of":0}"#], Some(notes)),
            source("/parents", PARENTS, None),
        ];
        assert_eq!(page(&sources, "/notes"), r#"[{"id":0,"of":1},{"id":1,"of":2},{"id":2,"of":1},{"id":3,"of":2}]"#);
    }

    #[test]
    fn a_later_generation_shows_what_was_revised_and_what_is_new() {
        let items =
            &[r#"{"id":1,"state":"a","created_at":"2020-01-01T00:00:00Z","updated_at":"2020-02-01T00:00:00.500Z"}"#];
        let scale = Scale::to(3).skip(1).revise_every(2).revise("state", "b");
        let expected = concat!(
            r#"[{"id":2,"state":"a","created_at":"2020-01-01T00:00:00Z","updated_at":"2020-02-01T00:00:00.500Z"},"#,
            r#"{"id":3,"state":"b","created_at":"2020-01-01T00:00:00Z","updated_at":"2020-02-02T00:00:00.500Z"},"#,
            r#"{"id":4,"state":"a","created_at":"2020-02-02T00:00:00Z","updated_at":"2020-02-02T00:00:00.500Z"}]"#,
        );
        assert_eq!(page(&[source("/x", items, Some(scale))], "/x"), expected);
    }

    #[test]
    fn numbers_go_into_strings() {
        let scale = Scale::to(2).numbered("mail").numbered("name");
        let items = &[r#"{"id":1,"mail":"ada@example.com","name":"Ada"}"#];
        let expected = r#"[{"id":1,"mail":"ada-0@example.com","name":"Ada-0"},{"id":2,"mail":"ada-1@example.com","name":"Ada-1"}]"#;
        assert_eq!(page(&[source("/x", items, Some(scale))], "/x"), expected);
    }

    #[test]
    fn a_scale_that_does_not_fit_the_recording_says_why() {
        let child = |scale| [source("/children", CHILDREN, Some(scale)), source("/parents", PARENTS, None)];
        check(
            &child(Scale::to(1).field("parentid", Ids::of("/parents"))),
            "/children: no recorded item has a value at `parentid`",
        );
        check(
            &child(Scale::to(1).field("parent_id", Ids::of("/parent"))),
            "/children: /parent was not recorded; lists in the recording: /children, /parents",
        );
        check(
            &child(Scale::to(1).field("parent_id", Ids::referring("/parents", "child_id"))),
            "/children: /parents does not say field(\"child_id\", Ids::of(\"/children\"))",
        );
        check(
            &child(Scale::to(1).field("n", Ids::unique_from(1)).field("n[].id", Ids::unique_from(1))),
            "/children: two fields set the same place, `5`",
        );
        check(
            &child(Scale::to(1).revise("parent", "x")),
            "/children: revise says what changes, and revise_every is not said",
        );
        check(
            &child(Scale::to(1).revise_every(0)),
            "/children: revise_every(0): say every how many items change, from 1",
        );
        check(
            &child(Scale::to(1).revise_every(2)),
            "/children: revise_every: no recorded item has a time of change; say what changes with revise(field, value)",
        );
        check(&child(Scale::to(1).revise_every(2).revise("nil", 1)), "/children: revise: no recorded item has `nil`");
        check(&child(Scale::to(1).skip(1).revised_at("soon")), "/children: revised_at(\"soon\") is no ISO 8601 time");
        check(&child(Scale::to(u64::MAX)), "/children: ids from 8 on do not fit 63 bits");
        check(
            &[source("/empty", &[], Some(Scale::to(5)))],
            "/empty: the recorded list is empty, there is nothing to scale",
        );
        check(
            &[source("/x", &[r#"{"id":"a"}"#], Some(Scale::to(5)))],
            "/x: no recorded item has a number or a UUID as `id`; say ids_from",
        );
        let none = [
            source("/children", CHILDREN, Some(Scale::to(1).field("parent_id", Ids::of("/parents")))),
            source("/parents", PARENTS, Some(Scale::to(0))),
        ];
        check(&none, "/children: /parents, to which its items refer, is empty");
    }
}
