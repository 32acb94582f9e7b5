//! Transparent mode: what one side sends, the other gets, byte for byte.

use glassway_tests::{Client, Glassway, Upstream, client::get, upstream::json, wire::End};

/// Headers as one sees them on the wire.
fn lines(headers: &[(String, String)]) -> Vec<String> {
    headers.iter().map(|(n, v)| format!("{n}: {v}")).collect()
}

/// The same headers with repeats of a name behind its first occurrence.
fn grouped(headers: &[&str]) -> Vec<String> {
    let name = |line: &str| line.split(':').next().unwrap().to_ascii_lowercase();
    let mut out: Vec<String> = Vec::new();
    for line in headers {
        let at = out.iter().rposition(|l| name(l) == name(line));
        out.insert(at.map_or(out.len(), |at| at + 1), (*line).to_owned());
    }
    out
}

#[test]
fn a_request_arrives_with_its_headers_in_their_spelling_and_order() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let headers = [
        "X-Zulu: last letter first",
        "aUtHoRiZaTiOn: Bearer sk-Mixed-Case",
        "X-Multi: one",
        "x-stainless-Lang: python",
        "X-Multi: two",
        "User-Agent: OpenAI/Python 3.51.0",
        "ACCEPT: */*",
        "Content-Type: application/json",
        "x-empty:",
        "X-Multi: three",
        "Content-Length: 2",
    ];
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: glassway\r\n{}\r\n\r\n{{}}",
        headers.join("\r\n")
    );
    assert_eq!(glassway.client().ask(request).status(), 200);

    let got = upstream.only_request();
    assert_eq!(got.head.first_line, "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(got.head.header("host"), Some(upstream.addr().to_string().as_str()));
    let mut expected = grouped(&headers);
    let empty = expected.iter().position(|l| l == "x-empty:").unwrap();
    expected[empty] = "x-empty: ".to_owned();
    let rest: Vec<_> = lines(&got.head.headers)
        .into_iter()
        .filter(|l| !l.to_ascii_lowercase().starts_with("host:"))
        .collect();
    assert_eq!(rest, expected, "nothing added, nothing taken, nothing moved");
    assert_eq!(got.body.text(), "{}");
}

#[test]
fn an_answer_arrives_with_its_headers_in_their_spelling_and_order() {
    let headers = [
        "Server: some-relay/1.0",
        "X-Request-ID: req_42",
        "Set-Cookie: a=1; Path=/",
        "openai-Processing-ms: 12",
        "Set-Cookie: b=2; Path=/",
        "DATE: Tue, 01 Jan 2030 00:00:00 GMT",
        "Content-Type: application/json",
        "Content-Length: 2",
    ];
    let upstream =
        Upstream::answer(format!("HTTP/1.1 200 OK\r\n{}\r\n\r\n{{}}", headers.join("\r\n")));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let answer = glassway.client().ask(get("/v1/models"));
    assert_eq!(answer.head.first_line, "HTTP/1.1 200 OK");
    assert_eq!(lines(&answer.head.headers), grouped(&headers));
    assert_eq!(answer.text(), "{}");
}

#[test]
fn an_answer_without_date_and_server_gets_none() {
    let upstream = Upstream::answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let answer = glassway.client().ask(get("/v1/models"));
    assert_eq!(answer.head.names(), ["content-length"]);
}

#[test]
fn targets_keep_their_bytes() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let kept = [
        "/",
        "/v1/files/a%2Fb%2e%2E/content",
        "/v1/../v1/./models",
        "//double//slashes/",
        "/v1/models?",
        "/v1/models?a=1&a=2&empty&b=%20+%E7%8B%90&c=a/b?c",
        "/v1/models/%E7%8B%90%E7%8B%B8",
        "/v1/;params=1,2/~tilde/!$&'()*+,;=:@",
    ];
    let mut client = glassway.client();
    for target in kept {
        assert_eq!(client.ask(get(target)).status(), 200, "{target}");
    }
    assert_eq!(client.ask(get("/api/v1/models?x=1")).status(), 200);
    let got: Vec<String> = upstream
        .requests()
        .iter()
        .map(|r| r.head.first_line.split(' ').nth(1).unwrap().to_owned())
        .collect();
    let mut expected = kept.map(str::to_owned).to_vec();
    expected.push("/v1/models?x=1".to_owned());
    assert_eq!(got, expected, "only /api/v1/ becomes /v1/");
}

