//! The feed: each exchange starts and finishes exactly once, whatever dies or lags.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use glassway_shared::{
    feed::{BodyDelta, LinkCommand, LinkEvent, Standing},
    id::ExchangeId,
    model::{Exchange, Outcome, Side},
    store::record::Record,
};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use crate::{
    proxy::Proxy,
    start::{KEY, Running, eventually, record, start},
};

/// A client of the feed that unpacks arrays and checks that `seq` rises.
struct Feed {
    socket: WebSocketStream<TcpStream>,
    waiting: VecDeque<Value>,
    seq: i64,
}

impl Feed {
    async fn open(monitor: &Running) -> (Self, Value) {
        let bearer = format!("Bearer {KEY}");
        let socket = monitor.feed_with(&[("authorization", &bearer)]).await.unwrap();
        let mut feed = Self { socket, waiting: VecDeque::new(), seq: 0 };
        let hello = feed.message().await;
        assert_eq!(hello["type"], "hello");
        (feed, hello)
    }

    async fn message(&mut self) -> Value {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), self.socket.next());
            match next.await.expect("a message within 20 s").unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next event that is not about counters.
    async fn event(&mut self) -> Value {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                let seq = event["seq"].as_i64().unwrap();
                assert!(seq > self.seq, "{seq} after {}", self.seq);
                self.seq = seq;
                if !matches!(event["type"].as_str(), Some("stats" | "proxy")) {
                    return event;
                }
                continue;
            }
            match self.message().await {
                Value::Array(events) => self.waiting.extend(events),
                event => self.waiting.push_back(event),
            }
        }
    }

    #[track_caller]
    fn expect(&mut self, kind: &'static str, id: ExchangeId) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        async move {
            let event = self.event().await;
            assert_eq!(event["type"], kind, "{at}: {event}");
            assert_eq!(event["request"]["id"], id.to_string(), "{at}: {event}");
            event
        }
    }

    async fn say(&mut self, word: Value) {
        self.socket.send(Message::text(word.to_string())).await.unwrap();
    }

    /// Nothing but counters comes for a while.
    async fn quiet(&mut self) {
        let event = tokio::time::timeout(Duration::from_millis(300), self.event()).await;
        assert!(event.is_err(), "{event:?}");
    }
}

fn running(record: &Record) -> Exchange {
    serde_json::from_value(json!({
        "id": record.id, "started_at": jiff::Timestamp::from_microsecond(record.started_at_us).unwrap(),
        "method": "POST", "path": record.path, "origin": "client", "mode": "transparent",
        "client_ip": "127.0.0.1", "client_token": null, "provider": "openai", "key": null,
        "model": record.model, "upstream_model": null, "status": null, "outcome": "in_flight",
        "error": null, "stream": false, "duration_ms": null, "ttfb_ms": null,
        "first_token_ms": null, "request_bytes": 0, "response_bytes": 0,
        "usage": {"prompt_tokens": null, "completion_tokens": null, "cached_tokens": null,
            "reasoning_tokens": null, "source": "absent"},
        "cost_usd": null, "attempts": 0, "warnings": [], "pinned": false, "note": null
    }))
    .unwrap()
}

#[tokio::test]
async fn an_exchange_starts_changes_and_finishes_once_it_is_stored() {
    let mut monitor = start().await;
    let proxy = Proxy::listen(&monitor.config.proxy.link);
    let mut link = proxy.connected().await;
    link.hello("a", 0, vec![]).await;
    eventually("the link is known", || async {
        monitor.get("/api/health").await.json()["proxy"]["connected"] == true
    })
    .await;
    let (mut feed, hello) = Feed::open(&monitor).await;
    assert_eq!(hello["cursor"], 0);
    assert_eq!(hello["in_flight"], json!([]));
    assert_eq!(hello["proxy"]["connected"], true);

    let record = record();
    let mut now = running(&record);
    link.started(&now).await;
    feed.expect("request.started", record.id).await;
    now.status = Some(200);
    link.updated(&now).await;
    let event = feed.expect("request.updated", record.id).await;
    assert_eq!(event["request"]["status"], 200);

    let listed = monitor.get("/api/requests").await.json();
    assert_eq!(listed["total"], 1);
    assert_eq!(listed["items"][0]["outcome"], "in_flight");

    let cursor = monitor.append(std::slice::from_ref(&record));
    feed.quiet().await;
    link.committed(cursor).await;
    let event = feed.expect("request.finished", record.id).await;
    assert_eq!(event["cursor"], cursor);
    assert_eq!(event["request"]["outcome"], "ok");
    // What is said late, or twice, is not said again.
    link.updated(&now).await;
    link.committed(cursor).await;
    feed.quiet().await;
    let listed = monitor.get("/api/requests").await.json();
    assert_eq!((&listed["total"], &listed["items"][0]["outcome"]), (&json!(1), &json!("ok")));
}

