//! What every store with its queue must do: each case runs against every engine.
//!
//! An engine is added by a [`support::Workshop`] and one line of `engine!`. The cases know nothing
//! of engines, and hand in every time.

mod accounts;
mod events;
mod jobs;
mod queue;
mod support;

use actors::drivers::sqlite::Sqlite;
use async_trait::async_trait;
use support::Workshop;
use tempfile::TempDir;

/// One test per case and engine.
macro_rules! engine {
    ($engine:ident, $workshop:expr, $($room:ident: [$($case:ident),+ $(,)?]),+ $(,)?) => {
        mod $engine {
            $(mod $room {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::$room::$case(&$workshop).await;
                })+
            })+
        }
    };
}

macro_rules! every_case {
    ($engine:ident, $workshop:expr) => {
        engine! { $engine, $workshop,
            jobs: [
                a_job_comes_back_as_it_was,
                others_jobs_do_not_exist,
                the_same_key_makes_one_job,
                the_key_of_a_job_that_is_being_deleted_is_free,
                who_has_too_many_waiting_is_refused,
                lists_are_pages_newest_first,
                every_transition_is_stored,
                a_superseded_worker_changes_nothing,
                a_job_is_removed_only_when_it_may,
                poison_is_a_dead_letter,
                acknowledged_work_is_there_for_another_process,
            ],
            queue: [
                the_most_urgent_and_oldest_goes_first,
                owners_at_their_limit_are_skipped,
                one_of_many_workers_gets_it,
                every_job_is_leased_once,
                leases_of_the_gone_are_found,
                what_waits_for_its_time_is_told,
                a_clock_that_goes_back_delays_nothing,
                the_depth_is_told,
            ],
            events: [
                streams_are_numbered_without_a_gap,
                feeds_are_read_by_their_owners,
                patterns_choose,
                a_cursor_finds_what_came_after_it,
                times_grow_whatever_the_clock_does,
                what_is_unpublished_is_told_until_it_is_marked,
                only_what_was_published_is_forgotten,
                a_stream_keeps_so_many_events,
                much_is_forgotten_step_by_step,
                a_feed_is_whole_while_it_is_written,
            ],
            accounts: [
                names_are_unique_regardless_of_case,
                the_first_user_may_become_admin,
                passwords_are_replaced,
                a_token_is_used_once,
                a_lost_answer_is_repeated_within_the_grace,
                reuse_revokes_the_family,
                expired_and_revoked_tokens_are_invalid,
                a_thousand_rotations_leave_one_branch,
            ],
        }
    };
}

struct OnDisk(TempDir);

impl OnDisk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn open(&self) -> Sqlite {
        Sqlite::open(&self.0.path().join("sightline.db")).expect("it opens")
    }
}

#[async_trait]
impl Workshop for OnDisk {
    type Engine = Sqlite;

    async fn make(&self) -> Sqlite {
        self.open()
    }

    /// The files as a process that is killed now leaves them: nothing is closed.
    async fn another(&self, _engine: &Sqlite) -> Option<Sqlite> {
        let copy = self.0.path().join("copy");
        std::fs::create_dir(&copy).expect("a folder for the copy");
        for name in ["sightline.db", "sightline.db-wal"] {
            std::fs::copy(self.0.path().join(name), copy.join(name)).expect("a copy");
        }
        Some(Sqlite::open(&copy.join("sightline.db")).expect("it opens"))
    }
}

struct InMemory;

#[async_trait]
impl Workshop for InMemory {
    type Engine = Sqlite;

    async fn make(&self) -> Sqlite {
        Sqlite::memory().expect("it opens")
    }

    async fn another(&self, _engine: &Sqlite) -> Option<Sqlite> {
        None
    }
}

every_case!(sqlite_on_disk, crate::OnDisk::new());
every_case!(sqlite_in_memory, crate::InMemory);
