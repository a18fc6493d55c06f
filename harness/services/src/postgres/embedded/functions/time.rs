//! Dates, timestamps and intervals.

use rusqlite::types::Value;
use rusqlite::{Connection, Result};

use super::super::codec::datetime;
use super::super::codec::interval::Interval;
use super::super::error::{SqlError, SqlResult};
use super::{integer, real, strict, text};

pub(super) fn register(conn: &Connection) -> Result<()> {
    strict(conn, "pg_time_add", 2, |a| shifted(integer(a[0])?, text(a[1])?.parse()?))?;
    strict(conn, "pg_time_subtract", 2, |a| shifted(integer(a[0])?, text(a[1])?.parse::<Interval>()?.negated()))?;
    strict(conn, "pg_interval_times", 2, |a| {
        Ok(Value::Text(text(a[0])?.parse::<Interval>()?.times(real(a[1])?)?.to_string()))
    })?;
    strict(conn, "pg_time_truncate", 2, |a| datetime::truncate(text(a[0])?, integer(a[1])?).map(Value::Integer))?;
    strict(conn, "pg_time_part", 2, |a| datetime::part(text(a[0])?, integer(a[1])?).map(Value::Real))?;
    // pg_time_checked(micros), pg_date_checked(days): refuse what is outside the years served.
    strict(conn, "pg_time_checked", 1, |a| datetime::checked_timestamp(whole(a[0])?).map(Value::Integer))?;
    strict(conn, "pg_date_checked", 1, |a| datetime::checked_date(whole(a[0])?).map(Value::Integer))?;
    // pg_date_of(micros): the day of a timestamp.
    strict(conn, "pg_date_of", 1, |a| Ok(Value::Integer(integer(a[0])?.div_euclid(datetime::MICROS_PER_DAY))))?;
    // pg_time_from_epoch(seconds): to_timestamp.
    strict(conn, "pg_time_from_epoch", 1, |a| {
        let micros = (real(a[0])? * 1e6).round_ties_even() - 946_684_800e6;
        if micros.abs() > 9e17 {
            return Err(SqlError::unsupported("dates outside the years 1 to 9999"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked above")]
        datetime::checked_timestamp(micros as i64).map(Value::Integer)
    })
}

fn shifted(micros: i64, by: Interval) -> SqlResult<Value> {
    datetime::add(micros, by.months, by.days, by.micros).map(Value::Integer)
}

/// SQLite makes a real of an integer sum that overflows.
fn whole(value: rusqlite::types::ValueRef<'_>) -> SqlResult<i64> {
    integer(value).map_err(|_| SqlError::unsupported("dates outside the years 1 to 9999"))
}
