//! What the server holds: databases of keys with values and times to live. Commands work on it; this knows none of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::command::Refusal;

/// As many databases as a Redis has without a configuration.
pub(super) const DATABASES: usize = 16;

/// All databases, the selected one, and who listens to which channel.
#[derive(Debug)]
pub(super) struct Store {
    databases: Vec<Database>,
    /// The one of the session whose command is being executed.
    pub(super) selected: usize,
    pub(super) channels: super::channels::Channels,
    /// Commands executed, those of scripts not included.
    pub(super) commands: u64,
}

impl Store {
    pub(super) fn new() -> Self {
        let databases = std::iter::repeat_with(Database::default).take(DATABASES).collect();
        Self { databases, selected: 0, channels: Default::default(), commands: 0 }
    }

    /// The selected database.
    pub(super) fn database(&mut self) -> &mut Database {
        &mut self.databases[self.selected]
    }

    pub(super) fn databases(&mut self) -> &mut [Database] {
        &mut self.databases
    }

    /// The keys of all databases, and the bytes of them and their values.
    pub(super) fn size(&mut self) -> (u64, u64) {
        self.databases.iter_mut().fold((0, 0), |(keys, bytes), database| {
            database.purge();
            let size: usize = database.keys.iter().map(|(key, entry)| key.len() + entry.value.bytes()).sum();
            (keys + database.keys.len() as u64, bytes + size as u64)
        })
    }
}

/// One database.
#[derive(Debug, Default)]
pub(super) struct Database {
    keys: BTreeMap<Bytes, Entry>,
}

#[derive(Debug)]
struct Entry {
    value: Value,
    /// Milliseconds since 1970.
    expires: Option<u64>,
}

/// A value. Collections are ordered, so that the same commands have the same answers in every run.
#[derive(Debug)]
pub(super) enum Value {
    String(Bytes),
    Hash(BTreeMap<Bytes, Bytes>),
    List(VecDeque<Bytes>),
    Set(BTreeSet<Bytes>),
    SortedSet(SortedSet),
}

/// Members by name, and by score and name.
#[derive(Debug, Default)]
pub(super) struct SortedSet {
    scores: HashMap<Bytes, f64>,
    order: BTreeSet<(Score, Bytes)>,
}

/// A score, which is never NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Score(pub(super) f64);

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // Zeros are one score, as for Redis.
        (self.0 + 0.0).total_cmp(&(other.0 + 0.0))
    }
}

/// A copy that does not keep the buffer of the connection alive.
pub(super) fn owned(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

pub(super) fn now_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Database {
    /// The value of a key.
    pub(super) fn value(&mut self, key: &Bytes) -> Option<&mut Value> {
        self.purge_key(key);
        self.keys.get_mut(key).map(|entry| &mut entry.value)
    }

    /// Sets a value; `expires` in milliseconds since 1970.
    pub(super) fn set(&mut self, key: &Bytes, value: Value, expires: Option<u64>) {
        self.keys.insert(owned(key), Entry { value, expires });
    }

    pub(super) fn remove(&mut self, key: &Bytes) -> Option<Value> {
        self.purge_key(key);
        self.keys.remove(key).map(|entry| entry.value)
    }

    /// The time at which a key goes, in milliseconds since 1970: `None` without a key, `Some(None)` for one that stays.
    pub(super) fn expiry(&mut self, key: &Bytes) -> Option<Option<u64>> {
        self.purge_key(key);
        self.keys.get(key).map(|entry| entry.expires)
    }

    /// Sets or takes off the time at which a key goes. False without a key.
    pub(super) fn expire(&mut self, key: &Bytes, at: Option<u64>) -> bool {
        self.purge_key(key);
        let Some(entry) = self.keys.get_mut(key) else { return false };
        entry.expires = at;
        self.purge_key(key);
        true
    }

    /// All keys, in order.
    pub(super) fn keys(&mut self) -> impl Iterator<Item = (&Bytes, &Value)> {
        self.purge();
        self.keys.iter().map(|(key, entry)| (key, &entry.value))
    }

    pub(super) fn clear(&mut self) {
        self.keys.clear();
    }

    fn purge(&mut self) {
        let now = now_millis();
        self.keys.retain(|_, entry| entry.expires.is_none_or(|at| at > now));
    }

    fn purge_key(&mut self, key: &Bytes) {
        if self.keys.get(key).is_some_and(|entry| entry.expires.is_some_and(|at| at <= now_millis())) {
            self.keys.remove(key);
        }
    }
}

macro_rules! typed {
    ($read:ident, $edit:ident, $variant:ident, $type:ty, $empty:expr) => {
        impl Database {
            /// The value of a key that has this type; `None` without a key.
            pub(super) fn $read(&mut self, key: &Bytes) -> Result<Option<&$type>, Refusal> {
                match self.value(key) {
                    None => Ok(None),
                    Some(Value::$variant(value)) => Ok(Some(value)),
                    Some(_) => Err(Refusal::WrongType),
                }
            }

            /// Changes the value of a key that has this type, which is made first, and removes it when nothing is left in it.
            pub(super) fn $edit<T>(&mut self, key: &Bytes, change: impl FnOnce(&mut $type) -> T) -> Result<T, Refusal> {
                self.purge_key(key);
                if !self.keys.contains_key(key) {
                    self.keys.insert(owned(key), Entry { value: Value::$variant($empty), expires: None });
                }
                let Some(Value::$variant(value)) = self.keys.get_mut(key).map(|entry| &mut entry.value) else {
                    return Err(Refusal::WrongType);
                };
                let result = change(value);
                if value.is_empty() {
                    self.keys.remove(key);
                }
                Ok(result)
            }
        }
    };
}

typed!(hash, edit_hash, Hash, BTreeMap<Bytes, Bytes>, BTreeMap::new());
typed!(list, edit_list, List, VecDeque<Bytes>, VecDeque::new());
typed!(members, edit_members, Set, BTreeSet<Bytes>, BTreeSet::new());
typed!(sorted_set, edit_sorted_set, SortedSet, SortedSet, SortedSet::default());

impl Value {
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::Hash(_) => "hash",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::SortedSet(_) => "zset",
        }
    }

    /// What was stored, in bytes; a score is 8.
    fn bytes(&self) -> usize {
        match self {
            Self::String(value) => value.len(),
            Self::Hash(fields) => fields.iter().map(|(field, value)| field.len() + value.len()).sum(),
            Self::List(items) => items.iter().map(Bytes::len).sum(),
            Self::Set(members) => members.iter().map(Bytes::len).sum(),
            Self::SortedSet(set) => set.scores.keys().map(|member| member.len() + 8).sum(),
        }
    }
}

impl SortedSet {
    pub(super) fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.scores.len()
    }

    pub(super) fn score(&self, member: &Bytes) -> Option<f64> {
        self.scores.get(member).copied()
    }

    pub(super) fn insert(&mut self, member: &Bytes, score: f64) {
        let member = owned(member);
        if let Some(before) = self.scores.insert(member.clone(), score) {
            self.order.remove(&(Score(before), member.clone()));
        }
        self.order.insert((Score(score), member));
    }

    pub(super) fn remove(&mut self, member: &Bytes) -> bool {
        let Some(score) = self.scores.remove(member) else { return false };
        self.order.remove(&(Score(score), member.clone()))
    }

    /// Members by rising score.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&Bytes, f64)> {
        self.order.iter().map(|(score, member)| (member, score.0))
    }
}
