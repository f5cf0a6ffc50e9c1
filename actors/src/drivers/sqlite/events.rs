//! Streams of events, and the feed over all of them: appending, replay, publishing, retention.

use super::fault::{Outcome, json_fault};
use super::writer::Outlives;
use super::{Sqlite, row};
use crate::store::EventStore;
use crate::store::events::{EventRetention, OwnedEvent, Replay};
use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};
use schema::Result;
use schema::account::Scope;
use schema::event::{Cursor, Event, EventBody, Position, StreamId};
use schema::id::UserId;
use schema::job::record::Job;
use schema::subject::Pattern;
use schema::time::WallTime;
use std::collections::BTreeMap;

/// Events that one replay looks at: patterns that match little must not hold a reader for long.
const LOOK_AT: u32 = 10_000;
/// Events that one transaction forgets: others wait meanwhile.
const PRUNE: u64 = 1000;

#[async_trait]
impl EventStore for Sqlite {
    async fn replay(
        &self,
        scope: &Scope,
        since: Option<Cursor>,
        patterns: &[Pattern],
        limit: u32,
    ) -> Result<Replay> {
        let (scope, patterns) = (*scope, patterns.to_vec());
        self.read("replay events", move |c| replay(c, &scope, since, &patterns, limit)).await
    }

    async fn head(&self) -> Result<Cursor> {
        self.read("read the head of the feed", |c| Ok(feed(c)?.0)).await
    }

