//! The statsd agent, as a client and a scenario see it.

use std::net::UdpSocket;

use cadence::prelude::*;
use cadence::{BufferedUdpMetricSink, StatsdClient, UdpMetricSink};
use highwater::{RunningService, Service, ServiceFault};
use highwater_services::StatsdAgent;

fn begun(agent: &StatsdAgent) -> (Box<dyn RunningService>, String) {
    let mut running = agent.start().expect("the loopback works");
    let endpoint = running.begin_sample().expect("the loopback works");
    let address = endpoint.as_str().strip_prefix("udp://").expect("the loopback works").to_owned();
    (running, address)
}

fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").expect("the loopback works")
}

#[test]
fn what_a_client_sends_is_counted() {
    let agent = StatsdAgent::new("statsd");
    let (mut running, address) = begun(&agent);
    let sink = BufferedUdpMetricSink::with_capacity(&*address, socket(), 1432).unwrap();
    let client = StatsdClient::builder("mail", sink).with_tag("env", "test").build();
    for _ in 0..100 {
        client.count_with_tags("jobs", 2).with_tag("kind", "digest").send();
    }
    client.gauge("live", 7).unwrap();
    client.time("took", 12).unwrap();
    client.flush().unwrap();
    let seen = running.end_sample().unwrap();
    assert_eq!((seen["metrics"], seen["sources"]), (102, 1));
    assert_eq!(agent.received().count("mail.jobs"), 200.0);
    assert_eq!(agent.received().count("mail.live"), 0.0, "a gauge is no counter");
    assert_eq!(seen["received_bytes"], agent.received().bytes);
    assert!(seen["packets"] > 1 && seen["packets"] < 10, "{seen:?}");
}

#[test]
fn each_client_is_a_source() {
    let agent = StatsdAgent::new("statsd");
    let (mut running, address) = begun(&agent);
    let clients: Vec<StatsdClient> =
        (0..5).map(|_| StatsdClient::from_sink("a", UdpMetricSink::from(&*address, socket()).unwrap())).collect();
    for client in &clients {
        client.count("jobs", 1).unwrap();
        client.count("jobs", 1).unwrap();
    }
    let seen = running.end_sample().unwrap();
    assert_eq!((seen["packets"], seen["metrics"], seen["sources"]), (10, 10, 5));
}

#[test]
fn a_sample_begins_with_nothing() {
    let agent = StatsdAgent::new("statsd");
    let (mut running, address) = begun(&agent);
    socket().send_to(b"a:1|c", &*address).unwrap();
    running.end_sample().unwrap();
    // Sent between samples, by whoever is still there.
    socket().send_to(b"a:1|c", &*address).unwrap();
    assert_eq!(running.begin_sample().unwrap().as_str(), format!("udp://{address}"));
    socket().send_to(b"_e{1,1}:a|b\n_sc|x|0\nb:1:2:3|h\nc:1|c|@0.5\n", &*address).unwrap();
    let seen = running.end_sample().unwrap();
    assert_eq!((seen["packets"], seen["metrics"], seen["sources"]), (1, 4, 1));
    let received = agent.received();
    assert_eq!((received.events, received.service_checks, received.count("c"), received.count("a")), (1, 1, 2.0, 0.0));
}

#[test]
fn a_malformed_line_fails_the_sample_and_is_named() {
    let agent = StatsdAgent::new("statsd");
    let (mut running, address) = begun(&agent);
    socket().send_to(b"a:1|c\nb:one|c\nc\n", &*address).unwrap();
    let Err(ServiceFault::Failed(text)) = running.end_sample() else { panic!("it fails") };
    assert_eq!(text, "the statsd agent got 2 malformed line(s); the first: `b:one|c`: a value that is no number");
}
