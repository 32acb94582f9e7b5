//! A scripted proxy that seals and asks: `/public-key`, `/reload`, `/as/…` over a real
//! unix socket, with answers a test sets and a record of what was asked.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use glassway_shared::{
    secret::{Binding, PrivateKey},
    store::{read::Reader, settings::revision},
};
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

use crate::start::{Answer, KEY, Running, start_with};

pub struct Gateway {
    pub monitor: Running,
    private: PrivateKey,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    asked: Vec<String>,
    /// By path; the first part that fits.
    answers: HashMap<String, (u16, String)>,
}

/// A monitor whose proxy is there.
pub async fn start() -> Gateway {
    let monitor = start_with(|config| config.upstream.allow = vec!["10.1.0.0/16".into()]).await;
    let private = PrivateKey::generate();
    let hex = private.public().as_bytes().iter().map(|b| format!("{b:02x}")).collect();
    let state = Arc::new(Mutex::new(State::default()));
    let listener = UnixListener::bind(&monitor.config.proxy.link).unwrap();
    tokio::spawn(serve(listener, hex, monitor.config.database.path.clone(), state.clone()));
    Gateway { monitor, private, state }
}

async fn serve(listener: UnixListener, public: String, path: PathBuf, state: Arc<Mutex<State>>) {
    let reader = Reader::open(&path).unwrap();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (public, reader, state) = (public.clone(), reader.clone(), state.clone());
        tokio::spawn(async move {
            let Some(line) = first_line(&mut stream).await else { return };
            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            let (status, body) = match &path[..] {
                "/public-key" => (200, json!({"public_key": public}).to_string()),
                "/reload" => (200, json!({"revision": revision(&reader).unwrap()}).to_string()),
                _ => {
                    let mut state = state.lock().unwrap();
                    state.asked.push(path.clone());
                    let path = path.split('?').next().unwrap().to_owned();
                    state.answers.get(&path).cloned().unwrap_or((404, String::new()))
                }
            };
            let answer = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nx-glassway-id: \
                 0199aaaa-0000-7000-8000-000000000000\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        });
    }
}

async fn first_line(stream: &mut UnixStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).ok()?.lines().next()?.to_owned())
}

impl Gateway {
    /// Sends JSON with the admin key.
    pub async fn send(&self, method: &str, path: &str, body: Value) -> Answer {
        send(&self.monitor, method, path, body).await
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.monitor.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
        answer.json()
    }

    /// Adds something; what it is now.
    #[track_caller]
    pub fn add(&self, path: &str, body: Value) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        async move {
            let answer = self.send("POST", path, body).await;
            assert_eq!(answer.status, 201, "{at}: {:?}", answer.body);
            assert_eq!(answer.header("x-glassway-warnings"), "", "{at}");
            answer.json()
        }
    }

    /// What the provider of a key says from now on when asked for its models.
    pub fn answer(&self, path: &str, status: u16, body: Value) {
        self.state.lock().unwrap().answers.insert(path.to_owned(), (status, body.to_string()));
    }

    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Opens a key's row as the proxy would.
    pub fn open(&self, key_id: i64, provider_id: i64, kind: &str, origin: &str) -> Option<String> {
        let database = Connection::open(&self.monitor.config.database.path).unwrap();
        let sealed: Vec<u8> = database
            .query_row("SELECT sealed FROM keys WHERE id = ?1", [key_id], |row| row.get(0))
            .unwrap();
        let binding = Binding { key_id, provider_id, kind, origin };
        let secret = self.private.open(binding, &sealed).ok()?;
        Some(String::from_utf8(secret.expose().to_vec()).unwrap())
    }
}

pub async fn send(monitor: &Running, method: &str, path: &str, body: Value) -> Answer {
    let bearer = format!("Bearer {KEY}");
    let headers = [("authorization", &bearer[..]), ("content-type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    monitor.ask(method, path, &headers, &body).await
}
