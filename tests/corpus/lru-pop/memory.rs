//! lru: a table of sessions whose keys are strings. A session that is popped must take its key with it.

use std::process::ExitCode;

use highwater::{Scenario, Suite};
use lru::LruCache;

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

fn main() -> ExitCode {
    Suite::new("lru-pop")
        .scenario(Scenario::sync("sessions").warm_up(1).iterations(100).setup(|_| Ok(LruCache::new(16))).iterate(
            |sessions: &mut LruCache<String, u64>| {
                let key = "session-0001".to_owned();
                sessions.put(key.clone(), 1);
                if sessions.pop(&key) == Some(1) { Ok(()) } else { Err("the session is gone".into()) }
            },
        ))
        .main()
}
