//! Starts monitors, fills their database, asks them things.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use glassway_monitor::Monitor;
use glassway_shared::{
    config::Config,
    feed::Losses,
    id::ExchangeId,
    model::{Outcome, Usage, UsageSource},
    store::{
        record::{Message, Record, Times},
        write::Writer,
    },
};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use tokio_tungstenite::WebSocketStream;

pub const KEY: &str = "gwadmin-of-the-tests-0123456789abcdef";

/// A monitor that runs, with its database's writer.
pub struct Running {
    pub address: SocketAddr,
    pub config: Config,
    pub writer: Writer,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
    // Dropped last: the folder of the database and the link.
    _dir: std::sync::Arc<tempfile::TempDir>,
}

/// One answer, whole.
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{:?}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        problem["detail"].as_str().unwrap().to_owned()
    }
}

pub async fn start() -> Running {
    start_with(|_| {}).await
}

pub async fn start_with(change: impl FnOnce(&mut Config)) -> Running {
    let dir = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let mut config = Config::default();
    config.database.path = dir.path().join("glassway.db");
    config.proxy.link = dir.path().join("glassway.sock");
    change(&mut config);
    start_in(dir, config).await
}

/// A monitor that made its admin key itself, and that key.
pub async fn start_with_made_key() -> (Running, String) {
    let dir = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let mut config = Config::default();
    config.database.path = dir.path().join("glassway.db");
    config.proxy.link = dir.path().join("glassway.sock");
    let (running, key) = start_keyed(dir, config, None).await;
    (running, key.expect("there was none"))
}

async fn start_in(dir: std::sync::Arc<tempfile::TempDir>, config: Config) -> Running {
    start_keyed(dir, config, Some(KEY)).await.0
}

async fn start_keyed(
    dir: std::sync::Arc<tempfile::TempDir>,
    config: Config,
    key: Option<&str>,
) -> (Running, Option<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let monitor = Monitor::open(config.clone(), key).unwrap();
    let made = monitor.new_key.clone();
    let writer = Writer::open(&config.database.path).unwrap();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        let shutdown = async {
            let _ = stopped.await;
        };
        monitor.run(listener, shutdown).await.unwrap();
    });
    (Running { address, config, writer, stop: Some(stop), task: Some(task), _dir: dir }, made)
}

impl Running {
    /// Stops the monitor; another starts over the same files.
    pub async fn restart(mut self) -> Self {
        self.stop.take();
        self.task.take().unwrap().await.unwrap();
        start_in(self._dir.clone(), self.config.clone()).await
    }

    pub fn append(&mut self, records: &[Record]) -> i64 {
        self.writer.append(records, Losses::default()).unwrap()
    }

    /// Asks with the admin key.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[("authorization", &format!("Bearer {KEY}"))], "").await
    }

    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = hyper::Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", self.address.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Opens the feed; the refusal's status where it is refused.
    pub async fn feed_with(
        &self,
        headers: &[(&str, &str)],
    ) -> Result<WebSocketStream<TcpStream>, u16> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let mut request = hyper::Request::builder()
            .uri(format!("ws://{}/api/feed", self.address))
            .header("host", self.address.to_string())
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match tokio_tungstenite::client_async(request.body(()).unwrap(), stream).await {
            Ok((socket, _)) => Ok(socket),
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => {
                Err(answer.status().as_u16())
            }
            Err(e) => panic!("{e}"),
        }
    }
}

/// A small finished call; tests change what they are about.
pub fn record() -> Record {
    let json = |body: &str| Message {
        headers: b"content-type: application/json\r\n".to_vec(),
        body: body.as_bytes().to_vec(),
        body_bytes: body.len() as u64,
        ..Message::default()
    };
    Record {
        // It has ended by now.
        target: "/v1/chat/completions?x=y".into(),
        http_version: "HTTP/1.1".into(),
        provider: Some("openai".into()),
        model: Some("gpt-4o".into()),
        upstream_model: Some("gpt-4o".into()),
        upstream_url: Some("https://api.openai.com/v1/chat/completions".into()),
        status: Some(200),
        outcome: Outcome::Ok,
        times: Times {
            connect_us: Some(1_200),
            request_sent_us: Some(1_500),
            ttfb_us: Some(203_100),
            first_token_us: Some(240_800),
            duration_us: Some(812_400),
        },
        usage: Usage {
            prompt_tokens: Some(10),
            completion_tokens: Some(20),
            cached_tokens: None,
            reasoning_tokens: None,
            source: UsageSource::Upstream,
        },
        cost_nano: Some(120_000),
        attempts: 1,
        request: json(r#"{"model":"gpt-4o"}"#),
        response: Some(json(r#"{"choices":[]}"#)),
        ..Record::begun(
            ExchangeId::new(),
            jiff::Timestamp::now().as_microsecond() - 900_000,
            "POST",
            "/v1/chat/completions",
            "127.0.0.1",
        )
    }
}

/// Waits until something is so.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut so: impl FnMut() -> F) {
    for _ in 0..200 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("not after 5 s: {what}");
}
