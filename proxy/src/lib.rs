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
//! upstream   connection pool, TLS, proxies, timeouts
//! tee        frames through, a bounded copy aside, one end
//! websocket  the same for upgraded connections
//! capture    the copy and the budget it lives in
//! live       what is known of a running exchange; the guard that ends it
//! journal    one writer thread: record, commit, announce
//! usage      model and tokens out of bodies                    (pure)
//! flight     what has not ended, on disk
//! feed       the broadcast; link serves it to the monitor
//! redact     credentials out of everything kept                (pure)
//! error      what Glassway itself answers                      (pure)
//! metrics    counters
//! ```
//!
//! What decides is pure; what touches the world decides nothing.

pub mod admit;
pub mod app;
pub mod capture;
pub mod error;
pub mod exchange;
pub mod feed;
pub mod flight;
pub mod forward;
pub mod journal;
pub mod link;
pub mod live;
pub mod metrics;
pub mod recorder;
pub mod redact;
pub mod server;
pub mod target;
pub mod tee;
pub mod upstream;
pub mod usage;
pub mod websocket;

use std::sync::Arc;

use anyhow::Context;
use glassway_shared::{config::Config, id::ExchangeId};

use crate::{
    app::{App, Tasks},
    capture::Budget,
    feed::Feed,
    flight::Flight,
    journal::Journal,
    metrics::Metrics,
    recorder::Recorder,
    server::Drain,
    target::Bases,
    upstream::Connector,
};

/// Serves until `shutdown` resolves, then drains: stop accepting → let exchanges end →
/// write every record.
pub fn run(
    config: Config,
    listener: std::net::TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let instance = ExchangeId::new().to_string();
    let connector = Arc::new(Connector::from_env(config.proxy.connect_timeout.0)?);
    let metrics = Arc::new(Metrics::default());
    let feed = Feed::new();
    let budget = Budget::new(usize::try_from(config.record.queue_bytes).unwrap_or(usize::MAX));
    let recording = match config.record.enabled {
        false => None,
        true => {
            let dir = config.flight_dir();
            let flight = Arc::new(
                Flight::open(&dir, &instance).with_context(|| format!("{}", dir.display()))?,
            );
            let parts = journal::Parts {
                budget: budget.clone(),
                flight: flight.clone(),
                feed: feed.clone(),
                metrics: metrics.clone(),
            };
            let (journal, queue) = Journal::start(&config, parts)?;
            let recorder =
                Recorder::new(&config.record, budget, flight, feed, queue, metrics.clone());
            Some((journal, Arc::new(recorder)))
        }
    };
    let (journal, recorder) = recording.unzip();
    let app = Arc::new(App {
        bases: Bases::new(&config.upstream),
        recorder,
        metrics: metrics.clone(),
        tunnels: Tasks::default(),
        config,
    });

    let control = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("control")
        .enable_all()
        .build()?;
    let drain = Drain::default();
    let link = control.block_on(link::start(app.clone(), instance))?;
    let address = listener.local_addr()?;
    let threads = server::start(&app, &listener, &connector, &drain)?;
    drop(listener);
    tracing::info!("proxy listening on http://{address}");
    let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Ready]);

    control.block_on(shutdown);
    tracing::info!(
        in_flight = app.recorder.as_ref().map_or(0, |r| r.flight.running()),
        "stopping: letting exchanges in flight end"
    );
    let _ = sd_notify::notify(false, &[sd_notify::NotifyState::Stopping]);
    drain.begin();
    for thread in threads {
        let _ = thread.join();
    }
    metrics.stop();
    link.stop();
    control.shutdown_timeout(std::time::Duration::from_secs(1));
    // The last handle on the queue goes with the app; the journal then writes and ends.
    drop(app);
    if let Some(journal) = journal {
        journal.join();
    }
    tracing::info!("stopped");
    Ok(())
}
