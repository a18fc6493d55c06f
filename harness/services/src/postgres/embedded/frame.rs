//! What functions that SQLite calls must know of the session and of the statement that runs: its arrays, the time of its
//! transaction, the rows it has touched.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::types::Value;

use super::codec::datetime;
use super::database::Database;

/// Shared by a session and the functions registered on its connection. Each lock is held for one call only.
pub(super) struct Frame {
    pub(super) database: Arc<Database>,
    /// The session's number, as `pg_backend_pid()` tells it.
    pub(super) pid: i32,
    now: AtomicI64,
    parameters: Mutex<Parameters>,
    touched: Mutex<Touched>,
    /// The last value of each sequence that this session drew, and which it drew last.
    drawn: Mutex<(HashMap<String, i64>, Option<i64>)>,
}

/// Parameters that do not go to SQLite as variables.
#[derive(Default)]
pub(super) struct Parameters {
    /// The elements of array parameters that the statement unrolls, by parameter; empty for a null array.
    pub(super) arrays: HashMap<usize, Vec<Value>>,
    /// All parameters of a statement that has more than SQLite takes.
    pub(super) scalars: Vec<Value>,
}

#[derive(Default)]
struct Touched {
    /// The table that the running upsert writes.
    table: Option<String>,
    rows: HashSet<i64>,
}

impl Frame {
    pub(super) fn new(database: Arc<Database>, pid: i32) -> Self {
        Self {
            database,
            pid,
            now: AtomicI64::new(datetime::now()),
            parameters: Mutex::default(),
            touched: Mutex::default(),
            drawn: Mutex::default(),
        }
    }

    /// `now()`: when the transaction began, in microseconds since 2000-01-01.
    pub(super) fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    /// A transaction begins.
    pub(super) fn begin(&self) {
        self.now.store(datetime::now(), Ordering::Relaxed);
    }

    /// A statement begins with these parameters.
    pub(super) fn set_parameters(&self, parameters: Parameters) {
        *lock(&self.parameters) = parameters;
    }

    /// The element of an array parameter at `row`; null beyond its end, as `unnest` pads.
    pub(super) fn cell(&self, parameter: usize, row: usize) -> Value {
        lock(&self.parameters).arrays.get(&parameter).and_then(|array| array.get(row)).cloned().unwrap_or(Value::Null)
    }

    pub(super) fn scalar(&self, parameter: usize) -> Value {
        lock(&self.parameters).scalars.get(parameter).cloned().unwrap_or(Value::Null)
    }

    /// An upsert into `table` begins: rows it writes are remembered until [`Frame::forget_rows`].
    pub(super) fn watch_rows(&self, table: &str) {
        *lock(&self.touched) = Touched { table: Some(table.to_owned()), rows: HashSet::new() };
    }

    pub(super) fn forget_rows(&self) {
        *lock(&self.touched) = Touched::default();
    }

    /// SQLite wrote a row.
    pub(super) fn row_written(&self, table: &str, row: i64) {
        let mut touched = lock(&self.touched);
        if touched.table.as_deref() == Some(table) {
            touched.rows.insert(row);
        }
    }

    /// Whether the running upsert wrote the row already.
    pub(super) fn was_written(&self, row: i64) -> bool {
        lock(&self.touched).rows.contains(&row)
    }

    /// Remembers the value that the session drew from a sequence.
    pub(super) fn drew(&self, sequence: &str, value: i64) {
        let mut drawn = lock(&self.drawn);
        drawn.0.insert(sequence.to_owned(), value);
        drawn.1 = Some(value);
    }

    /// `currval`.
    pub(super) fn current(&self, sequence: &str) -> Option<i64> {
        lock(&self.drawn).0.get(sequence).copied()
    }

    /// `lastval`.
    pub(super) fn last(&self) -> Option<i64> {
        lock(&self.drawn).1
    }
}

/// A lock that a panicking thread left behind still guards whole values: every critical section here is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
