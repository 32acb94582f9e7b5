//! A new process takes the listening socket of the one that serves (`--take-over`), which
//! then drains: no client waits, none is refused, no stream is cut.
//!
//! Over the link, so that whoever may reach that socket may do it, and nobody else:
//!
//! ```text
//! new                                             old
//! GET /hand-over, Upgrade: glassway-hand-over  →
//!                                              ←  101
//! one byte: the listener, please               →
//!                                              ←  one byte, and with it the listener
//! … opens the database, takes over the link's path, accepts …
//! one byte: I serve                            →  drains and ends
//! ```
//!
//! A new process that fails before its last byte has changed nothing: the old one goes on.

use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    net::TcpListener,
    os::{fd::AsFd, unix::net::UnixStream},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::{io::Interest, sync::Notify};

const PROTOCOL: &str = "glassway-hand-over";
/// One byte of our own protocol: its being there is what counts.
const BYTE: [u8; 1] = [b'.'];
const PATIENCE: Duration = Duration::from_secs(10);

/// The old side: what there is to take, and whether somebody has.
pub struct Offer {
    listener: Mutex<Option<TcpListener>>,
    taken: Notify,
    successor: Mutex<Option<u32>>,
}

impl Offer {
    /// Until [`Self::withdraw`], this listener may be taken.
    pub fn new(listener: TcpListener) -> Arc<Self> {
        Arc::new(Self {
            listener: Mutex::new(Some(listener)),
            taken: Notify::new(),
            successor: Mutex::default(),
        })
    }

    /// Resolves once another process serves in our place; gives its id.
    pub async fn taken(&self) -> Option<u32> {
        self.taken.notified().await;
        *lock(&self.successor)
    }

    /// The process stops: there is nothing to take any more.
    pub fn withdraw(&self) {
        drop(lock(&self.listener).take());
    }

    /// Answers `GET /hand-over`.
    pub fn answer(self: &Arc<Self>, mut request: Request<Incoming>) -> Response<Bytes> {
        let asked = request.headers().get(header::UPGRADE).is_some_and(|v| v == PROTOCOL);
        let listener = lock(&self.listener).as_ref().map(TcpListener::try_clone);
        let mut response = Response::new(Bytes::new());
        let (true, Some(Ok(listener))) = (asked, listener) else {
            *response.status_mut() =
                if asked { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::UPGRADE_REQUIRED };
            return response;
        };
        let upgraded = hyper::upgrade::on(&mut request);
        let offer = self.clone();
        tokio::spawn(async move {
            let Ok(upgraded) = upgraded.await else { return };
            let Ok(parts) = upgraded.downcast::<TokioIo<tokio::net::UnixStream>>() else { return };
            match give(parts.io.into_inner(), !parts.read_buf.is_empty(), &listener).await {
                Ok(pid) => {
                    *lock(&offer.successor) = pid;
                    offer.taken.notify_one();
                }
                Err(e) => {
                    tracing::warn!(error = %e, "a new process wanted to take over and failed; this one serves on");
                }
            }
        });
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static(PROTOCOL));
        response
    }
}

/// The old side of the conversation; the id of the process that serves now.
async fn give(
    stream: tokio::net::UnixStream,
    asked: bool,
    listener: &TcpListener,
) -> io::Result<Option<u32>> {
    if !asked {
        one_byte(&stream).await?;
    }
    stream
        .async_io(Interest::WRITABLE, || {
            let fds = [listener.as_fd()];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            control.push(SendAncillaryMessage::ScmRights(&fds));
            Ok(sendmsg(&stream, &[IoSlice::new(&BYTE)], &mut control, SendFlags::NOSIGNAL)?)
        })
        .await?;
    // As long as the new one needs: it may have to wait for a lock.
    one_byte(&stream).await?;
    Ok(stream.peer_cred()?.pid().and_then(|pid| pid.try_into().ok()))
}

