//! Intervals: what `interval '1 day 02:00'` says, as months, days and microseconds. They live only inside expressions.

use std::fmt;
use std::str::FromStr;

use super::super::error::{SqlError, SqlResult, state};
use super::datetime::{MICROS_PER_DAY, MICROS_PER_SECOND};
use super::{bad_binary, fixed};

/// The three parts that PostgreSQL keeps apart: a month is not a number of days, a day not one of hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in super::super) struct Interval {
    pub(in super::super) months: i64,
    pub(in super::super) days: i64,
    pub(in super::super) micros: i64,
}

/// The form in SQLite.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.months, self.days, self.micros)
    }
}

impl FromStr for Interval {
    type Err = SqlError;

    fn from_str(text: &str) -> SqlResult<Self> {
        let mut parts = text.split(' ').map(str::parse);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(Ok(months)), Some(Ok(days)), Some(Ok(micros))) => Ok(Self { months, days, micros }),
            _ => Err(invalid(text)),
        }
    }
}

impl Interval {
    /// The interval `factor` times. Fractions of months and days are refused: PostgreSQL spills them over by rules of its own.
    pub(in super::super) fn times(self, factor: f64) -> SqlResult<Self> {
        let scaled = |part: i64, whole: bool| {
            #[expect(clippy::cast_precision_loss, reason = "an interval times a double precision is computed in it")]
            let product = part as f64 * factor;
            if !product.is_finite() || product.abs() >= 9e18 {
                return Err(SqlError::new(state::DATETIME_OVERFLOW, "interval out of range"));
            }
            if whole && product.fract() != 0.0 {
                return Err(SqlError::unsupported("fractions of days and months in intervals"));
            }
            #[expect(clippy::cast_possible_truncation, reason = "checked above")]
            Ok(product.round_ties_even() as i64)
        };
        Ok(Self {
            months: scaled(self.months, true)?,
            days: scaled(self.days, true)?,
            micros: scaled(self.micros, false)?,
        })
    }

    pub(in super::super) fn negated(self) -> Self {
        Self { months: -self.months, days: -self.days, micros: -self.micros }
    }
}

fn invalid(text: &str) -> SqlError {
    let error = SqlError::new(state::INVALID_DATETIME, format!("invalid input syntax for type interval: \"{text}\""));
    error.beyond(text.bytes().any(|byte| byte.is_ascii_alphanumeric()))
}

/// The wire format: microseconds, days, months.
pub(super) fn from_binary(bytes: &[u8]) -> SqlResult<Interval> {
    let (micros, rest) = bytes.split_at_checked(8).ok_or_else(bad_binary)?;
    let (days, months) = rest.split_at_checked(4).ok_or_else(bad_binary)?;
    Ok(Interval {
        months: i32::from_be_bytes(fixed(months)?).into(),
        days: i32::from_be_bytes(fixed(days)?).into(),
        micros: i64::from_be_bytes(fixed(micros)?),
    })
}

/// Reads `[+-]N UNIT ...`, `[+-]HH:MM[:SS[.f]]` and `ago`; a number alone is seconds.
pub(super) fn from_text(text: &str) -> SqlResult<Interval> {
    let mut interval = Interval::default();
    let mut words = text.split_whitespace().peekable();
    if words.peek().is_none() {
        return Err(invalid(text));
    }
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case("ago") && words.peek().is_none() {
            return Ok(interval.negated());
        }
        if word.contains(':') {
            interval.micros += clock(word).ok_or_else(|| invalid(text))?;
            continue;
        }
        let end = word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(word.len());
        let number: f64 = word[..end].parse().map_err(|_| invalid(text))?;
        let unit = match &word[end..] {
            "" => match words.peek() {
                Some(next) if next.starts_with(|c: char| c.is_ascii_alphabetic()) && *next != "ago" => {
                    words.next().unwrap_or_default()
                }
                _ => "second",
            },
            unit => unit,
        };
        let part = of_unit(&unit.to_ascii_lowercase()).ok_or_else(|| invalid(text))?.times(number)?;
        interval.months += part.months;
        interval.days += part.days;
        interval.micros += part.micros;
    }
    Ok(interval)
}

fn of_unit(unit: &str) -> Option<Interval> {
    let months = |months| Some(Interval { months, ..Interval::default() });
    let days = |days| Some(Interval { days, ..Interval::default() });
    let micros = |micros| Some(Interval { micros, ..Interval::default() });
    match unit {
        "century" | "centuries" => months(1200),
        "decade" | "decades" => months(120),
        "year" | "years" | "y" | "yr" | "yrs" => months(12),
        "month" | "months" | "mon" | "mons" => months(1),
        "week" | "weeks" | "w" => days(7),
        "day" | "days" | "d" => days(1),
        "hour" | "hours" | "h" | "hr" | "hrs" => micros(MICROS_PER_DAY / 24),
        "minute" | "minutes" | "m" | "min" | "mins" => micros(60 * MICROS_PER_SECOND),
        "second" | "seconds" | "s" | "sec" | "secs" => micros(MICROS_PER_SECOND),
        "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" => micros(1000),
        "microsecond" | "microseconds" | "us" | "usec" | "usecs" => micros(1),
        _ => None,
    }
}

fn clock(word: &str) -> Option<i64> {
    let (sign, digits) = word.strip_prefix('-').map_or((1, word.strip_prefix('+').unwrap_or(word)), |rest| (-1, rest));
    let mut parts = digits.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next().map_or(Some(0.0), |part| part.parse().ok())?;
    if parts.next().is_some() || !(0..60).contains(&minutes) || !(0.0..60.0).contains(&seconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "fewer than 60 seconds")]
    let micros = (seconds * 1e6).round() as i64;
    Some(sign * ((hours * 60 + minutes) * 60 * MICROS_PER_SECOND + micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_read_as_postgres_reads_them() {
        let check = |text: &str, months, days, micros| {
            assert_eq!(from_text(text).unwrap(), Interval { months, days, micros }, "{text}");
        };
        check("1 day", 0, 1, 0);
        check("30 days", 0, 30, 0);
        check("1 year 2 mons -3 days 04:05:06.5", 14, -3, 14_706_500_000);
        check("90", 0, 0, 90_000_000);
        check("1.5 hours", 0, 0, 5_400_000_000);
        check("2h 30m", 0, 0, 9_000_000_000);
        check("1 week ago", 0, -7, 0);
    }

    #[test]
    fn what_is_no_interval_is_refused() {
        for text in ["", "day", "1 fortnight", "P1D", "0.5 months"] {
            assert!(from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_form_in_sqlite_reads_back() {
        let interval = Interval { months: -1, days: 2, micros: 3 };
        assert_eq!(interval.to_string().parse::<Interval>().unwrap(), interval);
    }
}
