//! What every bus must do. No engine is named here.

use actors::bus::{Bus, Delivery, DropPolicy, Message, Numbering, Payload, Requests, Subscription};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::join_all;
use schema::ErrorKind;
use schema::subject::Pattern;
use std::future::Future;
use std::time::Duration;

/// Far beyond what anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Runs the contract on an open bus, and leaves it open; it may be run again.
pub(crate) async fn run(bus: &dyn Bus) {
    what_is_published_arrives_whole(bus).await;
    one_publishers_messages_arrive_in_order(bus).await;
    patterns_choose(bus).await;
    a_full_queue_drops_the_oldest_and_tells(bus).await;
    the_newest_replaces_the_one_of_its_subject(bus).await;
    who_does_not_read_costs_the_others_nothing(bus).await;
    subscriptions_are_counted(bus).await;
    waiting_may_be_given_up(bus).await;
    what_is_no_subject_is_refused(bus).await;
    requests_are_answered(bus).await;
    unanswered_requests_are_told(bus).await;
    a_group_shares_its_requests(bus).await;
    credits_bound_what_waits(bus).await;
}

/// What closing does; the bus is closed after.
pub(crate) async fn run_close(bus: &dyn Bus) {
    let mut subscription = listen(bus, "close.>", 10).await;
    let mut requests = bus.serve(&pattern("close.ask"), "group", 1).await.expect("open");
    bus.publish_all(vec![text("close.one", "1")]).await.expect("open");
    bus.close(LONG).await;
    assert_eq!(soon(subscription.next()).await, Some(Delivery::Message(text("close.one", "1"))));
    assert_eq!(soon(subscription.next()).await, None);
    assert!(soon(requests.next()).await.is_none());
    let state = bus.state();
    assert!(!state.connected, "{state:?}");
    let refused = [
        bus.publish(text("close.two", "2")).await.err(),
        bus.flush().await.err(),
        bus.subscribe(&Pattern::all(), 1, DropPolicy::Oldest).await.err(),
        bus.serve(&Pattern::all(), "group", 1).await.err(),
        bus.request(text("close.ask", "2"), LONG).await.err(),
    ];
    assert_eq!(refused.map(|e| e.map(|e| e.kind())), [Some(ErrorKind::NotReady); 5]);
    bus.close(LONG).await;
}

pub(crate) fn pattern(text: &str) -> Pattern {
    text.parse().expect(text)
}

/// A message as hints are: neither numbered nor anybody's.
pub(crate) fn text(subject: &str, payload: &str) -> Message {
    Message {
        subject: subject.to_owned(),
        payload: Payload::Json(Bytes::copy_from_slice(payload.as_bytes())),
        numbering: Numbering::None,
        owner: None,
    }
}

pub(crate) async fn listen(bus: &dyn Bus, on: &str, capacity: usize) -> Box<dyn Subscription> {
    bus.subscribe(&pattern(on), capacity, DropPolicy::Oldest).await.expect("an open bus")
}

/// What comes of `wait`, which must not take long.
pub(crate) async fn soon<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, wait).await.expect("within 20 s")
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, met).await.unwrap_or_else(|_| panic!("not within 20 s: {what}"));
}

/// The next message, which must be whole.
pub(crate) async fn message(subscription: &mut Box<dyn Subscription>) -> Message {
    match soon(subscription.next()).await {
        Some(Delivery::Message(message)) => message,
        other => panic!("expected a message, got {other:?}"),
    }
}

/// The texts of the next `count` messages.
async fn texts(subscription: &mut Box<dyn Subscription>, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..count {
        let Payload::Json(bytes) = message(subscription).await.payload else {
            panic!("another payload than was sent");
        };
        texts.push(String::from_utf8(bytes.to_vec()).expect("text"));
    }
    texts
}

async fn what_is_published_arrives_whole(bus: &dyn Bus) {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let numberings = [
        Numbering::Stored(format!("job/{id}:7")),
        Numbering::Newest { epoch: id.parse().expect("a UUIDv7"), seq: 1 },
        Numbering::None,
    ];
    let mut subscription = listen(bus, "whole.*.state", 10).await;
    for numbering in numberings {
        for owner in [None, Some(id.parse().expect("a UUIDv7"))] {
            let numbering = numbering.clone();
            let sent =
                Message { numbering, owner, ..text("whole.a-B_9.state", "{\"a\":\"\u{e4}\"}") };
            bus.publish(sent.clone()).await.expect("an open bus");
            assert_eq!(message(&mut subscription).await, sent);
        }
    }
    let empty = text("whole.x.state", "");
    bus.publish(empty.clone()).await.expect("an open bus");
    assert_eq!(message(&mut subscription).await, empty);
}

