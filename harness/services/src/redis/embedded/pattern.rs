//! Glob patterns, as KEYS, SCAN and PSUBSCRIBE take them: `?`, `*`, `[a-c]`, `[^a]`, and a backslash before what stands for itself.

/// Whether the whole text matches.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|skipped| matches(rest, &text[skipped..])),
        [b'?', rest @ ..] => !text.is_empty() && matches(rest, &text[1..]),
        [b'[', rest @ ..] => {
            let Some((first, others)) = text.split_first() else { return false };
            let (accepted, rest) = class(rest, *first);
            accepted && matches(rest, others)
        }
        [b'\\', escaped, rest @ ..] => text.first() == Some(escaped) && matches(rest, &text[1..]),
        [byte, rest @ ..] => text.first() == Some(byte) && matches(rest, &text[1..]),
    }
}

/// Whether the class that begins behind the bracket has the byte, and what follows the class.
fn class(mut pattern: &[u8], byte: u8) -> (bool, &[u8]) {
    let negated = pattern.first() == Some(&b'^');
    if negated {
        pattern = &pattern[1..];
    }
    let mut found = false;
    loop {
        match pattern {
            // Redis takes the end of the pattern for the end of the class.
            [] => return (found != negated, pattern),
            [b']', rest @ ..] => return (found != negated, rest),
            [b'\\', escaped, rest @ ..] => {
                found |= *escaped == byte;
                pattern = rest;
            }
            [from, b'-', to, rest @ ..] => {
                found |= (*from.min(to)..=*from.max(to)).contains(&byte);
                pattern = rest;
            }
            [one, rest @ ..] => {
                found |= *one == byte;
                pattern = rest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_those_of_redis() {
        let check = |pattern: &str, text: &str, expect: bool| {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expect, "{pattern} {text}");
        };
        check("*", "", true);
        check("jobs:*:meta", "jobs:7:meta", true);
        check("jobs:*:meta", "jobs:7:metal", false);
        check("h?llo", "hello", true);
        check("h?llo", "hllo", false);
        check("h[ae]llo", "hallo", true);
        check("h[^e]llo", "hello", false);
        check("h[a-c]llo", "hbllo", true);
        check("h\\*llo", "h*llo", true);
        check("h\\*llo", "hello", false);
    }
}
