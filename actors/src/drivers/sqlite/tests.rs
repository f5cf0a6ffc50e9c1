//! What is SQLite's own: the file, its versions, groups of commits, a full or busy disk, plans of
//! queries, and the check. What every store must do is the contract suite's.

use super::*;
use crate::queue::transition::Transition;
use crate::queue::{LeaseRequest, Queue};
use crate::store::accounts::{NewUser, RefreshToken};
use crate::store::events::EventRetention;
use crate::store::jobs::Admission;
use crate::store::{AccountStore, EventStore, JobStore};
use futures_util::future::join_all;
use schema::account::{Role, Scope, User};
use schema::id::{JobId, UserId};
use schema::job::JobKind;
use schema::job::record::{AttemptProgress, Job, JobState, MediaFile, Priority};
use schema::time::WallTime;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use tempfile::TempDir;
use tokio::sync::oneshot::channel as oneshot;
use uuid::{ContextV7, Timestamp, Uuid};

const NOW: WallTime = WallTime(1_795_258_401_000_000);

fn uuid(number: u64) -> Uuid {
    Uuid::new_v7(Timestamp::from_unix(ContextV7::new(), 1_795_000_000 + number, 0))
}

fn job() -> Job {
    let file = |key: &str| MediaFile {
        key: key.to_owned(),
        size: 7,
        sha256: "ab".repeat(32),
        content_type: "video/mp4".to_owned(),
        file_name: "a.mp4".to_owned(),
    };
    Job {
        id: JobId::from_uuid(uuid(1)),
        owner: UserId::from_uuid(uuid(2)),
        kind: JobKind::PeopleCount,
        params: serde_json::json!({}),
        input: file("uploads/a.mp4"),
        priority: Priority::default(),
        retry_of: None,
        state: JobState::Pending,
        cancel_requested: false,
        delete_requested: false,
        attempt: 0,
        transient_failures: 0,
        poison_strikes: 0,
        furthest_frame: 0,
        progress: AttemptProgress::default(),
        lease: None,
        last_token: 0,
        not_before: NOW,
        outputs: None,
        failure: None,
        created_at: NOW,
        updated_at: NOW,
        started_at: None,
        finished_at: None,
        version: 1,
    }
}

const OPEN: Admission = Admission { waiting_per_owner: 1000, waiting: 1000 };

/// Has the database at `file` do this, beside whoever serves it.
pub(crate) fn beside(file: &Path, sql: &str) {
    Connection::open(file).expect("it opens").execute_batch(sql).expect("it is done");
}

async fn submit(store: &Sqlite) -> Result<JobId> {
    let job = job();
    let id = job.id;
    store.create_job(job, OPEN, None).await.map(|_| id)
}

async fn lease(store: &Sqlite) -> Job {
    let holder = schema::id::StartId::from_uuid(uuid(3));
    let request = LeaseRequest { holder, now: NOW, expires_at: NOW, running_per_owner: 9 };
    store.lease(request).await.expect("leasing works").expect("one is due")
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("sightline.db")
    }

    fn open(&self) -> Sqlite {
        Sqlite::open(&self.file()).expect("it opens")
    }

    /// A connection of somebody else.
    fn beside(&self) -> Connection {
        Connection::open(self.file()).expect("it opens")
    }
}

