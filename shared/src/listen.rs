//! How both processes listen: bind with a clear error, accept up to a cap, and
//! neither spin nor die when the machine is out of file descriptors.
//!
//! poem's own server has no connection cap and spins on EMFILE, which is why the
//! monitor uses this loop too.

mod linger;
mod passed;

use std::{future::Future, io, net::SocketAddr, os::fd::AsFd, sync::Arc, time::Duration};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::service::watchdog::Pulse;

pub use linger::linger;
pub use passed::{Passed, PassedError};

/// Why an address could not be bound, in one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {reason}")]
pub struct BindError {
    address: SocketAddr,
    reason: String,
}

/// Binds a TCP listener, to be cloned for each thread.
pub fn bind(address: SocketAddr) -> Result<std::net::TcpListener, BindError> {
    try_bind(address).map_err(|e| BindError {
        address,
        reason: match e.kind() {
            io::ErrorKind::AddrInUse => match holder(address.port()) {
                Some(who) => format!("the port is in use by {who}"),
                None => "the port is in use by another process".to_owned(),
            },
            io::ErrorKind::PermissionDenied => {
                "permission denied; ports below 1024 need a privilege".to_owned()
            }
            _ => e.to_string(),
        },
    })
}

fn try_bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Name and id of the process that listens on this port, where Linux lets us see it.
fn holder(port: u16) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().find_map(|table| {
        std::fs::read_to_string(table).ok()?.lines().skip(1).find_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let local = fields.get(1)?.rsplit_once(':')?.1;
            let listening = *fields.get(3)? == "0A";
            (listening && u16::from_str_radix(local, 16).ok()? == port)
                .then(|| (*fields.get(9).unwrap_or(&"")).to_owned())
        })
    })?;
    let wanted = format!("socket:[{inode}]");
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let Ok(pid) = process.file_name().to_string_lossy().parse::<u32>() else { continue };
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let holds = files
            .flatten()
            .filter_map(|fd| std::fs::read_link(fd.path()).ok())
            .any(|target| target.as_os_str() == wanted.as_str());
        if holds {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (process {pid})", name.trim()));
        }
    }
    None
}

/// A connection that has been silent for so long is asked whether its peer is still there.
const SILENT: Duration = Duration::from_secs(60);

/// Ends a connection whose peer has taken nothing of what was sent for so long, or does not
/// answer any more: the kernel counts, for each connection that is accepted from now on.
/// A peer that reads slowly is left alone, however little it takes at a time.
pub fn give_up_after(listener: &impl AsFd, limit: Option<Duration>) {
    // The kernel counts milliseconds in a signed number.
    let limit = limit.unwrap_or_default().min(Duration::from_millis(i32::MAX as u64));
    if let Err(e) = SockRef::from(listener).set_tcp_user_timeout(Some(limit)) {
        tracing::warn!(error = %e, "clients that stop reading are not noticed");
    }
}

/// Accepts until `stop` resolves, handing each connection to `serve` with the
/// permit that counts it; past the cap, clients wait in the kernel's backlog. Beats
/// `pulse` at least once a second.
pub async fn accept(
    listener: TcpListener,
    cap: Arc<Semaphore>,
    pulse: Pulse,
    stop: impl Future<Output = ()>,
    mut serve: impl FnMut(TcpStream, SocketAddr, OwnedSemaphorePermit),
) {
    // Inherited by each connection.
    let alive = TcpKeepalive::new().with_time(SILENT).with_interval(SILENT / 4);
    if let Err(e) = SockRef::from(&listener).set_tcp_keepalive(&alive) {
        tracing::warn!(error = %e, "peers that vanish are not noticed");
    }
    tokio::pin!(stop);
    loop {
        let next = async {
            let permit = cap.clone().acquire_owned().await.expect("the cap is never closed");
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            () = &mut stop => return,
            next = pulse.beside(next) => next,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Small writes (SSE frames) must leave at once.
                let _ = stream.set_nodelay(true);
                serve(stream, peer, permit);
            }
            Err(e) if is_about_one_connection(&e) => {}
            Err(e) => {
                // EMFILE, ENFILE, ENOMEM: the connection stays in the backlog, and
                // asking again at once would spin.
                tracing::warn!(error = %e, "cannot accept a connection; trying again in 100 ms");
                tokio::select! {
                    () = &mut stop => return,
                    () = tokio::time::sleep(Duration::from_millis(100)) => {}
                }
            }
        }
    }
}

fn is_about_one_connection(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_its_holder() {
        let first = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let error = bind(first.local_addr().unwrap()).unwrap_err().to_string();
        assert!(error.contains("in use by"), "{error}");
        assert!(error.contains(&std::process::id().to_string()), "{error}");
    }
}
