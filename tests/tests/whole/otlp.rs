//! Finished exchanges as spans: a scripted collector decodes them with OpenTelemetry's own
//! definitions.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{Arc, Mutex},
};

use glassway_tests::{
    Glassway, Upstream, eventually,
    glassway::{Setup, Which},
    team::{self, by_key, error, paste, post},
    upstream::{answer, json},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    },
    common::v1::{KeyValue, any_value::Value as Any},
    trace::v1::Span,
};
use prost::Message;
use rusqlite::Connection;

/// A collector that keeps what it took; what it answers can be changed.
struct Collector {
    upstream: Upstream,
    spans: Arc<Mutex<Vec<Span>>>,
    says: Arc<Mutex<Vec<u8>>>,
}

impl Collector {
    fn on(listener: TcpListener) -> Self {
        let spans = Arc::<Mutex<Vec<Span>>>::default();
        let says = Arc::new(Mutex::new(json("{}")));
        let (kept, said) = (spans.clone(), says.clone());
        let upstream = Upstream::on(listener, move |conn| {
            while let Some(request) = conn.try_request() {
                assert!(
                    request.head.first_line.starts_with("POST /v1/traces "),
                    "{}",
                    request.head.first_line
                );
                assert_eq!(request.head.header("content-type"), Some("application/x-protobuf"));
                assert_eq!(request.head.header("x-tenant"), Some("glass"));
                let sent = ExportTraceServiceRequest::decode(&request.body.bytes[..]).unwrap();
                let says = said.lock().unwrap().clone();
                if says.starts_with(b"HTTP/1.1 200") {
                    for resource in sent.resource_spans {
                        let of = attributes(&resource.resource.unwrap().attributes);
                        assert_eq!(of["service.name"], "my-gateway");
                        for scope in resource.scope_spans {
                            assert_eq!(scope.scope.unwrap().name, "glassway");
                            kept.lock().unwrap().extend(scope.spans);
                        }
                    }
                }
                if conn.try_send(&says).is_err() {
                    return;
                }
            }
        });
        Self { upstream, spans, says }
    }

    fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn spans(&self, n: usize) -> Vec<Span> {
        eventually(format!("{n} spans"), || {
            let spans = self.spans.lock().unwrap();
            assert!(spans.len() <= n, "{spans:#?}");
            (spans.len() == n).then(|| spans.clone())
        })
    }

    fn says(&self, answer: Vec<u8>) {
        *self.says.lock().unwrap() = answer;
    }
}

fn exporting(upstream: &Upstream, collector: &str) -> Setup {
    Glassway::setup()
        .upstream(&upstream.url())
        .set("otlp.endpoint", collector)
        .set("otlp.headers", vec!["X-Tenant: glass"])
        .set("otlp.service_name", "my-gateway")
}

fn attributes(list: &[KeyValue]) -> BTreeMap<String, String> {
    let one = |pair: &KeyValue| {
        let value = match pair.value.clone().unwrap().value.unwrap() {
            Any::StringValue(text) => text,
            Any::IntValue(n) => n.to_string(),
            Any::DoubleValue(n) => n.to_string(),
            Any::BoolValue(yes) => yes.to_string(),
            Any::ArrayValue(list) => format!(
                "{:?}",
                list.values
                    .iter()
                    .map(|v| match &v.value {
                        Some(Any::StringValue(text)) => text.clone(),
                        other => panic!("{other:?}"),
                    })
                    .collect::<Vec<_>>()
            ),
            other => panic!("{other:?}"),
        };
        (pair.key.clone(), value)
    };
    list.iter().map(one).collect()
}

const STOPPED: &str = r#"{"id":"c","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"hi"}}],"usage":{"prompt_tokens":1000,"completion_tokens":100}}"#;