#[test]
fn a_database_is_made_and_migrated_once() {
    let place = Place::new();
    let to = migrate::VERSION;
    assert_eq!(Sqlite::migrate(&place.file()).expect("it is new"), Migrated { from: 0, to });
    assert_eq!(Sqlite::migrate(&place.file()).expect("it is there"), Migrated { from: to, to });
    drop(place.open());
    let mode = std::fs::metadata(place.file()).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn every_earlier_version_is_brought_on_with_what_is_in_it() {
    for (from, user) in (1..migrate::VERSION).zip(1..) {
        let place = Place::new();
        let earlier = place.beside();
        for script in &schema::sql::SQLITE[..from] {
            earlier.execute_batch(script).expect("it ran then");
        }
        let id = uuid(user);
        let insert = "INSERT INTO users VALUES (?1, 'ann', 'ann', NULL, 'user', 'x', 1)";
        earlier.execute(insert, [id.to_string()]).expect("it fits");
        let marks = [("user_version", from as i64), ("application_id", migrate::APPLICATION_ID)];
        for (name, value) in marks {
            earlier.pragma_update(None, name, value).expect("it works");
        }
        drop(earlier);
        let migrated = Sqlite::migrate(&place.file()).expect("it is of an earlier version");
        assert_eq!(migrated, Migrated { from, to: migrate::VERSION });
        let kept = place.open().user(UserId::from_uuid(id)).await.expect("it was kept");
        assert_eq!(kept.username, "ann");
    }
}

#[test]
fn processes_that_migrate_side_by_side_do_it_once() {
    let place = Arc::new(Place::new());
    let open = |_| {
        let place = Arc::clone(&place);
        std::thread::spawn(move || drop(place.open()))
    };
    let threads: Vec<_> = (0..8).map(open).collect();
    for thread in threads {
        thread.join().expect("each of them opens it");
    }
}

#[test]
fn who_makes_a_database_waits_for_whoever_writes_to_it() {
    let place = Arc::new(Place::new());
    let writer = place.beside();
    writer.execute_batch("BEGIN IMMEDIATE").expect("nobody else is there");
    let (begin, begun) = sync_channel(0);
    let (tell, ended) = sync_channel(1);
    let opening = {
        let place = Arc::clone(&place);
        std::thread::spawn(move || {
            begin.send(()).expect("it is waited for");
            tell.send(Sqlite::open(&place.file()).err())
        })
    };
    begun.recv().expect("no panic");
    // Whether it waits cannot be seen from here; whether it gives up can.
    let early = ended.recv_timeout(BUSY_TIMEOUT / 10);
    assert!(early.is_err(), "it has ended: {early:?}");
    writer.execute_batch("COMMIT").expect("it ends");
    assert!(ended.recv().expect("no panic").is_none());
    opening.join().expect("no panic").expect("it was waited for");
}

#[test]
fn what_is_not_of_this_version_is_refused_in_clear_words() {
    type Opener = fn(&Path) -> Result<Sqlite>;
    let ways: [(&str, Opener); 3] =
        [("open", Sqlite::open), ("attach", Sqlite::attach), ("read", Sqlite::open_read_only)];
    let refused = |path: &Path, way: Opener| {
        let before = std::fs::read(path).ok();
        let error = way(path).expect_err("it is refused");
        assert!(std::fs::read(path).ok() == before, "it was changed");
        assert_eq!(error.kind(), ErrorKind::StorageError, "{error}");
        error.message().to_owned()
    };
    for (name, way) in ways {
        let place = Place::new();
        if name != "open" {
            refused(&place.file(), way);
            assert!(!place.file().exists(), "{name} made a file");
            drop(place.beside().execute_batch("PRAGMA journal_mode = wal"));
            let words = refused(&place.file(), way);
            let to = migrate::VERSION;
            let end = format!("is of version 0, this program needs {to}");
            assert!(words.ends_with(&end), "{words}");
        }
        drop(place.open());
        place.beside().execute_batch("PRAGMA user_version = 7").expect("it works");
        let words = refused(&place.file(), way);
        let shown = place.file().display().to_string();
        let to = migrate::VERSION;
        let expected =
            format!("database {shown} is of version 7, this program knows versions up to {to}");
        assert_eq!(words, expected, "{name}");

        let place = Place::new();
        place.beside().execute_batch("CREATE TABLE songs (name TEXT)").expect("it works");
        let words = refused(&place.file(), way);
        assert!(words.ends_with("is a database of another program"), "{words}");

        let place = Place::new();
        std::fs::write(place.file(), "dear diary, ".repeat(1000)).expect("it is written");
        let words = refused(&place.file(), way);
        assert!(words.contains("not a database"), "{words}");
    }
}

#[tokio::test]
async fn others_may_read_and_write_beside() {
    let place = Place::new();
    let server = place.open();
    let id = submit(&server).await.expect("it is admitted");
    let reading = Sqlite::open_read_only(&place.file()).expect("it is there");
    assert_eq!(reading.job(&Scope::System, id).await.expect("it is there").id, id);
    let refused = submit(&reading).await.expect_err("it only reads");
    assert!(refused.message().ends_with("open for reading alone"), "{refused}");

    let beside = Sqlite::attach(&place.file()).expect("it is there");
    let more = submit(&beside).await.expect("it is admitted");
    for store in [&server, &reading] {
        assert_eq!(store.job(&Scope::System, more).await.expect("it is there").id, more);
    }
    drop((server, beside));
    // The last writer has closed it.
    let reading = Sqlite::open_read_only(&place.file()).expect("it is there");
    assert_eq!(reading.every_job().await.expect("a list").len(), 2);
}

/// Somebody else sees what was answered for: answers come after the commit.
#[tokio::test]
async fn what_is_acknowledged_is_committed() {
    let place = Place::new();
    let (store, beside) = (place.open(), place.beside());
    for expected in 1..=50 {
        submit(&store).await.expect("it is admitted");
        let count: u32 = beside
            .query_row("SELECT count(*) FROM jobs", [], |row| row.get(0))
            .expect("it can be read");
        assert_eq!(count, expected);
    }
}

/// Holds the writer up until the sender is dropped or used, and gathers a group behind it.
async fn hold(store: &Arc<Sqlite>) -> std::sync::mpsc::SyncSender<()> {
    let (release, held) = sync_channel::<()>(1);
    let (begun, has_begun) = oneshot();
    let holding = Arc::clone(store);
    tokio::spawn(async move {
        let work = move |_: &Connection| {
            begun.send(()).expect("the test waits for it");
            let _ = held.recv();
            Ok(())
        };
        holding.write("hold", work).await
    });
    has_begun.await.expect("the writer has begun");
    release
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_waits_is_committed_as_one() {
    let place = Place::new();
    let store = Arc::new(place.open());
    let release = hold(&store).await;
    let before = store.commits();
    let pieces: Vec<_> = (0..100)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { submit(&store).await })
        })
        .collect();
    let writer = store.writer.as_ref().expect("it writes");
    while writer.waiting() < 100 {
        tokio::task::yield_now().await;
    }
    drop(release);
    for piece in join_all(pieces).await {
        piece.expect("no panic").expect("it is admitted");
    }
    // The one that held it up, and all others.
    assert_eq!(store.commits() - before, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_fails_leaves_the_others_alone() {
    let place = Place::new();
    let store = Arc::new(place.open());
    let release = hold(&store).await;
    let insert = |id: &'static str, then: fn() -> Outcome<()>| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let sql = "INSERT INTO streams VALUES (?1, 0, 0, 0)";
            let work = move |c: &Connection| {
                c.execute(sql, [id])?;
                then()
            };
            store.write("insert", work).await
        })
    };
    let refuse = || Err(Fault::Told(Error::new(ErrorKind::Conflict, "no")));
    let answers = [
        insert("a", || Ok(())),
        insert("b", refuse),
        insert("c", || panic!("a piece of work panics")),
        insert("d", || Ok(())),
    ];
    let writer = store.writer.as_ref().expect("it writes");
    while writer.waiting() < 4 {
        tokio::task::yield_now().await;
    }
    drop(release);
    let kinds: Vec<_> = join_all(answers)
        .await
        .into_iter()
        .map(|answer| answer.expect("no panic").err().map(|error| error.kind()))
        .collect();
    let (conflict, fault) = (Some(ErrorKind::Conflict), Some(ErrorKind::ServerError));
    assert_eq!(kinds, [None, conflict, fault, None]);
    let names: String = place
        .beside()
        .query_row("SELECT group_concat(stream) FROM streams", [], |row| row.get(0))
        .expect("it can be read");
    assert_eq!(names, "a,d");
}

