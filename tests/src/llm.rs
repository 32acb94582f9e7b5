//! An upstream that behaves like a vendor: for the demo, for real client
//! libraries and for measurements of conversations.
//!
//! It speaks OpenAI's chat completions, responses, embeddings, images, audio and
//! models, Anthropic's messages, and the first three at Azure's addresses; a
//! request that the vendor's documents forbid is refused in the vendor's words.
//! What it does besides answering well is asked for by the model's name: `…-slow`
//! stalls in the middle, `…-busy` answers 429, `…-broken` answers 500 and `…-cut`
//! breaks its stream off. Given tools it calls the first, and the second (or the
//! first again) beside it where the question holds ` and `; with a schema it
//! answers as that says.

mod anthropic;
mod azure;
mod media;
mod openai;
mod question;
mod responses;
mod sample;
mod strict;
mod vendor;
mod words;

use std::{io, net::TcpListener, thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    Upstream,
    upstream::{Conn, Request, SSE_HEAD, answer},
};
use question::Question;
use vendor::{Call, Refusal, Vendor};

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
    let call = Call::of(&request.head);
    let own = call.vendor.headers();
    if let Err(refusal) = call.admit(&request.head) {
        return conn.try_send(refusal.answer(call.vendor, own));
    }
    if call.operation == "/models" {
        return conn.try_send(json_answer("200 OK", own, &openai::models()));
    }
    if let Some(made) = media::upload(&call, &request.head, &request.body.bytes) {
        return conn.try_send(json_answer("200 OK", own, &made));
    }
    if call.operation == "/audio/speech" {
        return conn.try_send(answer("200 OK", "audio/mpeg", "ID3 sound"));
    }
    let Ok(body) = serde_json::from_slice::<Value>(&request.body.bytes) else {
        let refusal = Refusal::bad("We could not parse the JSON body of your request.");
        return conn.try_send(refusal.answer(call.vendor, own));
    };
    let thinking_time = match &*call.operation {
        "/embeddings" => pace.first / 4,
        _ => pace.first,
    };
    let simple = match &*call.operation {
        "/embeddings" => Some(openai::embeddings(&body)),
        "/images/generations" => Some(media::image(&body)),
        "/moderations" => Some(media::moderation(&body)),
        "/messages/count_tokens" => Some(json!({"input_tokens": body.to_string().len() / 4})),
        _ => None,
    };
    if let Some(simple) = simple {
        thread::sleep(thinking_time);
        return conn.try_send(json_answer("200 OK", own, &simple));
    }
    let question = Question::read(body);
    thread::sleep(thinking_time);
    let mood = question.mood();
    let refusal = Refusal::of_mood(mood).or_else(|| strict::check(&call, &question).err());
    if let Some(refusal) = refusal {
        return conn.try_send(refusal.answer(call.vendor, own));
    }
    let reply = match (call.vendor, &*call.operation) {
        (Vendor::Anthropic, "/messages") => anthropic::messages(&question),
        (Vendor::OpenAi, "/chat/completions") => openai::chat(&question),
        (Vendor::Azure, "/chat/completions") => azure::dressed(openai::chat(&question)),
        (Vendor::OpenAi | Vendor::Azure, "/responses") => responses::responses(&question),
        _ => {
            let mut refusal = Refusal::bad(format!("Unknown request URL: {}.", call.operation));
            refusal.status = "404 Not Found";
            refusal.code = Some("unknown_url");
            return conn.try_send(refusal.answer(call.vendor, own));
        }
    };
    match reply {
        Reply::Whole(body) => {
            thread::sleep(pace.token * 20);
            conn.try_send(json_answer("200 OK", own, &body))
        }
        Reply::Stream(frames) => stream(conn, own, &frames, mood, pace),
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

fn stream(conn: &mut Conn, own: &str, frames: &[Frame], mood: Mood, pace: Pace) -> io::Result<()> {
    conn.try_send(SSE_HEAD.replacen("\r\n", &format!("\r\n{own}"), 1))?;
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

fn json_answer(status: &str, own: &str, body: &Value) -> Vec<u8> {
    let text = answer(status, "application/json", &body.to_string());
    let text = String::from_utf8(text).expect("an answer is text");
    text.replacen("\r\n", &format!("\r\n{own}"), 1).into_bytes()
}

/// A text in pieces that end where no token would.
fn pieces(text: &str) -> impl Iterator<Item = String> {
    let characters: Vec<char> = text.chars().collect();
    let pieces: Vec<String> = characters.chunks(6).map(String::from_iter).collect();
    pieces.into_iter()
}
