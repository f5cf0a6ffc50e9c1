//! Jobs as rows, and back.

use super::fault::{Outcome, json_fault};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use schema::id::JobId;
use schema::job::record::{AttemptProgress, Job, JobFailure, Lease, Priority};
use schema::time::WallTime;
use schema::{Error, ErrorKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::str::FromStr;

const INSERT: &str = "
    INSERT INTO jobs (id, owner_id, kind, params, input, priority, retry_of, state,
        cancel_requested, delete_requested, attempt, transient_failures, poison_strikes,
        furthest_frame, frames_done, frames_total, lease_holder, lease_token, lease_expires_at,
        last_token, not_before, outputs, failure_code, failure_message, failure_hint,
        failure_traceback, created_at, updated_at, started_at, finished_at, version)
    VALUES (:id, :owner_id, :kind, :params, :input, :priority, :retry_of, :state,
        :cancel_requested, :delete_requested, :attempt, :transient_failures, :poison_strikes,
        :furthest_frame, :frames_done, :frames_total, :lease_holder, :lease_token,
        :lease_expires_at, :last_token, :not_before, :outputs, :failure_code, :failure_message,
        :failure_hint, :failure_traceback, :created_at, :updated_at, :started_at, :finished_at,
        :version)";

/// What was asked never changes: it is not written again.
const UPDATE: &str = "
    UPDATE jobs SET state = :state, cancel_requested = :cancel_requested,
        delete_requested = :delete_requested, attempt = :attempt,
        transient_failures = :transient_failures, poison_strikes = :poison_strikes,
        furthest_frame = :furthest_frame, frames_done = :frames_done,
        frames_total = :frames_total, lease_holder = :lease_holder, lease_token = :lease_token,
        lease_expires_at = :lease_expires_at, last_token = :last_token,
        not_before = :not_before, outputs = :outputs, failure_code = :failure_code,
        failure_message = :failure_message, failure_hint = :failure_hint,
        failure_traceback = :failure_traceback, updated_at = :updated_at,
        started_at = :started_at, finished_at = :finished_at, version = :version
    WHERE id = :id";

/// Writes a new job.
pub(super) fn insert(connection: &Connection, job: &Job) -> Outcome<()> {
    let lease = job.lease.as_ref();
    let failure = job.failure.as_ref();
    connection.prepare_cached(INSERT)?.execute(named_params! {
        ":id": job.id.to_string(),
        ":owner_id": job.owner.to_string(),
        ":kind": job.kind.name(),
        ":params": json("params", &job.params)?,
        ":input": json("input", &job.input)?,
        ":priority": u8::from(job.priority),
        ":retry_of": job.retry_of.map(String::from),
        ":state": job.state.name(),
        ":cancel_requested": job.cancel_requested,
        ":delete_requested": job.delete_requested,
        ":attempt": job.attempt,
        ":transient_failures": job.transient_failures,
        ":poison_strikes": job.poison_strikes,
        ":furthest_frame": job.furthest_frame,
        ":frames_done": job.progress.frames_done,
        ":frames_total": job.progress.frames_total,
        ":lease_holder": lease.map(|l| l.holder.to_string()),
        ":lease_token": lease.map(|l| l.token),
        ":lease_expires_at": lease.map(|l| l.expires_at.0),
        ":last_token": job.last_token,
        ":not_before": job.not_before.0,
        ":outputs": job.outputs.as_ref().map(|o| json("outputs", o)).transpose()?,
        ":failure_code": failure.map(|f| f.code.code()),
        ":failure_message": failure.map(|f| &f.message),
        ":failure_hint": failure.and_then(|f| f.hint.as_ref()),
        ":failure_traceback": failure.and_then(|f| f.traceback.as_ref()),
        ":created_at": job.created_at.0,
        ":updated_at": job.updated_at.0,
        ":started_at": job.started_at.map(|t| t.0),
        ":finished_at": job.finished_at.map(|t| t.0),
        ":version": job.version,
    })?;
    Ok(())
}

/// Writes what may have changed of a job.
pub(super) fn update(connection: &Connection, job: &Job) -> Outcome<()> {
    let lease = job.lease.as_ref();
    let failure = job.failure.as_ref();
    connection.prepare_cached(UPDATE)?.execute(named_params! {
        ":id": job.id.to_string(),
        ":state": job.state.name(),
        ":cancel_requested": job.cancel_requested,
        ":delete_requested": job.delete_requested,
        ":attempt": job.attempt,
        ":transient_failures": job.transient_failures,
        ":poison_strikes": job.poison_strikes,
        ":furthest_frame": job.furthest_frame,
        ":frames_done": job.progress.frames_done,
        ":frames_total": job.progress.frames_total,
        ":lease_holder": lease.map(|l| l.holder.to_string()),
        ":lease_token": lease.map(|l| l.token),
        ":lease_expires_at": lease.map(|l| l.expires_at.0),
        ":last_token": job.last_token,
        ":not_before": job.not_before.0,
        ":outputs": job.outputs.as_ref().map(|o| json("outputs", o)).transpose()?,
        ":failure_code": failure.map(|f| f.code.code()),
        ":failure_message": failure.map(|f| &f.message),
        ":failure_hint": failure.and_then(|f| f.hint.as_ref()),
        ":failure_traceback": failure.and_then(|f| f.traceback.as_ref()),
        ":updated_at": job.updated_at.0,
        ":started_at": job.started_at.map(|t| t.0),
        ":finished_at": job.finished_at.map(|t| t.0),
        ":version": job.version,
    })?;
    Ok(())
}

/// The job `id`, where it is there.
pub(super) fn find(connection: &Connection, id: JobId) -> Outcome<Option<Job>> {
    let mut statement = connection.prepare_cached("SELECT * FROM jobs WHERE id = ?1")?;
    Ok(statement.query_row([id.to_string()], job).optional()?)
}

/// A whole row of `jobs`.
pub(super) fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        id: parsed(row, "id")?,
        owner: parsed(row, "owner_id")?,
        kind: parsed(row, "kind")?,
        params: from_json(row, "params")?,
        input: from_json(row, "input")?,
        priority: priority(row)?,
        retry_of: optional(row, "retry_of")?,
        state: parsed(row, "state")?,
        cancel_requested: row.get("cancel_requested")?,
        delete_requested: row.get("delete_requested")?,
        attempt: row.get("attempt")?,
        transient_failures: row.get("transient_failures")?,
        poison_strikes: row.get("poison_strikes")?,
        furthest_frame: row.get("furthest_frame")?,
        progress: AttemptProgress {
            frames_done: row.get("frames_done")?,
            frames_total: row.get("frames_total")?,
        },
        lease: lease(row)?,
        last_token: row.get("last_token")?,
        not_before: WallTime(row.get("not_before")?),
        outputs: from_json(row, "outputs")?,
        failure: failure(row)?,
        created_at: WallTime(row.get("created_at")?),
        updated_at: WallTime(row.get("updated_at")?),
        started_at: row.get::<_, Option<i64>>("started_at")?.map(WallTime),
        finished_at: row.get::<_, Option<i64>>("finished_at")?.map(WallTime),
        version: row.get("version")?,
    })
}