/// Where the commit itself fails, nobody is told that it worked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_fails_fails_for_all() {
    let place = Place::new();
    let store = Arc::new(place.open());
    let tables = "CREATE TABLE parents (id INTEGER PRIMARY KEY);
        CREATE TABLE children (parent REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)";
    store.write("tables", |c| Ok(c.execute_batch(tables)?)).await.expect("it works");
    let release = hold(&store).await;
    let run = |sql: &'static str| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.write("run", move |c| Ok(c.execute_batch(sql)?)).await })
    };
    let waiting = [
        run("INSERT INTO parents VALUES (1)"),
        // That there is no parent 7 is found at the end of the transaction.
        run("INSERT INTO children VALUES (7)"),
        run("INSERT INTO parents VALUES (2)"),
    ];
    let writer = store.writer.as_ref().expect("it writes");
    while writer.waiting() < 3 {
        tokio::task::yield_now().await;
    }
    drop(release);
    for answer in join_all(waiting).await {
        let error = answer.expect("no panic").expect_err("it was not committed");
        assert_eq!(error.kind(), ErrorKind::StorageError);
        assert!(error.message().contains("FOREIGN KEY"), "{error}");
    }
    run("INSERT INTO parents VALUES (3)").await.expect("no panic").expect("it goes on");
    let count: u32 = place
        .beside()
        .query_row("SELECT sum(id) FROM parents", [], |row| row.get(0))
        .expect("it can be read");
    assert_eq!(count, 3);
}