#[test]
fn any_method_passes_with_and_without_a_body() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let mut client = glassway.client();
    let methods = [
        "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "QUERY", "M-SEARCH",
        "lower",
    ];
    for method in methods {
        let bare = format!("{method} /v1/x HTTP/1.1\r\nHost: g\r\n\r\n");
        assert_eq!(client.ask(bare).status(), 200, "{method} without a body");
        let full = format!("{method} /v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(client.ask(full).status(), 200, "{method} with a body");
    }
    let got = upstream.requests();
    assert_eq!(got.len(), methods.len() * 2);
    for (pair, method) in got.chunks(2).zip(methods) {
        assert_eq!(pair[0].head.first_line, format!("{method} /v1/x HTTP/1.1"));
        assert_eq!(pair[0].body.text(), "");
        assert_eq!(pair[0].head.header("content-length"), None, "{method}");
        assert_eq!(pair[0].head.header("transfer-encoding"), None, "{method}");
        assert_eq!(pair[1].body.text(), "abc");
        assert_eq!(pair[1].head.header("content-length"), Some("3"));
    }
}

#[test]
fn an_empty_body_with_a_length_keeps_its_length() {
    let upstream = Upstream::answer(json("{}"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let request = "POST /v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(glassway.client().ask(request).status(), 200);
    let got = upstream.only_request();
    assert_eq!(got.head.header("content-length"), Some("0"));
}

#[test]
fn every_byte_of_a_body_survives_both_ways() {
    let bytes: Vec<u8> = (0..=255u8).cycle().take(100_003).collect();
    let sent = bytes.clone();
    let upstream = Upstream::respond(move |request| {
        let mut answer =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.body.bytes.len())
                .into_bytes();
        answer.extend(request.body.bytes.iter().rev());
        answer
    });
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let mut client = glassway.client();
    client
        .send(format!("POST /v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: {}\r\n\r\n", sent.len()));
    client.send(&sent);
    let answer = client.answer();
    assert!(upstream.only_request().body.bytes == bytes);
    assert_eq!(answer.body.end, End::Clean);
    assert!(answer.body.bytes.iter().rev().eq(bytes.iter()));
}

#[test]
fn answers_without_a_body_leave_the_connection_usable() {
    let upstream = Upstream::respond(|request| {
        let answer = match request.head.first_line.split(' ').next() {
            Some("HEAD") => "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-Is: head\r\n\r\n",
            Some("DELETE") => "HTTP/1.1 204 No Content\r\nX-Is: 204\r\n\r\n",
            Some("PATCH") => "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        };
        answer.into()
    });
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let mut client = glassway.client();

    client.send("HEAD /v1/x HTTP/1.1\r\nHost: g\r\n\r\n");
    let head = client.head();
    assert_eq!(head.status(), 200);
    assert_eq!(head.header("content-length"), Some("1234"));
    assert_eq!(head.header("x-is"), Some("head"));

    let deleted = client.ask("DELETE /v1/x HTTP/1.1\r\nHost: g\r\n\r\n");
    assert_eq!(deleted.status(), 204);
    assert_eq!(deleted.head.names(), ["x-is"]);

    let unchanged = client.ask("PATCH /v1/x HTTP/1.1\r\nHost: g\r\n\r\n");
    assert_eq!(unchanged.status(), 304);
    assert_eq!(unchanged.head.header("etag"), Some("\"x\""));

    assert_eq!(client.ask(get("/v1/x")).text(), "hello");
}

#[test]
fn any_status_passes_with_its_body() {
    let upstream = Upstream::respond(|request| {
        let status = request.head.first_line.split(['/', ' ']).nth(2).unwrap();
        glassway_tests::upstream::answer(&format!("{status} As It Is"), "text/plain", status)
    });
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let mut client = glassway.client();
    for status in [
        200, 201, 202, 206, 302, 400, 401, 402, 403, 404, 409, 413, 418, 429, 500, 502, 503, 529,
        599,
    ] {
        let answer = client.ask(get(&format!("/{status}")));
        assert_eq!(answer.status(), status);
        assert_eq!(answer.text(), status.to_string());
    }
}

#[test]
fn a_hundred_and_twenty_headers_pass_both_ways() {
    let many: String = (0..120).map(|i| format!("X-Header-{i}: {i}\r\n")).collect();
    let upstream = Upstream::answer(format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 0\r\n\r\n"));
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let answer = glassway.client().ask(format!("GET /v1/x HTTP/1.1\r\nHost: g\r\n{many}\r\n"));
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.head.header("x-header-119"), Some("119"));
    assert_eq!(upstream.only_request().head.header("x-header-119"), Some("119"));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let upstream = Upstream::respond(|request| {
        let target = request.head.first_line.split(' ').nth(1).unwrap();
        glassway_tests::upstream::answer("200 OK", "text/plain", target)
    });
    let glassway = Glassway::setup().upstream(&upstream.url()).start_proxy();
    let mut client: Client = glassway.client();
    client.send([get("/first"), get("/second"), get("/third")].concat());
    for expected in ["/first", "/second", "/third"] {
        assert_eq!(client.answer().text(), expected);
    }
}