#[tokio::test]
async fn what_was_never_announced_starts_before_it_finishes() {
    let mut monitor = start().await;
    let proxy = Proxy::listen(&monitor.config.proxy.link);
    let mut link = proxy.connected().await;
    link.hello("a", 0, vec![]).await;
    let (mut feed, _) = Feed::open(&monitor).await;
    let record = record();
    let cursor = monitor.append(std::slice::from_ref(&record));
    link.committed(cursor).await;
    let start = feed.expect("request.started", record.id).await;
    assert_eq!(start["request"]["outcome"], "in_flight");
    assert!(start["request"]["status"].is_null());
    feed.expect("request.finished", record.id).await;
    // One whose record was lost has no cursor.
    let mut lost = running(&crate::start::record());
    link.started(&lost).await;
    feed.expect("request.started", lost.id).await;
    lost.outcome = Outcome::Ok;
    link.say(LinkEvent::Lost { request: lost.clone() }).await;
    let event = feed.expect("request.finished", lost.id).await;
    assert!(event.get("cursor").is_none());
}

#[tokio::test]
async fn resume_replays_in_order_without_gap_or_repeat() {
    let mut monitor = start().await;
    let proxy = Proxy::listen(&monitor.config.proxy.link);
    let mut link = proxy.connected().await;
    link.hello("a", 0, vec![]).await;
    let records: Vec<_> = (0..1_200).map(|_| record()).collect();
    let cursor = monitor.append(&records);
    link.committed(cursor).await;
    eventually("all are announced", || async {
        let metrics = monitor.get("/metrics").await;
        String::from_utf8_lossy(&metrics.body).contains("glassway_monitor_cursor 1200")
    })
    .await;
    let (mut feed, hello) = Feed::open(&monitor).await;
    assert_eq!(hello["cursor"], cursor);
    feed.say(json!({"resume_after": 200})).await;
    // Goes on live while it replays.
    let more: Vec<_> = (0..50).map(|_| record()).collect();
    let last = monitor.append(&more);
    link.committed(last).await;
    let mut cursors = Vec::new();
    let mut started = HashMap::<String, u32>::new();
    while cursors.last() != Some(&last) {
        let event = feed.event().await;
        match event["type"].as_str().unwrap() {
            "request.started" => {
                *started.entry(event["request"]["id"].as_str().unwrap().into()).or_default() += 1;
            }
            "request.finished" => cursors.push(event["cursor"].as_i64().unwrap()),
            other => panic!("{other}"),
        }
    }
    assert_eq!(cursors, (201..=last).collect::<Vec<_>>());
    assert!(started.values().all(|&n| n == 1));
}

#[tokio::test]
async fn filters_hold_for_starts_changes_and_replays() {
    let mut monitor = start().await;
    let proxy = Proxy::listen(&monitor.config.proxy.link);
    let mut link = proxy.connected().await;
    link.hello("a", 0, vec![]).await;
    let (mut feed, _) = Feed::open(&monitor).await;
    feed.say(json!({"filter": {"model": "o3", "stream": false}})).await;
    feed.say(json!({"filter": {"colour": "red"}})).await;
    let refused = feed.event().await;
    assert_eq!(refused["type"], "error");
    assert!(refused["detail"].as_str().unwrap().contains("colour"));

    let mut records = [record(), record()];
    records[0].model = Some("o3".into());
    let unknown_yet = Exchange { model: None, ..running(&records[0]) };
    link.started(&unknown_yet).await;
    link.started(&running(&records[1])).await;
    feed.quiet().await;
    // The model is read from the body: only then it fits.
    link.updated(&running(&records[0])).await;
    feed.expect("request.started", records[0].id).await;
    let cursor = monitor.append(&records);
    link.committed(cursor).await;
    feed.expect("request.finished", records[0].id).await;
    feed.quiet().await;
}

