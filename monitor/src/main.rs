//! `glassway-monitor`: arguments, configuration, exit codes.
//!
//! 0 is a clean stop, 1 a failure while running, 2 bad usage or configuration; each
//! failure is one line on stderr.

use std::{
    io::IsTerminal,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use glassway_monitor::{
    Monitor,
    arguments::{Arguments, Command},
    audit, auth, upkeep,
};
use glassway_shared::{
    command_line,
    config::{self, Config},
    listen::{self, Passed},
    logging,
    networks::Networks,
    prices::Book,
    probe,
    store::{StoreError, migrate, models, settings::Settings},
    tls::Tls,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

/// An exit code and its line.
struct Failure(u8, String);

impl From<upkeep::Failure> for Failure {
    fn from(upkeep::Failure(code, line): upkeep::Failure) -> Self {
        Self(code, line)
    }
}

/// For a command that works on what is recorded.
fn there(config: &Config) -> Result<(), Failure> {
    upkeep::there(config).map_err(Failure::from)
}

fn usage(line: impl ToString) -> Failure {
    Failure(2, line.to_string())
}

fn failed(line: impl ToString) -> Failure {
    Failure(1, line.to_string())
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(e) if !e.use_stderr() => {
            let _ = e.print();
            return ExitCode::SUCCESS;
        }
        Err(e) => {
            let line = command_line::one_line(&e.to_string());
            logging::complain(&format!("glassway-monitor: {line}"));
            return ExitCode::from(2);
        }
    };
    match begin(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(code, line)) => {
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            logging::complain(&format!("glassway-monitor: {line}"));
            ExitCode::from(code)
        }
    }
}

fn begin(arguments: Arguments) -> Result<(), Failure> {
    let config = match config::load(arguments.config.as_deref()) {
        Ok(config) => config,
        // `check` only ever says yes or no.
        Err(e) if matches!(arguments.command, Some(Command::Check)) => return Err(failed(e)),
        Err(e) => return Err(usage(e)),
    };
    match arguments.command {
        Some(Command::Check) => check(&config),
        Some(Command::Health) => health(&config),
        Some(Command::NewAdminKey) => new_admin_key(&config),
        Some(Command::ImportPrices { file, date }) => import_prices(&config, &file, date),
        Some(Command::Upkeep(command)) => upkeep::run(&config, &command).map_err(Failure::from),
        None => run(config, arguments.config),
    }
}

fn check(config: &Config) -> Result<(), Failure> {
    auth::key::configured(config).map_err(failed)?;
    let (cert, key) = (&config.monitor.tls_cert, &config.monitor.tls_key);
    Tls::open("monitor", cert, key, &[]).map_err(failed)?;
    let path = &config.database.path;
    match path.exists() {
        false => println!("{}: not there yet; it is made at the first start", path.display()),
        true => match migrate::due(path).map_err(failed)? {
            0 => println!("{}: readable, nothing to migrate", path.display()),
            due => println!("{}: readable, {due} migration(s) due", path.display()),
        },
    }
    println!("configuration: fine");
    Ok(())
}

fn health(config: &Config) -> Result<(), Failure> {
    let tls = !config.monitor.tls_cert.as_os_str().is_empty();
    let allowed = Networks::of(&config.monitor.allowed_clients);
    let said =
        probe::ask("monitor.listen", config.monitor.listen, tls, &allowed).map_err(failed)?;
    println!("{said}");
    Ok(())
}

fn new_admin_key(config: &Config) -> Result<(), Failure> {
    if auth::key::configured(config).map_err(usage)?.is_some() {
        return Err(usage(
            "the admin key is set by GLASSWAY_ADMIN_KEY, a credential or monitor.admin_key; change it there",
        ));
    }
    there(config)?;
    let mut settings = Settings::open(&config.database.path).map_err(failed)?;
    let key = auth::replace(&mut settings).map_err(failed)?;
    audit::command(&mut settings, "newAdminKey").map_err(failed)?;
    // It holds the old key.
    let old = auth::link::path(config);
    auth::link::remove(&old).map_err(|e| {
        failed(format!("{}: cannot remove the old sign-in link: {e}", old.display()))
    })?;
    let link = sign_in_link(config, config.monitor.listen.port(), &key);
    println!("{key}\nsign in at {link}");
    Ok(())
}

