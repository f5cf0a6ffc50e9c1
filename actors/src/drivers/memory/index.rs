//! Who listens to what: a tree of tokens, so that a publisher meets its subscribers alone, however
//! many others there are (as the subject lists of NATS).
//!
//! Plain data; locking is its owner's.

use crate::bus::queue::Queue;
use schema::subject::Pattern;
use std::collections::HashMap;
use std::sync::Arc;

/// The subscribers of one pattern. Shared, so that a publisher takes them with it and lets go of
/// the lock before it pushes.
pub(super) type Subscribers = Arc<[Arc<Queue>]>;

/// Subscribers by pattern.
#[derive(Debug, Default)]
pub(super) struct Index {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    /// Patterns that end here.
    here: Subscribers,
    /// Patterns that end here with `>`.
    rest: Subscribers,
    /// Patterns that go on with `*`.
    any: Option<Box<Node>>,
    /// Patterns that go on with a token.
    next: HashMap<String, Node>,
}

impl Index {
    pub(super) fn insert(&mut self, pattern: &Pattern, queue: &Arc<Queue>) {
        let subscribers = self.root.grow(pattern.as_str());
        *subscribers = subscribers.iter().chain([queue]).cloned().collect();
    }

    pub(super) fn remove(&mut self, pattern: &Pattern, queue: &Arc<Queue>) {
        self.root.prune(Some(pattern.as_str()), queue);
    }

    /// The subscribers of every pattern that `subject` matches.
    pub(super) fn matching(&self, subject: &str) -> Vec<Subscribers> {
        let mut found = Vec::new();
        self.root.collect(Some(subject), &mut found);
        found
    }

    /// Every subscriber, and nobody after.
    pub(super) fn take(&mut self) -> Vec<Subscribers> {
        let mut found = Vec::new();
        std::mem::take(&mut self.root).all(&mut found);
        found
    }
}

/// The first token, and what follows it.
fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once('.').map_or((text, None), |(token, rest)| (token, Some(rest)))
}

impl Node {
    /// The subscribers of `pattern`, with the nodes that lead there.
    fn grow(&mut self, pattern: &str) -> &mut Subscribers {
        let (token, rest) = split(pattern);
        let child = match token {
            ">" => return &mut self.rest,
            "*" => self.any.get_or_insert_default(),
            token => self.next.entry(token.to_owned()).or_default(),
        };
        match rest {
            Some(rest) => child.grow(rest),
            None => &mut child.here,
        }
    }

    /// Takes `queue` from the subscribers of `pattern`; tells whether nothing is left here.
    fn prune(&mut self, pattern: Option<&str>, queue: &Arc<Queue>) -> bool {
        let without = |list: &Subscribers| -> Subscribers {
            list.iter().filter(|q| !Arc::ptr_eq(q, queue)).cloned().collect()
        };
        match pattern.map(split) {
            None => self.here = without(&self.here),
            Some((">", _)) => self.rest = without(&self.rest),
            Some(("*", rest)) => {
                if self.any.as_mut().is_some_and(|any| any.prune(rest, queue)) {
                    self.any = None;
                }
            }
            Some((token, rest)) => {
                if self.next.get_mut(token).is_some_and(|next| next.prune(rest, queue)) {
                    self.next.remove(token);
                }
            }
        }
        self.here.is_empty() && self.rest.is_empty() && self.any.is_none() && self.next.is_empty()
    }

    fn collect(&self, subject: Option<&str>, found: &mut Vec<Subscribers>) {
        let keep = |list: &Subscribers, found: &mut Vec<Subscribers>| {
            if !list.is_empty() {
                found.push(Arc::clone(list));
            }
        };
        let Some((token, rest)) = subject.map(split) else { return keep(&self.here, found) };
        keep(&self.rest, found);
        for child in self.any.as_deref().into_iter().chain(self.next.get(token)) {
            child.collect(rest, found);
        }
    }

    fn all(self, found: &mut Vec<Subscribers>) {
        found.extend([self.here, self.rest]);
        let children = self.any.map(|any| *any).into_iter().chain(self.next.into_values());
        children.for_each(|child| child.all(found));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::DropPolicy;
    use proptest::prelude::*;

    proptest! {
        /// The tree finds what asking each pattern finds, and is empty in the end.
        #[test]
        fn the_tree_is_as_asking_everybody(
            patterns in prop::collection::vec("([abc*])(\\.[abc*]){0,2}(\\.>)?|>", 0..12),
            subjects in prop::collection::vec("[abc](\\.[abc]){0,3}", 1..8),
        ) {
            let mut index = Index::default();
            let listening: Vec<(Pattern, Arc<Queue>)> = patterns
                .iter()
                .map(|text| (text.parse().expect(text), Queue::new(1, DropPolicy::Oldest).into()))
                .collect();
            for (pattern, queue) in &listening {
                index.insert(pattern, queue);
            }
            for subject in &subjects {
                let found = index.matching(subject);
                let found: Vec<_> = found.iter().flat_map(|list| list.iter()).collect();
                for (pattern, queue) in &listening {
                    let times = found.iter().filter(|q| Arc::ptr_eq(q, queue)).count();
                    prop_assert_eq!(times, usize::from(pattern.matches(subject)), "{}", pattern);
                }
            }
            for (pattern, queue) in &listening {
                index.remove(pattern, queue);
            }
            prop_assert!(index.root.any.is_none() && index.root.next.is_empty());
            prop_assert!(subjects.iter().all(|subject| index.matching(subject).is_empty()));
        }
    }
}