#[tokio::test]
async fn the_proxy_dies_and_comes_back_and_every_exchange_has_one_end() {
    let mut monitor = start().await;
    let proxy = Proxy::listen(&monitor.config.proxy.link);
    let mut link = proxy.connected().await;
    link.hello("a", 0, vec![]).await;
    let (mut feed, _) = Feed::open(&monitor).await;
    let [stays, ends, cut, lost] = [record(), record(), record(), record()];
    for record in [&stays, &ends, &cut, &lost] {
        link.started(&running(record)).await;
        feed.expect("request.started", record.id).await;
    }
    drop(link);
    eventually("the loss is known", || async {
        monitor.get("/api/health").await.json()["proxy"]["connected"] == false
    })
    .await;
    // Kept as they were until the proxy says.
    assert_eq!(monitor.get("/api/requests?outcome=in_flight").await.json()["total"], 4);
    // It died after it had written one; the next one finds another in the flight file.
    let mut interrupted = cut.clone();
    interrupted.outcome = Outcome::Interrupted;
    let new = record();
    let cursor = monitor.append(&[ends.clone(), interrupted, new.clone()]);
    let mut link = proxy.connected().await;
    link.hello("b", cursor, vec![running(&stays)]).await;
    let mut ends_seen = HashMap::new();
    let mut starts_seen = 0;
    while ends_seen.len() < 4 {
        let event = feed.event().await;
        match event["type"].as_str().unwrap() {
            "request.finished" => {
                let id = event["request"]["id"].as_str().unwrap().to_owned();
                let outcome = event["request"]["outcome"].as_str().unwrap().to_owned();
                assert!(ends_seen.insert(id, outcome).is_none(), "{event}");
            }
            "request.started" => {
                assert_eq!(event["request"]["id"], new.id.to_string());
                starts_seen += 1;
            }
            _ => {}
        }
    }
    assert_eq!(starts_seen, 1);
    assert_eq!(ends_seen[&ends.id.to_string()], "ok");
    assert_eq!(ends_seen[&cut.id.to_string()], "interrupted");
    // Given up after a grace: the proxy does not know it and nothing was written.
    assert_eq!(ends_seen[&lost.id.to_string()], "interrupted");
    let cursor = monitor.append(std::slice::from_ref(&stays));
    link.committed(cursor).await;
    feed.expect("request.finished", stays.id).await;
}

