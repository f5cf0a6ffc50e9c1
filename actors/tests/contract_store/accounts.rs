//! Users and refresh tokens.

use crate::support::{NOW, Workshop, at, user, uuid};
use actors::store::AccountStore;
use actors::store::accounts::{NewUser, RefreshToken, Rotation, TokenHash};
use futures_util::future::join_all;
use schema::ErrorKind;
use schema::account::{Role, User};
use std::sync::Arc;
use std::time::Duration;

const GRACE: Duration = Duration::from_secs(10);

fn new(number: u64, name: &str) -> NewUser {
    let user = User {
        id: user(number),
        username: name.to_owned(),
        email: Some(format!("{name}@example.org")),
        role: Role::User,
        created_at: NOW,
    };
    NewUser { user, password_hash: format!("$argon2id${number}"), first_is_admin: false }
}

pub(crate) async fn names_are_unique_regardless_of_case(workshop: &impl Workshop) {
    let store = workshop.make().await;
    let ann = store.create_user(new(1, "Ann")).await.expect("the name is free");
    assert_eq!(ann, new(1, "Ann").user);
    assert_eq!(store.user(user(1)).await.expect("she is there"), ann);
    // The last one is full-width.
    for name in ["Ann", "ann", "ANN", "\u{ff21}\u{ff4e}\u{ff4e}"] {
        let taken = store.create_user(new(2, name)).await.expect_err(name);
        assert_eq!(taken.kind(), ErrorKind::UserExists);
        let found = store.credentials(name).await.expect("it works").expect(name);
        assert_eq!((found.user.id, found.password_hash.as_str()), (user(1), "$argon2id$1"));
    }
    for (number, name) in
        [(3, "Anna"), (4, "\u{c4}nn"), (5, "\u{3a3}\u{3af}\u{3c3}\u{3c5}\u{3c6}\u{3bf}\u{3c2}")]
    {
        store.create_user(new(number, name)).await.expect(name);
    }
    // Composed or not, capital or not.
    assert!(store.credentials("a\u{308}NN").await.expect("it works").is_some());
    let sisyphos = "\u{3a3}\u{38a}\u{3a3}\u{3a5}\u{3a6}\u{39f}\u{3a3}";
    assert!(store.credentials(sisyphos).await.expect("it works").is_some());
    assert!(store.credentials("ben").await.expect("it works").is_none());
    let missing = store.user(user(2)).await.expect_err("it was refused");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert_eq!(store.count_users(Role::User).await.expect("it works"), 4);
}

pub(crate) async fn the_first_user_may_become_admin(workshop: &impl Workshop) {
    let store = Arc::new(workshop.make().await);
    let register = |number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let new = NewUser { first_is_admin: true, ..new(number, &format!("user {number}")) };
            store.create_user(new).await.expect("the name is free").role
        })
    };
    let roles: Vec<_> = join_all((1..=8).map(register)).await;
    let admins = roles.into_iter().filter(|role| *role.as_ref().expect("no panic") == Role::Admin);
    assert_eq!(admins.count(), 1, "side by side, one is the first");
    assert_eq!(store.count_users(Role::Admin).await.expect("it works"), 1);
    assert_eq!(store.count_users(Role::User).await.expect("it works"), 7);
}

