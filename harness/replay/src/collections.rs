//! Recorded collections, scaled and ready to be served: items are written from templates when they are asked for, none is stored.
//! How templates come about is left to `compile`, what an API makes of a collection to `harvest`.

use std::collections::BTreeMap;

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
    /// Which fields of the scale each template has.
    pub(crate) has_field: Vec<Vec<bool>>,
    /// The bytes of an average item.
    pub(crate) item_bytes: usize,
}

/// The ids of a collection's items.
#[derive(Debug)]
pub(crate) enum OwnIds {
    /// Item `number` has the id `first + number`.
    Counted { first: u64 },
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
    Target { to: usize, relation: Relation, nth: u64, member: Option<usize> },
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

    /// The JSON array of the items `numbers` of a collection.
    pub(crate) fn page(&self, collection: &Collection, numbers: &[u64]) -> Vec<u8> {
        let mut out = Vec::with_capacity(numbers.len() * (collection.item_bytes + 1) + 2);
        self.write_items(collection, 0, numbers, &mut out);
        out
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
            HoleValue::Target { to, relation, nth, member } => {
                let (target, number) = (&self.all[*to], relation.target(number, *nth));
                match member {
                    None => target.write_id(number, out),
                    Some(member) => {
                        out.extend_from_slice(target.members[*member].get(target.age(number), number).as_bytes());
                    }
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
        sources.retain(|&source| from.has_field[from.template(source)][field]);
        sources
    }
}

impl Collection {
    /// The numbers of the items that `filter` lets through, in order.
    pub(crate) fn numbers(&self, filter: &Filter) -> Vec<u64> {
        if filter.is_empty() {
            return self.window.numbers().collect();
        }
        let lets: ByAge<bool> =
            ByAge(self.facts.0.each_ref().map(|facts| facts.iter().map(|fact| filter.lets(fact)).collect()));
        self.window.numbers().filter(|&number| *lets.get(self.age(number), number)).collect()
    }

    /// The item whose id is `id`.
    pub(crate) fn number_of(&self, id: &str) -> Option<u64> {
        match &self.ids {
            OwnIds::Counted { first } => {
                let number = id.parse::<u64>().ok()?.checked_sub(*first)?;
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
        (number % self.has_field.len() as u64) as usize
    }

    fn write_id(&self, number: u64, out: &mut Vec<u8>) {
        match &self.ids {
            OwnIds::Counted { first } => write_number(first + number, out),
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
