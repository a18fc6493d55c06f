//! Servers for tests, clients of them, and results as text.

use std::future::Future;
use std::time::{Duration, SystemTime};

use highwater::{Endpoint, RunningService, Service};
use highwater_services::Postgres;
use tokio_postgres::types::{FromSql, Kind, Type};
use tokio_postgres::{Client, Error, NoTls, Row, SimpleQueryMessage};

pub(crate) fn embedded() -> Postgres {
    Postgres::new("postgres").embedded()
}

pub(crate) fn local() -> Postgres {
    Postgres::new("postgres").local()
}

pub(crate) fn started(postgres: &Postgres) -> Box<dyn RunningService> {
    postgres.start().unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a test's body on a runtime of one thread, as scenarios do, within a time in which nothing here may hang.
pub(crate) fn run<T>(body: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(120), body).await.expect("the test hangs") })
}

pub(crate) async fn connect(endpoint: &Endpoint) -> Client {
    let (client, connection) =
        tokio_postgres::connect(endpoint.as_str(), NoTls).await.unwrap_or_else(|e| panic!("{}", shown(&e)));
    tokio::spawn(async move {
        // A connection that a test cuts ends with an error, as it should.
        let _ = connection.await;
    });
    client
}

/// Runs `body` with a client of an empty database.
pub(crate) fn with_client<T>(postgres: &Postgres, body: impl AsyncFnOnce(Client) -> T) -> T {
    let mut running = started(postgres);
    let endpoint = running.begin_sample().unwrap();
    let result = run(async { body(connect(&endpoint).await).await });
    running.end_sample().unwrap();
    result
}

pub(crate) fn code(error: &Error) -> String {
    error.code().map_or_else(|| format!("no SQLSTATE: {}", shown(error)), |state| state.code().to_owned())
}

pub(crate) fn shown(error: &Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} {} {:?}", error.code().code(), error.message(), error.hint()),
        None => format!("{error:?}"),
    }
}

/// A simple query's rows as `1|x; 2|NULL`, and rows affected as `[2]`.
pub(crate) async fn simple(client: &Client, sql: &str) -> Result<String, Error> {
    let (mut parts, mut seen) = (Vec::new(), 0);
    for message in client.simple_query(sql).await? {
        match message {
            SimpleQueryMessage::Row(row) => {
                seen += 1;
                parts.push((0..row.len()).map(|i| row.get(i).unwrap_or("NULL")).collect::<Vec<_>>().join("|"));
            }
            // The tag of SHOW has no number.
            SimpleQueryMessage::CommandComplete(rows) => {
                parts.push(format!("[{}]", rows.max(std::mem::take(&mut seen))));
            }
            _ => {}
        }
    }
    Ok(parts.join("; "))
}

/// The same by the extended protocol, where values come in binary.
pub(crate) async fn extended(client: &Client, sql: &str) -> Result<String, Error> {
    let statement = client.prepare(sql).await?;
    if statement.columns().is_empty() {
        return Ok(format!("[{}]", client.execute(&statement, &[]).await?));
    }
    let rows = client.query(&statement, &[]).await?;
    let mut parts: Vec<String> = rows.iter().map(row_text).collect();
    parts.push(format!("[{}]", rows.len()));
    Ok(parts.join("; "))
}

/// The types of parameters and columns that a server infers: `int8 -> id:int8 name:text`.
pub(crate) async fn described(client: &Client, sql: &str) -> Result<String, Error> {
    let statement = client.prepare(sql).await?;
    let parameters: Vec<&str> = statement.params().iter().map(Type::name).collect();
    let columns: Vec<String> = statement.columns().iter().map(|c| format!("{}:{}", c.name(), c.type_())).collect();
    Ok(format!("{} -> {}", parameters.join(" "), columns.join(" ")))
}

pub(crate) fn row_text(row: &Row) -> String {
    (0..row.len())
        .map(|i| row.get::<_, Option<Text>>(i).map_or_else(|| "NULL".to_owned(), |text| text.0))
        .collect::<Vec<_>>()
        .join("|")
}

/// A binary value as the text that a simple query shows.
struct Text(String);

