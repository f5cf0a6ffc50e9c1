//! A message as it stands on NATS: the payload is the JSON alone, what else is known of it is in
//! headers; and how a receiver counts what it missed.

use crate::bus::{Message, Numbering, Payload};
use async_nats::HeaderMap;
use schema::id::StartId;
use schema::subject::header::{EPOCH, MESSAGE_ID, OWNER, SCHEMA, SCHEMA_VERSION, SEQ};
use std::collections::HashMap;

/// Why a request has no answer, as the services of NATS say it.
pub(super) const SERVICE_ERROR: &str = "Nats-Service-Error";
/// Its code.
pub(super) const SERVICE_ERROR_CODE: &str = "Nats-Service-Error-Code";

/// Payload and headers.
pub(super) fn encode(message: &Message) -> (HeaderMap, bytes::Bytes) {
    let mut headers = HeaderMap::new();
    headers.insert(SCHEMA, SCHEMA_VERSION);
    match &message.numbering {
        Numbering::Stored(id) => headers.insert(MESSAGE_ID, id.as_str()),
        Numbering::Newest { epoch, seq } => {
            headers.insert(EPOCH, epoch.to_string());
            headers.insert(SEQ, seq.to_string());
        }
        Numbering::None => {}
    }
    if let Some(owner) = message.owner {
        headers.insert(OWNER, owner.to_string());
    }
    let Payload::Json(bytes) = &message.payload;
    (headers, bytes.clone())
}

/// The message again; nothing where a header cannot be understood: whose it is, above all, must be
/// certain. Who publishes without headers gives it to everybody.
pub(super) fn decode(prefix: &str, message: async_nats::Message) -> Option<Message> {
    let subject = message.subject.strip_prefix(prefix)?.strip_prefix('.')?.to_owned();
    let headers = message.headers.unwrap_or_default();
    let header = |name: &str| headers.get(name).map(async_nats::HeaderValue::as_str);
    if header(SCHEMA).is_some_and(|version| version != SCHEMA_VERSION) {
        return None;
    }
    let numbering = match (header(MESSAGE_ID), header(EPOCH), header(SEQ)) {
        (Some(id), None, None) => Numbering::Stored(id.to_owned()),
        (None, Some(epoch), Some(seq)) => {
            Numbering::Newest { epoch: epoch.parse().ok()?, seq: seq.parse().ok()? }
        }
        (None, None, None) => Numbering::None,
        _ => return None,
    };
    let owner = header(OWNER).map(str::parse).transpose().ok()?;
    Some(Message { subject, payload: Payload::Json(message.payload), numbering, owner })
}

/// Subjects whose numbers a receiver remembers.
const REMEMBERED: usize = 4096;

/// Counts what is missing between the numbers of newest-wins messages.
#[derive(Debug, Default)]
pub(super) struct Gaps(HashMap<String, (StartId, u64)>);

impl Gaps {
    /// How many messages are missing before this one. Of a subject that was not heard before,
    /// none: who listens now misses nothing of earlier.
    pub(super) fn before(&mut self, message: &Message) -> u64 {
        let Numbering::Newest { epoch, seq } = message.numbering else { return 0 };
        if let Some(last) = self.0.get_mut(&message.subject) {
            // A new start of the publisher counts from 1 again.
            let known = if last.0 == epoch { last.1 } else { 0 };
            *last = (epoch, known.max(seq));
            return seq.saturating_sub(known + 1);
        }
        if self.0.len() == REMEMBERED {
            // Jobs come and go: forgetting costs a gap that is not counted, remembering memory.
            self.0.clear();
        }
        self.0.insert(message.subject.clone(), (epoch, seq));
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
    const TWO: &str = "01890a5d-ac96-774b-bcce-b302099a8058";

    fn newest(subject: &str, epoch: &str, seq: u64) -> Message {
        Message {
            subject: subject.to_owned(),
            payload: Payload::Json(bytes::Bytes::new()),
            numbering: Numbering::Newest { epoch: epoch.parse().expect("a UUIDv7"), seq },
            owner: None,
        }
    }

    #[test]
    fn gaps_are_counted_by_subject_and_start() {
        let mut gaps = Gaps::default();
        let steps = [
            ("a", ONE, 5, 0, "what came before one listened is no gap"),
            ("a", ONE, 6, 0, "the next"),
            ("a", ONE, 9, 2, "7 and 8"),
            ("a", ONE, 9, 0, "again"),
            ("a", ONE, 3, 0, "late"),
            ("a", ONE, 10, 0, "the next after all"),
            ("b", ONE, 1, 0, "another subject"),
            ("a", TWO, 3, 2, "a new start, whose first two are missing"),
            ("a", TWO, 4, 0, "the next"),
        ];
        for (subject, epoch, seq, missing, why) in steps {
            assert_eq!(gaps.before(&newest(subject, epoch, seq)), missing, "{why}");
        }
        for i in 0..3 * REMEMBERED {
            gaps.before(&newest(&i.to_string(), ONE, 1));
        }
        assert!(gaps.0.len() <= REMEMBERED);
    }

    fn received(subject: &str, headers: &[(&str, &str)]) -> Option<Message> {
        let mut map = HeaderMap::new();
        headers.iter().for_each(|(name, value)| map.insert(*name, *value));
        let message = async_nats::Message {
            subject: subject.into(),
            reply: None,
            payload: bytes::Bytes::new(),
            headers: Some(map),
            status: None,
            description: None,
            length: 0,
        };
        decode("sightline.v1", message)
    }

    #[test]
    fn what_cannot_be_understood_is_no_message() {
        let good =
            received("sightline.v1.a.b", &[(OWNER, ONE), (MESSAGE_ID, "x:1"), (SCHEMA, "1")]);
        let good = good.expect("whole");
        assert_eq!((good.subject.as_str(), good.owner), ("a.b", ONE.parse().ok()));
        assert_eq!(good.numbering, Numbering::Stored("x:1".to_owned()));
        assert!(received("sightline.v1.a", &[]).is_some(), "a foreign publisher's");
        for (subject, headers) in [
            ("sightline.v1.a", &[(OWNER, "everybody")][..]),
            ("sightline.v1.a", &[(OWNER, "")]),
            ("sightline.v1.a", &[(SCHEMA, "2")]),
            ("sightline.v1.a", &[(EPOCH, ONE)]),
            ("sightline.v1.a", &[(EPOCH, ONE), (SEQ, "-1")]),
            ("sightline.v1.a", &[(EPOCH, "x"), (SEQ, "1")]),
            ("sightline.v1", &[]),
            ("sightline.v12.a", &[]),
            ("elsewhere.a", &[]),
        ] {
            assert!(received(subject, headers).is_none(), "{subject} {headers:?}");
        }
    }
}
