//! Rows on their way from a session's thread to its client. The thread waits while the client is behind, so that a large result
//! is not kept whole; but not when the client asks for something else meanwhile, as it may between two fetches from a portal.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures::Stream;
use pgwire::error::PgWireResult;
use pgwire::messages::data::DataRow;

use super::error::SqlError;

/// Bytes of rows that may wait for the client.
const AHEAD: usize = 1 << 18;
/// Bytes of rows that are handed over together.
const BATCH: usize = 1 << 14;

/// The two ends.
pub(super) fn channel() -> (RowSender, RowReceiver) {
    let queue = Arc::new(Queue { state: Mutex::default(), room: Condvar::new() });
    let sender = RowSender { queue: Arc::clone(&queue), batch: Vec::new(), batch_bytes: 0 };
    (sender, RowReceiver { queue, taken: VecDeque::new() })
}

struct Queue {
    state: Mutex<State>,
    room: Condvar,
}

#[derive(Default)]
struct State {
    rows: VecDeque<DataRow>,
    bytes: usize,
    /// The session is wanted elsewhere: send everything now.
    hurried: bool,
    /// The client takes no more.
    closed: bool,
    end: Option<Result<(), SqlError>>,
    waker: Option<Waker>,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a session that waits for its client to take rows go on.
#[derive(Clone, Default)]
pub(super) struct Hurry(Weak<Queue>);

impl Hurry {
    pub(super) fn up(&self) {
        if let Some(queue) = self.0.upgrade() {
            queue.state().hurried = true;
            queue.room.notify_all();
        }
    }
}

/// The session's end.
pub(super) struct RowSender {
    queue: Arc<Queue>,
    batch: Vec<DataRow>,
    batch_bytes: usize,
}

impl RowSender {
    /// False when the client takes no more rows.
    pub(super) fn send(&mut self, row: DataRow) -> bool {
        self.batch_bytes += row.data.len();
        self.batch.push(row);
        self.batch_bytes < BATCH || self.hand_over()
    }

    /// The last row was sent, or the statement failed.
    pub(super) fn finish(mut self, end: Result<(), SqlError>) {
        self.hand_over();
        let mut state = self.queue.state();
        state.end = Some(end);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    fn hand_over(&mut self) -> bool {
        let mut state = self.queue.state();
        while state.bytes >= AHEAD && !state.hurried && !state.closed {
            state = self.queue.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.bytes += self.batch_bytes;
        self.batch_bytes = 0;
        state.rows.extend(self.batch.drain(..));
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        !state.closed
    }
}

/// The client's end: a stream of rows.
pub(super) struct RowReceiver {
    queue: Arc<Queue>,
    taken: VecDeque<DataRow>,
}

impl RowReceiver {
    pub(super) fn hurry(&self) -> Hurry {
        Hurry(Arc::downgrade(&self.queue))
    }
}

impl Stream for RowReceiver {
    type Item = PgWireResult<DataRow>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(row) = self.taken.pop_front() {
            return Poll::Ready(Some(Ok(row)));
        }
        let queue = Arc::clone(&self.queue);
        let mut state = queue.state();
        if !state.rows.is_empty() {
            std::mem::swap(&mut state.rows, &mut self.taken);
            state.bytes = 0;
            queue.room.notify_all();
            return Poll::Ready(self.taken.pop_front().map(Ok));
        }
        match &mut state.end {
            Some(end) => Poll::Ready(std::mem::replace(end, Ok(())).err().map(|error| Err(error.into()))),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for RowReceiver {
    fn drop(&mut self) {
        self.queue.state().closed = true;
        self.queue.room.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use futures::executor::block_on;

    use super::*;

    fn row(bytes: usize) -> DataRow {
        DataRow::new(bytes::BytesMut::zeroed(bytes), 1)
    }

    #[test]
    fn the_sender_waits_for_the_client_until_it_is_hurried() {
        let (mut sender, receiver) = channel();
        let hurry = receiver.hurry();
        let sending = std::thread::spawn(move || {
            let all = (0..100).all(|_| sender.send(row(AHEAD / 10)));
            sender.finish(Ok(()));
            all
        });
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(!sending.is_finished());
        hurry.up();
        assert!(sending.join().unwrap());
        assert_eq!(block_on(receiver.count()), 100);
    }

    #[test]
    fn a_client_that_leaves_frees_the_sender() {
        let (mut sender, receiver) = channel();
        drop(receiver);
        assert!(!(0..100).all(|_| sender.send(row(AHEAD))));
    }

    #[test]
    fn a_failure_comes_after_the_rows() {
        let (mut sender, receiver) = channel();
        sender.send(row(1));
        sender.finish(Err(SqlError::syntax("late")));
        let items: Vec<_> = block_on(receiver.collect());
        assert!(items[0].is_ok() && items[1].is_err() && items.len() == 2);
    }
}