async fn one_publishers_messages_arrive_in_order(bus: &dyn Bus) {
    let mut subscriptions =
        [listen(bus, "order.>", 2000).await, listen(bus, "order.a", 2000).await];
    let sent: Vec<String> = (0..1000).map(|i| i.to_string()).collect();
    bus.publish_all(sent.iter().map(|t| text("order.a", t)).collect()).await.expect("open");
    for subscription in &mut subscriptions {
        assert_eq!(texts(subscription, 1000).await, sent);
    }
}

async fn patterns_choose(bus: &dyn Bus) {
    let mut all = listen(bus, "choose.>", 20).await;
    let mut one = listen(bus, "choose.a.x", 20).await;
    let mut star = listen(bus, "choose.*.x", 20).await;
    for subject in ["choose.a.x", "choose.b.x", "choose.a.y", "choose.a.x.z", "choose"] {
        bus.publish(text(subject, subject)).await.expect("an open bus");
    }
    bus.publish(text("choose.a.x", "end")).await.expect("an open bus");
    assert_eq!(
        texts(&mut all, 5).await,
        ["choose.a.x", "choose.b.x", "choose.a.y", "choose.a.x.z", "end"]
    );
    assert_eq!(texts(&mut one, 2).await, ["choose.a.x", "end"]);
    assert_eq!(texts(&mut star, 3).await, ["choose.a.x", "choose.b.x", "end"]);

    // One that is dropped takes nothing any more, and the others are not disturbed.
    drop(star);
    bus.publish(text("choose.a.x", "later")).await.expect("an open bus");
    assert_eq!(texts(&mut one, 1).await, ["later"]);
}

async fn a_full_queue_drops_the_oldest_and_tells(bus: &dyn Bus) {
    let before = bus.state().dropped;
    let mut subscription = listen(bus, "oldest.>", 4).await;
    let burst = |range: std::ops::Range<u32>| {
        range.map(|i| text(&format!("oldest.{}", i % 3), &i.to_string())).collect()
    };
    bus.publish_all(burst(0..10)).await.expect("open");
    until("6 dropped", || bus.state().dropped == before + 6).await;
    assert_eq!(soon(subscription.next()).await, Some(Delivery::Gap(6)));
    assert_eq!(texts(&mut subscription, 4).await, ["6", "7", "8", "9"]);
    bus.publish_all(burst(10..12)).await.expect("open");
    assert_eq!(texts(&mut subscription, 2).await, ["10", "11"]);
    assert_eq!(bus.state().dropped, before + 6);
}

async fn the_newest_replaces_the_one_of_its_subject(bus: &dyn Bus) {
    let before = bus.state().dropped;
    let replace = bus.subscribe(&pattern("newest.>"), 3, DropPolicy::Replace).await;
    let mut subscription = replace.expect("an open bus");
    let send = ["a1", "b1", "a2", "a3", "b2", "c1"];
    let sent = send.map(|t| text(&format!("newest.{}", &t[..1]), t));
    bus.publish_all(sent.to_vec()).await.expect("open");
    until("3 replaced", || bus.state().dropped == before + 3).await;
    assert_eq!(soon(subscription.next()).await, Some(Delivery::Gap(3)));
    assert_eq!(texts(&mut subscription, 1).await, ["a3"]);
    // What was taken is not replaced; where all places are taken by others, the oldest goes.
    let sent = ["a4", "c2", "d1"].map(|t| text(&format!("newest.{}", &t[..1]), t));
    bus.publish_all(sent.to_vec()).await.expect("open");
    until("2 more went", || bus.state().dropped == before + 5).await;
    assert_eq!(soon(subscription.next()).await, Some(Delivery::Gap(2)));
    assert_eq!(texts(&mut subscription, 3).await, ["c2", "a4", "d1"]);
}

async fn who_does_not_read_costs_the_others_nothing(bus: &dyn Bus) {
    let asleep = listen(bus, "slow.>", 1).await;
    let mut awake = listen(bus, "slow.>", 1000).await;
    let sent: Vec<String> = (0..500).map(|i| i.to_string()).collect();
    for text in sent.iter().map(|t| text("slow.a", t)) {
        bus.publish(text).await.expect("an open bus");
    }
    assert_eq!(texts(&mut awake, 500).await, sent);
    drop(asleep);
}

async fn subscriptions_are_counted(bus: &dyn Bus) {
    let before = bus.state().subscriptions;
    let both = (listen(bus, "count.one", 1).await, listen(bus, "count.one", 1).await);
    assert_eq!(bus.state().subscriptions, before + 2);
    drop(both);
    until("they are counted no more", || bus.state().subscriptions == before).await;
}

async fn waiting_may_be_given_up(bus: &dyn Bus) {
    let mut subscription = listen(bus, "given.up", 10).await;
    for round in ["1", "2"] {
        assert!(subscription.next().now_or_never().is_none());
        bus.publish_all(vec![text("given.up", round)]).await.expect("open");
        assert_eq!(texts(&mut subscription, 1).await, [round]);
    }
}

