//! What the operating system says of this process: threads, file descriptors, resident bytes. Reading allocates, so it is done
//! outside the window.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What the operating system says of this process. A number that it does not say is absent, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resources {
    pub(crate) threads: Option<i64>,
    pub(crate) fds: Option<i64>,
    /// Bytes.
    pub(crate) rss: Option<i64>,
    /// Bytes: the most since the process began, or since [`reset_rss_peak`].
    pub(crate) rss_peak: Option<i64>,
}

impl Resources {
    /// Reads them, from `/proc` (proc(5)).
    pub(crate) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            value.split_whitespace().next()?.parse::<i64>().ok()
        };
        let kib = |name| field(name).map(|kib| kib * 1_024);
        // The listing's own descriptor is among them, in every reading.
        let fds = fs::read_dir("/proc/self/fd").ok().and_then(|entries| i64::try_from(entries.count()).ok());
        Self { threads: field("Threads"), fds, rss: kib("VmRSS"), rss_peak: kib("VmHWM") }
    }

    /// Reads them once threads and descriptors have come down to `opened`, or stand still: a thread that was told to end needs a
    /// moment. Waits for at most `bound`.
    pub(crate) async fn settled(opened: &Self, bound: Duration, pause: impl AsyncFn(Duration)) -> Self {
        const STILL: Duration = Duration::from_millis(100);
        let began = Instant::now();
        let (mut last, mut since) = (Self::now(), Instant::now());
        loop {
            let down = last.threads <= opened.threads && last.fds <= opened.fds;
            if down || since.elapsed() > STILL || began.elapsed() > bound {
                return last;
            }
            pause(Duration::from_millis(5)).await;
            let now = Self::now();
            if (now.threads, now.fds) != (last.threads, last.fds) {
                since = Instant::now();
            }
            last = now;
        }
    }
}

/// The threads or the file descriptors of this process, by number, with their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named(BTreeMap<u32, String>);

impl Named {
    /// The threads, from `/proc` (proc(5)); there the kernel keeps the first 15 bytes of a name. A thread that was given none bears
    /// the process's, and is called so.
    pub(crate) fn threads() -> Self {
        let name_of = |path: PathBuf| Some(fs::read_to_string(path).ok()?.trim_end().to_owned());
        let own = name_of("/proc/self/comm".into());
        let name = |name: String| if Some(&name) == own.as_ref() { "without a name".to_owned() } else { name };
        Self::listed("/proc/self/task", |entry| Some(name(name_of(entry.join("comm"))?)))
    }

    /// The file descriptors, from `/proc` (proc(5)), with what they lead to: a path, or a kind and a number (`socket:[4026]`).
    pub(crate) fn fds() -> Self {
        let listing = format!("/proc/{}/fd", std::process::id());
        let leads_to = |entry: &Path| Some(fs::read_link(entry).ok()?.to_string_lossy().into_owned());
        Self::listed(&listing, |entry| leads_to(entry).filter(|name| *name != listing))
    }

    fn listed(folder: &str, name: impl Fn(&Path) -> Option<String>) -> Self {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let named = entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, name(&entry.path())?)));
        Self(named.collect())
    }

    /// The names of those that were not there `before`, with how many there are of each. What is told apart by a number alone is
    /// the same by name.
    pub(crate) fn beyond(&self, before: &Self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for (number, name) in &self.0 {
            if before.0.get(number) != Some(name) {
                let numbered = name.split_once(":[").filter(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
                let name = numbered.map_or(name.as_str(), |(kind, _)| kind);
                *counts.entry(name.to_owned()).or_default() += 1;
            }
        }
        counts
    }
}

/// What the processors have spent on this process so far, on all its threads. Allocates nothing.
pub(crate) fn processor_time() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap_or(0))
}

/// Makes the peak of resident bytes begin anew (proc(5): `clear_refs`). Where the kernel does not let us, the peak is that of the
/// whole process, and the caller leaves it out.
pub(crate) fn reset_rss_peak() -> bool {
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn an_open_file_and_a_thread_are_seen() {
        // Other tests run beside this one, in threads and with files of their own: many more than they have.
        let before = Resources::now();
        let files: Vec<_> = (0..500).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        let (send, receive) = std::sync::mpsc::channel::<()>();
        let receive = std::sync::Arc::new(std::sync::Mutex::new(receive));
        let threads: Vec<_> = (0..50)
            .map(|_| {
                let receive = std::sync::Arc::clone(&receive);
                std::thread::spawn(move || receive.lock().unwrap().recv().is_err())
            })
            .collect();
        let during = Resources::now();
        assert!(during.fds.unwrap() - before.fds.unwrap() > 450, "{before:?} {during:?}");
        assert!(during.threads.unwrap() - before.threads.unwrap() > 30, "{before:?} {during:?}");
        drop((files, send));
        for thread in threads {
            assert!(thread.join().unwrap());
        }
    }

    #[test]
    fn threads_that_came_since_are_told_by_name() {
        let before = Named::threads();
        let (send, receive) = std::sync::mpsc::channel::<()>();
        let wait = move || receive.recv().is_err();
        let thread = std::thread::Builder::new().name("a-name-of-its-own".into()).spawn(wait).unwrap();
        // It gives itself its name.
        while !Named::threads().beyond(&before).contains_key("a-name-of-its-o") {
            std::thread::yield_now();
        }
        drop(send);
        assert!(thread.join().unwrap());
    }

    #[test]
    fn descriptors_that_came_since_are_told_by_what_they_lead_to() {
        let before = Named::fds();
        let file = tempfile::NamedTempFile::new().unwrap();
        let sockets: Vec<_> = (0..40).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let now = Named::fds().beyond(&before);
        assert_eq!(now.get(file.path().to_str().unwrap()), Some(&1), "{now:?}");
        assert!(now["socket"] >= sockets.len() as u64, "{now:?}");
    }

    #[test]
    fn processor_time_passes_with_work_and_not_with_waiting() {
        let before = processor_time();
        let mut sum = 0_u64;
        while processor_time() - before < Duration::from_millis(5) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(sum > 0 && processor_time() > before);
    }

    #[test]
    fn resident_bytes_are_read_in_bytes() {
        let now = Resources::now();
        assert!(now.rss.unwrap() > 500_000, "{now:?}");
        assert!(now.rss_peak.unwrap() >= now.rss.unwrap() / 2, "{now:?}");
    }
}
