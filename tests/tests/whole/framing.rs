//! Bodies keep their framing, their trailers and their timing.

use glassway_tests::{
    Gate, Glassway, Upstream,
    upstream::{SSE_HEAD, answer, json},
    wire::End,
};

#[test]
fn a_length_stays_a_length_and_chunks_stay_chunks_on_the_way_up() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let mut client = glassway.client();
    let sized = "POST /v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(client.ask(sized).status(), 200);
    let chunked = "POST /v1/x HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3;ext=1\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
    assert_eq!(client.ask(chunked).status(), 200);

    let got = upstream.requests();
    assert_eq!(got[0].head.header("content-length"), Some("5"));
    assert_eq!(got[0].head.header("transfer-encoding"), None);
    assert_eq!(got[1].head.header("content-length"), None);
    assert_eq!(got[1].head.header("transfer-encoding"), Some("chunked"));
    assert_eq!([got[0].body.text(), got[1].body.text()], ["hello", "hello"]);
}

#[test]
fn a_length_stays_a_length_and_chunks_stay_chunks_on_the_way_down() {
    let upstream = Upstream::respond(|request| {
        if request.head.first_line.contains("sized") {
            return answer("200 OK", "text/plain", "hello");
        }
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
            .into()
    });
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let mut client = glassway.client();
    let sized = client.ask("GET /sized HTTP/1.1\r\nHost: g\r\n\r\n");
    assert_eq!(sized.head.names(), ["content-length", "content-type"]);
    assert_eq!(sized.text(), "hello");
    let chunked = client.ask("GET /chunked HTTP/1.1\r\nHost: g\r\n\r\n");
    assert_eq!(chunked.head.names(), ["transfer-encoding"]);
    assert_eq!(chunked.text(), "hello");
}

#[test]
fn an_answer_that_ends_with_its_connection_arrives_whole() {
    for version in ["1.0", "1.1"] {
        let upstream = Upstream::script(move |conn| {
            conn.request();
            conn.send(format!("HTTP/{version} 200 OK\r\nConnection: close\r\n\r\nuntil the end"));
        });
        let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
        let answer = glassway.client().ask("GET /v1/x HTTP/1.1\r\nHost: g\r\n\r\n");
        assert_eq!(answer.text(), "until the end", "HTTP/{version}");
    }
}

#[test]
fn an_http_1_0_client_is_answered_without_chunks() {
    let upstream = Upstream::answer(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    );
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let mut client = glassway.client();
    let answer = client.ask("GET /v1/x HTTP/1.0\r\nHost: g\r\n\r\n");
    assert_eq!(answer.head.header("transfer-encoding"), None);
    assert_eq!(answer.text(), "hello");
}

#[test]
fn trailers_reach_a_client_that_takes_them() {
    let upstream = Upstream::answer(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
         5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n",
    );
    let glassway = Glassway::setup().upstream(&upstream.url()).start();
    let mut client = glassway.client();
    let with =
        client.ask("GET /v1/x HTTP/1.1\r\nHost: g\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
    assert_eq!(with.text(), "hello");
    assert_eq!(with.body.trailers.len(), 1, "{:?}", with.body);
    let (name, value) = &with.body.trailers[0];
    assert_eq!((name.to_ascii_lowercase().as_str(), value.as_str()), ("x-sum", "42"));

    let without = client.ask("GET /v1/x HTTP/1.1\r\nHost: g\r\n\r\n");
    assert_eq!(without.text(), "hello");
    assert!(without.body.trailers.is_empty());

    let first = &glassway.finished(2)[0];
    let detail = glassway.api().request(first["id"].as_str().unwrap());
    assert_eq!(detail["response"]["trailers"][0][1], "42", "{detail:#}");
}

#[test]
fn trailers_of_a_request_reach_the_upstream() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let answer = glassway.client().ask(
        "POST /v1/x HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
         5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n",
    );
    assert_eq!(answer.status(), 200);
    let got = upstream.only_request();
    assert_eq!(got.body.text(), "hello");
    assert_eq!(got.body.trailers.len(), 1, "{:?}", got.body);
}

#[test]
fn a_client_that_expects_100_continue_gets_it_before_its_body() {
    let upstream = Upstream::answer(json(r#"{"ok":true}"#));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let mut client = glassway.client();
    client.send(
        "POST /v1/x HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    );
    assert_eq!(client.head().status(), 100);
    client.send("hello");
    assert_eq!(client.answer().text(), r#"{"ok":true}"#);
    assert_eq!(upstream.only_request().body.text(), "hello");
}

#[test]
fn a_refused_request_gets_no_100_continue() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let mut client = glassway.client();
    client.send("POST /v1/x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(client.head().status(), 400, "Host is missing");
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn an_early_answer_is_relayed_while_the_upload_runs() {
    let upstream = Upstream::script(|conn| {
        conn.head();
        conn.send(answer("413 Payload Too Large", "application/json", r#"{"error":"too large"}"#));
        conn.drain(usize::MAX, || {});
    });
    let glassway = Glassway::setup().upstream(&upstream.url()).start();
    let mut client = glassway.client();
    client.send("POST /v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: 10000000\r\n\r\n");
    client.send(vec![b'x'; 1_000]);
    // The rest of the upload is never sent: the answer does not wait for it.
    let answer = client.answer();
    assert_eq!(answer.status(), 413);
    assert_eq!(answer.text(), r#"{"error":"too large"}"#);
    drop(client);
    let exchange = glassway.only_exchange();
    assert_eq!(exchange["status"], 413);
    assert_eq!(exchange["outcome"], "client_error", "the answer was complete");
}

#[test]
fn each_piece_of_a_stream_arrives_before_the_next_is_sent() {
    let more = Gate::new();
    let go_on = more.clone();
    let upstream = Upstream::script(move |conn| {
        conn.request();
        conn.send(SSE_HEAD);
        conn.send_chunk("data: 1\n\n");
        go_on.wait();
        conn.send_chunk("data: 2\n\n");
        conn.send("0\r\n\r\n");
    });
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let mut client = glassway.client();
    client.send("POST /v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.chunk().unwrap(), b"data: 1\n\n");
    more.open();
    assert_eq!(client.chunk().unwrap(), b"data: 2\n\n");
    assert_eq!(client.chunk().unwrap(), b"");
}

#[test]
fn the_head_of_an_answer_does_not_wait_for_its_body() {
    let more = Gate::new();
    let go_on = more.clone();
    let upstream = Upstream::script(move |conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
        go_on.wait();
        conn.send("hello");
    });
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let mut client = glassway.client();
    client.send("GET /v1/x HTTP/1.1\r\nHost: g\r\n\r\n");
    let head = client.head();
    more.open();
    let body = client.body(&head, false, false);
    assert_eq!((body.text().as_str(), body.end), ("hello", End::Clean));
}

#[test]
fn interim_answers_do_not_hide_the_final_one() {
    let upstream = Upstream::answer(
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    );
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    assert_eq!(glassway.client().ask("GET /x HTTP/1.1\r\nHost: g\r\n\r\n").text(), "ok");
}
