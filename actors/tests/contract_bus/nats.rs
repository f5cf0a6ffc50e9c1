//! The bus on a real `nats-server`, which is killed and stopped in the middle.

use crate::server::{Plain, Server};
use crate::suite::{self, LONG, listen, message, pattern, soon, text};
use actors::bus::{Bus, Delivery, DropPolicy, Message, Numbering, Payload};
use actors::drivers::nats::{NatsAuth, NatsBus, NatsConfig};
use schema::ErrorKind;
use schema::event::{Event, EventBody, Position, StreamId};
use schema::id::JobId;
use schema::time::WallTime;
use std::time::{Duration, Instant};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// For servers that stall, so that nobody waits long to see it.
fn config(url: String) -> NatsConfig {
    NatsConfig {
        urls: vec![url.into()],
        ping_interval: Duration::from_millis(200),
        patience: Duration::from_secs(1),
        ..NatsConfig::default()
    }
}

async fn connected(config: &NatsConfig) -> NatsBus {
    let bus = NatsBus::connect(config).await.expect("a valid configuration");
    until(&bus, "connected", |bus| bus.state().connected).await;
    bus
}

/// Waits until `condition` holds of the bus.
async fn until(bus: &NatsBus, what: &str, condition: impl Fn(&NatsBus) -> bool) {
    let mut poll = tokio::time::interval(Duration::from_millis(5));
    let met = async {
        while !condition(bus) {
            poll.tick().await;
        }
    };
    let met = tokio::time::timeout(LONG, met).await;
    met.unwrap_or_else(|_| panic!("not within 20 s: {what}; {:?}", bus.state()));
}

/// Messages as the recorder publishes them.
fn stored(range: std::ops::Range<u64>) -> Vec<Message> {
    let numbered = |seq: u64| Message {
        numbering: Numbering::Stored(format!("job/{ID}:{seq}")),
        ..text("again.state", &seq.to_string())
    };
    range.map(numbered).collect()
}

fn kind<T>(result: schema::Result<T>) -> Option<ErrorKind> {
    result.err().map(|e| e.kind())
}

#[tokio::test]
async fn it_holds_the_contract_while_its_server_dies_and_stalls() {
    let Some(mut server) = Server::start("").await else { return };
    let bus = connected(&config(server.url())).await;
    suite::run(&bus).await;
    let mut listening = listen(&bus, "again.>", 100).await;
    bus.publish_all(stored(1..4)).await.expect("connected");
    for sent in stored(1..4) {
        assert_eq!(message(&mut listening).await, sent);
    }

    server.kill();
    until(&bus, "the loss is seen", |bus| !bus.state().connected).await;
    assert!(bus.state().fault.is_some(), "{:?}", bus.state());
    let refused = bus.state().refused;
    assert_eq!(kind(bus.publish_all(stored(4..7)).await), Some(ErrorKind::NotReady));
    assert_eq!(bus.state().refused, refused + 1);
    assert_eq!(kind(bus.flush().await), Some(ErrorKind::NotReady));
    assert_eq!(kind(bus.request(text("ask", "x"), LONG).await), Some(ErrorKind::NotReady));
    server.restart().await;
    let back = Instant::now();
    until(&bus, "connected again", |bus| bus.state().connected).await;
    assert!(back.elapsed() < Duration::from_secs(5), "{:?}", back.elapsed());
    assert_eq!(bus.state().reconnects, 1);
    assert_eq!(bus.state().fault, None);
    // What could not be published is published now; who listened is told that something may be
    // missing, and listens on.
    bus.publish_all(stored(4..7)).await.expect("connected again");
    assert_eq!(after_gap(&mut listening).await, stored(4..5)[0]);
    for sent in stored(5..7) {
        assert_eq!(message(&mut listening).await, sent);
    }
    suite::run(&bus).await;

    server.signal("STOP").await;
    let flushed = bus.publish_all(stored(7..9)).await;
    assert_eq!(kind(flushed), Some(ErrorKind::NotReady), "a server that stalls got them");
    until(&bus, "the stall is seen", |bus| !bus.state().connected).await;
    server.signal("CONT").await;
    until(&bus, "connected once more", |bus| bus.state().connected).await;
    bus.publish_all(stored(7..9)).await.expect("connected once more");
    suite::run(&bus).await;
    suite::run_close(&bus).await;
}

