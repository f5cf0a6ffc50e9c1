//! What every bus gets from the trait, on a bus that loses its connection at will.

use super::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Takes what fits, and has another connection after so many flushes.
#[derive(Debug, Default)]
struct Lossy {
    taken: Mutex<Vec<String>>,
    flushes: AtomicU64,
    reconnects: AtomicU64,
    lost_at: u64,
}

fn not_ready<T>() -> Result<T> {
    Err(Error::new(ErrorKind::NotReady, "not in this test"))
}

#[async_trait]
impl Bus for Lossy {
    async fn publish(&self, message: Message) -> Result<()> {
        match message.subject.as_str() {
            "large" => Err(Error::new(ErrorKind::ValidationError, "too large")),
            "away" => not_ready(),
            _ => {
                self.taken.lock().expect("no panic").push(message.subject);
                Ok(())
            }
        }
    }

    async fn flush(&self) -> Result<()> {
        if self.flushes.fetch_add(1, Ordering::Relaxed) == self.lost_at {
            self.reconnects.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn subscribe(
        &self,
        _: &Pattern,
        _: usize,
        _: DropPolicy,
    ) -> Result<Box<dyn Subscription>> {
        not_ready()
    }

    async fn request(&self, _: Message, _: Duration) -> Result<Payload> {
        not_ready()
    }

    async fn serve(&self, _: &Pattern, _: &str, _: usize) -> Result<Box<dyn Requests>> {
        not_ready()
    }

    fn state(&self) -> BusState {
        let reconnects = self.reconnects.load(Ordering::Relaxed);
        BusState { reconnects, ..BusState::default() }
    }

    async fn close(&self, _: Duration) {}
}

fn messages(subjects: &[&str]) -> Vec<Message> {
    let message = |subject: &&str| Message {
        subject: (*subject).to_owned(),
        payload: Payload::Json(Bytes::new()),
        numbering: Numbering::None,
        owner: None,
    };
    subjects.iter().map(message).collect()
}

#[tokio::test]
async fn what_went_out_before_the_connection_changed_is_not_taken_for_published() {
    let bus = Lossy::default();
    let first = bus.publish_all(messages(&["a", "b"])).await.map_err(|e| e.kind());
    assert_eq!(first, Err(ErrorKind::NotReady));
    bus.publish_all(messages(&["a", "b"])).await.expect("the connection stays");
    assert_eq!(*bus.taken.lock().expect("no panic"), ["a", "b", "a", "b"]);
}

#[tokio::test]
async fn what_is_never_taken_holds_up_nothing_and_what_is_away_everything() {
    let bus = Lossy { lost_at: u64::MAX, ..Lossy::default() };
    bus.publish_all(messages(&["a", "large", "b"])).await.expect("the others");
    let away = bus.publish_all(messages(&["c", "away", "d"])).await.map_err(|e| e.kind());
    assert_eq!(away, Err(ErrorKind::NotReady));
    assert_eq!(*bus.taken.lock().expect("no panic"), ["a", "b", "c"]);
    assert_eq!(bus.flushes.load(Ordering::Relaxed), 1);
}