async fn one_byte(stream: &tokio::net::UnixStream) -> io::Result<()> {
    loop {
        stream.readable().await?;
        match stream.try_read(&mut [0]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
}

/// The new side, between the socket's coming and "I serve".
pub struct Takeover(UnixStream);

impl Takeover {
    /// Asks the process that serves `link` for its listener; none where nobody serves it.
    pub fn ask(link: &Path) -> anyhow::Result<Option<(Self, TcpListener)>> {
        let stream = match UnixStream::connect(link) {
            Ok(stream) => stream,
            Err(e) if absent(&e) => return Ok(None),
            Err(e) => return Err(e).with_context(|| link.display().to_string()),
        };
        let listener = take(&stream)
            .with_context(|| format!("cannot take over from the proxy at {}", link.display()))?;
        Ok(Some((Self(stream), listener)))
    }

    /// From now on this process serves, and the old one drains.
    pub fn done(mut self) -> io::Result<()> {
        self.0.write_all(&BYTE)
    }
}

fn absent(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// The new side of the conversation.
fn take(mut stream: &UnixStream) -> anyhow::Result<TcpListener> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let ask = "GET /hand-over HTTP/1.1\r\nHost: glassway\r\nConnection: Upgrade\r\n";
    stream.write_all(format!("{ask}Upgrade: {PROTOCOL}\r\n\r\n").as_bytes())?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
        if head.len() > 4096 {
            bail!("it answers nonsense");
        }
    }
    match String::from_utf8_lossy(&head).split(' ').nth(1) {
        Some("101") => {}
        Some("503") => bail!("it is stopping already"),
        Some("404" | "405") => bail!("it is too old to hand over: stop it, then start this one"),
        other => bail!("it refused ({})", other.unwrap_or("no status")),
    }
    stream.write_all(&BYTE)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let passed = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    let listener = TcpListener::from(passed.context("it passed no socket")?);
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a process of the program as it is installed now, to take over from this one:
/// what SIGUSR2 asks for. A failure of it is logged, and this process serves on.
pub fn start_successor() -> io::Result<()> {
    let exe = std::env::current_exe()?;
    let exe = installed(&exe.to_string_lossy());
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--take-over") {
        arguments.push("--take-over".into());
    }
    let mut child = std::process::Command::new(&exe)
        .args(arguments)
        // Meant for this process alone; without it the watchdog is the successor's, too.
        .env_remove("WATCHDOG_PID")
        .spawn()?;
    tracing::info!(pid = child.id(), program = exe, "started a process to take over");
    std::thread::Builder::new().name("successor".into()).spawn(move || {
        if let Ok(status) = child.wait() {
            tracing::error!(%status, "the process that was to take over has ended");
        }
    })?;
    Ok(())
}

/// A program that was replaced while it runs is called so by the kernel.
fn installed(exe: &str) -> String {
    exe.strip_suffix(" (deleted)").unwrap_or(exe).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_listener_changes_hands_and_a_failed_successor_changes_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();

        let (new, old) = UnixStream::pair().unwrap();
        drop(new);
        old.set_nonblocking(true).unwrap();
        let old = tokio::net::UnixStream::from_std(old).unwrap();
        assert!(give(old, true, &listener).await.is_err(), "gone before it served");

        let (new, old) = UnixStream::pair().unwrap();
        old.set_nonblocking(true).unwrap();
        let old = tokio::net::UnixStream::from_std(old).unwrap();
        let giving = give(old, true, &listener);
        let taking = tokio::task::spawn_blocking(move || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut byte = [0];
            let mut slices = [IoSliceMut::new(&mut byte)];
            recvmsg(&new, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
            let got = control.drain().find_map(|message| match message {
                RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
                _ => None,
            });
            Takeover(new).done().unwrap();
            TcpListener::from(got.unwrap()).local_addr().unwrap()
        });
        let (given, taken) = tokio::join!(giving, taking);
        assert_eq!(given.unwrap(), Some(std::process::id()));
        assert_eq!(taken.unwrap(), address);
    }

    #[test]
    fn a_replaced_program_is_found_again() {
        assert_eq!(installed("/usr/bin/glassway-proxy (deleted)"), "/usr/bin/glassway-proxy");
        assert_eq!(installed("/usr/bin/glassway-proxy"), "/usr/bin/glassway-proxy");
    }
}
