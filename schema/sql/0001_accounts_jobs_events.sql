-- Version 1: accounts, jobs, the streams of what happened to them, and the feed over all streams.
--
-- Times are microseconds since the Unix epoch, UTC; ids are UUIDs as text, so that they sort by the
-- time of their making; flags are 0 or 1. JSON stands in `params`, `input`, `outputs` and `data`.

CREATE TABLE users (
    id              TEXT    NOT NULL PRIMARY KEY,
    username        TEXT    NOT NULL,           -- as it was registered
    username_folded TEXT    NOT NULL UNIQUE,    -- as it is compared
    email           TEXT,
    role            TEXT    NOT NULL CHECK (role IN ('user', 'admin')),
    password_hash   TEXT    NOT NULL,           -- a PHC string
    created_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE refresh_tokens (
    hash       BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),  -- SHA-256 of the token
    family_id  TEXT    NOT NULL,                -- all tokens that go back to one sign-in
    user_id    TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER,
    successor  BLOB,                            -- hash of the token that took its place
    revoked    INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
    CHECK ((used_at IS NULL) = (successor IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_by_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

CREATE TABLE jobs (
    id                 TEXT    NOT NULL PRIMARY KEY,
    owner_id           TEXT    NOT NULL,
    kind               TEXT    NOT NULL,
    params             TEXT    NOT NULL,
    input              TEXT    NOT NULL,
    priority           INTEGER NOT NULL CHECK (priority BETWEEN 1 AND 10),
    retry_of           TEXT,
    state              TEXT    NOT NULL
        CHECK (state IN ('pending', 'processing', 'done', 'failed', 'cancelled')),
    cancel_requested   INTEGER NOT NULL CHECK (cancel_requested IN (0, 1)),
    delete_requested   INTEGER NOT NULL CHECK (delete_requested IN (0, 1)),
    attempt            INTEGER NOT NULL,
    transient_failures INTEGER NOT NULL,
    poison_strikes     INTEGER NOT NULL,
    furthest_frame     INTEGER NOT NULL,
    frames_done        INTEGER NOT NULL,
    frames_total       INTEGER,
    lease_holder       TEXT,
    lease_token        INTEGER,
    lease_expires_at   INTEGER,
    last_token         INTEGER NOT NULL,
    not_before         INTEGER NOT NULL,
    outputs            TEXT,
    failure_code       TEXT,
    failure_message    TEXT,
    failure_hint       TEXT,
    failure_traceback  TEXT,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    started_at         INTEGER,
    finished_at        INTEGER,
    version            INTEGER NOT NULL,
    -- What the indexes below rely on: a job has ended just where it has a time of ending, and only
    -- one that is being worked on is under a lease.
    CHECK ((finished_at IS NOT NULL) = (state IN ('done', 'failed', 'cancelled'))),
    CHECK ((lease_token IS NULL) = (lease_holder IS NULL)),
    CHECK ((lease_token IS NULL) = (lease_expires_at IS NULL)),
    CHECK (lease_token IS NULL OR state = 'processing')
) STRICT;

-- Leasing walks this one in its order and touches no row but the one it takes.
CREATE INDEX jobs_waiting
    ON jobs (priority DESC, created_at, id, owner_id, not_before, cancel_requested)
    WHERE finished_at IS NULL AND lease_token IS NULL;
CREATE INDEX jobs_waiting_by_owner ON jobs (owner_id)
    WHERE finished_at IS NULL AND lease_token IS NULL;
CREATE INDEX jobs_waiting_by_time ON jobs (not_before)
    WHERE finished_at IS NULL AND lease_token IS NULL;
CREATE INDEX jobs_leased ON jobs (owner_id) WHERE lease_token IS NOT NULL;
CREATE INDEX jobs_listed ON jobs (owner_id, id, state, kind) WHERE delete_requested = 0;
CREATE INDEX jobs_to_delete ON jobs (id) WHERE delete_requested = 1;

CREATE TABLE dead_letters (
    job_id         TEXT    NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    owner_id       TEXT    NOT NULL,
    attempt        INTEGER NOT NULL,
    furthest_frame INTEGER NOT NULL,
    cause          TEXT    NOT NULL,            -- how its last attempt ended
    created_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    owner_id    TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,               -- SHA-256 of what was submitted
    job_id      TEXT    NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (owner_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_job ON idempotency_keys (job_id);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);

CREATE TABLE streams (
    stream    TEXT    NOT NULL PRIMARY KEY,
    head      INTEGER NOT NULL,                 -- number of its last event
    published INTEGER NOT NULL,                 -- number of the last one that subscribers were sent
    ended     INTEGER NOT NULL CHECK (ended IN (0, 1)),     -- nothing will follow
    CHECK (published BETWEEN 0 AND head)
) STRICT, WITHOUT ROWID;

CREATE INDEX streams_unpublished ON streams (stream) WHERE published < head;
CREATE INDEX streams_ended ON streams (stream) WHERE ended = 1;

-- The time of storing grows strictly over all streams: the key is the feed.
CREATE TABLE events (
    time     INTEGER NOT NULL PRIMARY KEY,
    stream   TEXT    NOT NULL REFERENCES streams (stream),
    seq      INTEGER NOT NULL,                  -- 1, 2, 3 ... in its stream
    owner_id TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    type     TEXT    NOT NULL,
    data     TEXT    NOT NULL,
    UNIQUE (stream, seq)
) STRICT;

CREATE INDEX events_by_owner ON events (owner_id, time);

CREATE TABLE feed (
    id        INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    head      INTEGER NOT NULL,                 -- time of the last event that was stored
    kept_from INTEGER NOT NULL                  -- no event of a later time has been forgotten
) STRICT;

INSERT INTO feed (id, head, kept_from) VALUES (1, 0, 0);
