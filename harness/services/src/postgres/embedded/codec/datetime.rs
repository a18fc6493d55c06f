//! Dates and times: ISO text in and out, days and microseconds since 2000-01-01 (PostgreSQL's epoch) inside. The session's
//! time zone is UTC, always. The calendar is chrono's.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use super::super::error::{SqlError, SqlResult, state};

pub(in super::super) const MICROS_PER_SECOND: i64 = 1_000_000;
pub(in super::super) const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

fn epoch() -> NaiveDate {
    NaiveDate::from_ymd_opt(2000, 1, 1).expect("the first of January 2000 is a date")
}

/// Years 1 to 9999 are served; PostgreSQL goes further both ways.
fn served(date: NaiveDate) -> SqlResult<NaiveDate> {
    if (1..=9999).contains(&date.year()) {
        Ok(date)
    } else {
        Err(SqlError::unsupported("dates outside the years 1 to 9999"))
    }
}

fn beyond() -> SqlError {
    SqlError::unsupported("dates outside the years 1 to 9999, and infinite ones")
}

fn date_of(days: i64) -> SqlResult<NaiveDate> {
    let date = TimeDelta::try_days(days).and_then(|delta| epoch().checked_add_signed(delta));
    date.ok_or_else(beyond).and_then(served)
}

/// The moment of a timestamp as stored.
pub(in super::super) fn moment_of(micros: i64) -> SqlResult<NaiveDateTime> {
    let start = epoch().and_time(NaiveTime::MIN);
    let moment = start.checked_add_signed(TimeDelta::microseconds(micros)).ok_or_else(beyond)?;
    served(moment.date())?;
    Ok(moment)
}

/// A moment as stored.
pub(in super::super) fn micros_of(moment: NaiveDateTime) -> SqlResult<i64> {
    served(moment.date())?;
    let since = moment.signed_duration_since(epoch().and_time(NaiveTime::MIN));
    since.num_microseconds().ok_or_else(beyond)
}

fn days_of(date: NaiveDate) -> i64 {
    date.signed_duration_since(epoch()).num_days()
}

pub(in super::super) fn checked_date(days: i64) -> SqlResult<i64> {
    date_of(days).map(|_| days)
}

pub(in super::super) fn checked_timestamp(micros: i64) -> SqlResult<i64> {
    moment_of(micros).map(|_| micros)
}

/// The time now, as stored.
pub(in super::super) fn now() -> i64 {
    let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(unix.as_micros()).unwrap_or(i64::MAX);
    // Days between the Unix epoch and PostgreSQL's.
    micros - 10_957 * MICROS_PER_DAY
}

pub(in super::super) fn date_to_text(days: i64) -> SqlResult<String> {
    Ok(date_of(days)?.format("%Y-%m-%d").to_string())
}

/// `2024-05-06 07:08:09.12`: fractions without trailing zeros, no zone.
pub(in super::super) fn timestamp_to_text(micros: i64) -> SqlResult<String> {
    let moment = moment_of(micros)?;
    let mut text = moment.format("%Y-%m-%d %H:%M:%S").to_string();
    let fraction = moment.nanosecond() / 1000;
    if fraction > 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    Ok(text)
}

pub(in super::super) fn date_from_text(text: &str) -> SqlResult<i64> {
    // A timestamp is taken for its date, as PostgreSQL does.
    let (date, _rest) = parse_date(text.trim()).ok_or_else(|| invalid("date", text))?;
    let date = date.ok_or_else(|| out_of_range(text))?;
    timestamp_from_text(text, false)?;
    served(date).map(days_of)
}

/// Reads `YYYY-MM-DD`, optionally followed by `T` or a blank and `HH:MM[:SS[.ffffff]]` and a zone (`Z`, `UTC`, `+05:30`), which
/// counts only for `timestamptz`.
pub(in super::super) fn timestamp_from_text(text: &str, zoned: bool) -> SqlResult<i64> {
    let name = if zoned { "timestamp with time zone" } else { "timestamp" };
    let (date, rest) = parse_date(text.trim()).ok_or_else(|| invalid(name, text))?;
    let date = date.ok_or_else(|| out_of_range(text))?;
    let (time, zone) = parse_time(rest).ok_or_else(|| invalid(name, text))?;
    let offset = parse_zone(zone).ok_or_else(|| invalid(name, text))?;
    let time = time.ok_or_else(|| out_of_range(text))?;
    let micros = micros_of(served(date)?.and_time(NaiveTime::MIN))? + time;
    Ok(if zoned { micros - offset * MICROS_PER_SECOND } else { micros })
}

