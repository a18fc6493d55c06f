//! rusqlite: statements that are logged with their parameters filled in. SQLite makes that text on its own heap, and whoever
//! asked for it has to give it back. No Rust allocator sees that heap: resident bytes are what tells, so they gate here.

use std::process::ExitCode;

use highwater::{Bytes, Metric, Scenario, Suite, Tolerance};
use rusqlite::Connection;

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

/// The bound parameter's length in bytes. The fixed version hands out a `String` of that length where the leaking one lends a
/// `&str`: by the Rust heap alone, the leaking one looks the better of the two.
const TEXT: usize = 8 * 1024;

fn main() -> ExitCode {
    Suite::new("rusqlite-expanded-sql")
        .scenario(
            Scenario::sync("statement-log")
                .warm_up(10)
                .iterations(4_000)
                .tolerance(Metric::RssBytes, Tolerance::new(0.0, Bytes::mib(4).0))
                .setup(|_| Ok((Connection::open_in_memory()?, "x".repeat(TEXT))))
                .iterate(|(connection, text): &mut (Connection, String)| {
                    let mut statement = connection.prepare_cached("SELECT length(?1)")?;
                    let length: i64 = statement.query_row(&[&*text], |row| row.get(0))?;
                    let logged = statement.expanded_sql().map_or(0, |sql| sql.len());
                    if length == TEXT as i64 && logged > TEXT { Ok(()) } else { Err("the text was cut".into()) }
                }),
        )
        .main()
}
