//! The proxy: relays LLM API traffic as it is, and records all of it.
//!
//! A request's way, and the module that owns each step:
//!
//! ```text
//! server     accepts, tells HTTP/1.1 from HTTP/2, drains
//! exchange   the sentence: begin → admit → choose → send → relay
//! recorder   admission to the flight file and "started" on the feed
//! admit      client access; what no proxy may forward          (pure)
//! target     which base URL, which path there                  (pure)
//! forward    which headers cross                               (pure)
//! managed    the same for requests that Glassway routes: keys tried until one answers
//! snapshot   providers, keys, routes, tokens: one immutable picture; reload swaps it
//! route      a model's keys, in tiers                           (pure)
//! pool       which key; what its answers say; why one is out    (pure)
//! ledger     what client tokens may still do
//! upstream   connection pool, TLS, proxies, timeouts
//! tee        frames through, a bounded copy aside, one end
//! websocket  the same for upgraded connections
//! capture    the copy and the budget it lives in
//! discretion how much of an exchange may be seen               (pure)
//! live       what is known of a running exchange; the guard that ends it
//! journal    one writer thread: record, commit, announce
//! usage      model and tokens out of bodies                    (pure)
//! tokens     how many tokens a text is, where nobody counted   (pure)
//! dialect    one client API over another, byte for byte         (pure)
//! items      what clients of the responses API may name instead of sending it again
//! flight     what has not ended, on disk
//! feed       the broadcast; link serves it to the monitor
//! handover   a new process takes the listening socket of the one that serves
//! keyfile    the private key that opens the others; rekey makes another
//! check      what is wrong with database and keys; hardened: no core dump
//! redact     credentials out of everything kept                (pure)
//! error      what Glassway itself answers                      (pure)
//! metrics    counters
//! arguments  the command line
//! vitals     signs of life; health judges them (pure)
//! ```
//!
//! What decides is pure; what touches the world decides nothing.

pub mod admit;
pub mod app;
pub mod arguments;
pub mod capture;
pub mod check;
pub mod dialect;
pub mod discretion;
pub mod error;
pub mod exchange;
pub mod feed;
pub mod flight;
pub mod forward;
pub mod handover;
pub mod hardened;
pub mod health;
pub mod items;
pub mod journal;
pub mod keyfile;
pub mod ledger;
pub mod link;
pub mod live;
pub mod managed;
pub mod metrics;
pub mod pool;
pub mod recorder;
pub mod redact;
pub mod rekey;
pub mod reload;
pub mod room;
pub mod route;
pub mod server;
pub mod snapshot;
pub mod target;
pub mod tee;
#[cfg(feature = "estimate")]
pub mod tokens;
pub mod upstream;
pub mod usage;
pub mod vitals;
pub mod websocket;

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64},
    },
    task::Poll,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use glassway_shared::{
    address::Allow,
    config::Config,
    id::ExchangeId,
    service::{self, watchdog::Watchdog},
    store::migrate,
    tls::Tls,
};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    app::{App, Routing, Tasks},
    capture::Budget,
    feed::Feed,
    flight::Flight,
    handover::{Offer, Takeover, successor::Succession},
    journal::Journal,
    keyfile::KeyFile,
    metrics::Metrics,
    pool::lineup::Turns,
    recorder::Recorder,
    reload::Watch,
    room::Room,
    server::Drain,
    target::Bases,
    upstream::Connector,
};

