//! Recorded collections, scaled and ready to be served: items are written from templates when they are asked for, none is stored.
//! How templates come about is left to `compile`, what an API makes of a collection to `harvest`.

use std::collections::{BTreeMap, BTreeSet};

use crate::filter::Filter;
use crate::relation::{Relation, Window};
use crate::template::Template;

/// All collections of a recording.
#[derive(Debug, Default)]
pub(crate) struct Collections {
    pub(crate) all: Vec<Collection>,
    pub(crate) by_path: BTreeMap<String, usize>,
}

/// One collection: `/v1/candidates`.
#[derive(Debug)]
pub(crate) struct Collection {
    pub(crate) path: String,
    pub(crate) window: Window,
    pub(crate) ids: OwnIds,
    pub(crate) revise_every: Option<u64>,
    /// The whole items, followed by what other collections nest of them.
    pub(crate) renderings: Vec<ByAge<Template<Hole>>>,
    pub(crate) facts: ByAge<Facts>,
    /// Members of items that other collections show, as JSON text.
    pub(crate) members: Vec<ByAge<String>>,
    /// How many values each template has at each field.
    pub(crate) values: Vec<Vec<u64>>,
    /// To what each field refers, if it does.
    pub(crate) references: Vec<Reference>,
    /// The bytes of an average item.
    pub(crate) item_bytes: usize,
}

/// A field whose ids are those of another collection's items.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) target: Option<(usize, Relation)>,
}

/// What an item shows of the one that it refers to.
#[derive(Debug)]
pub(crate) enum Shown {
    Id,
    /// One of its [`members`](Collection::members).
    Member(usize),
    /// What it in turn refers to.
    Reference(Box<HoleValue>),
}

/// Some items of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    /// How many the list has.
    pub(crate) total: u64,
    pub(crate) numbers: Vec<u64>,
}

/// The ids of a collection's items.
#[derive(Debug)]
pub(crate) enum OwnIds {
    /// Item `number` has the id `first + number`, as digits or in the form of a UUID.
    Counted { first: u64, uuid: bool },
    /// As JSON text, by template; empty where an item has none.
    Recorded(Vec<String>),
}

/// One value for each template and age; an age that no item has is empty.
#[derive(Debug)]
pub(crate) struct ByAge<T>(pub(crate) [Vec<T>; 3]);

/// Which generation an item is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// As recorded.
    Old,
    /// Changed since.
    Revised,
    /// Not there before.
    New,
}

/// What filters ask of an item. Times are milliseconds since 1970.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) created: Option<i64>,
    pub(crate) updated: Option<i64>,
    pub(crate) last_activity: Option<i64>,
    pub(crate) status: Option<String>,
    /// The recorded ids at `jobs[].id`.
    pub(crate) job_ids: Vec<String>,
}

/// A job that is looked for in items.
enum Job<'a> {
    Number { field: usize, relation: Relation, number: Option<u64> },
    Recorded(&'a str),
}

impl Job<'_> {
    fn is_in(&self, collection: &Collection, item: u64, facts: &Facts) -> bool {
        match self {
            Self::Number { field, relation, number } => {
                let values = collection.values[collection.template(item)][*field];
                number.is_some_and(|number| (0..values).any(|nth| relation.target(item, nth) == number))
            }
            Self::Recorded(id) => facts.job_ids.iter().any(|known| known == id),
        }
    }
}

/// A place of an item that is written anew for each item.
#[derive(Debug)]
pub(crate) struct Hole {
    pub(crate) quoted: bool,
    pub(crate) value: HoleValue,
}

#[derive(Debug)]
pub(crate) enum HoleValue {
    Id,
    Target { to: usize, relation: Relation, nth: u64, shown: Shown },
    Unique { first: u64, per_item: u64, nth: u64 },
    SourceId { from: usize, relation: Relation, field: usize, nth: usize },
    SourceIds { from: usize, relation: Relation, field: usize },
    SourceItems { from: usize, relation: Relation, field: usize, rendering: usize },
    Number,
}

impl Collections {
    /// The collection at `path`.
    pub(crate) fn at(&self, path: &str) -> Option<&Collection> {
        self.by_path.get(path).map(|&index| &self.all[index])
    }

    /// At most `size` items of a list, from the `start`-th on, of those that `filter` lets through.
    pub(crate) fn select(&self, collection: &Collection, filter: &Filter, start: u64, size: u64) -> Selection {
        let window = collection.window;
        if filter.is_empty() {
            let start = start.min(window.count);
            let end = start.saturating_add(size).min(window.count);
            return Selection { total: window.count, numbers: (window.first + start..window.first + end).collect() };
        }
        let ids: Option<BTreeSet<u64>> =
            filter.ids.as_ref().map(|ids| ids.iter().filter_map(|id| collection.number_of(id)).collect());
        let job = filter.job_id.as_ref().map(|id| self.job(collection, id));
        let mut selection = Selection { total: 0, numbers: Vec::new() };
        for number in window.numbers() {
            let facts = collection.facts.get(collection.age(number), number);
            let listed = filter.lets(facts)
                && ids.as_ref().is_none_or(|ids| ids.contains(&number))
                && job.as_ref().is_none_or(|job| job.is_in(collection, number, facts));
            if listed {
                if selection.total >= start && (selection.numbers.len() as u64) < size {
                    selection.numbers.push(number);
                }
                selection.total += 1;
            }
        }
        selection
    }

