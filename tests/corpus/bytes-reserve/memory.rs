//! bytes: a line buffer that is trimmed with `split_off` and reserved anew for the next line. It must stay as large as a line.

use std::process::ExitCode;

use bytes::BytesMut;
use highwater::{Scenario, Suite};

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

/// In bytes.
const LINE: usize = 4_096;

fn main() -> ExitCode {
    Suite::new("bytes-reserve")
        .scenario(
            Scenario::sync("line-buffer").warm_up(1).iterations(12).setup(|_| Ok(BytesMut::zeroed(LINE))).iterate(
                |buffer: &mut BytesMut| {
                    // The tail is dropped at once: the buffer is the only one left that refers to its memory.
                    drop(buffer.split_off(LINE / 2));
                    buffer.reserve(LINE / 2);
                    buffer.resize(LINE, b' ');
                    Ok(())
                },
            ),
        )
        .main()
}