#[tokio::test]
async fn a_monitor_that_was_away_misses_nothing() {
    let mut monitor = start().await;
    let proxy = Proxy::listen(&monitor.config.proxy.link);
    let mut link = proxy.connected().await;
    link.hello("a", 0, vec![]).await;
    let (mut feed, _) = Feed::open(&monitor).await;
    let first = record();
    let seen = monitor.append(std::slice::from_ref(&first));
    link.committed(seen).await;
    feed.expect("request.started", first.id).await;
    feed.expect("request.finished", first.id).await;
    let long = record();
    link.started(&running(&long)).await;
    feed.expect("request.started", long.id).await;

    let mut monitor = monitor.restart().await;
    let mut quick = record();
    quick.started_at_us += 2_000_000;
    let cursor = monitor.append(std::slice::from_ref(&quick));
    let mut link = proxy.connected().await;
    link.hello("a", cursor, vec![running(&long)]).await;
    eventually("it knows what runs", || async {
        monitor.get("/api/requests?outcome=in_flight").await.json()["total"] == 1
    })
    .await;
    eventually("it has read what was committed", || async {
        let metrics = monitor.get("/metrics").await;
        String::from_utf8_lossy(&metrics.body)
            .contains(&format!("glassway_monitor_cursor {cursor}\n"))
    })
    .await;
    let (mut feed, hello) = Feed::open(&monitor).await;
    assert_eq!(hello["in_flight"][0]["id"], long.id.to_string());
    feed.say(json!({"resume_after": seen})).await;
    feed.expect("request.started", quick.id).await;
    feed.expect("request.finished", quick.id).await;
    let cursor = monitor.append(std::slice::from_ref(&long));
    link.committed(cursor).await;
    feed.expect("request.finished", long.id).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_resyncs_and_holds_up_nobody() {
    let mut monitor = start().await;
    let proxy = Proxy::listen(&monitor.config.proxy.link);
    let mut link = proxy.connected().await;
    link.hello("a", 0, vec![]).await;
    let (mut slow, _) = Feed::open(&monitor).await;
    let (mut quick, _) = Feed::open(&monitor).await;
    let mut all = Vec::new();
    let mut cursor = 0;
    for _ in 0..20 {
        let mut batch: Vec<_> = (0..500).map(|_| record()).collect();
        for record in &mut batch {
            // Enough that a socket's buffers are full soon.
            record.warnings = vec!["w".repeat(2_000)];
        }
        cursor = monitor.append(&batch);
        link.committed(cursor).await;
        all.extend(batch.into_iter().map(|r| r.id.to_string()));
        // The quick one keeps up, although the slow one has stopped reading.
        let mut last = 0;
        while last < cursor {
            let event = quick.event().await;
            assert_ne!(event["type"], "resync");
            last = event["cursor"].as_i64().unwrap_or(last);
        }
    }
    let mut finished = Vec::new();
    let mut started = HashMap::<String, u32>::new();
    let mut resyncs = 0;
    while finished.len() < all.len() {
        let event = slow.event().await;
        match event["type"].as_str().unwrap() {
            "request.finished" => {
                finished.push(event["request"]["id"].as_str().unwrap().to_owned());
            }
            "request.started" => {
                *started.entry(event["request"]["id"].as_str().unwrap().into()).or_default() += 1;
            }
            "resync" => {
                resyncs += 1;
                let from = event["cursor"].as_i64().unwrap();
                assert_eq!(from as usize, finished.len(), "from where it stands");
                slow.say(json!({"resume_after": from})).await;
            }
            _ => {}
        }
    }
    assert_eq!(finished, all, "each once, in the order of {cursor} commits");
    assert_eq!(started.len(), all.len());
    assert!(started.values().all(|&n| n == 1), "each starts once");
    assert!(resyncs > 0, "20 MB did not fill the queue");
}

#[tokio::test]
async fn watched_bodies_come_from_their_beginning_to_each_client() {
    let monitor = start().await;
    let proxy = Proxy::listen(&monitor.config.proxy.link);
    let mut link = proxy.connected().await;
    let record = record();
    let id = record.id;
    link.hello("a", 0, vec![running(&record)]).await;
    eventually("it runs", || async { monitor.get("/api/requests").await.json()["total"] == 1 })
        .await;
    let delta = |from: u64, data: &str| {
        LinkEvent::Delta(BodyDelta {
            id,
            side: Side::Response,
            offset_ms: 1.5,
            from,
            data: data.into(),
        })
    };
    let (mut a, _) = Feed::open(&monitor).await;
    a.say(json!({"watch": id})).await;
    assert_eq!(link.command().await, LinkCommand::Watch(id));
    link.say_all(&[delta(0, "你好"), delta(6, "世界")]).await;
    let text = async |feed: &mut Feed| {
        let event = feed.event().await;
        assert_eq!(event["type"], "body.delta", "{event}");
        (event["from"].as_u64().unwrap(), event["data"].as_str().unwrap().to_owned())
    };
    assert_eq!(text(&mut a).await, (0, "你好".to_owned()));
    assert_eq!(text(&mut a).await, (6, "世界".to_owned()));
    // A second client: the proxy begins anew, the first one hears only what is new.
    let (mut b, _) = Feed::open(&monitor).await;
    b.say(json!({"watch": id})).await;
    assert_eq!(link.command().await, LinkCommand::Watch(id));
    link.say_all(&[delta(12, "!"), delta(0, "你好世界!"), delta(13, "?")]).await;
    assert_eq!(text(&mut a).await, (12, "!".to_owned()));
    assert_eq!(text(&mut a).await, (13, "?".to_owned()));
    assert_eq!(text(&mut b).await, (0, "你好世界!".to_owned()));
    assert_eq!(text(&mut b).await, (13, "?".to_owned()));
    // The last to leave ends it.
    a.say(json!({"unwatch": id})).await;
    drop(b);
    assert_eq!(link.command().await, LinkCommand::Unwatch(id));
}

#[tokio::test]
async fn who_reads_along_gets_the_last_words_too() {
    let mut monitor = start().await;
    let proxy = Proxy::listen(&monitor.config.proxy.link);
    let mut link = proxy.connected().await;
    let mut record = record();
    let id = record.id;
    link.hello("a", 0, vec![running(&record)]).await;
    eventually("it runs", || async { monitor.get("/api/requests").await.json()["total"] == 1 })
        .await;
    let (mut feed, _) = Feed::open(&monitor).await;
    feed.say(json!({"watch": id})).await;
    assert_eq!(link.command().await, LinkCommand::Watch(id));
    let first = LinkEvent::Delta(BodyDelta {
        id,
        side: Side::Response,
        offset_ms: 1.5,
        from: 0,
        data: "你好".into(),
    });
    link.say(first).await;
    assert_eq!(feed.event().await["data"], "你好");
    record.response.as_mut().unwrap().body = "你好世界".into();
    record.request.body.clear();
    let cursor = monitor.append(std::slice::from_ref(&record));
    link.committed(cursor).await;
    let rest = feed.event().await;
    assert_eq!((&rest["from"], &rest["data"]), (&json!(6), &json!("世界")));
    feed.expect("request.finished", id).await;
    assert_eq!(link.command().await, LinkCommand::Unwatch(id));
}

#[tokio::test]
async fn clients_are_told_when_the_monitor_stops() {
    let monitor = start().await;
    let (mut feed, _) = Feed::open(&monitor).await;
    let stopping = tokio::spawn(monitor.restart());
    let closed = loop {
        if let Message::Close(frame) = feed.socket.next().await.unwrap().unwrap() {
            break frame.unwrap();
        }
    };
    assert_eq!(u16::from(closed.code), 1001);
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_running_exchange_is_asked_of_the_proxy() {
    let monitor = start().await;
    let proxy = Proxy::listen(&monitor.config.proxy.link);
    let mut link = proxy.connected().await;
    let record = record();
    let id = record.id;
    link.hello("a", 0, vec![running(&record)]).await;
    let asked = tokio::spawn(async move {
        proxy
            .accept(move |path| {
                assert_eq!(path, format!("/in-flight/{id}"));
                (200, json!({"id": id, "outcome": "in_flight", "target": "/v1/x"}).to_string())
            })
            .await;
    });
    let detail = monitor.get(&format!("/api/request/{id}")).await;
    assert_eq!(detail.status, 200);
    assert_eq!(detail.json()["target"], "/v1/x");
    assert_eq!(detail.json()["events_total"], 0);
    asked.abort();
}

#[tokio::test]
async fn keys_and_providers_that_go_out_are_told_and_shown() {
    let monitor = start().await;
    let proxy = Proxy::listen(&monitor.config.proxy.link);
    let mut link = proxy.connected().await;
    link.hello("a", 0, vec![]).await;
    let (mut feed, _) = Feed::open(&monitor).await;
    let until = "2099-01-01T00:00:00Z".parse().unwrap();
    let standing = |id, status: &str| Standing {
        id,
        status: status.into(),
        status_reason: Some("rate_limit".into()),
        status_until: Some(until),
    };
    link.say(LinkEvent::KeyChanged { key: standing(7, "cooling") }).await;
    let event = feed.event().await;
    assert_eq!(event["type"], "key.changed");
    assert_eq!(
        event["key"],
        json!({"id": 7, "status": "cooling", "status_reason": "rate_limit",
            "status_until": "2099-01-01T00:00:00Z"})
    );
    link.say(LinkEvent::ProviderChanged { provider: standing(1, "open") }).await;
    assert_eq!(feed.event().await["type"], "provider.changed");
    let health = |provider: Value| provider["health"].clone();
    assert_eq!(health(monitor.get("/api/providers/1").await.json())["status"], "open");
    link.say(LinkEvent::ProviderChanged { provider: standing(1, "ok") }).await;
    feed.event().await;
    assert_eq!(health(monitor.get("/api/providers/1").await.json())["status"], "ok");
}