fn invalid(name: &str, text: &str) -> SqlError {
    let error = SqlError::new(state::INVALID_DATETIME, format!("invalid input syntax for type {name}: \"{text}\""));
    // PostgreSQL reads many more notations than ISO 8601, and words such as `tomorrow`.
    error.beyond(text.bytes().any(|byte| byte.is_ascii_alphanumeric()))
}

fn out_of_range(text: &str) -> SqlError {
    SqlError::new(state::DATETIME_OVERFLOW, format!("date/time field value out of range: \"{text}\""))
}

/// The date and what follows it; the inner `None` is a day that the calendar has not.
fn parse_date(text: &str) -> Option<(Option<NaiveDate>, &str)> {
    let (year, rest) = number(text, 4, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 1, 2)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 1, 2)?;
    Some((NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day), rest))
}

/// Microseconds into the day and what follows; the inner `None` is a time that the clock has not.
fn parse_time(text: &str) -> Option<(Option<i64>, &str)> {
    if text.is_empty() {
        return Some((Some(0), ""));
    }
    let text = text.strip_prefix(['T', 't', ' '])?.trim_start();
    let (hour, rest) = number(text, 1, 2)?;
    let (minute, mut rest) = number(rest.strip_prefix(':')?, 2, 2)?;
    let (mut second, mut fraction) = (0, 0);
    if let Some(after) = rest.strip_prefix(':') {
        (second, rest) = number(after, 2, 2)?;
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            fraction = rounded_micros(&after[..end])?;
            rest = &after[end..];
        }
    }
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    let micros = seconds * MICROS_PER_SECOND + fraction;
    // 24:00:00 and a leap second are midnight and the next minute, as in PostgreSQL.
    let exists = hour <= 24 && minute < 60 && second <= 60 && micros <= MICROS_PER_DAY;
    Some((exists.then_some(micros), rest.trim()))
}

/// Digits after the point as microseconds, rounded.
fn rounded_micros(digits: &str) -> Option<i64> {
    let padded = format!("{digits:0<7}");
    let seven: i64 = padded.get(..7)?.parse().ok()?;
    Some((seven + 5) / 10)
}

