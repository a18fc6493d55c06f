//! bytes: a body that lives in an owner of its own, taken over as a `Vec`. The owner must go with the `Bytes` that held it.

use std::hint::black_box;
use std::process::ExitCode;

use bytes::Bytes;
use highwater::{Scenario, Suite};

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

/// In bytes.
const BODY: usize = 64 * 1024;

fn main() -> ExitCode {
    Suite::new("bytes-owner")
        .scenario(Scenario::sync("owned-into-vec").warm_up(1).iterations(100).iterate(|_| {
            let body = Bytes::from_owner(black_box(vec![7_u8; BODY]));
            let taken = Vec::from(body);
            if taken.len() == BODY { Ok(()) } else { Err("the body was cut".into()) }
        }))
        .main()
}
