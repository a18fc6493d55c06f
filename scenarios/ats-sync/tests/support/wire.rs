//! An HTTP server that does what a mock server cannot: break off in the middle of an answer, count what is under way.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Answers each connection's one request with the bytes that a function makes of the request's number (from 1) and its
/// head, then closes it.
pub(crate) struct Wire {
    address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    stopped: AtomicBool,
}

impl Wire {
    /// Serves until dropped, on threads of its own. Each answer is held back for `delay`.
    pub(crate) fn answering(delay: Duration, answer: impl Fn(usize, &str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let seen = Arc::new(Seen::default());
        let wire = Self { address, seen: seen.clone() };
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if seen.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (stream, seen, answer) = (stream.expect("a connection"), seen.clone(), answer.clone());
                thread::spawn(move || serve(stream, delay, &seen, &*answer));
            }
        });
        wire
    }

    pub(crate) fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }

    /// The most requests that waited for their answer at once.
    pub(crate) fn most_under_way(&self) -> usize {
        self.seen.most_under_way.load(Ordering::SeqCst)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.seen.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections, if it is not gone already.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut stream: TcpStream, delay: Duration, seen: &Seen, answer: &impl Fn(usize, &str) -> Vec<u8>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let number = seen.requests.fetch_add(1, Ordering::SeqCst) + 1;
    let under_way = seen.under_way.fetch_add(1, Ordering::SeqCst) + 1;
    seen.most_under_way.fetch_max(under_way, Ordering::SeqCst);
    thread::sleep(delay);
    let answer = answer(number, &String::from_utf8_lossy(&head));
    seen.under_way.fetch_sub(1, Ordering::SeqCst);
    // The client may be gone, which is its own affair.
    let _ = stream.write_all(&answer);
}

/// A whole answer with these links.
pub(crate) fn ok(body: &str, links: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nlink: {links}\r\nconnection: close\r\n\r\n{body}")
        .into_bytes()
}

/// An answer that promises more than it sends.
pub(crate) fn cut(body: &str) -> Vec<u8> {
    let length = body.len() + 1_000;
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes()
}
