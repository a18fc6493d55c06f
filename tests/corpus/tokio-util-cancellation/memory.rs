//! tokio-util: a request's cancellation token, and a task that hands a token of its own on to the work and is done. Once the
//! request is cancelled and all tokens are dropped, nothing of them may stay.

use std::process::ExitCode;

use highwater::{Scenario, Suite};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

fn main() -> ExitCode {
    Suite::new("tokio-util-cancellation")
        .scenario(Scenario::sync("cancelled-request").warm_up(1).iterations(200).iterate(|_| {
            let request = CancellationToken::new();
            // The token between the two is dropped here, before the one that was made from it.
            let work = request.child_token().child_token();
            request.cancel();
            if work.is_cancelled() { Ok(()) } else { Err("the work was not cancelled".into()) }
        }))
        .main()
}
