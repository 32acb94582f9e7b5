//! An upstream that behaves like a vendor: for the demo, for real client
//! libraries and for measurements of conversations.
//!
//! It speaks OpenAI's chat completions, responses, embeddings and models, and
//! Anthropic's messages. What it does besides answering well is asked for by
//! the model's name: `…-slow` stalls in the middle, `…-busy` answers 429,
//! `…-broken` answers 500 and `…-cut` breaks its stream off.

mod anthropic;
mod openai;
mod words;

use std::{io, net::TcpListener, thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    Upstream,
    upstream::{Conn, Request, SSE_HEAD, answer},
};

/// How fast it answers.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Before the first token.
    pub first: Duration,
    /// Between tokens.
    pub token: Duration,
    /// The stall of a `…-slow` model.
    pub stall: Duration,
}

impl Pace {
    /// As a person sees it at a vendor.
    pub const REAL: Self = Self {
        first: Duration::from_millis(420),
        token: Duration::from_millis(28),
        stall: Duration::from_secs(8),
    };

    /// Without any waiting.
    pub const INSTANT: Self =
        Self { first: Duration::ZERO, token: Duration::ZERO, stall: Duration::ZERO };
}

/// What the model's name asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Slow,
    Busy,
    Broken,
    Cut,
}

/// The question a request asks, whichever dialect it came in.
struct Question {
    model: String,
    stream: bool,
    /// The newest thing the user or a tool said.
    last: String,
    /// The tool to call, if there are tools and no result of one came last.
    tool: Option<String>,
    prompt_tokens: usize,
    body: Value,
}

/// Starts it on a free port.
#[must_use]
pub fn start(pace: Pace) -> Upstream {
    start_on(TcpListener::bind("127.0.0.1:0").expect("loopback has a free port"), pace)
}

/// Starts it on a listener.
pub fn start_on(listener: TcpListener, pace: Pace) -> Upstream {
    Upstream::on(listener, move |conn| {
        while let Some(request) = conn.try_request() {
            if serve(conn, &request, pace).is_err() {
                return;
            }
        }
    })
}

fn serve(conn: &mut Conn, request: &Request, pace: Pace) -> io::Result<()> {
    let path = request.head.first_line.split(' ').nth(1).unwrap_or("/");
    let path = path.split('?').next().unwrap_or(path);
    let anthropic = path.ends_with("/messages");
    if path.ends_with("/models") {
        return conn.try_send(json_answer("200 OK", &openai::models()));
    }
    let Ok(body) = serde_json::from_slice::<Value>(&request.body.bytes) else {
        let error = json!({"error": {"message": "We could not parse the JSON body of your request.",
            "type": "invalid_request_error", "param": null, "code": null}});
        return conn.try_send(json_answer("400 Bad Request", &error));
    };
    if path.ends_with("/embeddings") {
        thread::sleep(pace.first / 4);
        return conn.try_send(json_answer("200 OK", &openai::embeddings(&body)));
    }
    let question = Question::read(body);
    thread::sleep(pace.first);
    let mood = question.mood();
    if let Some(refusal) = refusal(mood, anthropic) {
        return conn.try_send(refusal);
    }
    let frames = match path {
        p if p.ends_with("/chat/completions") => openai::chat(&question),
        p if p.ends_with("/responses") => openai::responses(&question),
        _ if anthropic => anthropic::messages(&question),
        _ => {
            let error = json!({"error": {"message": format!("Unknown request URL: {path}."),
                "type": "invalid_request_error", "param": null, "code": "unknown_url"}});
            return conn.try_send(json_answer("404 Not Found", &error));
        }
    };
    match frames {
        Reply::Whole(body) => {
            thread::sleep(pace.token * 20);
            conn.try_send(json_answer("200 OK", &body))
        }
        Reply::Stream(frames) => stream(conn, &frames, mood, pace),
    }
}

/// An answer, whole or as the frames of an event stream.
enum Reply {
    Whole(Value),
    Stream(Vec<Frame>),
}

