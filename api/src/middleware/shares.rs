//! Of what is bounded for all together, how much one may hold at once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What each holder has now, by who it is; whoever has nothing is not in it.
type Held<K> = Arc<Mutex<HashMap<K, usize>>>;

/// Shares of holders, each at most so many.
#[derive(Debug)]
pub struct Shares<K> {
    each: usize,
    held: Held<K>,
}

/// One of them; it is free again when this is dropped.
#[derive(Debug)]
pub struct Share<K: Eq + Hash> {
    holder: K,
    held: Held<K>,
}

impl<K: Eq + Hash + Copy> Shares<K> {
    /// At most `each` for one holder, 1 at least.
    #[must_use]
    pub fn new(each: usize) -> Self {
        Self { each: each.max(1), held: Held::default() }
    }

    /// One more for `holder`; `None` where it has as many as it may.
    #[must_use]
    pub fn take(&self, holder: K) -> Option<Share<K>> {
        let mut held = lock(&self.held);
        let count = held.entry(holder).or_default();
        if *count >= self.each {
            return None;
        }
        *count += 1;
        Some(Share { holder, held: Arc::clone(&self.held) })
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        if let Some(count) = held.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.holder);
            }
        }
    }
}

fn lock<K>(held: &Held<K>) -> MutexGuard<'_, HashMap<K, usize>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_leaves_the_others_theirs() {
        let shares = Shares::new(2);
        let (a, b) = (shares.take('a'), shares.take('a'));
        assert!(a.is_some() && b.is_some());
        assert!(shares.take('a').is_none());
        assert!(shares.take('b').is_some());
        drop(a);
        let again = shares.take('a');
        assert!(again.is_some());
        drop((b, again));
        assert!(lock(&shares.held).is_empty(), "who has nothing is not remembered");
    }
}