async fn what_is_no_subject_is_refused(bus: &dyn Bus) {
    let before = bus.state().refused;
    let bad =
        ["", "a.*", "a.>", "a b", "a..b", ".a", "a.", "a\r\nPUB b 0", "\u{e4}", &"x".repeat(300)];
    for subject in bad {
        let refused = bus.publish(text(subject, "x")).await.map_err(|e| e.kind());
        assert_eq!(refused, Err(ErrorKind::ValidationError), "{subject:?}");
    }
    assert_eq!(bus.state().refused, before + bad.len() as u64);
}

async fn requests_are_answered(bus: &dyn Bus) {
    let mut requests = bus.serve(&pattern("ask.*"), "group", 4).await.expect("open");
    let mut watching = listen(bus, "ask.>", 4).await;
    let asking = bus.request(text("ask.me", "question"), LONG);
    let answering = async {
        let request = soon(requests.next()).await.expect("a request");
        assert_eq!(request.message, text("ask.me", "question"));
        request.reply.answer(text("", "answer").payload).await.expect("an open bus");
    };
    let (answer, ()) = soon(futures_util::future::join(asking, answering)).await;
    assert_eq!(answer.expect("answered"), text("", "answer").payload);
    // Requests are for who serves them, and messages for who listens.
    bus.publish_all(vec![text("ask.me", "message")]).await.expect("open");
    assert_eq!(texts(&mut watching, 1).await, ["message"]);
    let asked = requests.next().now_or_never();
    assert!(asked.is_none(), "a message was served: {asked:?}");
}

async fn unanswered_requests_are_told(bus: &dyn Bus) {
    let kind = |r: schema::Result<Payload>| r.err().map(|e| e.kind());
    let nobody = soon(bus.request(text("nobody.there", "x"), LONG * 10)).await;
    assert_eq!(kind(nobody), Some(ErrorKind::NotReady));

    let mut requests = bus.serve(&pattern("drops.it"), "group", 1).await.expect("open");
    let asking = bus.request(text("drops.it", "x"), LONG * 10);
    let dropping = async { drop(soon(requests.next()).await.expect("a request")) };
    let (dropped, ()) = soon(futures_util::future::join(asking, dropping)).await;
    assert_eq!(kind(dropped), Some(ErrorKind::NotReady));

    let late = bus.request(text("drops.it", "x"), Duration::from_millis(50)).await;
    assert_eq!(kind(late), Some(ErrorKind::NotReady));

    // Its credit came back: the next one is served.
    drop(soon(requests.next()).await.expect("the late request"));
    let asking = bus.request(text("drops.it", "x"), LONG);
    let answering = async {
        let request = soon(requests.next()).await.expect("a request");
        request.reply.answer(request.message.payload).await.expect("an open bus");
    };
    assert!(soon(futures_util::future::join(asking, answering)).await.0.is_ok());
}

async fn a_group_shares_its_requests(bus: &dyn Bus) {
    let on = pattern("share.work");
    let one = bus.serve(&on, "group", 100).await.expect("open");
    let two = bus.serve(&on, "group", 100).await.expect("open");
    let serve = async |mut requests: Box<dyn Requests>, name| {
        while let Some(request) = requests.next().await {
            request.reply.answer(text("", name).payload).await.expect("an open bus");
        }
    };
    let asking = async {
        let asked = (0..40).map(|_| bus.request(text("share.work", "x"), LONG));
        let answers = join_all(asked).await;
        let count = |name| {
            let name = text("", name).payload;
            answers.iter().filter(|a| a.as_ref().is_ok_and(|p| *p == name)).count()
        };
        let counts = (count("one"), count("two"));
        assert!(counts.0 + counts.1 == 40 && counts.0 > 0 && counts.1 > 0, "{counts:?}");
    };
    tokio::select! {
        () = soon(asking) => {}
        _ = futures_util::future::join(serve(one, "one"), serve(two, "two")) => {
            panic!("the bus was closed")
        }
    }
}

async fn credits_bound_what_waits(bus: &dyn Bus) {
    let mut requests = bus.serve(&pattern("credit.work"), "group", 2).await.expect("open");
    let asking = join_all((0..3).map(|_| bus.request(text("credit.work", "x"), LONG)));
    let serving = async {
        let first = soon(requests.next()).await.expect("a request");
        let second = soon(requests.next()).await.expect("a request");
        // The third waits for a credit, not here: time for it to come were it let in.
        let third = tokio::time::timeout(Duration::from_millis(50), requests.next()).await;
        assert!(third.is_err(), "more requests than credits");
        first.reply.answer(text("", "1").payload).await.expect("an open bus");
        let third = soon(requests.next()).await.expect("its turn");
        for request in [second, third] {
            request.reply.answer(text("", "2").payload).await.expect("an open bus");
        }
    };
    let (answers, ()) = soon(futures_util::future::join(asking, serving)).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}