/// The next message behind what says that some may be missing.
async fn after_gap(listening: &mut Box<dyn actors::bus::Subscription>) -> Message {
    assert_eq!(soon(listening.next()).await, Some(Delivery::Gap(0)));
    message(listening).await
}

#[tokio::test]
async fn it_starts_without_a_server_and_finds_it_later() {
    let Some(mut server) = Server::start("").await else { return };
    server.kill();
    let bus = NatsBus::connect(&config(server.url())).await.expect("a valid configuration");
    let mut early = listen(&bus, "early.>", 10).await;
    until(&bus, "why is told", |bus| bus.state().fault.is_some()).await;
    assert!(!bus.state().connected);
    assert_eq!(kind(bus.publish(text("early.a", "x")).await), Some(ErrorKind::NotReady));
    server.restart().await;
    until(&bus, "connected", |bus| bus.state().connected).await;
    assert_eq!(bus.state().reconnects, 0);
    bus.publish_all(vec![text("early.a", "found")]).await.expect("connected");
    assert_eq!(message(&mut early).await, text("early.a", "found"));
}

#[tokio::test]
async fn a_bus_that_was_never_connected_closes_at_once() {
    let Some(mut server) = Server::start("").await else { return };
    server.kill();
    let bus = NatsBus::connect(&config(server.url())).await.expect("a valid configuration");
    let mut early = listen(&bus, "early.>", 10).await;
    soon(bus.close(LONG * 10)).await;
    assert_eq!(soon(early.next()).await, None);
}

/// Every event, as `schema` says it, with its headers.
#[tokio::test]
async fn a_plain_subscriber_sees_headers_and_exactly_the_event() {
    let Some(server) = Server::start("").await else { return };
    let bus = connected(&config(server.url())).await;
    let mut plain = Plain::subscribe(server.port, "sightline.v1.>");
    let id: JobId = ID.parse().expect("a UUIDv7");
    let stream = StreamId::Job(id);
    let event = |seq: Option<u64>, body: EventBody| Event {
        position: seq.map(|seq| Position { stream, seq }),
        subject: body.subject(id),
        time: WallTime(1_795_258_401_000_250),
        body,
    };
    let send = async |event: &Event, numbering: Numbering| {
        let payload = Payload::Json(event.to_message().expect("finite").into());
        let owner = ID.parse().ok();
        let message = Message { subject: event.subject.to_string(), payload, numbering, owner };
        bus.publish_all(vec![message]).await.expect("connected");
    };

    let deleted = event(Some(9), EventBody::JobDeleted {});
    send(&deleted, Numbering::Stored(deleted.position.expect("stored").to_string())).await;
    let got = plain.next();
    assert_eq!(got.subject, format!("sightline.v1.job.{ID}.state"));
    assert_eq!(
        got.headers,
        [
            format!("Nats-Msg-Id: job/{ID}:9"),
            format!("Sightline-Owner: {ID}"),
            "Sightline-Schema: 1".to_owned(),
        ]
    );
    assert_eq!(
        got.payload,
        format!(
            "{{\"op\":\"event\",\"stream\":\"job/{ID}\",\"seq\":9,\"subject\":\"job.{ID}.state\",\
             \"time\":\"2026-11-21T10:53:21.000250Z\",\"type\":\"job_deleted\",\"data\":{{}}}}"
        )
    );

    let progress = event(
        None,
        EventBody::JobProgress {
            progress: 0.5,
            frames_done: 50,
            frames_total: None,
            fps: 25.0,
            eta_seconds: None,
            stage: "analyze".to_owned(),
        },
    );
    send(&progress, Numbering::Newest { epoch: ID.parse().expect("a UUIDv7"), seq: 12 }).await;
    let got = plain.next();
    assert_eq!(
        got.headers,
        [
            format!("Sightline-Epoch: {ID}"),
            format!("Sightline-Owner: {ID}"),
            "Sightline-Schema: 1".to_owned(),
            "Sightline-Seq: 12".to_owned(),
        ]
    );
    assert_eq!(got.payload.as_bytes(), progress.to_message().expect("finite"));

    bus.publish_all(vec![text("wake.jobs", "{}")]).await.expect("connected");
    let got = plain.next();
    assert_eq!((got.headers.len(), got.payload.as_str()), (1, "{}"));
}

