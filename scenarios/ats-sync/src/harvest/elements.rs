//! The elements of a JSON array, cut out of its text as the text arrives. What an element holds is for serde to say: here it
//! is only where one ends.
//!
//! serde_json reads from a whole text or from a blocking reader, and parsers that are fed piece by piece (actson, struson) give
//! events or need a reader of their own, not the text of one element. So brackets and quotes are counted here, and
//! everything else is left to serde_json, which sees every byte of every element.

/// Cuts one array.
#[derive(Debug, Default)]
pub(super) struct Elements {
    place: Place,
    /// The beginning of an element whose end has not arrived.
    begun: Vec<u8>,
    /// How many elements were cut.
    count: usize,
}

/// Where in the array the next byte lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// Before its opening bracket.
    #[default]
    Before,
    /// Behind the opening bracket: an element or the end.
    First,
    /// Behind an element: a comma or the end.
    Behind,
    /// Behind a comma: an element.
    Next,
    /// In an object or a list, so many brackets deep.
    Nested { depth: usize },
    /// In a string, so many brackets deep; `escaped` behind a backslash.
    Text { depth: usize, escaped: bool },
    /// In a number or a word.
    Bare,
    /// Behind the closing bracket.
    After,
}

/// Why a text is no array.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    /// It does not begin with a bracket.
    #[error("expected a list")]
    NoList,
    /// Something stands where only this may.
    #[error("expected {expected}, found `{found}`")]
    Expected {
        /// What may stand there.
        expected: &'static str,
        /// The byte, readable.
        found: String,
    },
    /// The text ended in the middle.
    #[error("EOF while parsing {0}")]
    Ended(&'static str),
}

/// What a piece of the text came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut<'a> {
    /// How much of the piece is done with.
    pub(super) consumed: usize,
    /// The element that ended there; without one the piece is consumed whole.
    pub(super) element: Option<&'a [u8]>,
}

impl Elements {
    /// How many elements were cut: the index of the one that comes next.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Goes on with a piece of the text, up to the end of the next element. An element that lies whole within the piece is
    /// not copied.
    ///
    /// # Errors
    /// [`Malformed`] at the first byte outside elements that cannot stand there.
    pub(super) fn cut<'a>(&'a mut self, piece: &'a [u8]) -> Result<Cut<'a>, Malformed> {
        if self.is_between() {
            // What was handed out last.
            self.begun.clear();
        }
        let (mut start, mut at) = (0, 0);
        while self.is_between() && at < piece.len() {
            start = at;
            self.step_between(piece[at])?;
            at += 1;
        }
        if self.is_between() {
            return Ok(Cut { consumed: piece.len(), element: None });
        }
        let Some(end) = self.end_of_element(piece, at) else {
            self.begun.extend_from_slice(&piece[start..]);
            return Ok(Cut { consumed: piece.len(), element: None });
        };
        self.place = Place::Behind;
        self.count += 1;
        let element = if self.begun.is_empty() {
            &piece[start..end]
        } else {
            self.begun.extend_from_slice(&piece[..end]);
            &self.begun
        };
        Ok(Cut { consumed: end, element: Some(element) })
    }