#[tokio::test]
async fn a_full_disk_is_told_and_left_behind() {
    let place = Place::new();
    let store = place.open();
    submit(&store).await.expect("there is room");
    let limit = |pages: u32| {
        store.write("limit", move |c| {
            let used: u32 = c.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            let sql = format!("PRAGMA max_page_count = {}", used + pages);
            Ok(c.query_row(&sql, [], |_| Ok(()))?)
        })
    };
    limit(0).await.expect("it works");
    let mut stored = 1;
    let full = loop {
        match submit(&store).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::InsufficientStorage, "{full}");
    limit(100).await.expect("it works");
    submit(&store).await.expect("there is room again");
    assert_eq!(store.every_job().await.expect("a list").len(), stored + 1);
    assert_eq!(store.check().await.expect("it can be read"), []);
}

#[tokio::test]
async fn a_busy_database_is_told_and_left_behind() {
    let place = Place::new();
    let (store, beside) = (place.open(), place.beside());
    let patience = |c: &Connection| Ok(c.busy_timeout(Duration::ZERO)?);
    store.write("patience", patience).await.expect("it works");
    beside.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    let busy = submit(&store).await.expect_err("another process writes");
    assert_eq!(busy.kind(), ErrorKind::NotReady, "{busy}");
    assert!(store.head().await.is_ok(), "reading waits for writing");
    beside.execute_batch("ROLLBACK").expect("it was begun");
    submit(&store).await.expect("it is free");
}

#[tokio::test]
async fn the_log_does_not_grow_for_ever() {
    let place = Place::new();
    let store = Arc::new(place.open());
    let wal = place.0.path().join("sightline.db-wal");
    for _ in 0..4 {
        join_all((0..512).map(|_| {
            store.write("touch", |c| Ok(c.execute("UPDATE feed SET head = head + 1", [])?))
        }))
        .await;
    }
    let size = std::fs::metadata(&wal).expect("it is there").len();
    assert!(size < 4 << 20, "{size} bytes after 2048 writes");
    drop(store);
    assert!(!wal.exists(), "it was not closed");
}

#[tokio::test]
async fn what_may_be_told_again_is_not_waited_for() {
    let place = Place::new();
    let store = place.open();
    let level = |c: &Connection| -> Outcome<u32> {
        Ok(c.query_row("PRAGMA synchronous", [], |row| row.get(0))?)
    };
    let (full, normal): (u32, u32) = (2, 1);
    assert_eq!(store.write("look", level).await.expect("it works"), full);
    let process = store.write_to_outlive(Outlives::Process, "look", level).await;
    assert_eq!(process.expect("it works"), normal);
    assert_eq!(store.write("look", level).await.expect("it works"), full);
}

