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
//! one byte: I serve                            →  tells the service manager
//!                                              ←  end of the stream; drains and ends
//! ```
//!
//! A new process that fails before its last byte has changed nothing: the old one goes on.
//! The listener is given to one at a time, so that never two serve that both believe they
//! are the successor. [`successor`] starts one where somebody asks for it, and [`ask`] asks.

pub mod ask;
pub mod successor;

use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    net::TcpListener,
    os::{fd::AsFd, unix::net::UnixStream},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use bytes::Bytes;
use glassway_shared::service;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::{io::Interest, sync::watch};

const PROTOCOL: &str = "glassway-hand-over";
/// One byte of our own protocol: its being there is what counts.
const BYTE: [u8; 1] = [b'.'];
const PATIENCE: Duration = Duration::from_secs(10);

/// The old side: what there is to take, and whether somebody has.
pub struct Offer {
    /// None once it is taken or withdrawn.
    listener: Mutex<Option<TcpListener>>,
    /// This process serves, and the one before it has been told.
    open: AtomicBool,
    /// Somebody is about to take it.
    claimed: AtomicBool,
    /// Who serves in our place.
    successor: watch::Sender<Option<u32>>,
}

/// How an [`Offer`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may be taken in a moment.
    Beginning,
    /// It may be taken.
    Open,
    /// This process serves in our place.
    Taken(u32),
    /// The process stops.
    Withdrawn,
}

impl Offer {
    /// From [`Self::open`] until [`Self::withdraw`], this listener may be taken.
    pub fn new(listener: TcpListener) -> Arc<Self> {
        Arc::new(Self {
            listener: Mutex::new(Some(listener)),
            open: AtomicBool::new(false),
            claimed: AtomicBool::new(false),
            successor: watch::Sender::new(None),
        })
    }

    /// This process serves. Before the one whose place it takes has told the service manager
    /// of it, it must not be followed itself: the manager would not know whom to believe.
    pub fn open(&self) {
        self.open.store(true, SeqCst);
    }

    /// Resolves once another process serves in our place; gives its id.
    pub async fn taken(&self) -> u32 {
        let mut successor = self.successor.subscribe();
        let taken = successor.wait_for(Option::is_some).await.map(|pid| *pid);
        taken.ok().flatten().expect("the sender is ours, and it was waited for some")
    }

    /// How it stands now.
    pub fn standing(&self) -> Standing {
        let listener = lock(&self.listener);
        match *self.successor.borrow() {
            Some(pid) => Standing::Taken(pid),
            None if listener.is_none() => Standing::Withdrawn,
            None if self.open.load(SeqCst) => Standing::Open,
            None => Standing::Beginning,
        }
    }

    /// The process stops: there is nothing to take any more.
    pub fn withdraw(&self) {
        drop(lock(&self.listener).take());
    }

    /// For one process alone, until it is dropped; else why there is nothing to have.
    fn claim(self: &Arc<Self>) -> Result<Claim, StatusCode> {
        let listener = lock(&self.listener);
        let listener = listener.as_ref().ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
        if !self.open.load(SeqCst) || self.claimed.swap(true, SeqCst) {
            return Err(StatusCode::CONFLICT);
        }
        let listener = listener.try_clone().map_err(|_| {
            self.claimed.store(false, SeqCst);
            StatusCode::SERVICE_UNAVAILABLE
        })?;
        Ok(Claim { offer: self.clone(), listener })
    }