    /// How to recognise the items whose jobs have one with the id `id`.
    fn job<'a>(&self, collection: &Collection, id: &'a str) -> Job<'a> {
        let reference = collection.references.iter().enumerate().find(|(_, reference)| reference.name == "jobs[].id");
        match reference {
            Some((field, Reference { target: Some((to, relation)), .. })) => {
                Job::Number { field, relation: *relation, number: self.all[*to].number_of(id) }
            }
            _ => Job::Recorded(id),
        }
    }

    /// The JSON array of the items `numbers` of a collection.
    pub(crate) fn page(&self, collection: &Collection, numbers: &[u64]) -> Vec<u8> {
        let mut out = Vec::with_capacity(numbers.len() * (collection.item_bytes + 1) + 2);
        self.write_page(collection, numbers, &mut out);
        out
    }

    /// The same, at the end of `out`.
    pub(crate) fn write_page(&self, collection: &Collection, numbers: &[u64], out: &mut Vec<u8>) {
        self.write_items(collection, 0, numbers, out);
    }

    /// One item.
    pub(crate) fn item(&self, collection: &Collection, number: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(collection.item_bytes);
        self.write_item(collection, 0, number, &mut out);
        out
    }

    fn write_items(&self, collection: &Collection, rendering: usize, numbers: &[u64], out: &mut Vec<u8>) {
        out.push(b'[');
        for (index, &number) in numbers.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            self.write_item(collection, rendering, number, out);
        }
        out.push(b']');
    }

    fn write_item(&self, collection: &Collection, rendering: usize, number: u64, out: &mut Vec<u8>) {
        let template = collection.renderings[rendering].get(collection.age(number), number);
        template.write(out, |hole, out| {
            if hole.quoted {
                out.push(b'"');
            }
            self.fill(collection, &hole.value, number, out);
            if hole.quoted {
                out.push(b'"');
            }
        });
    }

    fn fill(&self, own: &Collection, value: &HoleValue, number: u64, out: &mut Vec<u8>) {
        match value {
            HoleValue::Id => own.write_id(number, out),
            HoleValue::Target { to, relation, nth, shown } => {
                let (target, number) = (&self.all[*to], relation.target(number, *nth));
                match shown {
                    Shown::Id => target.write_id(number, out),
                    Shown::Member(member) => {
                        out.extend_from_slice(target.members[*member].get(target.age(number), number).as_bytes());
                    }
                    Shown::Reference(value) => self.fill(target, value, number, out),
                }
            }
            HoleValue::Unique { first, per_item, nth } => write_number(first + number * per_item + nth, out),
            HoleValue::SourceId { from, relation, field, nth } => {
                let sources = self.sources(*from, *relation, *field, number);
                match sources.get(nth % sources.len().max(1)) {
                    Some(&source) => self.all[*from].write_id(source, out),
                    None => out.extend_from_slice(b"null"),
                }
            }
            HoleValue::SourceIds { from, relation, field } => {
                out.push(b'[');
                for (index, source) in self.sources(*from, *relation, *field, number).into_iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    self.all[*from].write_id(source, out);
                }
                out.push(b']');
            }
            HoleValue::SourceItems { from, relation, field, rendering } => {
                let sources = self.sources(*from, *relation, *field, number);
                self.write_items(&self.all[*from], *rendering, &sources, out);
            }
            HoleValue::Number => {
                out.push(b'-');
                write_number(number, out);
            }
        }
    }

    /// The items of `from` that refer to item `number`; not those whose template leaves the reference out.
    fn sources(&self, from: usize, relation: Relation, field: usize, number: u64) -> Vec<u64> {
        let from = &self.all[from];
        let mut sources = relation.sources(number);
        sources.retain(|&source| from.values[from.template(source)][field] > 0);
        sources
    }
}

impl Collection {
    /// The item whose id is `id`.
    pub(crate) fn number_of(&self, id: &str) -> Option<u64> {
        match &self.ids {
            OwnIds::Counted { first, uuid } => {
                let id = if *uuid { uuid_number(id) } else { id.parse().ok() };
                let number = id?.checked_sub(*first)?;
                self.window.numbers().contains(&number).then_some(number)
            }
            OwnIds::Recorded(ids) => {
                ids.iter().position(|known| known.trim_matches('"') == id && !id.is_empty()).map(|index| index as u64)
            }
        }
    }

    pub(crate) fn age(&self, number: u64) -> Age {
        if number >= self.window.count {
            Age::New
        } else if self.revise_every.is_some_and(|n| number.is_multiple_of(n)) {
            Age::Revised
        } else {
            Age::Old
        }
    }

    fn template(&self, number: u64) -> usize {
        (number % self.values.len() as u64) as usize
    }

    fn write_id(&self, number: u64, out: &mut Vec<u8>) {
        match &self.ids {
            OwnIds::Counted { first, uuid: false } => write_number(first + number, out),
            OwnIds::Counted { first, uuid: true } => {
                out.extend_from_slice(format!("{UUID_START}{:012x}", first + number).as_bytes());
            }
            OwnIds::Recorded(ids) => out.extend_from_slice(ids[number as usize].as_bytes()),
        }
    }
}

impl<T> ByAge<T> {
    fn get(&self, age: Age, number: u64) -> &T {
        let templates = &self.0[age as usize];
        &templates[(number % templates.len() as u64) as usize]
    }
}

/// Version 4, whose digits are random; these are in order.
const UUID_START: &str = "00000000-0000-4000-8000-";

fn uuid_number(id: &str) -> Option<u64> {
    u64::from_str_radix(id.strip_prefix(UUID_START)?, 16).ok()
}

fn write_number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
