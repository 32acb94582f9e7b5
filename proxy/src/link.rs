//! The unix socket between the processes: plain HTTP/1.1, so that `curl --unix-socket`
//! can ask whatever the monitor can. Runs on the control runtime, apart from the data
//! threads.

mod detail;
mod feed;
mod gather;
mod log;
mod progress;

use std::{
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use bytes::Bytes;
use glassway_shared::{feed::Losses, id::ExchangeId, model::Origin, store::migrate};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::watch,
};

use crate::{
    app::App,
    handover::{
        Offer,
        successor::{Refusal, Succession},
    },
    managed::{self, Brought, Call},
    reload::Reloader,
    tee::Reply,
    upstream::{Client, Connector},
};

/// The socket; removed when stopped.
pub struct Link {
    path: PathBuf,
    /// Which file of that name is ours; `None` once it is stopped.
    file: Arc<Mutex<Option<(u64, u64)>>>,
    moved: watch::Sender<bool>,
}

/// Between looks whether somebody deleted the socket.
const LOOK: Duration = Duration::from_secs(2);

impl Link {
    /// Another process serves the path from now on: whoever follows the feed goes there.
    pub fn moved(&self) {
        let _ = self.moved.send(true);
    }

    /// A later process may have taken the path over; it is then left alone.
    pub fn stop(&self) {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner).take();
        if file.is_some() && identity(&self.path) == file {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Device and inode.
fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// What another process may ask for in order to serve in this one's place.
pub struct Handover {
    /// The listener.
    pub offer: Arc<Offer>,
    /// A process that takes it.
    pub succession: Arc<Succession>,
}

struct Shared {
    app: Arc<App>,
    reloader: Reloader,
    client: Client,
    instance: String,
    watching: Arc<progress::Watching>,
    handover: Handover,
    /// Whether another process serves the path.
    moved: watch::Receiver<bool>,
}

/// Listens; fails where another proxy serves the same socket, unless its place is taken.
pub async fn start(
    app: Arc<App>,
    instance: String,
    reloader: Reloader,
    connector: Arc<Connector>,
    handover: Handover,
    taking_over: bool,
) -> anyhow::Result<Link> {
    let path = app.config.proxy.link.clone();
    let listener = listen(&path, &instance, taking_over)
        .await
        .with_context(|| format!("cannot listen on {}", path.display()))?;
    let file = Arc::new(Mutex::new(identity(&path)));
    let watching = progress::Watching::start(&app);
    let client = Client::new(connector, app.config.proxy.first_byte_timeout.0);
    let (moved, tell) = watch::channel(false);
    let shared =
        Arc::new(Shared { app, reloader, client, instance, watching, handover, moved: tell });
    tokio::spawn(accept(listener, shared, path.clone(), file.clone()));
    Ok(Link { path, file, moved })
}

async fn accept(
    mut listener: UnixListener,
    shared: Arc<Shared>,
    path: PathBuf,
    file: Arc<Mutex<Option<(u64, u64)>>>,
) {
    let mut look = tokio::time::interval(LOOK);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = look.tick() => {
                if let Some(anew) = mend(&path, &shared, &file).await {
                    listener = anew;
                }
                continue;
            }
        };
        match accepted {
            Ok((stream, _)) => {
                let shared = shared.clone();
                tokio::spawn(async move { connection(stream, shared).await });
            }
            Err(e) => {
                tracing::warn!(error = %e, "cannot accept on the link; trying again");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// Another socket where somebody deleted ours; whoever is connected stays so.
async fn mend(
    path: &Path,
    shared: &Shared,
    file: &Mutex<Option<(u64, u64)>>,
) -> Option<UnixListener> {
    if *shared.moved.borrow() || identity(path).is_some() {
        return None;
    }
    let listener = listen(path, &shared.instance, true).await;
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    match listener {
        Ok(listener) if file.is_some() => {
            *file = identity(path);
            tracing::warn!(link = %path.display(), "the link's socket was deleted; it is there again");
            Some(listener)
        }
        // Stopped meanwhile.
        Ok(_) => {
            let _ = std::fs::remove_file(path);
            None
        }
        Err(e) => {
            tracing::warn!(error = %e, link = %path.display(), "the link's socket is gone and cannot be made anew");
            None
        }
    }
}

async fn listen(path: &Path, instance: &str, taking_over: bool) -> io::Result<UnixListener> {
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        migrate::create_private_dir(dir)?;
    }
    if !taking_over && path.exists() && UnixStream::connect(path).await.is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another glassway-proxy serves it; give each its own proxy.link and database.path",
        ));
    }
    // Under a name of its own first, so that there is no moment without the path, and none
    // at which others could connect. A name as short as the path's: the kernel allows 107.
    let mut own = instance.replace('-', "");
    own.truncate(8);
    let beside = path.with_file_name(format!(".{own}"));
    let listener = UnixListener::bind(&beside)?;
    let private = std::fs::Permissions::from_mode(0o600);
    let named =
        std::fs::set_permissions(&beside, private).and_then(|()| std::fs::rename(&beside, path));
    if named.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    named.map(|()| listener)
}

