//! Where a panic came from: the hook of the process notes it, who catches the panic reads it.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

thread_local! {
    /// Where the last panic of this thread came from, while somebody wants to know.
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic that was caught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Panicked {
    /// What it said, and where.
    pub(crate) message: String,
    /// The stack at its place.
    pub(crate) backtrace: Option<String>,
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
    let place = info.location().map(|l| format!("at {}:{}\n", l.file(), l.line()));
    let text = format!("{}{}", place.unwrap_or_default(), Backtrace::force_capture());
    // A thread that is ending has no place for it.
    let _ = LAST.try_with(|last| last.replace(Some(text)));
}

/// Runs `work` to its end or its panic.
pub(crate) async fn catch<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    let caught = futures_util::FutureExt::catch_unwind(AssertUnwindSafe(work)).await;
    // The poll that panicked was the last one, on this very thread.
    caught.map_err(|panic| Panicked { message: said(panic.as_ref()), backtrace: LAST.take() })
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
        assert_eq!(catch(async { 7 }).await, Ok(7));
        let panicked = catch(async {
            tokio::task::yield_now().await;
            if true {
                panic!("frame {} is poison", 7);
            }
        })
        .await
        .expect_err("it panicked");
        assert_eq!(panicked.message, "frame 7 is poison");
        let backtrace = panicked.backtrace.expect("noted by the hook");
        assert!(backtrace.contains("backtrace.rs"), "{backtrace}");
    }
}