fn plan(connection: &Connection, sql: &str, values: &[i64]) -> String {
    let mut statement =
        connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("it is SQL");
    let rows = statement
        .query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>("detail"))
        .expect("it has a plan");
    rows.collect::<rusqlite::Result<Vec<_>>>().expect("it has a plan").join("; ")
}

#[test]
fn leasing_walks_its_index() {
    let place = Place::new();
    drop(place.open());
    let plan = plan(&place.beside(), queue::NEXT, &[0, 1, 0]);
    assert!(plan.contains("USING INDEX jobs_waiting"), "{plan}");
    assert!(plan.contains("jobs_leased"), "{plan}");
    assert!(!plan.contains("FOR ORDER BY"), "{plan}");
}

#[test]
fn pruning_walks_its_indexes() {
    let place = Place::new();
    drop(place.open());
    let plan = plan(&place.beside(), events::SURPLUS, &[1000, 100]);
    assert!(plan.contains("SEARCH events USING"), "{plan}");
    assert!(plan.contains("(stream=? AND seq<?)"), "{plan}");
    assert!(!plan.contains("FOR ORDER BY"), "{plan}");
}

/// A store in which much has happened.
async fn lived_in(place: &Place) -> Sqlite {
    let store = place.open();
    let system = Scope::System;
    for _ in 0..4 {
        submit(&store).await.expect("it is admitted");
    }
    let change = async |id, transition| {
        store.change_job(&system, id, transition, NOW).await.expect("it is allowed");
    };
    for _ in 0..3 {
        let leased = lease(&store).await;
        let (token, cause) = (leased.last_token, "killed".to_owned());
        let abandon =
            Transition::Abandon { token, progress: None, cause, traceback: None, retry_at: NOW };
        change(leased.id, abandon).await;
    }
    let leased = lease(&store).await;
    change(leased.id, Transition::Release { token: leased.last_token }).await;
    lease(&store).await;
    let last = store.every_job().await.expect("a list").pop().expect("there are some").id;
    change(last, Transition::RequestDelete).await;
    store.remove_job(&system, last, NOW).await.expect("it has ended");
    let user = User {
        id: UserId::from_uuid(uuid(4)),
        username: "ann".to_owned(),
        email: None,
        role: Role::User,
        created_at: NOW,
    };
    let id = user.id;
    let new = NewUser { user, password_hash: "x".to_owned(), first_is_admin: true };
    store.create_user(new).await.expect("the name is free");
    let token = RefreshToken { hash: [1; 32], family: uuid(5), user: id, expires_at: NOW };
    store.begin_family(token).await.expect("it works");
    store
}

#[tokio::test]
async fn the_check_finds_nothing_where_all_is_well() {
    let place = Place::new();
    let store = lived_in(&place).await;
    assert_eq!(store.check().await.expect("it can be read"), []);
    let positions: Vec<_> = store
        .unpublished(4)
        .await
        .expect("a list")
        .into_iter()
        .filter_map(|owned| owned.event.position)
        .collect();
    store.mark_published(&positions).await.expect("it works");
    let all = EventRetention { since: WallTime(i64::MAX), per_stream: 1 };
    assert!(store.prune_events(all).await.expect("it works") > 0);
    let reading = Sqlite::open_read_only(&place.file()).expect("it is there");
    assert_eq!(reading.check().await.expect("it can be read"), []);
}

