//! What goes wrong upstream or downstream is passed on as what it is: an abort
//! stays an abort, and an error of ours has the caller's shape and a code.

use std::net::TcpListener;

use glassway_tests::{
    Gate, Glassway, Upstream,
    client::{get, post},
    upstream::{SSE_HEAD, json},
    wire::End,
};

#[test]
fn an_answer_cut_by_the_upstream_is_cut_for_the_client() {
    type Script = fn(&mut glassway_tests::upstream::Conn);
    let cuts: [(&str, Script); 4] = [
        ("inside a length", |conn| {
            conn.request();
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
        }),
        ("between chunks", |conn| {
            conn.request();
            conn.send(SSE_HEAD);
            conn.send_chunk("data: only this\n\n");
        }),
        ("inside a chunk", |conn| {
            conn.request();
            conn.send(SSE_HEAD);
            conn.send("64\r\ndata: only this");
        }),
        ("by a reset", |conn| {
            conn.request();
            conn.send(SSE_HEAD);
            conn.send_chunk("data: only this\n\n");
            conn.reset();
        }),
    ];
    for (what, script) in cuts {
        let upstream = Upstream::script(script);
        let glassway = Glassway::before(&upstream);
        let mut client = glassway.client();
        client.send(post("/v1/chat/completions", "{}"));
        // A reset may overtake what was sent before it: then nothing was answered.
        if let Some(head) = client.try_head() {
            if head.status() == 200 {
                let body = client.body(&head, false, false);
                assert_eq!(body.end, End::Cut, "{what}: the client saw a clean end");
            } else {
                assert_eq!((head.status(), what), (502, "by a reset"));
            }
        }
        let exchange = glassway.only_exchange();
        assert_eq!(exchange["outcome"], "upstream_closed", "{what}");
        assert_eq!(exchange["error"]["code"], "upstream_closed", "{what}");
    }
}

#[test]
fn an_upstream_that_closes_without_an_answer_is_a_502() {
    let upstream = Upstream::script(|conn| {
        conn.request();
    });
    let glassway = Glassway::before(&upstream);
    let answer = glassway.client().ask(post("/v1/chat/completions", "{}"));
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.json()["error"]["code"], "upstream_closed");
    let exchange = glassway.only_exchange();
    assert_eq!(exchange["outcome"], "upstream_closed");
    assert_eq!(exchange["status"], 502);
}

#[test]
fn an_answer_that_is_not_http_is_a_502() {
    for nonsense in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nBad Header\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ] {
        let upstream = Upstream::answer(nonsense);
        let glassway = Glassway::before(&upstream);
        let answer = glassway.client().ask(post("/v1/chat/completions", "{}"));
        assert_eq!(answer.status(), 502, "{nonsense:?}");
        let code = answer.json()["error"]["code"].clone();
        assert_eq!(code, "upstream_invalid_response", "{nonsense:?}");
        assert_eq!(glassway.only_exchange()["error"]["code"], code);
    }
}

#[test]
fn an_upstream_that_never_answers_is_a_504() {
    let upstream = Upstream::script(|conn| {
        conn.request();
        conn.closed();
    });
    let glassway =
        Glassway::setup().upstream(&upstream.url()).set("proxy.first_byte_timeout", "1s").start();
    let answer = glassway.client().ask(post("/v1/chat/completions", "{}"));
    assert_eq!(answer.status(), 504);
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "upstream_timeout");
    assert!(error["message"].is_string() && error["type"].is_string(), "{error}");
    let exchange = glassway.only_exchange();
    assert_eq!(exchange["outcome"], "timeout");
    assert_eq!(exchange["error"]["code"], "upstream_timeout");
}

#[test]
fn a_stream_that_falls_silent_is_cut() {
    let upstream = Upstream::script(|conn| {
        conn.request();
        conn.send(SSE_HEAD);
        conn.send_chunk("data: 1\n\n");
        conn.closed();
    });
    let glassway =
        Glassway::setup().upstream(&upstream.url()).set("proxy.idle_timeout", "1s").start();
    let answer = glassway.client().ask(post("/v1/chat/completions", "{}"));
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.body.end, End::Cut);
    assert_eq!(answer.body.text(), "data: 1\n\n");
    assert_eq!(glassway.only_exchange()["outcome"], "timeout");
}

