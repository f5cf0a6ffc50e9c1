//! Users that were looked up a moment ago: every request asks whether its user still exists.

use actors::handle::Platform;
use schema::account::User;
use schema::id::UserId;
use schema::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long somebody who was removed may still be let in.
const FRESH: Duration = Duration::from_secs(5);
/// Users that are remembered.
const MOST: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Users(Mutex<HashMap<UserId, (Instant, User)>>);

impl Users {
    /// # Errors
    /// `UNAUTHENTICATED` where there is none; `STORAGE_ERROR`.
    pub(super) async fn get(&self, platform: &Platform, id: UserId) -> Result<User> {
        let now = Instant::now();
        if let Some((read_at, user)) = self.lock().get(&id)
            && now.duration_since(*read_at) < FRESH
        {
            return Ok(user.clone());
        }
        let user = platform.accounts().user(id).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::new(ErrorKind::Unauthenticated, "the user is gone"),
            _ => error,
        })?;
        let mut users = self.lock();
        if users.len() >= MOST {
            users.clear();
        }
        users.insert(id, (now, user.clone()));
        Ok(user)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<UserId, (Instant, User)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
