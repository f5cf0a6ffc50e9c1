//! Users and refresh tokens.

use super::fault::{Fault, Outcome};
use super::{Sqlite, row};
use crate::store::AccountStore;
use crate::store::accounts::{
    Credentials, NewUser, RefreshToken, Rotation, TokenHash, fold_username,
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use schema::account::{Role, User};
use schema::id::UserId;
use schema::time::WallTime;
use schema::{Error, ErrorKind, Result};
use std::time::Duration;

#[async_trait]
impl AccountStore for Sqlite {
    async fn create_user(&self, new: NewUser) -> Result<User> {
        self.write("create a user", move |c| create(c, new)).await
    }

    async fn user(&self, id: UserId) -> Result<User> {
        self.read("read a user", move |c| {
            let mut statement = c.prepare_cached("SELECT * FROM users WHERE id = ?1")?;
            let found = statement.query_row([id.to_string()], user).optional()?;
            found.ok_or_else(|| unknown(id))
        })
        .await
    }

    async fn credentials(&self, username: &str) -> Result<Option<Credentials>> {
        let folded = fold_username(username);
        self.read("read credentials", move |c| {
            let mut statement =
                c.prepare_cached("SELECT * FROM users WHERE username_folded = ?1")?;
            let found = statement.query_row([folded], |row| {
                Ok(Credentials { user: user(row)?, password_hash: row.get("password_hash")? })
            });
            Ok(found.optional()?)
        })
        .await
    }

    async fn set_password_hash(&self, id: UserId, hash: &str) -> Result<()> {
        let hash = hash.to_owned();
        self.write("set a password", move |c| {
            let sql = "UPDATE users SET password_hash = ?2 WHERE id = ?1";
            let changed = c.prepare_cached(sql)?.execute(params![id.to_string(), hash])?;
            if changed == 0 { Err(unknown(id)) } else { Ok(()) }
        })
        .await
    }

    async fn count_users(&self, role: Role) -> Result<u64> {
        self.read("count users", move |c| {
            let sql = "SELECT count(*) FROM users WHERE role = ?1";
            Ok(c.prepare_cached(sql)?.query_row([role.name()], |row| row.get(0))?)
        })
        .await
    }

    async fn begin_family(&self, token: RefreshToken) -> Result<()> {
        self.write("record a sign-in", move |c| insert(c, &token)).await
    }

    async fn rotate(
        &self,
        presented: TokenHash,
        successor: TokenHash,
        now: WallTime,
        expires_at: WallTime,
        grace: Duration,
    ) -> Result<Rotation> {
        self.write("rotate a refresh token", move |c| {
            let Some(found) = find(c, &presented)? else { return Ok(Rotation::Invalid) };
            if found.revoked || found.token.expires_at <= now {
                return Ok(Rotation::Invalid);
            }
            match found.used {
                None => replace(c, &found.token, successor, now, expires_at),
                Some(used) => repeat(c, &found.token, &used, successor, now, grace),
            }
        })
        .await
    }

    async fn revoke_family(&self, presented: TokenHash) -> Result<()> {
        self.write("revoke a sign-in", move |c| {
            find(c, &presented)?.map_or(Ok(()), |found| revoke(c, &found.token))
        })
        .await
    }

    async fn prune_tokens(&self, before: WallTime) -> Result<u64> {
        self.write("prune refresh tokens", move |c| {
            let sql = "DELETE FROM refresh_tokens WHERE expires_at < ?1";
            Ok(c.prepare_cached(sql)?.execute([before.0])? as u64)
        })
        .await
    }
}

fn unknown(id: UserId) -> Fault {
    Fault::Told(Error::new(ErrorKind::NotFound, format!("user {id} does not exist")))
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row::parsed(row, "id")?,
        username: row.get("username")?,
        email: row.get("email")?,
        role: row::parsed(row, "role")?,
        created_at: WallTime(row.get("created_at")?),
    })
}

