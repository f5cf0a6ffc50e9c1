//! Where a panic came from: the hook of the process notes it, who catches the panic reads it.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

thread_local! {
    /// Where the last panic of this thread came from, until somebody asks or it ends.
    static LAST: RefCell<Option<Place>> = const { RefCell::new(None) };
}

/// Where a panic came from. Its names are looked up when it is printed, which takes long: not
/// while others wait for the thread.
#[derive(Debug)]
struct Place {
    line: String,
    stack: Backtrace,
}

/// A panic that was caught.
#[derive(Debug)]
pub(crate) struct Panicked {
    /// What it said.
    pub(crate) message: String,
    place: Option<Place>,
}

impl Panicked {
    /// One of which nothing is known but this.
    pub(crate) const fn new(message: String) -> Self {
        Self { message, place: None }
    }

    /// What it said, where, and the stack there.
    pub(crate) async fn traceback(self) -> String {
        let Self { message, place } = self;
        let Some(Place { line, stack }) = place else { return message };
        let printed = tokio::task::spawn_blocking(move || stack.to_string()).await;
        format!("{message}\nat {line}\n{}", printed.unwrap_or_default())
    }
}

/// Has panics noted from here on; the hook that was there is called before, as it was.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            before(info);
            note(info);
        }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    let line = info.location().map(ToString::to_string).unwrap_or_default();
    let place = Place { line, stack: Backtrace::force_capture() };
    // A thread that is ending has no room for it.
    let _ = LAST.try_with(|last| last.replace(Some(place)));
}

/// Runs `work` to its end or its panic.
pub(crate) async fn catch<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    let caught = futures_util::FutureExt::catch_unwind(AssertUnwindSafe(work)).await;
    // The poll that panicked was the last one, on this very thread.
    caught.map_err(|panic| Panicked { message: said(panic.as_ref()), place: LAST.take() })
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without words".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_caught_with_its_words_and_its_place() {
        install();
        assert_eq!(catch(async { 7 }).await.expect("no panic"), 7);
        let panicked = catch(async {
            tokio::task::yield_now().await;
            if true {
                panic!("frame {} is poison", 7);
            }
        })
        .await
        .expect_err("it panicked");
        assert_eq!(panicked.message, "frame 7 is poison");
        let traceback = panicked.traceback().await;
        assert!(traceback.starts_with("frame 7 is poison\nat "), "{traceback}");
        assert!(traceback.contains("backtrace.rs:"), "{traceback}");
    }
}