    /// Answers `GET /hand-over`.
    pub fn answer(self: &Arc<Self>, mut request: Request<Incoming>) -> Response<Bytes> {
        let asked = request.headers().get(header::UPGRADE).is_some_and(|v| v == PROTOCOL);
        let claim = if asked { self.claim() } else { Err(StatusCode::UPGRADE_REQUIRED) };
        let mut response = Response::new(Bytes::new());
        let claim = match claim {
            Ok(claim) => claim,
            Err(status) => {
                *response.status_mut() = status;
                return response;
            }
        };
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let Ok(upgraded) = upgraded.await else { return };
            let Ok(parts) = upgraded.downcast::<TokioIo<tokio::net::UnixStream>>() else { return };
            let (stream, asked) = (parts.io.into_inner(), !parts.read_buf.is_empty());
            match give(&stream, asked, &claim.listener).await {
                Ok(pid) => claim.given(pid).await,
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

/// The listener, on its way to one process.
struct Claim {
    offer: Arc<Offer>,
    listener: TcpListener,
}

impl Claim {
    /// That process serves. The service manager knows of it before anybody here or there does:
    /// whoever waited for it finds the right main process, and neither does the one before it
    /// end, nor a next one follow, while the manager may still believe in the first.
    async fn given(self, pid: u32) {
        // Nothing to know where it panics.
        let _ = tokio::task::spawn_blocking(move || service::succeeded_by(pid)).await;
        drop(lock(&self.offer.listener).take());
        self.offer.successor.send_replace(Some(pid));
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.offer.claimed.store(false, SeqCst);
    }
}

/// The old side of the conversation; the id of the process that serves now.
async fn give(
    stream: &tokio::net::UnixStream,
    asked: bool,
    listener: &TcpListener,
) -> io::Result<u32> {
    if !asked {
        one_byte(stream).await?;
    }
    stream
        .async_io(Interest::WRITABLE, || {
            let fds = [listener.as_fd()];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            control.push(SendAncillaryMessage::ScmRights(&fds));
            Ok(sendmsg(stream, &[IoSlice::new(&BYTE)], &mut control, SendFlags::NOSIGNAL)?)
        })
        .await?;
    // As long as the new one needs: it may have to wait for a lock.
    one_byte(stream).await?;
    let pid = stream.peer_cred()?.pid().and_then(|pid| pid.try_into().ok());
    pid.ok_or_else(|| io::Error::other("the kernel does not say which process it is"))
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

    /// From now on this process serves, and the old one drains. Returns once that one has
    /// told the service manager.
    pub fn done(mut self) -> io::Result<()> {
        self.0.write_all(&BYTE)?;
        // Its end of the stream; one that takes too long is not waited for.
        let _ = self.0.read(&mut [0]);
        Ok(())
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
        Some("409") => bail!("another process is taking over from it already"),
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
        assert!(give(&old, true, &listener).await.is_err(), "gone before it served");

        let (new, old) = UnixStream::pair().unwrap();
        old.set_nonblocking(true).unwrap();
        let old = tokio::net::UnixStream::from_std(old).unwrap();
        let giving = async {
            let given = give(&old, true, &listener).await;
            drop(old);
            given
        };
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
        assert_eq!(given.unwrap(), std::process::id());
        assert_eq!(taken.unwrap(), address);
    }

    #[tokio::test]
    async fn one_process_at_a_time_may_take_it() {
        let offer = Offer::new(TcpListener::bind("127.0.0.1:0").unwrap());
        assert_eq!(offer.claim().err(), Some(StatusCode::CONFLICT), "it does not serve yet");
        assert_eq!(offer.standing(), Standing::Beginning);
        offer.open();
        let claim = offer.claim().unwrap();
        assert_eq!(offer.claim().err(), Some(StatusCode::CONFLICT));
        drop(claim);
        assert_eq!(offer.standing(), Standing::Open, "one that fails changes nothing");
        offer.claim().unwrap().given(7).await;
        assert_eq!((offer.taken().await, offer.standing()), (7, Standing::Taken(7)));
        assert_eq!(offer.claim().err(), Some(StatusCode::SERVICE_UNAVAILABLE));
        let offer = Offer::new(TcpListener::bind("127.0.0.1:0").unwrap());
        offer.withdraw();
        assert_eq!(offer.claim().err(), Some(StatusCode::SERVICE_UNAVAILABLE));
        assert_eq!(offer.standing(), Standing::Withdrawn);
    }
}