fn priority(row: &Row<'_>) -> rusqlite::Result<Priority> {
    let number: u8 = row.get("priority")?;
    Priority::try_from(number).map_err(|e| unreadable(row, "priority", e))
}

fn lease(row: &Row<'_>) -> rusqlite::Result<Option<Lease>> {
    let Some(token) = row.get("lease_token")? else { return Ok(None) };
    let holder = parsed(row, "lease_holder")?;
    Ok(Some(Lease { holder, token, expires_at: WallTime(row.get("lease_expires_at")?) }))
}

fn failure(row: &Row<'_>) -> rusqlite::Result<Option<JobFailure>> {
    let Some(code) = row.get::<_, Option<String>>("failure_code")? else { return Ok(None) };
    let known = ErrorKind::ALL.iter().copied().find(|kind| kind.code() == code);
    let code = known.ok_or_else(|| {
        let error = Error::new(ErrorKind::StorageError, format!("code {code:?} is not known"));
        unreadable(row, "failure_code", error)
    })?;
    Ok(Some(JobFailure {
        code,
        message: row.get("failure_message")?,
        hint: row.get("failure_hint")?,
        traceback: row.get("failure_traceback")?,
    }))
}

/// A column whose text has a type of its own.
pub(super) fn parsed<T: FromStr<Err = Error>>(row: &Row<'_>, name: &str) -> rusqlite::Result<T> {
    let text: String = row.get(name)?;
    text.parse().map_err(|e| unreadable(row, name, e))
}

/// The same where it may be missing.
fn optional<T: FromStr<Err = Error>>(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(name)?;
    text.map(|text| text.parse().map_err(|e| unreadable(row, name, e))).transpose()
}

/// A column of JSON; where it is missing, what `null` stands for.
fn from_json<T: DeserializeOwned>(row: &Row<'_>, name: &str) -> rusqlite::Result<T> {
    let text: Option<String> = row.get(name)?;
    serde_json::from_str(text.as_deref().unwrap_or("null")).map_err(|e| unreadable(row, name, e))
}

/// The text of a column of JSON.
pub(super) fn json(column: &str, value: &impl Serialize) -> Outcome<String> {
    serde_json::to_string(value).map_err(|e| json_fault(column, e))
}

/// A column whose value is not what it should be.
pub(super) fn unreadable(
    row: &Row<'_>,
    name: &str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    let index = row.as_ref().column_index(name).unwrap_or(usize::MAX);
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}
