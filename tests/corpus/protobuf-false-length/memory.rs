//! protobuf: a message of a few bytes whose field claims to be 256 MiB long. A decoder may not believe it before the bytes are
//! there.

use std::process::ExitCode;

use highwater::{Scenario, Suite};
use protobuf::well_known_types::BytesValue;

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

/// Field 1, length-delimited; 2^28 as a varint; three of the 2^28 bytes.
const MESSAGE: &[u8] = b"\x0a\x80\x80\x80\x80\x01abc";

fn main() -> ExitCode {
    Suite::new("protobuf-false-length")
        .scenario(Scenario::sync("truncated-field").iterations(10).iterate(|_| {
            let mut message = MESSAGE;
            match protobuf::parse_from_reader::<BytesValue>(&mut message) {
                Err(_) => Ok(()),
                Ok(_) => Err("a truncated message was taken for a whole one".into()),
            }
        }))
        .main()
}