    /// Says that the text is over.
    ///
    /// # Errors
    /// [`Malformed::Ended`] when the array is not.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        match self.place {
            Place::After => Ok(()),
            Place::Before => Err(Malformed::Ended("a value")),
            Place::First | Place::Behind | Place::Next => Err(Malformed::Ended("a list")),
            Place::Nested { .. } | Place::Text { .. } | Place::Bare => Err(Malformed::Ended("an element")),
        }
    }

    fn is_between(&self) -> bool {
        matches!(self.place, Place::Before | Place::First | Place::Behind | Place::Next | Place::After)
    }

    /// A byte outside elements, or the first one of an element.
    fn step_between(&mut self, byte: u8) -> Result<(), Malformed> {
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            return Ok(());
        }
        let expected =
            |expected| Malformed::Expected { expected, found: char::from(byte).escape_default().to_string() };
        self.place = match (self.place, byte) {
            (Place::Before, b'[') => Place::First,
            (Place::Before, _) => return Err(Malformed::NoList),
            (Place::First | Place::Behind, b']') => Place::After,
            (Place::Behind, b',') => Place::Next,
            (Place::Behind, _) => return Err(expected("`,` or `]`")),
            (Place::After, _) => return Err(expected("nothing behind the list")),
            (_, b']' | b',' | b'}') => return Err(expected("an element")),
            (_, b'{' | b'[') => Place::Nested { depth: 1 },
            (_, b'"') => Place::Text { depth: 0, escaped: false },
            _ => Place::Bare,
        };
        Ok(())
    }

    /// The end of the element in which the byte at `at` lies; `None` when it is not in the piece.
    fn end_of_element(&mut self, piece: &[u8], mut at: usize) -> Option<usize> {
        loop {
            let rest = piece.get(at..).filter(|rest| !rest.is_empty())?;
            (self.place, at) = match self.place {
                Place::Text { depth, escaped: true } => (Place::Text { depth, escaped: false }, at + 1),
                Place::Text { depth, escaped: false } => {
                    let found = at + memchr::memchr2(b'"', b'\\', rest)?;
                    match (piece[found], depth) {
                        (b'\\', _) => (Place::Text { depth, escaped: true }, found + 1),
                        (_, 0) => return Some(found + 1),
                        _ => (Place::Nested { depth }, found + 1),
                    }
                }
                Place::Nested { depth } => {
                    let found = at + rest.iter().position(|byte| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']'))?;
                    match piece[found] {
                        b'"' => (Place::Text { depth, escaped: false }, found + 1),
                        b'{' | b'[' => (Place::Nested { depth: depth + 1 }, found + 1),
                        _ if depth == 1 => return Some(found + 1),
                        _ => (Place::Nested { depth: depth - 1 }, found + 1),
                    }
                }
                _ => {
                    let ends = |byte: &u8| matches!(byte, b',' | b']' | b' ' | b'\t' | b'\n' | b'\r');
                    return Some(at + rest.iter().position(ends)?);
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The elements of a text that comes in pieces of so many bytes, or why it is no array.
    fn cut(text: &[u8], size: usize) -> Result<Vec<String>, Malformed> {
        let mut elements = Elements::default();
        let mut found = Vec::new();
        for piece in text.chunks(size) {
            let mut rest = piece;
            while !rest.is_empty() {
                let Cut { consumed, element } = elements.cut(rest)?;
                found.extend(
                    element.map(|element| String::from_utf8(element.to_vec()).expect("cut between characters")),
                );
                rest = &rest[consumed..];
            }
        }
        elements.end()?;
        assert_eq!(elements.count(), found.len());
        Ok(found)
    }

    /// However the text is cut into pieces.
    #[track_caller]
    fn check(text: &str, expect: Result<&[&str], &str>) {
        for size in 1..=text.len().max(1) {
            let found = cut(text.as_bytes(), size).map_err(|error| error.to_string());
            let expect = expect.map(|elements| elements.iter().map(|&it| it.to_owned()).collect::<Vec<_>>());
            assert_eq!(found, expect.map_err(str::to_owned), "{text} in pieces of {size}");
        }
    }

    #[test]
    fn elements_are_cut_at_their_ends_however_the_text_is_cut() {
        check("[]", Ok(&[]));
        check(" [ ]\n", Ok(&[]));
        check(r#"[{"id":1},{"id":2}]"#, Ok(&[r#"{"id":1}"#, r#"{"id":2}"#]));
        check("\t[ {} ,\r\n[ ] , 1.5e3 ,true,null ]", Ok(&["{}", "[ ]", "1.5e3", "true", "null"]));
        check(r#"["a","","\"","\\","\\\",]"]"#, Ok(&[r#""a""#, r#""""#, r#""\"""#, r#""\\""#, r#""\\\",]""#]));
        check(
            r#"[{"a":"}]\"{","b":[{"c":["]"]}]},{"\\":{"ü":"😀"}}]"#,
            Ok(&[r#"{"a":"}]\"{","b":[{"c":["]"]}]}"#, r#"{"\\":{"ü":"😀"}}"#]),
        );
    }

    #[test]
    fn brackets_of_the_wrong_kind_are_left_to_serde() {
        check("[{],1]", Ok(&["{]", "1"]));
    }

    #[test]
    fn what_is_no_array_is_told() {
        check("", Err("EOF while parsing a value"));
        check("  ", Err("EOF while parsing a value"));
        check("{}", Err("expected a list"));
        check("<html>", Err("expected a list"));
        check("[", Err("EOF while parsing a list"));
        check("[1", Err("EOF while parsing an element"));
        check(r#"[{"a":[]"#, Err("EOF while parsing an element"));
        check(r#"["\""#, Err("EOF while parsing an element"));
        check("[{}", Err("EOF while parsing a list"));
        check("[{},", Err("EOF while parsing a list"));
        check("[{},]", Err("expected an element, found `]`"));
        check("[,{}]", Err("expected an element, found `,`"));
        check("[{}{}]", Err("expected `,` or `]`, found `{`"));
        check("[{}] and", Err("expected nothing behind the list, found `a`"));
        check("[]]", Err("expected nothing behind the list, found `]`"));
    }

    #[test]
    fn an_element_within_a_piece_is_not_copied() {
        let text = br#"[{"id":1},{"id":2}]"#;
        let mut elements = Elements::default();
        let first = elements.cut(text).expect("a list");
        assert!(first.element.is_some_and(|element| text.as_ptr_range().contains(&element.as_ptr())));
        assert_eq!(first.consumed, 9);
    }
}