/// Seconds east of UTC.
fn parse_zone(text: &str) -> Option<i64> {
    if text.is_empty() || ["z", "utc", "gmt"].contains(&text.to_ascii_lowercase().as_str()) {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = number(rest, 2, 2)?;
    let minutes = match rest.strip_prefix(':').unwrap_or(rest) {
        "" => 0,
        rest => number(rest, 2, 2).filter(|(_, rest)| rest.is_empty())?.0,
    };
    (hours < 16 && minutes < 60).then(|| sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

fn number(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let end = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if end < least {
        return None;
    }
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// Months (to the month's last day where it is shorter), then days, then microseconds: as `timestamp + interval`.
pub(in super::super) fn add(micros: i64, months: i64, days: i64, rest: i64) -> SqlResult<i64> {
    let mut moment = moment_of(micros)?;
    let size = u32::try_from(months.unsigned_abs()).map_err(|_| beyond())?;
    let shifted = if months < 0 {
        moment.checked_sub_months(Months::new(size))
    } else {
        moment.checked_add_months(Months::new(size))
    };
    moment = shifted.ok_or_else(beyond)?;
    let size = Days::new(days.unsigned_abs());
    let shifted = if days < 0 { moment.checked_sub_days(size) } else { moment.checked_add_days(size) };
    micros_of(shifted.ok_or_else(beyond)?)?.checked_add(rest).ok_or_else(beyond).and_then(checked_timestamp)
}

/// `date_trunc(field, timestamp)`.
pub(in super::super) fn truncate(field: &str, micros: i64) -> SqlResult<i64> {
    let moment = moment_of(micros)?;
    let date = moment.date();
    let first = |year, month| NaiveDate::from_ymd_opt(year, month, 1).unwrap_or(date);
    let midnight = |date: NaiveDate| micros_of(date.and_time(NaiveTime::MIN));
    let floor = |unit: i64| micros - micros.rem_euclid(unit);
    match field.to_ascii_lowercase().as_str() {
        "microseconds" => Ok(micros),
        "milliseconds" => Ok(floor(1000)),
        "second" => Ok(floor(MICROS_PER_SECOND)),
        "minute" => Ok(floor(60 * MICROS_PER_SECOND)),
        "hour" => Ok(floor(3600 * MICROS_PER_SECOND)),
        "day" => Ok(floor(MICROS_PER_DAY)),
        "week" => midnight(date - Days::new(date.weekday().num_days_from_monday().into())),
        "month" => midnight(first(date.year(), date.month())),
        "quarter" => midnight(first(date.year(), (date.month0() / 3) * 3 + 1)),
        "year" => midnight(first(date.year(), 1)),
        other => Err(SqlError::unsupported(format!("date_trunc to \"{other}\""))),
    }
}

/// `date_part(field, timestamp)`, in double precision.
pub(in super::super) fn part(field: &str, micros: i64) -> SqlResult<f64> {
    let moment = moment_of(micros)?;
    // Exact: a timestamp within the years served has fewer than 2^63 microseconds, the quotient is what PostgreSQL computes too.
    #[expect(clippy::cast_precision_loss, reason = "date_part is double precision in PostgreSQL as well")]
    let seconds = |micros: i64| micros as f64 / 1e6;
    Ok(match field.to_ascii_lowercase().as_str() {
        "epoch" => seconds(micros + 10_957 * MICROS_PER_DAY),
        "second" => seconds(micros.rem_euclid(60 * MICROS_PER_SECOND)),
        "minute" => moment.minute().into(),
        "hour" => moment.hour().into(),
        "day" => moment.day().into(),
        "dow" => moment.weekday().num_days_from_sunday().into(),
        "isodow" => moment.weekday().number_from_monday().into(),
        "doy" => moment.ordinal().into(),
        "month" => moment.month().into(),
        "quarter" => (moment.month0() / 3 + 1).into(),
        "year" => moment.year().into(),
        other => return Err(SqlError::unsupported(format!("the date field \"{other}\""))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_read_in_every_iso_notation() {
        let check = |text: &str, expect: &str| {
            assert_eq!(timestamp_to_text(timestamp_from_text(text, true).unwrap()).unwrap(), expect, "{text}");
        };
        check("2024-01-02", "2024-01-02 00:00:00");
        check("2024-1-2 3:04", "2024-01-02 03:04:00");
        check("2024-01-02T03:04:05Z", "2024-01-02 03:04:05");
        check("2024-01-02 03:04:05.1234567+00:00", "2024-01-02 03:04:05.123457");
        check("2024-01-02 03:04:05 UTC", "2024-01-02 03:04:05");
        check("2024-01-02 03:04:05-0330", "2024-01-02 06:34:05");
        check("2024-01-02 24:00:00", "2024-01-03 00:00:00");
        check("1999-12-31 23:59:59.999999", "1999-12-31 23:59:59.999999");
    }

    #[test]
    fn a_timestamp_that_only_postgres_reads_is_refused() {
        for text in ["tomorrow", "Jan 1 2024", "2024-01-02 03:04:05 Europe/Paris", "infinity", "20240102"] {
            assert!(timestamp_from_text(text, true).unwrap_err().beyond_embedded, "{text}");
        }
    }

    #[test]
    fn adding_a_month_stops_at_its_last_day() {
        let start = timestamp_from_text("2024-01-31 12:00", false).unwrap();
        let check = |months, days, micros, expect: &str| {
            assert_eq!(timestamp_to_text(add(start, months, days, micros).unwrap()).unwrap(), expect);
        };
        check(1, 0, 0, "2024-02-29 12:00:00");
        check(-2, 0, 0, "2023-11-30 12:00:00");
        check(0, 1, -MICROS_PER_SECOND, "2024-02-01 11:59:59");
    }

    #[test]
    fn truncation_goes_to_the_start_of_the_field() {
        let moment = timestamp_from_text("2024-08-15 13:14:15.161718", false).unwrap();
        let check = |field, expect: &str| {
            assert_eq!(timestamp_to_text(truncate(field, moment).unwrap()).unwrap(), expect, "{field}");
        };
        check("second", "2024-08-15 13:14:15");
        check("hour", "2024-08-15 13:00:00");
        check("day", "2024-08-15 00:00:00");
        check("week", "2024-08-12 00:00:00");
        check("quarter", "2024-07-01 00:00:00");
        check("year", "2024-01-01 00:00:00");
    }

    #[test]
    fn parts_are_those_of_the_calendar() {
        let moment = timestamp_from_text("2024-08-15 13:14:15.5", false).unwrap();
        let check = |field, expect: f64| assert!((part(field, moment).unwrap() - expect).abs() < 1e-9, "{field}");
        check("epoch", 1_723_727_655.5);
        check("second", 15.5);
        check("dow", 4.0);
        check("doy", 228.0);
    }
}