    async fn unpublished(&self, limit: u32) -> Result<Vec<OwnedEvent>> {
        self.read("list unpublished events", move |c| {
            let sql = "SELECT events.* FROM streams JOIN events
                           ON events.stream = streams.stream AND events.seq > streams.published
                       WHERE streams.published < streams.head ORDER BY events.time LIMIT ?1";
            let mut statement = c.prepare_cached(sql)?;
            let owned = |row: &Row<'_>| {
                Ok(OwnedEvent { owner: row::parsed(row, "owner_id")?, event: event(row)? })
            };
            Ok(statement.query_map([limit], owned)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn mark_published(&self, positions: &[Position]) -> Result<()> {
        let positions = positions.to_vec();
        let outlives = Outlives::Process;
        self.write_to_outlive(outlives, "mark events published", move |c| {
            let sql = "UPDATE streams SET published = min(max(published, ?2), head)
                       WHERE stream = ?1 AND published < ?2";
            let mut statement = c.prepare_cached(sql)?;
            for Position { stream, seq } in positions {
                statement.execute(params![stream.to_string(), seq])?;
            }
            Ok(())
        })
        .await
    }

    async fn prune_events(&self, kept: EventRetention) -> Result<u64> {
        let mut forgotten = 0;
        loop {
            let count = self.write("prune events", move |c| prune(c, kept)).await?;
            forgotten += count;
            if count < PRUNE {
                return Ok(forgotten);
            }
        }
    }
}

/// Begins the stream of a new job.
pub(super) fn begin(connection: &Connection, job: &Job) -> Outcome<()> {
    let sql = "INSERT INTO streams (stream, head, published, ended) VALUES (?1, 0, 0, 0)";
    connection.prepare_cached(sql)?.execute([StreamId::Job(job.id).to_string()])?;
    Ok(())
}

/// Says that nothing will follow in the stream of a job.
pub(super) fn end(connection: &Connection, job: &Job) -> Outcome<()> {
    let sql = "UPDATE streams SET ended = 1 WHERE stream = ?1";
    connection.prepare_cached(sql)?.execute([StreamId::Job(job.id).to_string()])?;
    Ok(())
}

/// Appends what happened to the job's stream. Times grow strictly, whatever the clock does.
pub(super) fn append(
    connection: &Connection,
    job: &Job,
    happened: &[EventBody],
    now: WallTime,
) -> Outcome<()> {
    if happened.is_empty() {
        return Ok(());
    }
    let (stream, owner) = (StreamId::Job(job.id).to_string(), job.owner.to_string());
    let sql = "UPDATE streams SET head = head + ?2 WHERE stream = ?1 RETURNING head";
    let mut statement = connection.prepare_cached(sql)?;
    let head: u64 = statement.query_row(params![stream, happened.len()], |row| row.get(0))?;
    let mut time = feed(connection)?.0.time();
    let sql = "INSERT INTO events (time, stream, seq, owner_id, subject, type, data)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut statement = connection.prepare_cached(sql)?;
    for (seq, body) in (head + 1 - happened.len() as u64..).zip(happened) {
        time = WallTime(now.0.max(time.0.saturating_add(1)));
        let subject = body.subject(job.id).to_string();
        let body = serde_json::to_value(body).map_err(|e| json_fault("data", e))?;
        let (kind, data) = (body["type"].as_str(), row::json("data", &body["data"])?);
        statement.execute(params![time.0, stream, seq, owner, subject, kind, data])?;
    }
    connection.prepare_cached("UPDATE feed SET head = ?1")?.execute([time.0])?;
    Ok(())
}

/// Up to where the feed that a scope reads was cut because streams had too many events.
fn cut(connection: &Connection, scope: &Scope) -> Outcome<Cursor> {
    let sql = "SELECT coalesce(max(kept_from), 0) FROM feed_cuts WHERE ?1 IS NULL OR owner_id = ?1";
    let owner = scope.only_owner().map(|owner| owner.to_string());
    let time = connection.prepare_cached(sql)?.query_row([owner], |row| row.get(0))?;
    Ok(Cursor::after(WallTime(time)))
}

/// Where the feed ends, and from where on it is whole.
fn feed(connection: &Connection) -> Outcome<(Cursor, Cursor)> {
    let cursor = |row: &Row<'_>, name| row.get(name).map(|us| Cursor::after(WallTime(us)));
    let mut statement = connection.prepare_cached("SELECT head, kept_from FROM feed")?;
    Ok(statement.query_row([], |row| Ok((cursor(row, "head")?, cursor(row, "kept_from")?)))?)
}

fn replay(
    connection: &Connection,
    scope: &Scope,
    since: Option<Cursor>,
    patterns: &[Pattern],
    limit: u32,
) -> Outcome<Replay> {
    let (head, kept_from) = feed(connection)?;
    let cut = cut(connection, scope)?;
    let oldest = kept_from.max(cut);
    if since.is_some_and(|since| since < oldest) {
        return Ok(Replay::Gone { oldest });
    }
    // What was never published is told also before `kept_from`; but not before the cut, where the
    // cursor of a page would be gone on its return.
    let mut cursor = since.unwrap_or(cut);
    let mut values = vec![Value::Integer(cursor.time().0)];
    let mut condition = "time > ?1".to_owned();
    if let Some(owner) = scope.only_owner() {
        values.push(Value::Text(owner.to_string()));
        condition.push_str(" AND owner_id = ?2");
    }
    let sql = format!("SELECT * FROM events WHERE {condition} ORDER BY time LIMIT {}", LOOK_AT + 1);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut events = Vec::new();
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        if looked_at == LOOK_AT || events.len() >= limit as usize {
            return Ok(Replay::Events { events, cursor, has_more: true });
        }
        looked_at += 1;
        cursor = Cursor::after(WallTime(row.get("time")?));
        let subject = row.get_ref("subject")?.as_str().map_err(rusqlite::Error::from)?;
        if patterns.is_empty() || patterns.iter().any(|p| p.matches(subject)) {
            events.push(event(row)?);
        }
    }
    Ok(Replay::Events { events, cursor: head, has_more: false })
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let (kind, data): (String, String) = (row.get("type")?, row.get("data")?);
    let unreadable = |e| row::unreadable(row, "data", e);
    let data: serde_json::Value = serde_json::from_str(&data).map_err(unreadable)?;
    let body = serde_json::json!({ "type": kind, "data": data });
    Ok(Event {
        position: Some(Position { stream: row::parsed(row, "stream")?, seq: row.get("seq")? }),
        subject: row::parsed(row, "subject")?,
        time: WallTime(row.get("time")?),
        body: serde_json::from_value(body).map_err(unreadable)?,
    })
}

/// Forgets up to [`PRUNE`] events, and with the last of them the heads of streams that have ended.
fn prune(connection: &Connection, kept: EventRetention) -> Outcome<u64> {
    let old = prune_old(connection, kept.since)?;
    let surplus = prune_surplus(connection, kept.per_stream, PRUNE - old)?;
    let sql = "DELETE FROM streams WHERE ended = 1
               AND NOT EXISTS (SELECT 1 FROM events WHERE events.stream = streams.stream)";
    connection.prepare_cached(sql)?.execute([])?;
    Ok(old + surplus)
}

fn prune_old(connection: &Connection, since: WallTime) -> Outcome<u64> {
    let sql = "DELETE FROM events WHERE time IN (
                   SELECT events.time FROM events JOIN streams USING (stream)
                   WHERE events.time < ?1 AND events.seq <= streams.published
                   ORDER BY events.time LIMIT ?2)
               RETURNING time";
    let mut statement = connection.prepare_cached(sql)?;
    let times = statement.query_map(params![since.0, PRUNE], |row| row.get::<_, i64>(0))?;
    let times = times.collect::<rusqlite::Result<Vec<i64>>>()?;
    if let Some(last) = times.iter().max() {
        let sql = "UPDATE feed SET kept_from = max(kept_from, ?1)";
        connection.prepare_cached(sql)?.execute([last])?;
        // A cut that lies before that says nothing any more.
        let sql = "DELETE FROM feed_cuts WHERE kept_from <= (SELECT kept_from FROM feed)";
        connection.prepare_cached(sql)?.execute([])?;
    }
    Ok(times.len() as u64)
}

/// The first events of streams that have too many. Walks streams and their events in the order of
/// the indexes, up to the last one that is wanted.
pub(super) const SURPLUS: &str = "
    SELECT events.time FROM streams CROSS JOIN events
        ON events.stream = streams.stream
            AND events.seq <= min(streams.head - ?1, streams.published)
    WHERE streams.head > ?1 ORDER BY streams.stream, events.seq LIMIT ?2";

fn prune_surplus(connection: &Connection, per_stream: u64, limit: u64) -> Outcome<u64> {
    let sql = format!("DELETE FROM events WHERE time IN ({SURPLUS}) RETURNING owner_id, time");
    let mut statement = connection.prepare_cached(&sql)?;
    let whose = |row: &Row<'_>| Ok((row::parsed(row, "owner_id")?, row.get("time")?));
    let gone = statement.query_map(params![per_stream, limit], whose)?;
    let gone = gone.collect::<rusqlite::Result<Vec<(UserId, i64)>>>()?;
    let mut latest = BTreeMap::new();
    for (owner, time) in &gone {
        latest.entry(*owner).and_modify(|last: &mut i64| *last = *time.max(last)).or_insert(*time);
    }
    let sql = "INSERT INTO feed_cuts (owner_id, kept_from) VALUES (?1, ?2)
               ON CONFLICT DO UPDATE SET kept_from = max(kept_from, excluded.kept_from)";
    let mut statement = connection.prepare_cached(sql)?;
    for (owner, time) in latest {
        statement.execute(params![owner.to_string(), time])?;
    }
    Ok(gone.len() as u64)
}