/// The number that a metric has now.
fn metric(glassway: &Glassway, name: &str) -> f64 {
    let page = glassway.api().get("/metrics").text();
    let line = page.lines().find(|line| line.split(' ').next() == Some(name)).expect(name);
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Waits until the export has taken its place in the record: what was before is history.
fn begun(glassway: &Glassway) {
    let database = Connection::open(glassway.database()).unwrap();
    eventually("the export has begun", || {
        let find = "SELECT value FROM settings WHERE name = 'otlp_cursor'";
        database.query_row(find, [], |row| row.get::<_, String>(0)).ok()
    });
}

#[test]
fn an_exchange_is_a_span_by_the_conventions_and_each_attempt_one_below_it() {
    let collector = Collector::start();
    let upstream = by_key(|n| match n {
        0 => error("429 Too Many Requests", "rate_limit_exceeded"),
        _ => answer("200 OK", "application/json", STOPPED),
    });
    let glassway = exporting(&upstream, &collector.upstream.url()).start();
    paste(&glassway, 2);
    begun(&glassway);
    let caused = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
                  tracestate: vendor=1\r\n";
    let request = post("/v1/chat/completions", team::ASK).replacen(
        "Content-Type",
        &format!("{caused}Content-Type"),
        1,
    );
    assert_eq!(glassway.client().ask(request).status(), 200);
    let mut spans = collector.spans(3);
    spans.sort_by_key(|span| !span.attributes.iter().any(|a| a.key == "glassway.outcome"));
    let root = &spans[0];
    let of = attributes(&root.attributes);
    assert_eq!(root.name, "chat gpt-4o");
    assert_eq!(root.kind, 3, "a client's span, as the conventions ask");
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert_eq!(hex(&root.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(hex(&root.parent_span_id), "b7ad6b7169203331");
    assert_eq!(root.trace_state, "vendor=1");
    let exchange = &team::from_clients(&glassway, 1)[0];
    for (name, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "gpt-4o"),
        ("gen_ai.usage.input_tokens", "1000"),
        ("gen_ai.usage.output_tokens", "100"),
        ("gen_ai.response.finish_reasons", r#"["stop"]"#),
        ("http.response.status_code", "200"),
        ("server.address", "127.0.0.1"),
        ("glassway.outcome", "ok"),
        ("glassway.exchange.id", exchange["id"].as_str().unwrap()),
        ("glassway.attempts", "2"),
    ] {
        assert_eq!(of.get(name).map(String::as_str), Some(value), "{name} in {of:#?}");
    }
    assert!(!of.contains_key("error.type"), "{of:#?}");
    let took = (root.end_time_unix_nano - root.start_time_unix_nano) as f64 / 1e6;
    assert!((took - exchange["duration_ms"].as_f64().unwrap()).abs() < 1.0, "{took}");
    let started: jiff::Timestamp = exchange["started_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(started.as_nanosecond() / 1_000, i128::from(root.start_time_unix_nano) / 1_000);

    let below: Vec<_> = spans[1..].iter().map(|span| attributes(&span.attributes)).collect();
    for span in &spans[1..] {
        assert_eq!((&span.parent_span_id, &span.trace_id), (&root.span_id, &root.trace_id));
        assert!(span.start_time_unix_nano >= root.start_time_unix_nano);
    }
    let limited = below.iter().find(|of| of["glassway.attempt"] == "1").unwrap();
    assert_eq!(limited["http.response.status_code"], "429", "{limited:#?}");
    assert!(limited.contains_key("error.type"), "{limited:#?}");
    let told = format!("{spans:?}");
    assert!(!told.contains("hello") && !told.contains(&team::key(1)), "contents stay here");
}

#[test]
fn a_collector_that_is_away_loses_nothing_and_a_restart_repeats_nothing() {
    let reserved = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = reserved.local_addr().unwrap();
    drop(reserved);
    let upstream = Upstream::respond(|_| answer("200 OK", "application/json", STOPPED));
    let mut glassway = exporting(&upstream, &format!("http://{at}")).start();
    paste(&glassway, 1);
    begun(&glassway);
    for _ in 0..5 {
        assert_eq!(team::asked(&glassway), 200);
    }
    eventually("it has tried and failed", || {
        (metric(&glassway, "glassway_monitor_otlp_failures_total") >= 2.0).then_some(())
    });
    let said = glassway.log(Which::Monitor);
    let complaints = said.lines().filter(|l| l.contains("the collector takes no spans")).count();
    assert_eq!(complaints, 1, "{said}");
    assert!(said.contains(&at.to_string()), "{said}");
    assert_eq!(metric(&glassway, "glassway_monitor_otlp_behind"), 5.0);

    // Over a restart of the monitor, too.
    let _ = glassway.term(Which::Monitor);
    let collector = Collector::on(TcpListener::bind(at).unwrap());
    glassway.start(Which::Monitor);
    let spans = collector.spans(5);
    let ids: std::collections::BTreeSet<_> = spans.iter().map(|s| s.span_id.clone()).collect();
    assert_eq!(ids.len(), 5);
    eventually("it has caught up", || {
        (metric(&glassway, "glassway_monitor_otlp_behind") == 0.0).then_some(())
    });
    let _ = glassway.term(Which::Monitor);
    glassway.start(Which::Monitor);
    glassway.connected();
    assert_eq!(team::asked(&glassway), 200);
    assert_eq!(collector.spans(6).len(), 6, "nothing was sent twice");
}

#[test]
fn refusals_are_told_and_hold_nothing_up() {
    let collector = Collector::start();
    let upstream = Upstream::respond(|_| answer("200 OK", "application/json", STOPPED));
    let glassway = exporting(&upstream, &collector.upstream.url()).start();
    paste(&glassway, 1);
    begun(&glassway);
    collector.says(answer("400 Bad Request", "text/plain", "no"));
    assert_eq!((team::asked(&glassway), team::asked(&glassway)), (200, 200));
    eventually("both are passed over", || {
        (metric(&glassway, "glassway_monitor_otlp_refused_total") == 2.0).then_some(())
    });
    // A wrong credential is set right by people: nothing is given up for it.
    collector.says(answer("401 Unauthorized", "text/plain", "who are you"));
    assert_eq!(team::asked(&glassway), 200);
    eventually("it is tried on", || {
        let log = glassway.log(Which::Monitor);
        log.lines().find(|l| l.contains("it answers 401")).map(str::to_owned)
    });
    let partial = ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: 1,
            error_message: "too old".to_owned(),
        }),
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n";
    let body = partial.encode_to_vec();
    let head = format!("{head}Content-Length: {}\r\n\r\n", body.len());
    collector.says([head.into_bytes(), body].concat());
    collector.spans(1);
    eventually("what was refused in part is told", || {
        let log = glassway.log(Which::Monitor);
        (log.contains("refused some spans") && log.contains("too old")).then_some(())
    });
}

#[test]
fn without_an_endpoint_nothing_is_counted_or_sent() {
    let upstream = Upstream::respond(|_| json("{}"));
    let glassway = Glassway::before(&upstream);
    assert!(!glassway.api().get("/metrics").text().contains("otlp"));
}
