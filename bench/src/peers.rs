//! The proxies that are compared, all before the same upstream, each pinned to
//! core 0 and ready on a port of its own.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use glassway_tests::{
    Glassway,
    glassway::Which,
    process::{Process, listening_address},
    wait::{eventually, within},
};
use rusqlite::{Connection, OpenFlags};

use crate::cpu;

const PINNED: [&str; 3] = ["taskset", "-c", "0"];
/// A few seconds of saturation are minutes of indexing on a small machine.
const INDEXING: Duration = Duration::from_secs(600);

/// A proxy under test.
pub struct Peer {
    /// Its name in the table.
    pub name: &'static str,
    /// Where it listens.
    pub addr: SocketAddr,
    /// Its processes.
    pub pids: Vec<u32>,
    keep: Keep,
}

/// What must live as long as the peer.
enum Keep {
    Process { _process: Process },
    Glassway(Box<Glassway>),
}

/// Starts the upstream on the load's core.
pub fn upstream() -> Result<(Process, SocketAddr)> {
    let (process, addr) = part(&["taskset", "-c", crate::load::CORE], &["upstream".into()])?;
    Ok((process, addr))
}

/// nginx, as one runs it before an LLM upstream.
pub fn nginx(folder: &Path, upstream: SocketAddr) -> Result<Peer> {
    let addr = free_port()?;
    let config = format!(
        "master_process off;\nerror_log stderr crit;\npid {folder}/nginx.pid;\ndaemon off;\n\
         events {{ worker_connections 4096; }}\nhttp {{\n  access_log off;\n\
         client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;\n\
         uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n\
         keepalive_requests 1000000000;\n\
         upstream up {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; }}\n\
         server {{\n    listen {addr};\n    location / {{\n      proxy_pass http://up;\n\
         proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      proxy_buffering off;\n\
         proxy_request_buffering off;\n    }}\n  }}\n}}\n",
        folder = folder.display()
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config)?;
    let mut command = Command::new(PINNED[0]);
    command.args(&PINNED[1..]).arg("nginx").arg("-c").arg(&file);
    let process = Process::spawn("nginx", command, Box::new(|line| eprintln!("nginx: {line}")))
        .context("cannot start nginx")?;
    eventually("nginx listens", || TcpStream::connect(addr).ok());
    Ok(Peer {
        name: "nginx",
        addr,
        pids: cpu::family(process.pid()),
        keep: Keep::Process { _process: process },
    })
}

/// The bare relay.
pub fn relay(upstream: SocketAddr) -> Result<Peer> {
    let (process, addr) = part(&PINNED, &["relay".into(), upstream.to_string()])?;
    Ok(Peer {
        name: "TCP relay",
        addr,
        pids: vec![process.pid()],
        keep: Keep::Process { _process: process },
    })
}

/// Glassway as shipped, with recording off or on. The monitor runs beside it,
/// on the load's core, and follows the feed as it does for everybody.
pub fn glassway(upstream: SocketAddr, record: bool) -> Peer {
    let setup = Glassway::setup()
        .upstream(&format!("http://{upstream}"))
        .set("record.enabled", record)
        .set("record.max_exchanges", 0)
        .under(&PINNED);
    let mut glassway = setup.start_nothing();
    glassway.start(Which::Proxy);
    glassway.start(Which::Monitor);
    let monitor = glassway.pid(Which::Monitor);
    let moved = Command::new("taskset")
        .args(["-a", "-p", "-c", crate::load::CORE, &monitor.to_string()])
        .output();
    drop(moved); // Where it fails the monitor competes with the proxy: seen in the table.
    glassway.connected();
    Peer {
        name: if record { "Glassway, recording" } else { "Glassway, off" },
        addr: glassway.proxy_addr(),
        pids: vec![glassway.pid(Which::Proxy)],
        keep: Keep::Glassway(Box::new(glassway)),
    }
}

impl Peer {
    /// The Glassway behind it, if it is one.
    pub fn glassway(&mut self) -> Option<&mut Glassway> {
        match &mut self.keep {
            Keep::Glassway(glassway) => Some(glassway),
            Keep::Process { .. } => None,
        }
    }

    /// Waits until all that was recorded is written.
    pub fn settle(&mut self) {
        let Some(glassway) = self.glassway() else {
            return;
        };
        eventually("the queue is written", || {
            let metrics = glassway.api().get("/metrics").text();
            let zero = |name: &str| metrics.lines().any(|line| line == format!("{name} 0"));
            (zero("glassway_queue_bytes") && zero("glassway_in_flight")).then_some(())
        });
    }

    /// Waits until what was written can also be searched.
    pub fn index(&mut self) -> Result<()> {
        let Some(glassway) = self.glassway() else {
            return Ok(());
        };
        let database = Connection::open_with_flags(
            glassway.database(),
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        let behind = "SELECT coalesce((SELECT max(seq) FROM exchanges), 0)
                           - coalesce((SELECT at FROM progress WHERE name = 'search'), 0)";
        within(INDEXING, "everything is indexed", || {
            let behind: i64 = database.query_row(behind, [], |row| row.get(0)).ok()?;
            (behind <= 0).then_some(())
        });
        Ok(())
    }

    /// Resident memory of all its processes, in bytes.
    pub fn resident(&self) -> u64 {
        self.pids.iter().map(|pid| glassway_tests::glassway::resident(*pid)).sum()
    }
}

/// Starts a part of this program.
fn part(pinned: &[&str], arguments: &[String]) -> Result<(Process, SocketAddr)> {
    let mut command = Command::new(pinned[0]);
    command.args(&pinned[1..]).arg(std::env::current_exe()?).args(arguments);
    let mut process = Process::spawn(&arguments[0], command, Box::new(|_| {}))?;
    let addr = process
        .line(glassway_tests::wait::PATIENCE, listening_address)
        .map_err(|why| anyhow!(why))?;
    Ok((process, addr))
}

fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
