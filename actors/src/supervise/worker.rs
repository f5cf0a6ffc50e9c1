//! An actor that owns one long-running task: its handlers never wait for the work, and the end of
//! the work (value, error, panic) comes back as a message.

use super::backtrace::catch;
use super::restart::RestartPolicy;
use super::tree::{Begin, ChildSpec};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef};
use schema::{Error, ErrorKind, Result};
use std::marker::PhantomData;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// What a worker does. Clones share what must outlive one start.
pub(crate) trait Service: Clone + Send + Sync + 'static {
    /// Works until `stop`, then ends what it has begun. `parent` is the supervisor.
    fn run(
        self,
        stop: CancellationToken,
        parent: ActorCell,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// The specification of a child that runs `service`.
pub(crate) fn child<S: Service>(
    name: impl Into<String>,
    policy: RestartPolicy,
    service: S,
) -> ChildSpec {
    let begin: Begin = Arc::new(move |parent| {
        let service = service.clone();
        Box::pin(async move {
            let arguments = (service, parent.clone());
            let (actor, _) =
                Actor::spawn_linked(None, Worker(PhantomData), arguments, parent).await?;
            Ok(actor.get_cell())
        })
    });
    ChildSpec { name: name.into(), policy, begin, is_supervisor: false }
}

struct Worker<S>(PhantomData<S>);

struct Ended(Result<()>);

struct State {
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl<S: Service> Actor for Worker<S> {
    type Msg = Ended;
    type State = State;
    type Arguments = (S, ActorCell);

    async fn pre_start(
        &self,
        myself: ActorRef<Ended>,
        (service, parent): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let stop = CancellationToken::new();
        let work = service.run(stop.clone(), parent);
        let task = tokio::spawn(async move {
            let ended = match catch(work).await {
                Ok(ended) => ended,
                Err(panicked) => {
                    let message = format!("panicked: {}", panicked.message);
                    let traceback = panicked.traceback().await;
                    tracing::error!(traceback, "{message}");
                    Err(Error::new(ErrorKind::ServerError, message))
                }
            };
            // Nobody is there to be told where the actor was killed.
            let _ = myself.cast(Ended(ended));
        });
        Ok(State { stop, task: AbortOnDropHandle::new(task) })
    }

    async fn handle(
        &self,
        myself: ActorRef<Ended>,
        Ended(ended): Ended,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        ended?;
        myself.stop(None);
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<Ended>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.stop.cancel();
        // It ends in its own words; how it ended has been told, or is of no interest any more.
        let _ = (&mut state.task).await;
        Ok(())
    }
}
