//! One line of DogStatsD: a metric, an event or a service check. After
//! <https://docs.datadoghq.com/extend/dogstatsd/datagram_shell>, protocol versions 1.0 to 1.3; fields that later versions add
//! behind the known ones are passed over, as the agent does.

/// What a line is.
#[derive(Debug, PartialEq)]
pub(super) enum Element<'a> {
    Metric(Metric<'a>),
    Event,
    ServiceCheck,
}

/// `name:value|type|@rate|#tags`
#[derive(Debug, PartialEq)]
pub(super) struct Metric<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    /// How many values the line packs.
    pub(super) values: u64,
    /// Their sum; 0 for a set.
    pub(super) sum: f64,
    /// Which part of all values was sent, above 0, at most 1.
    pub(super) rate: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Count,
    Gauge,
    Timing,
    Histogram,
    Distribution,
    Set,
}

/// Reads a line without its newline, or says what is wrong with it.
pub(super) fn parse(line: &[u8]) -> Result<Element<'_>, &'static str> {
    let line = std::str::from_utf8(line).map_err(|_| "not UTF-8")?;
    if let Some(event) = line.strip_prefix("_e{") {
        return parse_event(event).map(|()| Element::Event);
    }
    if let Some(check) = line.strip_prefix("_sc|") {
        return parse_check(check).map(|()| Element::ServiceCheck);
    }
    parse_metric(line).map(Element::Metric)
}

fn parse_metric(line: &str) -> Result<Metric<'_>, &'static str> {
    let (name, rest) = line.split_once(':').ok_or("no value: a metric is name:value|type")?;
    if name.is_empty() || name.contains(['|', '#', '@']) {
        return Err("no name before the colon");
    }
    let (values, rest) = rest.split_once('|').ok_or("no type: a metric is name:value|type")?;
    let mut fields = rest.split('|');
    let kind = match fields.next() {
        Some("c") => Kind::Count,
        Some("g") => Kind::Gauge,
        Some("ms") => Kind::Timing,
        Some("h") => Kind::Histogram,
        Some("d") => Kind::Distribution,
        Some("s") => Kind::Set,
        _ => return Err("an unknown type: the types are c, g, ms, h, d and s"),
    };
    let mut metric = Metric { name, kind, values: 0, sum: 0.0, rate: 1.0 };
    if kind == Kind::Set {
        // What is counted may hold colons, so that nothing is packed.
        if values.is_empty() {
            return Err("a set without a value");
        }
        metric.values = 1;
    } else {
        for value in values.split(':') {
            let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
            metric.sum += number.ok_or("a value that is no number")?;
            metric.values += 1;
        }
    }
    for field in fields {
        if let Some(rate) = field.strip_prefix('@') {
            let rate = rate.parse::<f64>().ok().filter(|rate| *rate > 0.0 && *rate <= 1.0);
            metric.rate = rate.ok_or("a rate that is not above 0 and at most 1")?;
        } else {
            check_field(field)?;
        }
    }
    Ok(metric)
}

/// `title length,text length}:title|text` and fields; lengths in bytes.
fn parse_event(event: &str) -> Result<(), &'static str> {
    let (lengths, rest) = event.split_once("}:").ok_or("an event without }:")?;
    let (title, text) = lengths.split_once(',').ok_or("an event without two lengths")?;
    let length = |digits: &str| digits.parse::<usize>().map_err(|_| "an event whose length is no number");
    let (title, text) = (length(title)?, length(text)?);
    let rest =
        rest.get(title..).and_then(|rest| rest.strip_prefix('|')).ok_or("an event whose title has another length")?;
    let rest = rest.get(text..).ok_or("an event whose text has another length")?;
    match rest.strip_prefix('|') {
        None if rest.is_empty() => Ok(()),
        None => Err("an event whose text has another length"),
        Some(fields) => fields.split('|').try_for_each(check_field),
    }
}