/// One event of a stream; `content` ones come at the pace of tokens.
struct Frame {
    text: String,
    content: bool,
}

impl Frame {
    /// `data:` alone, as OpenAI writes it.
    fn data(data: &Value, content: bool) -> Self {
        Self { text: format!("data: {data}\n\n"), content }
    }

    /// `event:` and `data:`, the event named by the data's `type`.
    fn event(data: &Value, content: bool) -> Self {
        let name = data["type"].as_str().unwrap_or("message");
        Self { text: format!("event: {name}\ndata: {data}\n\n"), content }
    }
}

fn stream(conn: &mut Conn, frames: &[Frame], mood: Mood, pace: Pace) -> io::Result<()> {
    conn.try_send(SSE_HEAD)?;
    let middle = frames.len() / 2;
    for (i, frame) in frames.iter().enumerate() {
        if i == middle && mood == Mood::Slow {
            thread::sleep(pace.stall);
        }
        if i == middle && mood == Mood::Cut {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if frame.content {
            thread::sleep(pace.token);
        }
        conn.try_send(format!("{:x}\r\n{}\r\n", frame.text.len(), frame.text))?;
    }
    conn.try_send("0\r\n\r\n")
}

fn refusal(mood: Mood, anthropic: bool) -> Option<Vec<u8>> {
    let (status, more, kind, code, message) = match mood {
        Mood::Busy => (
            "429 Too Many Requests",
            "retry-after: 1\r\nx-ratelimit-remaining-requests: 0\r\n",
            "rate_limit_error",
            "rate_limit_exceeded",
            "Rate limit reached for requests per min (RPM): Limit 3, Used 3, Requested 1.",
        ),
        Mood::Broken => (
            "500 Internal Server Error",
            "",
            "server_error",
            "internal_error",
            "The server had an error while processing your request. Sorry about that!",
        ),
        _ => return None,
    };
    let body = if anthropic {
        let kind = if kind == "server_error" { "api_error" } else { kind };
        json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_demo"})
    } else {
        json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
    };
    let text = json_answer(status, &body);
    let text = String::from_utf8(text).expect("an answer is text");
    Some(text.replacen("\r\n", &format!("\r\n{more}"), 1).into_bytes())
}

fn json_answer(status: &str, body: &Value) -> Vec<u8> {
    answer(status, "application/json", &body.to_string())
}

impl Question {
    fn read(body: Value) -> Self {
        let turns = body["messages"]
            .as_array()
            .or_else(|| body["input"].as_array())
            .cloned()
            .unwrap_or_default();
        let newest = turns.last().cloned().unwrap_or_else(|| body["input"].clone());
        let has_result = newest["role"] == "tool"
            || newest["content"][0]["type"] == "tool_result"
            || newest["type"] == "function_call_output";
        let tool = body["tools"]
            .as_array()
            .and_then(|tools| tools.first())
            .filter(|_| !has_result)
            .and_then(|tool| tool["function"]["name"].as_str().or(tool["name"].as_str()))
            .map(str::to_owned);
        Self {
            model: body["model"].as_str().unwrap_or("gpt-4o").to_owned(),
            stream: body["stream"] == true,
            last: text_of(&newest),
            tool,
            prompt_tokens: body.to_string().len() / 4,
            body,
        }
    }

    fn mood(&self) -> Mood {
        match self.model.rsplit('-').next() {
            Some("slow") => Mood::Slow,
            Some("busy") => Mood::Busy,
            Some("broken") => Mood::Broken,
            Some("cut") => Mood::Cut,
            _ => Mood::Well,
        }
    }

    fn answer(&self) -> &'static str {
        words::answer(&self.last)
    }

    fn tokens(&self) -> Vec<String> {
        words::tokens(self.answer())
    }
}

fn text_of(turn: &Value) -> String {
    match &turn["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|p| p["text"].as_str().or(p["content"].as_str())).collect()
        }
        _ => turn.as_str().unwrap_or_default().to_owned(),
    }
}