#[tokio::test]
async fn what_is_missing_between_numbers_is_told() {
    let Some(server) = Server::start("").await else { return };
    let bus = connected(&config(server.url())).await;
    let mut listening = listen(&bus, "gap.>", 100).await;
    let numbered = |seq: u64| Message {
        numbering: Numbering::Newest { epoch: ID.parse().expect("a UUIDv7"), seq },
        ..text("gap.progress", &seq.to_string())
    };
    for seq in [3, 4] {
        bus.publish_all(vec![numbered(seq)]).await.expect("connected");
        assert_eq!(message(&mut listening).await, numbered(seq));
    }
    bus.publish_all(vec![numbered(7)]).await.expect("connected");
    assert_eq!(soon(listening.next()).await, Some(Delivery::Gap(2)));
    assert_eq!(message(&mut listening).await, numbered(7));
    assert_eq!(bus.state().dropped, 2);

    // Others may publish too; what they say of an owner or a number is believed or refused.
    let mut plain = Plain::subscribe(server.port, "nothing");
    plain.publish("sightline.v1.gap.foreign", "{}");
    assert_eq!(message(&mut listening).await, text("gap.foreign", "{}"));
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_shown() {
    let settings = "authorization { user: me, password: right-one }";
    let Some(server) = Server::start(settings).await else { return };
    let user =
        |password: &str| NatsAuth::User { name: "me".to_owned(), password: password.to_owned() };
    let right = NatsConfig { auth: user("right-one"), ..config(server.url()) };
    let in_url = config(format!("nats://me:right-one@127.0.0.1:{}", server.port));
    for config in [right, in_url] {
        suite::run_close(&connected(&config).await).await;
    }
    let wrong = NatsConfig { auth: user("wr0ng-one"), ..config(server.url()) };
    let bus = NatsBus::connect(&wrong).await.expect("a valid configuration");
    until(&bus, "why is told", |bus| bus.state().fault.is_some()).await;
    let state = bus.state();
    assert!(!state.connected);
    assert_eq!(state.fault.as_deref(), Some("authorization violation"));
    let error = soon(bus.publish(text("a", "x"))).await.expect_err("not let in");
    assert_eq!(error.kind(), ErrorKind::NotReady);
    assert!(error.message().contains("authorization violation"), "{error}");
    let shown = format!("{bus:?} {wrong:?} {error:?} {state:?}");
    assert!(!shown.contains("wr0ng"), "{shown}");
    soon(bus.close(LONG)).await;
}

/// An authority, and a server's certificate of it, as PEM files in `folder`.
fn certificates(folder: &std::path::Path) -> (std::path::PathBuf, String) {
    let key = || rcgen::KeyPair::generate().expect("a key");
    let parameters = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        rcgen::CertificateParams::new(names).expect("names")
    };
    let (mut authority, authority_key, server_key) = (parameters(&[]), key(), key());
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).expect("signed").pem();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let server = parameters(&["127.0.0.1"]).signed_by(&server_key, &issuer).expect("signed");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("written");
        folder.join(name)
    };
    let (certificate, key) =
        (write("server.pem", &server.pem()), write("server.key", &server_key.serialize_pem()));
    let (certificate, key) = (certificate.display(), key.display());
    let settings = format!("tls {{ cert_file: \"{certificate}\", key_file: \"{key}\" }}");
    (write("ca.pem", &authority_pem), settings)
}

#[tokio::test]
async fn tls_is_spoken_with_whom_is_trusted_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (ca, settings) = certificates(folder.path());
    let Some(server) = Server::start(&settings).await else { return };
    let trusting = NatsConfig { tls_ca: Some(ca), ..config(server.url()) };
    suite::run_close(&connected(&trusting).await).await;

    // Another authority of the same name did not sign it.
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let (stranger, _) = certificates(elsewhere.path());
    let doubting = NatsConfig { tls_ca: Some(stranger), ..config(server.url()) };
    let bus = NatsBus::connect(&doubting).await.expect("a valid configuration");
    until(&bus, "why is told", |bus| bus.state().fault.is_some()).await;
    assert!(!bus.state().connected);

    // Nor is a server that speaks no TLS taken where it is demanded.
    let Some(plain) = Server::start("").await else { return };
    let bus = NatsBus::connect(&NatsConfig { urls: vec![plain.url().into()], ..trusting }).await;
    let bus = bus.expect("a valid configuration");
    until(&bus, "why is told", |bus| bus.state().fault.is_some()).await;
    assert!(!bus.state().connected, "it spoke in the clear");
}