/// `name|status` and fields.
fn parse_check(check: &str) -> Result<(), &'static str> {
    let mut fields = check.split('|');
    if fields.next().is_none_or(str::is_empty) {
        return Err("a service check without a name");
    }
    if !matches!(fields.next(), Some("0" | "1" | "2" | "3")) {
        return Err("a service check whose status is not 0 to 3");
    }
    fields.try_for_each(check_field)
}

/// A field that says nothing which is counted here.
fn check_field(field: &str) -> Result<(), &'static str> {
    match field.as_bytes() {
        [] => Err("an empty field between bars"),
        [b'T', time @ ..] if time.is_empty() || !time.iter().all(u8::is_ascii_digit) => {
            Err("a time that is no number of seconds")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_of_every_type_are_read() {
        let check = |line: &str, kind: Kind, values: u64, sum: f64, rate: f64| {
            let name = line.split(':').next().unwrap();
            let expect = Element::Metric(Metric { name, kind, values, sum, rate });
            assert_eq!(parse(line.as_bytes()), Ok(expect), "{line}");
        };
        check("jobs:1|c", Kind::Count, 1, 1.0, 1.0);
        check("jobs:-3|c|@0.1|#queue:mail,retry", Kind::Count, 1, -3.0, 0.1);
        check("live:+4|g", Kind::Gauge, 1, 4.0, 1.0);
        check("live:1.5e3|g|#a:b:c", Kind::Gauge, 1, 1_500.0, 1.0);
        check("took:320|ms", Kind::Timing, 1, 320.0, 1.0);
        check("size:1:2.5:3|h|#a", Kind::Histogram, 3, 6.5, 1.0);
        check("size:1:2|d", Kind::Distribution, 2, 3.0, 1.0);
        check("users:id:7|s", Kind::Set, 1, 0.0, 1.0);
        check("jobs:1|c|#a:1|c:in-4026|T1700000000", Kind::Count, 1, 1.0, 1.0);
        check("jobs:1|c|e:it-false|card:low|zz:later", Kind::Count, 1, 1.0, 1.0);
    }

    #[test]
    fn events_and_service_checks_are_read() {
        for event in ["_e{5,4}:title|text", "_e{2,7}:é|a\\nb|cd|d:1700000000|p:low|t:error|#a:b", "_e{1,0}:t|"] {
            assert_eq!(parse(event.as_bytes()), Ok(Element::Event), "{event}");
        }
        for check in ["_sc|redis|0", "_sc|redis|2|d:1|h:host|#a:b|m:down"] {
            assert_eq!(parse(check.as_bytes()), Ok(Element::ServiceCheck), "{check}");
        }
    }

    #[test]
    fn what_is_malformed_is_told() {
        let check = |line: &[u8], expect: &str| {
            let cause = parse(line).expect_err("malformed");
            assert!(cause.contains(expect), "{}: {cause}", String::from_utf8_lossy(line));
        };
        check(b"", "no value");
        check(b"jobs", "no value");
        check(b":1|c", "no name");
        check(b"jobs:1", "no type");
        check(b"jobs:1|x", "unknown type");
        check(b"jobs:|c", "no number");
        check(b"jobs:1::2|c", "no number");
        check(b"jobs:one|g", "no number");
        check(b"jobs:NaN|g", "no number");
        check(b"users:|s", "without a value");
        check(b"jobs:1|c|@0", "rate");
        check(b"jobs:1|c|@2", "rate");
        check(b"jobs:1|c||#a", "empty field");
        check(b"jobs:1|c|Tnow", "time");
        check(b"_e{5,4}:title", "title");
        check(b"_e{5,3}:title|text", "text");
        check(b"_e{5}:title|text", "two lengths");
        check(b"_e{-1,3}:title|text", "no number");
        check(b"_sc||0", "without a name");
        check(b"_sc|redis|9", "status");
        check(b"jobs\xff:1|c", "UTF-8");
    }
}
