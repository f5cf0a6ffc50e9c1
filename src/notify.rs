//! Word to the service manager, as `sd_notify(3)` gives it: `systemd` waits for it with
//! `Type=notify`. Without such a manager nothing happens.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The variable that names the manager's socket.
const VARIABLE: &str = "NOTIFY_SOCKET";

/// Tells that requests are taken.
pub(crate) fn ready() {
    tell("READY=1");
}

/// Tells that the end has begun.
pub(crate) fn stopping() {
    tell("STOPPING=1");
}

fn tell(state: &str) {
    let Some(name) = std::env::var_os(VARIABLE).filter(|n| !n.is_empty()) else { return };
    let sent =
        address(&name).and_then(|to| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &to));
    if let Err(error) = sent {
        tracing::warn!(%error, "the service manager cannot be told {state}");
    }
}

#[cfg(target_os = "linux")]
fn address(name: &OsStr) -> std::io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    match name.as_bytes() {
        [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest),
        _ => SocketAddr::from_pathname(name),
    }
}

#[cfg(not(target_os = "linux"))]
fn address(name: &OsStr) -> std::io::Result<SocketAddr> {
    SocketAddr::from_pathname(name)
}
