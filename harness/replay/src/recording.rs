//! Reads recorded exchanges from HAR files. How one entry becomes an exchange is left to `entry`; which exchange answers a
//! request, to `exact` and `harvest`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use url::Url;

use crate::entry;
use crate::request_body::RequestBody;

/// Recorded HTTP exchanges, in the order in which they were recorded.
///
/// The format is HAR 1.2 (1.1 and 1.3 are read as well), as browsers, proxies and API clients write it:
/// <https://github.com/ahmadnassri/har-spec/blob/master/versions/1.2.md>. What recorders do beyond the letter is tolerated:
/// a byte order mark, base64 bodies, null or absent members that a replay does not need, HTTP/2 pseudo headers, several
/// header values joined by line breaks. Bodies are decoded in a HAR although the headers may still speak of gzip and of the
/// compressed length, so `Content-Encoding`, `Content-Length` and everything that belongs to one connection is dropped.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    exchanges: Vec<Exchange>,
}

/// One recorded HTTP request and its response.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The name of the file it comes from, without folders.
    pub file: Arc<str>,
    /// The index of its entry in that file, from 0.
    pub entry: usize,
    /// The request method, in capital letters.
    pub method: String,
    /// The request's absolute URL.
    pub url: Url,
    pub(crate) body: Option<RequestBody>,
    /// What was answered, or why it cannot be answered again.
    pub response: Result<Response, Unplayable>,
}

/// A recorded response, ready to be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code, from 200 to 999.
    pub status: u16,
    /// Names in small letters and values, in recorded order, without those that belong to one connection or to an encoding.
    pub headers: Vec<(String, String)>,
    /// The decoded body.
    pub body: Vec<u8>,
}

/// Why a recorded exchange cannot be answered again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unplayable {
    /// The flow failed while it was recorded: there was no response.
    #[error("the recorded request had no response (status 0)")]
    NoResponse,
    /// An informational or impossible status.
    #[error("the recorded status {0} cannot be replayed")]
    Status(i64),
    /// The recorder left the body out.
    #[error("the recorded response has {0} bytes, but the recording does not hold them")]
    NoBody(i64),
}

impl Exchange {
    /// Where it was recorded: `jobs.har, entry 3`.
    pub(crate) fn place(&self) -> String {
        format!("{}, entry {}", self.file, self.entry)
    }
}

impl Recording {
    /// Reads one HAR file, or every `*.har` file of a folder in the order of their names.
    ///
    /// # Errors
    /// [`RecordingError`] names the file, the place in it and what to do.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let path = path.as_ref();
        let mut recording = Self::default();
        for file in har_files(path)? {
            let bytes = std::fs::read(&file).map_err(|source| RecordingError::Read { path: file.clone(), source })?;
            recording.exchanges.extend(parse(&file.display().to_string(), &bytes)?);
        }
        Ok(recording)
    }

    /// Reads the bytes of one HAR file.
    ///
    /// # Errors
    /// As [`Recording::read`]; the file is called `recording`.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, RecordingError> {
        Ok(Self { exchanges: parse("recording", bytes)? })
    }

    /// The exchanges of this recording, followed by those of `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.exchanges.extend(other.exchanges);
        self
    }

    /// The exchanges, in recorded order.
    pub fn exchanges(&self) -> &[Exchange] {
        &self.exchanges
    }
}

/// A recording could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file or folder could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder without recordings.
    #[error("{}: the folder holds no *.har file", path.display())]
    NoFiles {
        /// The folder.
        path: PathBuf,
    },
    /// Not JSON.
    #[error("{file}, line {line}, column {column}: {cause}; {remedy}")]
    NotJson {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What the parser says.
        cause: String,
        /// What to do.
        remedy: &'static str,
    },
    /// JSON, but not a HAR.
    #[error("{file}: {cause}; record or export it as HAR 1.2")]
    NotHar {
        /// The file.
        file: String,
        /// What is missing or wrong.
        cause: String,
    },
    /// One entry is malformed.
    #[error("{file}, log.entries[{index}]: {cause}; correct the entry or remove it")]
    Entry {
        /// The file.
        file: String,
        /// The entry, from 0.
        index: usize,
        /// What is wrong.
        cause: String,
    },
    /// Nothing in the file can be replayed.
    #[error(
        "{file}: none of its {entries} entries can be replayed{}; record it again, with response bodies",
        First(first)
    )]
    NothingToReplay {
        /// The file.
        file: String,
        /// How many entries it has.
        entries: usize,
        /// Why the first one cannot be replayed.
        first: Option<String>,
    },
}

struct First<'a>(&'a Option<String>);

impl fmt::Display for First<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |why| write!(f, " (the first: {why})"))
    }
}