#[test]
fn a_refused_connection_is_a_502_in_the_callers_shape() {
    // A port that was free a moment ago and that nobody listens on.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let glassway = Glassway::setup().upstream(&format!("http://{free}")).start();

    let openai = glassway.client().ask(post("/v1/chat/completions", "{}"));
    assert_eq!(openai.status(), 502);
    let error = &openai.json()["error"];
    assert_eq!(error["code"], "upstream_connect");
    assert!(error["message"].as_str().unwrap().contains(&free.to_string()), "{error}");
    assert!(error["type"].is_string());

    let anthropic = glassway.client().ask(
        "POST /v1/messages HTTP/1.1\r\nHost: g\r\nanthropic-version: 2023-06-01\r\nx-api-key: k\r\n\
         Content-Length: 2\r\n\r\n{}",
    );
    assert_eq!(anthropic.status(), 502);
    let shape = anthropic.json();
    assert_eq!(shape["type"], "error");
    assert_eq!(shape["error"]["type"], "api_error");
    assert_eq!(shape["error"]["code"], "upstream_connect");

    for exchange in glassway.finished(2) {
        assert_eq!(exchange["outcome"], "upstream_error");
        assert_eq!(exchange["status"], 502);
        assert_eq!(exchange["error"]["code"], "upstream_connect");
    }
}

#[test]
fn a_client_that_leaves_during_the_answer_frees_the_upstream() {
    let closed = Gate::new();
    let seen = closed.clone();
    let upstream = Upstream::script(move |conn| {
        conn.request();
        conn.send(SSE_HEAD);
        conn.send_chunk("data: 1\n\n");
        assert!(conn.closed());
        seen.open();
    });
    let glassway = Glassway::before(&upstream);
    let mut client = glassway.client();
    client.send(post("/v1/chat/completions", r#"{"stream":true}"#));
    client.head();
    client.chunk();
    drop(client);
    closed.wait();
    let exchange = glassway.only_exchange();
    assert_eq!(exchange["outcome"], "client_closed");
    assert_eq!(exchange["response"]["body"], "data: 1\n\n");
}

#[test]
fn a_client_that_leaves_before_the_answer_frees_the_upstream() {
    let (came, closed) = (Gate::new(), Gate::new());
    let (tell_came, tell_closed) = (came.clone(), closed.clone());
    let upstream = Upstream::script(move |conn| {
        conn.request();
        tell_came.open();
        assert!(conn.closed());
        tell_closed.open();
    });
    let glassway = Glassway::before(&upstream);
    let mut client = glassway.client();
    client.send(post("/v1/chat/completions", "{}"));
    came.wait();
    drop(client);
    closed.wait();
    assert_eq!(glassway.only_exchange()["outcome"], "client_closed");
}

#[test]
fn a_client_that_leaves_during_its_upload_frees_the_upstream() {
    let (came, closed) = (Gate::new(), Gate::new());
    let (tell_came, tell_closed) = (came.clone(), closed.clone());
    let upstream = Upstream::script(move |conn| {
        let head = conn.head();
        tell_came.open();
        let request = conn.rest_of(head);
        assert_eq!(request.body.end, End::Cut, "half an upload ended cleanly");
        tell_closed.open();
    });
    let glassway = Glassway::before(&upstream);
    let mut client = glassway.client();
    client.send("POST /v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: 1000\r\n\r\nhalf of it");
    came.wait();
    drop(client);
    closed.wait();
    let exchange = glassway.only_exchange();
    assert_eq!(exchange["outcome"], "client_closed");
    assert_eq!(exchange["request"]["body"], "half of it");
}

#[test]
fn an_upstream_that_takes_half_an_upload_and_leaves_is_a_502() {
    let upstream = Upstream::script(|conn| {
        conn.head();
        conn.sized(10);
        conn.reset();
    });
    let glassway = Glassway::before(&upstream);
    let mut client = glassway.client();
    client.send("POST /v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: 1000000\r\n\r\n0123456789");
    let answer = client.answer();
    assert_eq!(answer.status(), 502);
    assert_eq!(glassway.only_exchange()["outcome"], "upstream_closed");
}

#[test]
fn the_health_of_the_proxy_is_told_without_an_upstream() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let glassway = Glassway::setup().upstream(&format!("http://{free}")).start_proxy();
    for path in ["/healthz", "/api/health"] {
        let answer = glassway.client().ask(get(path));
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.json()["status"], "ok");
    }
}

#[test]
fn an_upstream_that_answers_after_an_error_is_used_again() {
    let upstream = Upstream::script(|conn| {
        conn.request();
        if conn.number > 0 {
            conn.send(json("{}"));
        }
    });
    let glassway = Glassway::before(&upstream);
    assert_eq!(glassway.client().ask(post("/v1/x", "{}")).status(), 502);
    assert_eq!(glassway.client().ask(post("/v1/x", "{}")).status(), 200);
}
