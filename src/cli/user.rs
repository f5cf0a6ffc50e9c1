//! `user add`: makes an account, also beside a running server.

use super::config::ConfigFlags;
use super::stdout;
use crate::claim::Claim;
use crate::config::Settings;
use actors::clock::SystemClock;
use actors::drivers::sqlite::Sqlite;
use actors::store::AccountStore;
use api::auth::{Account, new_user};
use clap::{Args, Subcommand};
use console::Term;
use schema::account::Role;
use schema::{Error, ErrorKind, Result};
use std::io::{BufRead, IsTerminal};

/// Longest line that is read as a password.
const MAX_LINE: u64 = 4096;

/// Make accounts
#[derive(Debug, Args)]
pub(super) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Make an account; a server may be running
    Add(AddArgs),
}

#[derive(Debug, Args)]
struct AddArgs {
    /// The name to sign in with: 1 to 150 of A-Z, a-z, 0-9 and @.+-_
    name: String,
    /// What the account may do: `user` (own jobs and files) or `admin` (everything)
    #[arg(long, default_value_t = Role::User, value_parser = parse_role)]
    role: Role,
    /// Where mail would go
    #[arg(long)]
    email: Option<String>,
    /// Read the password from the first line of standard input, and ask nothing
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    flags: ConfigFlags,
}

fn parse_role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|e: Error| e.to_string())
}

/// Runs the command.
///
/// # Errors
/// `USER_EXISTS`; `VALIDATION_ERROR` for the name or the password; what the configuration and the
/// database say.
pub(super) fn run(args: &UserArgs) -> Result<()> {
    let UserCommand::Add(args) = &args.command;
    let settings = args.flags.load(Vec::new())?.settings;
    let password = if args.password_stdin { read_line()? } else { ask()? };
    let account = Account { username: args.name.clone(), password, email: args.email.clone() };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::io("start of the runtime", e))?;
    let user = runtime.block_on(async {
        let new = new_user(account, args.role, &SystemClock).await?;
        let (store, _claim) = open(&settings)?;
        store.create_user(new).await
    })?;
    stdout::print(format!("{} {} {}\n", user.role, user.username, user.id))
}

/// The database: beside a server, or a new one where there is none yet.
fn open(settings: &Settings) -> Result<(Sqlite, Option<Claim>)> {
    let data = &settings.data;
    match &data.database {
        None => {
            let message = "DATABASE_URL says that the database is in memory: there is no account";
            Err(Error::new(ErrorKind::ValidationError, message))
        }
        Some(path) if path.exists() => Ok((Sqlite::attach(path)?, None)),
        Some(path) => {
            let claim = Claim::take(data)?;
            Ok((Sqlite::open(path)?, Some(claim)))
        }
    }
}

fn read_line() -> Result<String> {
    let mut line = String::new();
    let mut input = std::io::Read::take(std::io::stdin().lock(), MAX_LINE);
    input.read_line(&mut line).map_err(|e| Error::io("standard input", e))?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

fn ask() -> Result<String> {
    if !std::io::stdin().is_terminal() {
        let message = "there is no terminal to ask for the password at";
        return Err(Error::new(ErrorKind::ValidationError, message)
            .with_hint("hand it in by standard input, with --password-stdin"));
    }
    let terminal = Term::stderr();
    let read = |prompt: &str| {
        terminal
            .write_str(prompt)
            .and_then(|()| terminal.read_secure_line())
            .map_err(|e| Error::io("the terminal", e))
    };
    let password = read("password: ")?;
    if read("once more: ")? != password {
        return Err(Error::new(ErrorKind::ValidationError, "these were two different passwords"));
    }
    Ok(password)
}