/// Serves until `shutdown` resolves or another process has taken over, then drains: stop
/// accepting → let exchanges end → write every record. `predecessor` serves until this
/// process does.
pub fn run(
    config: Config,
    listener: std::net::TcpListener,
    predecessor: Option<Takeover>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    // What serves waits for us before it ends, and we would wait for its end.
    ensure!(
        predecessor.is_none() || !migrate::is_due_alone(&config.database.path)?,
        "this version changes the database in a way that the running one cannot live with: \
         restart both services, do not reload"
    );
    let instance = ExchangeId::new().to_string();
    let proxy = &config.proxy;
    let tls = Tls::open("proxy", &proxy.tls_cert, &proxy.tls_key, server::PROTOCOLS)?;
    let upstream = &config.upstream;
    let allow =
        Allow::parse(&upstream.allow)?.and(&upstream.base_url).and(&upstream.anthropic_base_url);
    let connector = Arc::new(Connector::from_env(config.proxy.connect_timeout.0, allow)?);
    let metrics = Arc::new(Metrics::default());
    let feed = Feed::new();
    let budget = Budget::new(usize::try_from(config.record.queue_bytes).unwrap_or(usize::MAX));
    let key = Arc::new(KeyFile::find(&config)?);
    let routing = Routing::empty();
    let done = Arc::new(AtomicI64::new(0));
    let dir = config.flight_dir();
    let flight =
        Arc::new(Flight::open(&dir, &instance).with_context(|| format!("{}", dir.display()))?);
    let mut watchdog = Watchdog::default();
    let parts = journal::Parts {
        budget: budget.clone(),
        flight: flight.clone(),
        feed: feed.clone(),
        metrics: metrics.clone(),
        routing: routing.clone(),
        commands_done: done.clone(),
        key: key.clone(),
        pulse: watchdog.part("journal"),
    };
    let (journal, queue) = Journal::start(&config, parts)?;
    let reloader =
        Watch { routing: routing.clone(), feed: feed.clone(), config: config.clone(), key, done }
            .start()?;
    let recorder = config.record.enabled.then(|| {
        let (feed, queue) = (feed.clone(), queue.clone());
        Arc::new(Recorder::new(&config.record, budget, flight, feed, queue, metrics.clone()))
    });
    let seed = u64::from_le_bytes(
        instance.as_bytes()[instance.len() - 8..].try_into().expect("eight bytes"),
    );
    let address = listener.local_addr()?;
    let app = Arc::new(App {
        listen: address,
        bases: Bases::new(&config.upstream),
        recorder,
        metrics: metrics.clone(),
        tunnels: Tasks::default(),
        feed,
        routing,
        items: Arc::default(),
        room: Room::new(config.proxy.managed_bytes),
        turns: Turns::default(),
        seed: AtomicU64::new(seed),
        config,
    });

    let control = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("control")
        .enable_all()
        .build()?;
    // Before anybody can know that we serve: who is asked to stop then drains.
    let mut shutdown = Box::pin(shutdown);
    let asked = control.block_on(poll_fn(|cx| Poll::Ready(shutdown.as_mut().poll(cx).is_ready())));
    let succeed = {
        let _inside = control.enter();
        // Means nothing here, and so must not end the process, which is what it does else.
        let _ = signal(SignalKind::user_defined1())?;
        signal(SignalKind::user_defined2())?
    };
    let drain = Drain::default();
    let offer = Offer::new(listener.try_clone()?);
    let succession = Succession::new(offer.clone());
    let link = control.block_on(link::start(
        app.clone(),
        instance,
        reloader,
        connector.clone(),
        link::Handover { offer: offer.clone(), succession: succession.clone() },
        predecessor.is_some(),
    ))?;
    let threads = server::start(&app, &listener, tls.as_ref(), &connector, &drain, &mut watchdog)?;
    drop(listener);
    let scheme = if tls.is_some() { "https" } else { "http" };
    if let Some(tls) = tls {
        control.spawn(tls.follow());
    }
    tracing::info!("proxy listening on {scheme}://{address}");
    // Before it, the service manager would not listen to this process.
    if let Some(predecessor) = predecessor {
        predecessor.done().context("the process to take over from has gone")?;
    }
    service::ready();
    watchdog.start();
    offer.open();
    control.spawn(succession.clone().follow(succeed));
    let successor = match asked {
        true => None,
        false => control.block_on(async {
            tokio::select! {
                () = shutdown => None,
                pid = offer.taken() => Some(pid),
            }
        }),
    };
    offer.withdraw();
    let running = || app.recorder.as_ref().map_or(0, |recorder| recorder.flight.running());
    let limit = app.config.proxy.drain_timeout.0;
    let begun = Instant::now();
    match successor {
        Some(pid) => {
            tracing::info!(in_flight = running(), pid, "another process serves now");
            metrics.hand_over();
            link.moved();
        }
        None => {
            tracing::info!(in_flight = running(), "stopping: letting exchanges in flight end");
            service::stopping(limit);
        }
    }
    drain.begin();
    for thread in threads {
        let _ = thread.join();
    }
    // What the monitor asked for has as long as any other exchange; who asked for another
    // process is answered.
    while (running() > 0 || succession.is_asked()) && begun.elapsed() < limit {
        std::thread::sleep(Duration::from_millis(20));
    }
    metrics.stop();
    link.stop();
    control.shutdown_timeout(Duration::from_secs(1));
    // The last handles on the queue go; the journal then writes and ends.
    drop((app, queue));
    journal.join();
    tracing::info!("stopped");
    Ok(())
}