async fn connection(stream: UnixStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, std::convert::Infallible>(answer(&shared, request).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let _ = connection.with_upgrades().await;
}

async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Response<Reply> {
    let path = request.uri().path().to_owned();
    if path.starts_with("/as/") || path.starts_with("/managed/") {
        return managed(shared, request).await;
    }
    if path.starts_with("/sealed/") {
        return sealed(shared, request).await;
    }
    if path == "/log-levels" {
        return log::answer(request).await.map(Reply::from);
    }
    let app = &shared.app;
    let response = match (request.method(), path.as_str()) {
        (&Method::POST, "/reload") => match shared.reloader.reload().await {
            Some(revision) => json_reply(StatusCode::OK, &json!({"revision": revision})),
            None => json_reply(StatusCode::SERVICE_UNAVAILABLE, &json!({"error": "stopping"})),
        },
        (&Method::GET, "/public-key") => {
            json_reply(StatusCode::OK, &json!({"public_key": shared.reloader.public_key()}))
        }
        (&Method::GET, "/health") => json_reply(StatusCode::OK, &health(shared)),
        (&Method::GET, "/state") => json_reply(StatusCode::OK, &state(shared)),
        (&Method::GET, "/in-flight") => json_reply(StatusCode::OK, &json!(in_flight(app))),
        (&Method::GET, "/metrics") => text_reply(metrics(app)),
        (&Method::GET, "/feed") => feed::upgrade(shared, request),
        (&Method::GET, "/hand-over") => shared.handover.offer.answer(request),
        (&Method::POST, "/succeed") => succeed(&shared.handover.succession).await,
        (&Method::GET, path) => {
            let id = path.strip_prefix("/in-flight/").and_then(|id| id.parse::<ExchangeId>().ok());
            let live = id.map(|id| app.recorder.as_ref().and_then(|r| r.flight.find(id)));
            match live {
                Some(Some(live)) => json_reply(StatusCode::OK, &detail::detail(&live)),
                Some(None) => json_reply(StatusCode::NOT_FOUND, &json!({"error": "not in flight"})),
                None => json_reply(StatusCode::NOT_FOUND, &json!({"error": "no such path"})),
            }
        }
        _ => json_reply(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "only GET here"})),
    };
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, Reply::from(body))
}

/// `POST /succeed`: another process in this one's place; answers once it serves.
async fn succeed(succession: &Arc<Succession>) -> Response<Bytes> {
    let (status, error) = match succession.succeed().await {
        Ok(pid) => return json_reply(StatusCode::OK, &json!({"pid": pid})),
        Err(e @ Refusal::Moved(_)) => (StatusCode::CONFLICT, e),
        Err(e @ Refusal::Stopping) => (StatusCode::SERVICE_UNAVAILABLE, e),
        Err(e @ Refusal::Failed(_)) => (StatusCode::INTERNAL_SERVER_ERROR, e),
    };
    json_reply(status, &json!({"error": error.to_string()}))
}

/// `ANY /as/{key id}/…` and `ANY /managed/…`: requests that the monitor has made for it.
async fn managed(shared: &Arc<Shared>, request: Request<Incoming>) -> Response<Reply> {
    let (mut parts, body) = request.into_parts();
    let text = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok());
    let origin = text("x-glassway-origin").and_then(|o| o.parse().ok());
    let provider = text("x-glassway-provider").map(str::to_owned);
    let chosen = text("x-glassway-key").and_then(|id| id.parse::<i64>().ok());
    let target = parts.uri.path_and_query().map_or("/", |t| t.as_str());
    let as_key = target.strip_prefix("/as/").and_then(|rest| {
        let (id, rest) = rest.split_at(rest.find('/')?);
        Some((id.parse::<i64>().ok()?, rest))
    });
    let id = text("x-glassway-id").and_then(|id| id.parse().ok());
    let verbatim = as_key.is_some();
    let (key, rest) = match as_key {
        Some((id, rest)) => (Some(id), rest),
        None => (chosen, target.strip_prefix("/managed").unwrap_or(target)),
    };
    let exact = key.is_some();
    let Ok(uri) = rest.parse() else {
        let response = json_reply(StatusCode::BAD_REQUEST, &json!({"error": "no such path"}));
        return response.map(Reply::from);
    };
    parts.uri = uri;
    let origin = origin.unwrap_or(if exact { Origin::Test } else { Origin::Chat });
    let call = Call { provider, key, exact, verbatim, id, ..Call::of(origin) };
    managed::internal(&shared.app, &shared.client, parts, Some(body), call).await
}

