//! The WebSocket as clients meet it: live, replayed, refused, overrun.

use crate::jobs::ended;
use crate::support::{Client, Server, Setup, eventually, video};
use actors::bus::{Bus, Message as BusMessage, Numbering, Payload};
use api::App;
use futures_util::{SinkExt, StreamExt};
use schema::id::{StartId, UserId};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const PATIENCE: Duration = Duration::from_secs(30);

/// A client at the other end of a socket.
struct Peer(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Peer {
    /// Connects; the status of the answer where that is refused.
    async fn connect(
        server: &Server,
        query: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let url = format!("ws://{}/api/v1/ws{query}", server.address);
        let mut request = url.into_client_request().expect("a url");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a value"));
        }
        match connect_async(request).await {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn of(server: &Server, client: &Client) -> Self {
        let token = client.token.as_deref().expect("is signed in");
        let bearer = format!("Bearer {token}");
        Self::connect(server, "", &[("authorization", &bearer)]).await.expect("is let in")
    }

    async fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.expect("the socket is open");
    }

    async fn subscribe(&mut self, subjects: &[&str], since: Option<&str>) {
        let mut message = json!({"op": "subscribe", "id": "1", "subjects": subjects});
        if let Some(since) = since {
            message["since"] = since.into();
        }
        self.say(&message).await;
    }

    /// The next message that is no heartbeat, or the close code.
    async fn hear(&mut self) -> Result<Value, u16> {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await.expect("something is said");
            match message {
                Some(Ok(Message::Text(text))) => {
                    let value: Value = serde_json::from_str(&text).expect("JSON");
                    if value["op"] != "heartbeat" {
                        return Ok(value);
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or(1005, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// Hears messages up to the first of this `op`, which comes last.
    async fn until(&mut self, op: &str) -> Vec<Value> {
        let mut heard = Vec::new();
        loop {
            heard.push(self.hear().await.expect("the connection stays"));
            if heard.last().is_some_and(|message| message["op"] == op) {
                return heard;
            }
        }
    }

    /// Hears events up to the first of this type, which comes last.
    async fn until_event(&mut self, kind: &str) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let message = self.hear().await.expect("the connection stays");
            if message["op"] == "event" {
                events.push(message);
            }
            if events.last().is_some_and(|event| event["type"] == kind) {
                return events;
            }
        }
    }
}

async fn submit(client: &Client) -> String {
    let parts = [("job_type", None, &b"people-count"[..]), ("file", Some("a.mp4"), &video(30))];
    let made = client.form("/api/v1/jobs", &parts).await;
    assert_eq!(made.status, 202, "{}", made.text());
    made.json()["data"]["id"].as_str().expect("an id").to_owned()
}

async fn publish(
    server: &Server,
    subject: &str,
    numbering: Numbering,
    owner: UserId,
    body: &Value,
) {
    let (subject, payload) = (subject.to_owned(), Payload::Json(body.to_string().into()));
    let message = BusMessage { subject, payload, numbering, owner: Some(owner) };
    server.bus.publish(message).await.expect("the bus is open");
}

fn stored(events: &[Value]) -> Vec<u64> {
    events.iter().filter_map(|event| event["seq"].as_u64()).collect()
}

#[tokio::test]
async fn a_job_is_followed_live_and_read_again() {
    let server = Server::start().await;
    let ((ann, _), (ben, _)) = (server.user("ann").await, server.user("ben").await);
    let (mut live, mut other) = (Peer::of(&server, &ben).await, Peer::of(&server, &ann).await);
    live.subscribe(&["job.>"], None).await;
    let begun = live.until("caught_up").await;
    assert_eq!(begun[0]["op"], "subscribed");
    let start = begun[1]["cursor"].as_str().expect("a cursor").to_owned();

    let id = submit(&ben).await;
    let events = live.until_event("job_result").await;
    let stream = format!("job/{id}");
    let durable: Vec<&Value> = events.iter().filter(|event| event["stream"] == stream).collect();
    let kinds: Vec<&str> = durable.iter().filter_map(|e| e["type"].as_str()).collect();
    assert_eq!(kinds.last(), Some(&"job_result"), "{events:?}");
    assert_eq!(durable[0]["data"]["status"], "pending");
    let numbers = stored(&events);
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "without a gap, in order");
    let progress: Vec<&Value> =
        events.iter().filter(|event| event["type"] == "job_progress").collect();
    assert!(progress.iter().all(|event| event.get("stream").is_none()), "{progress:?}");

    let mut again = Peer::of(&server, &ben).await;
    again.subscribe(&["job.*.state", "job.>"], Some(&start)).await;
    let heard = again.until("caught_up").await;
    let replayed: Vec<Value> = heard.into_iter().filter(|m| m["op"] == "event").collect();
    assert_eq!(stored(&replayed), numbers, "each once, though two patterns match");
    again.subscribe(&["job.>"], Some(&start)).await;
    let replayed = again.until("caught_up").await;
    assert_eq!(stored(&replayed), numbers, "who asks again is told again");

    other.subscribe(&[&format!("job.{id}.state")], None).await;
    other.until("caught_up").await;
    let third = submit(&ann).await;
    ended(&ann, &third).await;
    live.say(&json!({"op": "ping"})).await;
    live.say(&json!({"op": "unsubscribe", "id": "1"})).await;
    let heard = live.until("unsubscribed").await;
    let foreign =
        |message: &&Value| message["subject"].as_str().is_some_and(|s| s.contains(&third));
    assert_eq!(heard.iter().find(foreign), None, "a user hears nothing of an admin's jobs");
    server.stop().await;
}

#[tokio::test]
async fn what_one_may_not_hear_is_refused_by_name_and_silent_by_wildcard() {
    let server = Server::start().await;
    let ((ann, _), (ben, _)) = (server.user("ann").await, server.user("ben").await);
    let asked = ben.get("/api/v1/events?subjects=wake.jobs").await;
    assert_eq!((asked.status, asked.code()), (403, "FORBIDDEN".to_owned()), "as over the socket");
    let id = submit(&ann).await;
    ended(&ann, &id).await;
    let mut peer = Peer::of(&server, &ben).await;
    for subject in [format!("job.{id}.state"), "wake.jobs".to_owned()] {
        peer.subscribe(&[&subject], None).await;
        let refused = peer.hear().await.expect("stays open");
        assert_eq!((&refused["op"], &refused["code"]), (&json!("error"), &json!("FORBIDDEN")));
    }
    peer.subscribe(&[">"], Some("c1-0")).await;
    let heard = peer.until("caught_up").await;
    assert!(heard.iter().all(|message| message["op"] != "event"), "{heard:?}");
    server.stop().await;
}

#[tokio::test]
async fn callers_say_who_they_are_by_header_ticket_or_first_message() {
    let server = Server::start().await;
    let (ann, data) = server.user("ann").await;
    let token = data["access_token"].as_str().expect("a token");
    let ticket = ann.post("/api/v1/auth/ws-ticket", &json!({})).await.json()["data"]["ticket"]
        .as_str()
        .expect("a ticket")
        .to_owned();
    let query = format!("?ticket={ticket}");
    Peer::connect(&server, &query, &[]).await.expect("a ticket lets in");
    assert_eq!(Peer::connect(&server, &query, &[]).await.err(), Some(401), "once");
    assert_eq!(Peer::connect(&server, "", &[("authorization", "Bearer x")]).await.err(), Some(401));

    let mut late = Peer::connect(&server, "", &[]).await.expect("may say it later");
    late.say(&json!({"op": "auth", "token": token})).await;
    assert_eq!(late.hear().await.expect("is known")["op"], "authenticated");
    for wrong in [json!({"op": "auth", "token": "x"}), json!({"op": "ping"})] {
        let mut peer = Peer::connect(&server, "", &[]).await.expect("may say it later");
        peer.say(&wrong).await;
        assert_eq!(peer.hear().await, Err(4401), "{wrong}");
    }
    let by_url = format!("?token={token}");
    let mut silent = Peer::connect(&server, &by_url, &[]).await.expect("no token in a url");
    assert_eq!(silent.hear().await, Err(4401), "after 5 s");

    let bearer = format!("Bearer {token}");
    let from = |origin| [("authorization", bearer.as_str()), ("origin", origin)];
    let evil = Peer::connect(&server, "", &from("https://evil.example")).await;
    assert_eq!(evil.err(), Some(403));
    // In the form of every other failure.
    let plain = ann.get_with("/api/v1/ws", &[("x-request-id", "mine-1")]).await;
    assert_eq!((plain.status, plain.code().as_str()), (422, "VALIDATION_ERROR"));
    assert_eq!(plain.json()["error"]["request_id"], "mine-1");
    let used_up = server.client().get(&format!("/api/v1/ws{query}")).await;
    assert_eq!(used_up.header("www-authenticate"), Some("Bearer"), "{}", used_up.text());
    let own = format!("http://{}", server.address);
    Peer::connect(&server, "", &from(&own)).await.expect("the server's own page");
    server.stop().await;
}

#[tokio::test]
async fn a_token_that_ends_ends_the_connection_unless_a_newer_one_comes() {
    let server = Server::start().await;
    let (ann, data) = server.user("ann").await;
    let (mut tired, mut fresh) = (Peer::of(&server, &ann).await, Peer::of(&server, &ann).await);
    server.clock.advance(Duration::from_secs(10 * 60));
    let refresh = json!({"refresh_token": data["refresh_token"]});
    let newer = ann.post("/api/v1/auth/refresh", &refresh).await.json();
    let newer = &newer["data"]["access_token"];
    fresh.say(&json!({"op": "auth", "token": newer})).await;
    assert_eq!(fresh.hear().await.expect("is known")["op"], "authenticated");
    server.clock.advance(Duration::from_secs(6 * 60));
    for (peer, expected) in [(&mut tired, Err(4401)), (&mut fresh, Ok(json!("unsubscribed")))] {
        // The clock was moved by hand: something must happen for it to be looked at.
        for message in [
            json!({"op": "subscribe", "id": "1", "subjects": ["job.>"]}),
            json!({"op": "unsubscribe", "id": "1"}),
        ] {
            // The server may have closed already.
            let _ = peer.0.send(Message::text(message.to_string())).await;
        }
        let mut last = peer.hear().await;
        while last.as_ref().is_ok_and(|message| message["op"] != "unsubscribed") {
            last = peer.hear().await;
        }
        assert_eq!(last.map(|message| message["op"].clone()), expected);
    }
    server.stop().await;
}

#[tokio::test]
async fn wrong_messages_are_told_and_floods_end() {
    let server = Server::start().await;
    let (ann, _) = server.user("ann").await;
    let mut peer = Peer::of(&server, &ann).await;
    for wrong in [json!({}), json!({"op": "subscribe", "id": "1", "subjects": ["a..b"]})] {
        peer.say(&wrong).await;
        let told = peer.hear().await.expect("stays open");
        assert_eq!((&told["op"], &told["code"]), (&json!("error"), &json!("VALIDATION_ERROR")));
    }
    for number in 0..=64 {
        let id = number.to_string();
        peer.say(&json!({"op": "subscribe", "id": id, "subjects": ["job.>"]})).await;
    }
    let mut last = peer.hear().await.expect("stays open");
    while last["op"] != "error" {
        last = peer.hear().await.expect("stays open");
    }
    assert_eq!((&last["id"], &last["code"]), (&json!("64"), &json!("RATE_LIMITED")));

    let mut flood = Peer::of(&server, &ann).await;
    for _ in 0..300 {
        // The server may have closed already.
        let _ = flood.0.send(Message::text(r#"{"op":"ping"}"#)).await;
    }
    assert!(matches!(flood.hear().await, Err(1008 | 1006)));
    let mut binary = Peer::of(&server, &ann).await;
    binary.0.send(Message::binary(vec![1])).await.expect("is open");
    assert_eq!(binary.hear().await, Err(1003));
    let mut huge = Peer::of(&server, &ann).await;
    let _ = huge.0.send(Message::text("x".repeat(70_000))).await;
    assert!(huge.hear().await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn a_reader_that_stops_costs_the_others_nothing_and_is_told() {
    let server = Server::start().await;
    let (ann, data) = server.user("ann").await;
    let owner = data["user"]["id"].as_str().expect("an id").parse().expect("a user's id");
    let (mut slow, mut quick) = (Peer::of(&server, &ann).await, Peer::of(&server, &ann).await);
    for peer in [&mut slow, &mut quick] {
        peer.subscribe(&["job.>"], None).await;
        peer.until("caught_up").await;
    }
    let job = uuid::Uuid::now_v7();
    let subject = format!("job.{job}.state");
    let (count, filling) = (8_000_u64, "x".repeat(4096));
    for seq in 1..=count {
        let numbering = Numbering::Stored(format!("job/{job}:{seq}"));
        publish(&server, &subject, numbering, owner, &json!({"n": seq, "filling": filling})).await;
        // The quick one reads along: all of it arrives.
        assert_eq!(quick.hear().await.expect("is live")["n"], seq);
    }
    let heard = slow.until("lagged").await;
    let lagged = heard.last().expect("is the last");
    let (dropped, before) = (lagged["dropped"].as_u64().expect("a number"), heard.len() as u64 - 1);
    assert!(dropped > 0 && before + dropped <= count, "{before} came, {dropped} did not");
    slow.until("caught_up").await;
    server.stop().await;
}

#[tokio::test]
async fn only_the_newest_progress_waits_for_a_reader_that_stops() {
    let server = Server::start().await;
    let (ann, data) = server.user("ann").await;
    let owner = data["user"]["id"].as_str().expect("an id").parse().expect("a user's id");
    let mut peer = Peer::of(&server, &ann).await;
    peer.subscribe(&["job.>"], None).await;
    peer.until("caught_up").await;
    let epoch = StartId::from_uuid(uuid::Uuid::now_v7());
    let subject = format!("job.{}.progress", uuid::Uuid::now_v7());
    let (count, filling) = (4_000_u64, "x".repeat(8192));
    for seq in 1..=count {
        let body = json!({"op": "event", "n": seq, "filling": filling});
        publish(&server, &subject, Numbering::Newest { epoch, seq }, owner, &body).await;
        // Nobody waits for the client; the server itself may go on.
        tokio::task::yield_now().await;
    }
    let mut heard = Vec::new();
    while heard.last() != Some(&count) {
        let message = peer.hear().await.expect("stays open");
        assert_eq!(message["op"], "event", "nobody lags behind what only the newest matters of");
        heard.push(message["n"].as_u64().expect("a number"));
    }
    assert!(heard.is_sorted() && heard.len() < 4_000, "{} of {count}", heard.len());
    server.stop().await;
}

#[tokio::test]
async fn connections_share_the_subscriptions_of_the_bus_and_the_last_takes_them_away() {
    let server = Server::start().await;
    let ((ann, data), (ben, _)) = (server.user("ann").await, server.user("ben").await);
    let owner = data["user"]["id"].as_str().expect("an id").parse().expect("a user's id");
    let subscriptions = || server.bus.state().subscriptions;
    let before = subscriptions();
    let mut peers = Vec::new();
    for number in 0..50 {
        let client = if number % 2 == 0 { &ann } else { &ben };
        let mut peer = Peer::of(&server, client).await;
        peer.subscribe(&["job.>"], None).await;
        peers.push(peer);
    }
    for peer in &mut peers {
        peer.until("caught_up").await;
    }
    assert_eq!(subscriptions(), before + 1, "one for fifty");
    peers[0].say(&json!({"op": "subscribe", "id": "2", "subjects": ["job.*.state"]})).await;
    peers[0].until("caught_up").await;
    assert_eq!(subscriptions(), before + 2, "one per pattern");

    let job = uuid::Uuid::now_v7();
    let numbering = Numbering::Stored(format!("job/{job}:1"));
    let body = json!({"op": "event", "type": "told"});
    publish(&server, &format!("job.{job}.state"), numbering, owner, &body).await;
    for peer in peers.iter_mut().step_by(2) {
        assert_eq!(peer.until_event("told").await.len(), 1);
    }
    for peer in &mut peers {
        peer.say(&json!({"op": "unsubscribe", "id": "1"})).await;
        assert_eq!(peer.until("unsubscribed").await.len(), 1, "the owner's, and once each");
    }
    assert_eq!(subscriptions(), before + 1, "nobody listens to job.> any more");
    drop(peers);
    let gone = || async { (subscriptions() == before).then_some(()) };
    eventually("the last to take its subscription away", gone).await;
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_ends_says_so() {
    let server = Server::start().await;
    let (ann, _) = server.user("ann").await;
    let mut peer = Peer::of(&server, &ann).await;
    peer.subscribe(&["job.>"], None).await;
    peer.until("caught_up").await;
    let stopped = tokio::spawn(server.stop());
    assert_eq!(peer.hear().await, Err(1001));
    timeout(PATIENCE, stopped).await.expect("in time").expect("in order");
}

#[tokio::test]
async fn a_server_that_ends_waits_for_clients_that_read_late() {
    let mut services = None;
    let keep = |app: App| {
        services = Some(Arc::clone(app.services()));
        app
    };
    let server = Server::around(Setup::default(), keep).await;
    let services = services.expect("was asked");
    let (ann, _) = server.user("ann").await;
    let mut peers = Vec::new();
    for _ in 0..20 {
        let mut peer = Peer::of(&server, &ann).await;
        peer.subscribe(&["job.>"], None).await;
        peer.until("caught_up").await;
        peers.push(peer);
    }
    assert_eq!(services.hub.connections(), 20);
    // None of them reads, so none closes in its turn before its time is over.
    timeout(PATIENCE, server.stop()).await.expect("in time");
    assert_eq!(services.hub.connections(), 0, "some are still being told");
    for peer in &mut peers {
        assert_eq!(peer.hear().await, Err(1001));
    }
}