fn create(connection: &Connection, new: NewUser) -> Outcome<User> {
    let NewUser { mut user, password_hash, first_is_admin } = new;
    let folded = fold_username(&user.username);
    let taken: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM users WHERE username_folded = ?1)")?
        .query_row([&folded], |row| row.get(0))?;
    if taken {
        let message = format!("user name {:?} is taken", user.username);
        return Err(Fault::Told(Error::new(ErrorKind::UserExists, message)));
    }
    let first: bool = connection
        .prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM users)")?
        .query_row([], |row| row.get(0))?;
    if first && first_is_admin {
        user.role = Role::Admin;
    }
    let sql = "INSERT INTO users
               (id, username, username_folded, email, role, password_hash, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    connection.prepare_cached(sql)?.execute(params![
        user.id.to_string(),
        user.username,
        folded,
        user.email,
        user.role.name(),
        password_hash,
        user.created_at.0,
    ])?;
    Ok(user)
}

/// A refresh token as it is kept.
struct Kept {
    token: RefreshToken,
    used: Option<Used>,
    revoked: bool,
}

/// When a token was used, and for which other.
struct Used {
    at: WallTime,
    successor: TokenHash,
}

fn find(connection: &Connection, hash: &TokenHash) -> Outcome<Option<Kept>> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM refresh_tokens WHERE hash = ?1")?;
    let kept = statement.query_row([hash], |row| {
        let family: String = row.get("family_id")?;
        let used_at: Option<i64> = row.get("used_at")?;
        let successor: Option<TokenHash> = row.get("successor")?;
        Ok(Kept {
            token: RefreshToken {
                hash: row.get("hash")?,
                family: family.parse().map_err(|e| row::unreadable(row, "family_id", e))?,
                user: row::parsed(row, "user_id")?,
                expires_at: WallTime(row.get("expires_at")?),
            },
            used: used_at
                .zip(successor)
                .map(|(at, successor)| Used { at: WallTime(at), successor }),
            revoked: row.get("revoked")?,
        })
    });
    Ok(kept.optional()?)
}

fn insert(connection: &Connection, token: &RefreshToken) -> Outcome<()> {
    let sql = "INSERT INTO refresh_tokens (hash, family_id, user_id, expires_at)
               VALUES (?1, ?2, ?3, ?4)";
    let (family, user) = (token.family.to_string(), token.user.to_string());
    connection.prepare_cached(sql)?.execute(params![
        token.hash,
        family,
        user,
        token.expires_at.0
    ])?;
    Ok(())
}

fn owner(connection: &Connection, token: &RefreshToken) -> Outcome<User> {
    let mut statement = connection.prepare_cached("SELECT * FROM users WHERE id = ?1")?;
    Ok(statement.query_row([token.user.to_string()], user)?)
}

/// The first use of a token.
fn replace(
    connection: &Connection,
    presented: &RefreshToken,
    successor: TokenHash,
    now: WallTime,
    expires_at: WallTime,
) -> Outcome<Rotation> {
    let sql = "UPDATE refresh_tokens SET used_at = ?2, successor = ?3 WHERE hash = ?1";
    connection.prepare_cached(sql)?.execute(params![presented.hash, now.0, successor])?;
    let user = owner(connection, presented)?;
    let next = RefreshToken { hash: successor, expires_at, ..presented.clone() };
    insert(connection, &next)?;
    Ok(Rotation::Rotated(user))
}

/// A further use of a token: harmless a moment later while its successor waits, else theft.
fn repeat(
    connection: &Connection,
    presented: &RefreshToken,
    used: &Used,
    successor: TokenHash,
    now: WallTime,
    grace: Duration,
) -> Outcome<Rotation> {
    let waits = find(connection, &used.successor)?.is_some_and(|next| next.used.is_none());
    if !waits || now.since(used.at) > grace {
        revoke(connection, presented)?;
        return Ok(Rotation::Reused);
    }
    // A caller that has another successor in hand would give out a token that is not live.
    if used.successor != successor {
        return Ok(Rotation::Invalid);
    }
    Ok(Rotation::Repeated(owner(connection, presented)?))
}

fn revoke(connection: &Connection, token: &RefreshToken) -> Outcome<()> {
    let sql = "UPDATE refresh_tokens SET revoked = 1 WHERE family_id = ?1";
    connection.prepare_cached(sql)?.execute([token.family.to_string()])?;
    Ok(())
}