pub(crate) async fn passwords_are_replaced(workshop: &impl Workshop) {
    let store = workshop.make().await;
    store.create_user(new(1, "ann")).await.expect("the name is free");
    store.set_password_hash(user(1), "$argon2id$new").await.expect("she is there");
    let found = store.credentials("ann").await.expect("it works").expect("she is there");
    assert_eq!(found.password_hash, "$argon2id$new");
    let missing = store.set_password_hash(user(2), "x").await.expect_err("nobody");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

fn hash(number: u16) -> TokenHash {
    let mut hash = [7; 32];
    hash[..2].copy_from_slice(&number.to_be_bytes());
    hash
}

/// User 1 with token 1, good for a minute.
async fn signed_in<W: Workshop>(workshop: &W) -> W::Engine {
    let store = workshop.make().await;
    store.create_user(new(1, "ann")).await.expect("the name is free");
    let token =
        RefreshToken { hash: hash(1), family: uuid(50), user: user(1), expires_at: at(60_000) };
    store.begin_family(token).await.expect("it works");
    store
}

/// Presents `old` for `next`, `ms` after the beginning.
async fn rotate(store: &impl AccountStore, old: u16, next: u16, ms: i64) -> Rotation {
    let (now, expires_at) = (at(ms), at(ms + 60_000));
    store.rotate(hash(old), hash(next), now, expires_at, GRACE).await.expect("it works")
}

fn rotated() -> Rotation {
    Rotation::Rotated(new(1, "ann").user)
}

pub(crate) async fn a_token_is_used_once(workshop: &impl Workshop) {
    let store = signed_in(workshop).await;
    assert_eq!(rotate(&store, 1, 2, 0).await, rotated());
    assert_eq!(rotate(&store, 2, 3, 30_000).await, rotated());
    // Past the grace it is stolen, and the newest one is of no use either.
    assert_eq!(rotate(&store, 2, 4, 40_001).await, Rotation::Reused);
    assert_eq!(rotate(&store, 3, 5, 40_002).await, Rotation::Invalid);
    assert_eq!(rotate(&store, 4, 6, 40_003).await, Rotation::Invalid, "a successor came of it");
}

pub(crate) async fn a_lost_answer_is_repeated_within_the_grace(workshop: &impl Workshop) {
    let store = signed_in(workshop).await;
    assert_eq!(rotate(&store, 1, 2, 0).await, rotated());
    let repeated = Rotation::Repeated(new(1, "ann").user);
    assert_eq!(rotate(&store, 1, 2, 10_000).await, repeated);
    // The clock goes back.
    assert_eq!(rotate(&store, 1, 2, -5000).await, repeated);
    // Another successor would not be live.
    assert_eq!(rotate(&store, 1, 9, 5000).await, Rotation::Invalid);
    assert_eq!(rotate(&store, 9, 10, 5000).await, Rotation::Invalid);
    // Nothing was revoked; but once the successor was used, the answer had arrived.
    assert_eq!(rotate(&store, 2, 3, 6000).await, rotated());
    assert_eq!(rotate(&store, 1, 2, 6001).await, Rotation::Reused);
    assert_eq!(rotate(&store, 3, 4, 6002).await, Rotation::Invalid);
}

pub(crate) async fn reuse_revokes_the_family(workshop: &impl Workshop) {
    let store = signed_in(workshop).await;
    let other =
        RefreshToken { hash: hash(100), family: uuid(51), user: user(1), expires_at: at(60_000) };
    store.begin_family(other).await.expect("it works");
    assert_eq!(rotate(&store, 1, 2, 0).await, rotated());
    assert_eq!(rotate(&store, 1, 2, 10_001).await, Rotation::Reused);
    assert_eq!(rotate(&store, 2, 3, 10_002).await, Rotation::Invalid);
    assert_eq!(rotate(&store, 1, 2, 10_003).await, Rotation::Invalid);
    assert_eq!(rotate(&store, 100, 101, 10_004).await, rotated(), "another sign-in was revoked");
}

pub(crate) async fn expired_and_revoked_tokens_are_invalid(workshop: &impl Workshop) {
    let store = signed_in(workshop).await;
    assert_eq!(rotate(&store, 77, 78, 0).await, Rotation::Invalid);
    assert_eq!(rotate(&store, 1, 2, 60_000).await, Rotation::Invalid);
    assert_eq!(rotate(&store, 1, 2, 59_999).await, rotated());
    store.revoke_family(hash(77)).await.expect("nothing to do");
    store.revoke_family(hash(1)).await.expect("it works");
    assert_eq!(rotate(&store, 2, 3, 60_000).await, Rotation::Invalid);
    // The first expired at 60,000, its successor at 119,999.
    assert_eq!(store.prune_tokens(at(60_000)).await.expect("it works"), 0);
    assert_eq!(store.prune_tokens(at(60_001)).await.expect("it works"), 1);
    assert_eq!(store.prune_tokens(at(200_000)).await.expect("it works"), 1);
}

pub(crate) async fn a_thousand_rotations_leave_one_branch(workshop: &impl Workshop) {
    let store = Arc::new(signed_in(workshop).await);
    let present = |successor: u16| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { rotate(&*store, 1, successor, 5).await })
    };
    // The successor is made of the token that is presented: it is the same for all; a tenth of
    // them is made with another key.
    let of = |n: u16| if n % 10 == 3 { 1000 + n } else { 2 };
    let answers = join_all((0..1000).map(|n| present(of(n)))).await;
    let answers: Vec<Rotation> = answers.into_iter().map(|a| a.expect("no panic")).collect();
    let count = |wanted: fn(&Rotation) -> bool| answers.iter().filter(|a| wanted(a)).count();
    assert_eq!(count(|a| matches!(a, Rotation::Rotated(_))), 1);
    assert_eq!(count(|a| matches!(a, Rotation::Reused)), 0);
    let mut live = Vec::new();
    for successor in (0..1000).map(of).collect::<std::collections::BTreeSet<_>>() {
        if let Rotation::Rotated(_) = rotate(&*store, successor, successor + 5000, 6).await {
            live.push(successor);
        }
    }
    assert_eq!(live.len(), 1, "live branches: {live:?}");
}