/// `ANY /sealed/{id}/…`: one upstream request with a key that comes along, sealed for `id`,
/// to an address that comes along too.
async fn sealed(shared: &Arc<Shared>, request: Request<Incoming>) -> Response<Reply> {
    let (mut parts, body) = request.into_parts();
    let refuse = |reason: &str| {
        json_reply(StatusCode::BAD_REQUEST, &json!({"error": reason})).map(Reply::from)
    };
    let target = parts.uri.path_and_query().map_or("/", |t| t.as_str());
    let asked = target.strip_prefix("/sealed/").and_then(|rest| {
        let (id, rest) = rest.split_at(rest.find('/')?);
        Some((id.parse::<i64>().ok()?, rest.parse().ok()?))
    });
    let Some((id, uri)) = asked else { return refuse("no such path") };
    parts.uri = uri;
    let origin = parts.headers.get("x-glassway-origin").and_then(|v| v.to_str().ok());
    let origin = origin.and_then(|o| o.parse().ok()).unwrap_or(Origin::Trace);
    let promised = parts.headers.get("x-glassway-id").and_then(|v| v.to_str().ok());
    let promised = promised.and_then(|id| id.parse().ok());
    // Nothing compressed: a key that is repeated could not be found in it, and would be kept.
    parts.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let private = shared.reloader.private_key();
    let brought = Brought::take(id, &mut parts.headers, private.as_deref(), shared.client.allow());
    match brought {
        Ok(brought) => {
            let own = Some(brought.clone());
            let call = Call {
                exact: true,
                verbatim: true,
                id: promised,
                brought: own,
                ..Call::of(origin)
            };
            let (app, client) = (&shared.app, &shared.client);
            brought.hide(managed::internal(app, client, parts, Some(body), call).await).await
        }
        Err(reason) => refuse(&reason),
    }
}

fn in_flight(app: &App) -> Vec<glassway_shared::model::Exchange> {
    let all = app.recorder.as_ref().map(|r| r.flight.all()).unwrap_or_default();
    all.iter().map(|live| live.exchange()).collect()
}

fn gauges(app: &App) -> glassway_shared::feed::Gauges {
    let Some(recorder) = &app.recorder else { return Default::default() };
    glassway_shared::feed::Gauges {
        in_flight: recorder.flight.running() as u64,
        queue_bytes: recorder.budget.held() as u64,
        lost: Losses {
            bodies_shed: recorder.budget.bodies_shed(),
            records_lost: recorder.budget.records_lost(),
        },
    }
}

fn health(shared: &Shared) -> Value {
    let metrics = &shared.app.metrics;
    let (_, mut health) = metrics.health().answer(shared.app.recorder.is_some());
    health["instance"] = json!(shared.instance);
    health["writable"] = json!(metrics.is_writable());
    health["unwritten"] = json!(metrics.vitals.unwritten());
    health["journal_silent_ms"] = json!(metrics.vitals.journal_silent().as_millis() as u64);
    health["threads_silent_ms"] = json!(metrics.vitals.threads_silent().as_millis() as u64);
    health
}

fn state(shared: &Shared) -> Value {
    let gauges = gauges(&shared.app);
    json!({
        "instance": shared.instance,
        "cursor": shared.app.metrics.newest(),
        "in_flight": gauges.in_flight,
        "queue_bytes": gauges.queue_bytes,
        "bodies_shed": gauges.lost.bodies_shed,
        "records_lost": gauges.lost.records_lost,
        "writable": shared.app.metrics.is_writable(),
        "listeners": shared.app.recorder.as_ref().map_or(0, |r| r.feed.listeners()),
    })
}

fn metrics(app: &App) -> String {
    app.metrics.page(&gauges(app), &app.snapshot())
}

fn json_reply(status: StatusCode, body: &impl serde::Serialize) -> Response<Bytes> {
    let body = serde_json::to_vec(body).expect("plain data is JSON");
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::from(body))
        .expect("a literal head is valid")
}

fn text_reply(body: String) -> Response<Bytes> {
    Response::builder()
        .header(header::CONTENT_TYPE, "text/plain; version=0.0.4")
        .body(Bytes::from(body))
        .expect("a literal head is valid")
}