/// A running proxy notices the new list by itself.
fn import_prices(
    config: &Config,
    file: &Path,
    given: Option<jiff::civil::Date>,
) -> Result<(), Failure> {
    let wrong = |e: &dyn std::fmt::Display| usage(format!("{}: {e}", file.display()));
    let json = std::fs::read(file).map_err(|e| wrong(&e))?;
    let changed = std::fs::metadata(file).and_then(|meta| meta.modified()).ok();
    let date = changed.and_then(|at| jiff::Timestamp::try_from(at).ok()).unwrap_or_default();
    let date = given.unwrap_or_else(|| date.to_zoned(jiff::tz::TimeZone::UTC).date()).to_string();
    let book = Book::import(&json, &date).map_err(|e| wrong(&e))?;
    there(config)?;
    let mut settings = Settings::open(&config.database.path).map_err(failed)?;
    let now = jiff::Timestamp::now().as_second();
    let packed = book.pack();
    let put = |connection: &_| models::put_price_list(connection, &packed, now);
    settings.change(put).map_err(|e: StoreError| failed(e))?;
    audit::command(&mut settings, "importPrices").map_err(failed)?;
    println!("{} models priced, as of {date}", book.len());
    Ok(())
}

fn run(mut config: Config, file: Option<PathBuf>) -> Result<(), Failure> {
    // The admin key and keys before they are sealed pass through its memory: no core dump of it.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    logging::init(&config.log).map_err(usage)?;
    let admin_key = auth::key::configured(&config).map_err(usage)?;
    let mut passed = Passed::from_env(&["monitor", "trace"]).map_err(usage)?;
    let listener = match passed.take("monitor") {
        Some(listener) => adopt(&mut config, listener).map_err(failed)?,
        None => listen::bind(config.monitor.listen).map_err(failed)?,
    };
    let images = match (passed.take("trace"), config.monitor.trace_listen.parse()) {
        (Some(passed), configured) => {
            instead(passed.local_addr().map_err(failed)?, "monitor.trace_listen", configured.ok());
            Some(passed)
        }
        // Checked when the configuration was read; empty: none.
        (None, Err(_)) => None,
        (None, Ok(address)) => Some(listen::bind(address).map_err(failed)?),
    };
    logging::follow_hangups(file).map_err(failed)?;
    let (cert, key) = (&config.monitor.tls_cert, &config.monitor.tls_key);
    let tls = Tls::open("monitor", cert, key, &[b"http/1.1"]).map_err(usage)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let monitor =
        Monitor::open(config.clone(), admin_key.as_deref()).map_err(failed)?.speaking(tls);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(failed)?;
    runtime.block_on(async {
        let mut monitor = monitor;
        if let Some(images) = images {
            let images = tokio::net::TcpListener::from_std(images).map_err(failed)?;
            let address = images.local_addr().map_err(failed)?;
            tracing::info!("trace images, and nothing else, on http://{address}");
            monitor = monitor.images_on(images);
        }
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        if let Some(key) = &monitor.new_key {
            show_sign_in(&config, &sign_in_link(&config, address.port(), key)).map_err(failed)?;
        }
        // These mean nothing here, and so must not end the process, which is what they do else.
        for kind in [SignalKind::user_defined1(), SignalKind::user_defined2()] {
            let _ = signal(kind).map_err(failed)?;
        }
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let shutdown = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping");
        };
        tracing::info!("monitor listening on {scheme}://{address}");
        monitor.run(listener, shutdown).await.map_err(failed)
    })
}

/// A listener that was passed; the configuration then has its address.
fn adopt(config: &mut Config, listener: TcpListener) -> std::io::Result<TcpListener> {
    let address = listener.local_addr()?;
    instead(address, "monitor.listen", Some(config.monitor.listen));
    config.monitor.listen = address;
    Ok(listener)
}

/// Says so where a passed socket takes the place of another address.
fn instead(address: SocketAddr, key: &str, configured: Option<SocketAddr>) {
    if let Some(configured) = configured.filter(|configured| *configured != address) {
        tracing::warn!(
            "listening on {address}, a socket that was passed; {key} = \"{configured}\" is not used"
        );
    }
}

/// `http://HOST/#key=…` (`https` with TLS), at the address a person can open.
fn sign_in_link(config: &Config, port: u16, key: &str) -> String {
    let public = config.monitor.public_url.trim_end_matches('/');
    let address = config.monitor.listen.ip();
    let scheme = if config.monitor.tls_cert.as_os_str().is_empty() { "http" } else { "https" };
    match public.is_empty() {
        false => format!("{public}/#key={key}"),
        true if address.is_unspecified() => format!("{scheme}://127.0.0.1:{port}/#key={key}"),
        true if address.is_ipv6() => format!("{scheme}://[{address}]:{port}/#key={key}"),
        true => format!("{scheme}://{address}:{port}/#key={key}"),
    }
}

/// On a terminal once; elsewhere into a file that only its owner reads, since a log
/// is read by more people.
fn show_sign_in(config: &Config, link: &str) -> std::io::Result<()> {
    if std::io::stderr().is_terminal() {
        eprintln!("\n  Sign in (this link is shown once): {link}\n");
        return Ok(());
    }
    let path = auth::link::path(config);
    auth::link::leave(&path, link)?;
    tracing::info!(
        path = %path.display(),
        "the sign-in link is in this file until somebody has signed in"
    );
    Ok(())
}