#[tokio::test]
async fn what_the_server_would_not_take_is_refused_and_counted() {
    let Some(server) = Server::start("max_payload: 1024").await else { return };
    let bus = connected(&config(server.url())).await;
    let mut listening = listen(&bus, "large.>", 10).await;
    let of = |bytes: usize| text("large.a", &"x".repeat(bytes));
    let error = bus.publish(of(1024)).await.expect_err("with its headers it is too large");
    assert_eq!(error.kind(), ErrorKind::ValidationError);
    assert!(error.message().contains("large.a: 1024 bytes"), "{error}");
    assert!(error.hint().is_some_and(|h| h.contains("max_payload is 1024")), "{error:?}");
    assert_eq!(bus.state().refused, 1);
    assert_eq!(kind(bus.request(of(2000), LONG).await), Some(ErrorKind::ValidationError));
    bus.publish_all(vec![of(5000), of(900)]).await.expect("what is too large is left out");
    assert_eq!(message(&mut listening).await, of(900));
    assert_eq!(bus.state().refused, 2);
    assert_eq!(bus.state().reconnects, 0, "the server was not bothered");
}

#[tokio::test]
async fn what_one_may_not_publish_is_told() {
    let settings = "authorization { users: [{ user: me, password: pass, permissions: {
        publish: [\"sightline.v1.mine.>\", \"_INBOX.>\"], subscribe: [\">\"] } }] }";
    let Some(server) = Server::start(settings).await else { return };
    let auth = NatsAuth::User { name: "me".to_owned(), password: "pass".to_owned() };
    let bus = connected(&NatsConfig { auth, ..config(server.url()) }).await;
    bus.publish_all(vec![text("mine.a", "x")]).await.expect("allowed");
    bus.publish_all(vec![text("others.a", "x")]).await.expect("sent");
    until(&bus, "it is told", |bus| bus.state().fault.is_some()).await;
    let state = bus.state();
    let fault = state.fault.as_deref().unwrap_or_default();
    assert!(fault.contains("Permissions Violation") && fault.contains("others.a"), "{fault}");
    assert_eq!((state.connected, state.refused), (true, 1));
}

#[tokio::test]
async fn two_nodes_share_requests_and_hear_each_other() {
    let Some(server) = Server::start("").await else { return };
    let (one, two) =
        (connected(&config(server.url())).await, connected(&config(server.url())).await);
    let elsewhere = NatsConfig { prefix: "elsewhere".to_owned(), ..config(server.url()) };
    let other = connected(&elsewhere).await;
    let mut heard = listen(&two, ">", 10).await;
    let mut elsewhere = listen(&other, ">", 10).await;
    one.publish_all(vec![text("a.b", "1")]).await.expect("connected");
    assert_eq!(message(&mut heard).await, text("a.b", "1"));
    other.publish_all(vec![text("a.b", "2")]).await.expect("connected");
    assert_eq!(message(&mut elsewhere).await, text("a.b", "2"), "another prefix is another world");

    // A node that answers late keeps one request; what else comes to it is asked again, and goes
    // to the other.
    let mut late = one.serve(&pattern("work"), "group", 1).await.expect("open");
    let mut prompt = two.serve(&pattern("work"), "group", 8).await.expect("open");
    let asked = (0..10).map(|_| two.request(text("work", "x"), LONG));
    let asking = soon(futures_util::future::join_all(asked));
    let serving = async {
        for served in 0.. {
            let request = tokio::select! {
                request = prompt.next() => request,
                request = late.next(), if served >= 9 => request,
            };
            let request = request.expect("an open bus");
            request.reply.answer(request.message.payload).await.expect("connected");
        }
    };
    tokio::select! {
        answers = asking => assert!(answers.iter().all(Result::is_ok), "{answers:?}"),
        () = serving => unreachable!("it serves for ever"),
    }
}

#[tokio::test]
async fn a_slow_subscriber_is_told_by_its_own_queue() {
    let Some(server) = Server::start("").await else { return };
    let bus = connected(&config(server.url())).await;
    let mut slow = bus.subscribe(&pattern("flood.>"), 10, DropPolicy::Oldest).await.expect("open");
    let flood = (0..5000).map(|i| text("flood.a", &i.to_string())).collect();
    bus.publish_all(flood).await.expect("connected");
    until(&bus, "all but ten dropped", |bus| bus.state().dropped == 4990).await;
    assert_eq!(soon(slow.next()).await, Some(Delivery::Gap(4990)));
    assert_eq!(message(&mut slow).await, text("flood.a", "4990"));
}