fn har_files(path: &Path) -> Result<Vec<PathBuf>, RecordingError> {
    let failed = |source| RecordingError::Read { path: path.to_owned(), source };
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("har")) {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err(RecordingError::NoFiles { path: path.to_owned() }) } else { Ok(files) }
}

fn parse(file: &str, bytes: &[u8]) -> Result<Vec<Exchange>, RecordingError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let not_har = |cause: &str| RecordingError::NotHar { file: file.to_owned(), cause: cause.to_owned() };
    let mut document: Value = serde_json::from_slice(bytes).map_err(|error| RecordingError::NotJson {
        file: file.to_owned(),
        line: error.line(),
        column: error.column(),
        cause: error.to_string(),
        remedy: remedy(bytes),
    })?;
    let log = document.get_mut("log").ok_or_else(|| not_har("there is no top-level `log` object"))?;
    let version = log.get("version").and_then(Value::as_str).unwrap_or("1.2");
    if !["1.1", "1.2", "1.3"].contains(&version) {
        return Err(not_har(&format!("log.version is {version:?}, which is not known")));
    }
    let entries = match log.get_mut("entries").map(Value::take) {
        Some(Value::Array(entries)) => entries,
        _ => return Err(not_har("there is no `log.entries` array")),
    };
    let count = entries.len();
    let mut exchanges = Vec::new();
    let name: Arc<str> = Path::new(file).file_name().map_or(file.into(), |name| name.to_string_lossy().into());
    for (index, entry) in entries.into_iter().enumerate() {
        let exchange = entry::exchange(&name, index, entry).map_err(|cause| RecordingError::Entry {
            file: file.to_owned(),
            index,
            cause,
        })?;
        exchanges.extend(exchange);
    }
    if exchanges.iter().all(|exchange| exchange.response.is_err()) {
        let first = exchanges.first().and_then(|exchange| exchange.response.as_ref().err()).map(ToString::to_string);
        return Err(RecordingError::NothingToReplay { file: file.to_owned(), entries: count, first });
    }
    Ok(exchanges)
}

fn remedy(bytes: &[u8]) -> &'static str {
    match bytes {
        [] => "the file is empty: record it again",
        [0x78, ..] | [0x1f, 0x8b, ..] => "the file is compressed (mitmproxy's .zhar is zlib): decompress it first",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the file is UTF-16: save it as UTF-8",
        _ => "a HAR is one JSON document: was it cut off, or edited by hand?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(har: &[u8], expected: &str) {
        let error = Recording::from_slice(har).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    }

    #[test]
    fn a_malformed_file_is_named_with_place_and_remedy() {
        check(b"", "recording, line 1, column 0: EOF");
        check(b"", "the file is empty");
        check(b"{\"log\":\n  {\"version\" 1}}", "recording, line 2, column 14");
        check(b"\x78\x9c\x01", "decompress it first");
        check(b"\xff\xfe{\0", "save it as UTF-8");
        check(b"[]", "no top-level `log`");
        check(br#"{"log":{"version":"1.2"}}"#, "no `log.entries` array");
        check(br#"{"log":{"version":"2.0","entries":[]}}"#, "log.version is \"2.0\"");
        check(br#"{"log":{"entries":[]}}"#, "none of its 0 entries can be replayed;");
        check(br#"{"log":{"entries":[7]}}"#, "log.entries[0]: it is not an object; correct the entry");
        check(
            br#"{"log":{"entries":[{"request":{"method":"GET","url":"https://a.example/"},"response":{"status":0}}]}}"#,
            "none of its 1 entries can be replayed (the first: the recorded request had no response",
        );
    }

    #[test]
    fn a_folder_is_read_in_the_order_of_its_files_names() {
        let folder = tempfile::tempdir().unwrap();
        let har = |path: &str| {
            format!(
                r#"{{"log":{{"entries":[{{"request":{{"method":"GET","url":"https://a.example{path}"}},"response":{{"status":204}}}}]}}}}"#
            )
        };
        std::fs::write(folder.path().join("b.har"), har("/b")).unwrap();
        std::fs::write(folder.path().join("a.HAR"), har("/a")).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "not a recording").unwrap();
        let recording = Recording::read(folder.path()).unwrap();
        let paths: Vec<&str> = recording.exchanges().iter().map(|exchange| exchange.url.path()).collect();
        assert_eq!(paths, ["/a", "/b"]);
    }

    #[test]
    fn a_folder_without_recordings_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = Recording::read(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("the folder holds no *.har file"), "{error}");
        let error = Recording::read(folder.path().join("absent.har")).unwrap_err().to_string();
        assert!(error.contains("absent.har"), "{error}");
    }
}