#[tokio::test]
async fn the_check_finds_what_is_broken() {
    let failed = "(SELECT stream FROM events WHERE type = 'job_dead_lettered')";
    for (invariant, words, damage) in [
        (
            "I4",
            "says processing after failed",
            format!(
                "UPDATE events SET data = json_set(data, '$.status', 'failed')
                WHERE seq = 2 AND stream = {failed}"
            ),
        ),
        (
            "I4",
            "begins attempt 2 while attempt 1 is on",
            format!(
                "UPDATE events SET data = json_set(data, '$.attempt', 0)
                WHERE seq = 2 AND stream = {failed}"
            ),
        ),
        (
            "I4",
            "is of attempt 9 after attempt 1",
            format!(
                "UPDATE events SET data = json_set(data, '$.attempt', 9)
                WHERE seq = 4 AND stream = {failed}"
            ),
        ),
        (
            "I4",
            "its stream says failed in attempt 3",
            "UPDATE jobs SET state = 'done'
            WHERE state = 'failed'"
                .to_owned(),
        ),
        (
            "I4",
            "lease 2 is in force, 3 was given out last",
            "UPDATE jobs SET last_token = 3
            WHERE lease_token IS NOT NULL"
                .to_owned(),
        ),
        (
            "I4",
            "is a dead letter, and done",
            "UPDATE jobs SET state = 'done'
            WHERE state = 'failed'"
                .to_owned(),
        ),
        (
            "I7",
            "has 2 live branches",
            "INSERT INTO refresh_tokens
            SELECT zeroblob(32), family_id, user_id, expires_at, NULL, NULL, 0
            FROM refresh_tokens"
                .to_owned(),
        ),
        (
            "I11",
            "event 4 follows event 2",
            format!(
                "DELETE FROM events
            WHERE seq = 3 AND stream = {failed}"
            ),
        ),
        (
            "I11",
            "event 3 is older than the one before it",
            format!(
                "UPDATE events SET time = 7
            WHERE seq = 3 AND stream = {failed}"
            ),
        ),
        (
            "I11",
            "its head is 9, its last event 8",
            format!(
                "UPDATE streams SET head = 9
            WHERE stream = {failed}"
            ),
        ),
        (
            "I11",
            "events up to 1 are gone, published are 0",
            format!(
                "DELETE FROM events
            WHERE seq = 1 AND stream = {failed}"
            ),
        ),
        ("I11", "the feed ends at 5", "UPDATE feed SET head = 5".to_owned()),
        ("I11", "has no stream, or one that has ended", "UPDATE streams SET ended = 1".to_owned()),
        ("I11", "goes on without its job", "UPDATE streams SET ended = 0".to_owned()),
        (
            "I11",
            "follows job_deleted",
            format!(
                "UPDATE events SET type = 'job_deleted'
            WHERE seq = 1 AND stream = {failed}"
            ),
        ),
        (
            "database",
            "of idempotency_keys refers to nothing in jobs",
            "INSERT INTO idempotency_keys VALUES ('a', 'b', 'c', 'd', 1)".to_owned(),
        ),
        (
            "I4",
            "is failed with an end and with a lease",
            "PRAGMA ignore_check_constraints = 1; UPDATE jobs
             SET lease_token = last_token, lease_holder = '', lease_expires_at = 1
             WHERE state = 'failed'"
                .to_owned(),
        ),
        (
            "I4",
            "is done without an end",
            "PRAGMA ignore_check_constraints = 1; UPDATE jobs SET state = 'done'
             WHERE state = 'pending'"
                .to_owned(),
        ),
        (
            "I11",
            "event 99 is published, its head is",
            "PRAGMA ignore_check_constraints = 1; UPDATE streams SET published = 99".to_owned(),
        ),
        (
            "database",
            "missing from index jobs_leased",
            "PRAGMA writable_schema = 1; UPDATE sqlite_schema
             SET sql = replace(sql, 'IS NOT NULL', 'IS NULL') WHERE name = 'jobs_leased'"
                .to_owned(),
        ),
        ("database", "no such table: dead_letters", "DROP TABLE dead_letters".to_owned()),
    ] {
        let place = Place::new();
        drop(lived_in(&place).await);
        let vandal = place.beside();
        vandal.execute_batch("PRAGMA foreign_keys = 0").expect("it works");
        vandal.execute_batch(&damage).expect(&damage);
        let store = place.open();
        let findings = store.check().await.expect("it can be read");
        let found = findings.iter().any(|f| f.invariant == invariant && f.message.contains(words));
        assert!(found, "{damage}: {words}: {findings:#?}");
    }
}
