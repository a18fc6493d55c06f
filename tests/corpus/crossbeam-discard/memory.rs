//! crossbeam-channel: workers that died while messages were waiting for them, and a dispatcher that still holds their senders.
//! Nobody can receive the messages any more, so they must go with the last receiver.

use std::process::ExitCode;

use crossbeam_channel::{Sender, unbounded};
use highwater::{Scenario, Suite};

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

fn main() -> ExitCode {
    Suite::new("crossbeam-discard")
        .scenario(
            Scenario::sync("dead-workers")
                .iterations(10)
                .setup(|_| Ok(Vec::with_capacity(10)))
                .iterate(|dispatcher: &mut Vec<Sender<Vec<u8>>>| {
                    let (sender, receiver) = unbounded();
                    for _ in 0..100 {
                        sender.send(vec![7; 1024])?;
                    }
                    drop(receiver);
                    dispatcher.push(sender);
                    Ok(())
                })
                .teardown(|dispatcher| match dispatcher.iter().all(|sender| sender.send(Vec::new()).is_err()) {
                    true => Ok(()),
                    false => Err("a worker is still alive".into()),
                }),
        )
        .main()
}
