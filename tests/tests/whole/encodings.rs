//! Compressed bodies travel as they are and are shown as what they mean.

use std::io::Write;

use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use glassway_tests::{Glassway, Upstream, client::get, glassway::Which};

const TEXT: &str = r#"{"model":"gpt-4o","choices":[{"message":{"content":"狐狸 jumps"}}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#;

fn packed(coding: &str, text: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => {
            let mut to = GzEncoder::new(Vec::new(), Compression::default());
            to.write_all(text).unwrap();
            to.finish().unwrap()
        }
        "deflate" => {
            let mut to = ZlibEncoder::new(Vec::new(), Compression::default());
            to.write_all(text).unwrap();
            to.finish().unwrap()
        }
        "br" => {
            let mut out = Vec::new();
            let mut to = brotli::CompressorWriter::new(&mut out, 4096, 5, 22);
            to.write_all(text).unwrap();
            drop(to);
            out
        }
        "zstd" => zstd::encode_all(text, 3).unwrap(),
        _ => unreachable!("{coding}"),
    }
}

fn with_head(coding: &str, kind: &str, bytes: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
        bytes.len()
    )
    .into_bytes();
    answer.extend_from_slice(bytes);
    answer
}

#[test]
fn a_compressed_answer_passes_untouched_and_is_shown_decoded() {
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let bytes = packed(coding, TEXT.as_bytes());
        let upstream = Upstream::answer(with_head(coding, "application/json", &bytes));
        let glassway = Glassway::before(&upstream);
        let answer = glassway.client().ask(get("/v1/chat/completions"));
        assert!(answer.body.bytes == bytes, "{coding}: the bytes changed");
        assert_eq!(answer.head.header("content-encoding"), Some(coding));

        let exchange = glassway.only_exchange();
        let response = &exchange["response"];
        assert_eq!(response["body"], TEXT, "{coding}");
        assert_eq!(response["decoded"], true);
        assert_eq!(response["content_encoding"], coding);
        assert_eq!(response["body_bytes"], bytes.len());
        assert_eq!(exchange["response_bytes"], bytes.len());
        assert_eq!(exchange["usage"]["prompt_tokens"], 3, "{coding}");
        let path = format!("/api/request/{}/response-body", exchange["id"].as_str().unwrap());
        assert!(glassway.api().get(&path).body == bytes, "{coding}: raw bytes differ");
        let decoded = glassway.api().get(&format!("{path}?decoded=true"));
        assert_eq!(decoded.text(), TEXT);
    }
}

#[test]
fn a_compressed_stream_is_shown_as_events() {
    let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"狐\"}}]}\n\ndata: [DONE]\n\n";
    for coding in ["gzip", "br", "zstd"] {
        let bytes = packed(coding, stream.as_bytes());
        let upstream = Upstream::answer(with_head(coding, "text/event-stream", &bytes));
        let glassway = Glassway::before(&upstream);
        let answer = glassway.client().ask(get("/v1/chat/completions"));
        assert!(answer.body.bytes == bytes);
        let exchange = glassway.only_exchange();
        let events = exchange["events"].as_array().unwrap();
        let data: Vec<_> = events.iter().map(|e| e["data"].as_str().unwrap()).collect();
        assert_eq!(data, [r#"{"choices":[{"delta":{"content":"狐"}}]}"#, "[DONE]"], "{coding}");
    }
}

#[test]
fn a_compressed_request_is_shown_decoded() {
    let upstream = Upstream::answer(glassway_tests::upstream::json("{}"));
    let glassway = Glassway::before(&upstream);
    let bytes = packed("gzip", br#"{"model":"gpt-4o-packed"}"#);
    let mut client = glassway.client();
    client.send(format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Encoding: gzip\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        bytes.len()
    ));
    client.send(&bytes);
    assert_eq!(client.answer().status(), 200);
    assert!(upstream.only_request().body.bytes == bytes);
    let exchange = glassway.only_exchange();
    assert_eq!(exchange["request"]["body"], r#"{"model":"gpt-4o-packed"}"#);
    assert_eq!(exchange["model"], "gpt-4o-packed");
}

#[test]
fn a_bomb_passes_and_is_not_unpacked_whole() {
    let bytes = packed("gzip", &vec![b' '; 512 * 1024 * 1024]);
    let upstream = Upstream::answer(with_head("gzip", "application/json", &bytes));
    let mut glassway = Glassway::before(&upstream);
    let before = glassway.resident(Which::Proxy);
    let answer = glassway.client().ask(get("/v1/chat/completions"));
    assert!(answer.body.bytes == bytes);
    let exchange = glassway.only_exchange();
    assert_eq!(exchange["outcome"], "ok");
    let after = glassway.resident(Which::Proxy);
    assert!(after < before + 128 * 1024 * 1024, "{before} grew to {after}");
}

#[test]
fn a_body_that_is_not_what_it_says_is_kept_as_it_is() {
    for coding in ["gzip", "br", "zstd", "deflate", "unheard-of"] {
        let upstream =
            Upstream::answer(with_head(coding, "application/json", b"\xffnot packed at all"));
        let glassway = Glassway::before(&upstream);
        let answer = glassway.client().ask(get("/v1/x"));
        assert_eq!(answer.body.bytes, b"\xffnot packed at all");
        let exchange = glassway.only_exchange();
        assert_eq!(exchange["outcome"], "ok");
        assert_eq!(exchange["response"]["decoded"], false, "{coding}");
        assert_eq!(exchange["response"]["body_encoding"], "base64");
    }
}