impl<'a> FromSql<'a> for Text {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        if let Kind::Array(element) = ty.kind() {
            return Ok(Self(array_text(element, raw)?));
        }
        Ok(Self(match ty.name() {
            "bool" => if bool::from_sql(ty, raw)? { "t" } else { "f" }.to_owned(),
            "int2" => i16::from_sql(ty, raw)?.to_string(),
            "int4" => i32::from_sql(ty, raw)?.to_string(),
            "int8" => i64::from_sql(ty, raw)?.to_string(),
            "float4" => float_text(&format!("{:e}", f32::from_sql(ty, raw)?), &f32::from_sql(ty, raw)?.to_string(), 6),
            "float8" => float_text(&format!("{:e}", f64::from_sql(ty, raw)?), &f64::from_sql(ty, raw)?.to_string(), 15),
            "text" | "varchar" | "name" | "json" => String::from_utf8(raw.to_vec())?,
            "jsonb" => String::from_utf8(raw[1..].to_vec())?,
            "bytea" => format!("\\x{}", hex(raw)),
            "uuid" => {
                let hex = hex(raw);
                format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
            }
            "date" => date_text(i64::from(i32::from_be_bytes(raw.try_into()?))),
            "timestamp" => timestamp_text(i64::from_be_bytes(raw.try_into()?)),
            "timestamptz" => format!("{}+00", timestamp_text(i64::from_be_bytes(raw.try_into()?))),
            "numeric" => numeric_text(raw),
            "void" => String::new(),
            other => return Err(format!("the tests do not read {other}").into()),
        }))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// As `float8out` writes a number: with an exponent when it is small or large.
fn float_text(scientific: &str, fixed: &str, bound: i32) -> String {
    let (digits, exponent) = scientific.split_once('e').unwrap();
    match exponent.parse::<i32>().unwrap() {
        exponent if (-4..bound).contains(&exponent) => fixed.to_owned(),
        exponent => format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn array_text(element: &Type, raw: &[u8]) -> Result<String, Box<dyn std::error::Error + Sync + Send>> {
    let int = |at: usize| i32::from_be_bytes(raw[at..at + 4].try_into().unwrap());
    let (mut at, mut items) = (20, Vec::new());
    for _ in 0..if int(0) == 0 { 0 } else { int(12) } {
        let size = int(at);
        at += 4;
        let Ok(size) = usize::try_from(size) else {
            items.push("NULL".to_owned());
            continue;
        };
        let text = Text::from_sql(element, &raw[at..at + size])?.0;
        let quote =
            text.is_empty() || text.contains(['{', '}', ',', '"', '\\', ' ']) || text.eq_ignore_ascii_case("null");
        items.push(if quote { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) } else { text });
        at += size;
    }
    Ok(format!("{{{}}}", items.join(",")))
}

/// Whole numbers only.
fn numeric_text(raw: &[u8]) -> String {
    let word = |at: usize| i64::from(u16::from_be_bytes(raw[at..at + 2].try_into().unwrap()));
    let (digits, weight) = (word(0), word(2));
    let mut number = 0;
    for position in 0..=weight {
        let digit = if position < digits { word(8 + 2 * usize::try_from(position).unwrap()) } else { 0 };
        number = number * 10_000 + digit;
    }
    if digits == 0 {
        "0".to_owned()
    } else if word(4) == 0x4000 {
        format!("-{number}")
    } else {
        number.to_string()
    }
}

/// Days since 2000-01-01 by the algorithm of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn date_text(days: i64) -> String {
    let z = days + 10_957 + 719_468;
    let (era, doe) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    format!("{:04}-{month:02}-{day:02}", yoe + era * 400 + i64::from(month <= 2))
}

fn timestamp_text(micros: i64) -> String {
    let (days, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    let fraction =
        if fraction == 0 { String::new() } else { format!(".{fraction:06}").trim_end_matches('0').to_owned() };
    format!("{} {:02}:{:02}:{:02}{fraction}", date_text(days), seconds / 3600, seconds / 60 % 60, seconds % 60)
}

pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}
