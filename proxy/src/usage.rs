//! What a request and its answer say about themselves: model, whether a stream is
//! wanted, tokens. Read by the journal after the end, never on the data path.
//! Only the few fields needed are looked at; a large body is skipped, not built.
//!
//! Shapes: OpenAI chat, completions, embeddings (`usage.prompt_tokens`), responses
//! (`usage.input_tokens` with details), Anthropic messages (`usage.input_tokens`
//! without what the cache served), DeepSeek (`prompt_cache_hit_tokens`).

use std::borrow::Cow;

use glassway_shared::model::{Usage, UsageSource};
use serde::Deserialize;
use serde_json::Value;

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// As the client named it.
    pub model: Option<String>,
    /// Whether it wants a stream.
    pub stream: bool,
}

/// Reads a request body; lenient, since it may be cut at the recording cap.
pub fn asked(body: &[u8], content_type: Option<&[u8]>, path: &str) -> Asked {
    if content_type.is_some_and(|t| t.starts_with(b"multipart/")) {
        return Asked { model: multipart_model(body), stream: false };
    }
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        model: Option<Cow<'a, str>>,
        stream: Option<bool>,
    }
    if first_byte(body) == Some(b'{') {
        if let Ok(head) = serde_json::from_slice::<Head>(body) {
            return Asked {
                model: head.model.filter(|m| !m.is_empty()).map(|m| clip(&m)),
                stream: head.stream.unwrap_or(false),
            };
        }
        // Cut, or with fields of other types: look for the model alone.
        return Asked { model: model_of_cut(body), stream: contains_stream_true(body) };
    }
    Asked { model: path_model(path), stream: false }
}

fn first_byte(body: &[u8]) -> Option<u8> {
    body.iter().copied().find(|b| !b.is_ascii_whitespace())
}

fn clip(model: &str) -> String {
    model.chars().take(200).collect()
}

fn model_of_cut(body: &[u8]) -> Option<String> {
    let at = memchr::memmem::find(body, b"\"model\"")? + 7;
    let rest = body.get(at..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', rest)?;
    std::str::from_utf8(&rest[..end]).ok().map(clip)
}

fn contains_stream_true(body: &[u8]) -> bool {
    memchr::memmem::find(body, b"\"stream\":true").is_some()
        || memchr::memmem::find(body, b"\"stream\": true").is_some()
}

/// `/v1/realtime?model=…`, `/v1/models/NAME`.
fn path_model(target: &str) -> Option<String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parameter = query.split('&').find_map(|p| p.strip_prefix("model="));
    let name = parameter.or_else(|| path.strip_prefix("/v1/models/"))?;
    let name = percent_encoding::percent_decode_str(name).decode_utf8().ok()?;
    (!name.is_empty()).then(|| clip(&name))
}

/// The `model` part of a form, as audio and image calls send it.
fn multipart_model(body: &[u8]) -> Option<String> {
    let at = memchr::memmem::find(body, b"name=\"model\"")?;
    let rest = &body[at..];
    let start = memchr::memmem::find(rest, b"\r\n\r\n")? + 4;
    let end = memchr::memmem::find(&rest[start..], b"\r\n")? + start;
    std::str::from_utf8(&rest[start..end]).ok().map(|m| clip(m.trim()))
}

/// What an answer says, put together from one JSON body or many frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// As the upstream names it.
    pub model: Option<String>,
    tokens: Tokens,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tokens {
    prompt: Option<u64>,
    completion: Option<u64>,
    cached: Option<u64>,
    written: Option<u64>,
    reasoning: Option<u64>,
    /// Some of them are sound.
    audio: bool,
    /// Anthropic: the cache's part comes on top of the input.
    apart: bool,
}

impl Answered {
    /// Reads one JSON object: a whole answer, or one frame's data. Later frames
    /// replace what earlier ones said, since counts are cumulative.
    pub fn read(&mut self, json: &[u8]) {
        #[derive(Deserialize)]
        struct Outer<'a> {
            #[serde(borrow, default)]
            model: Option<Cow<'a, str>>,
            usage: Option<Value>,
            #[serde(borrow, default)]
            response: Option<Inner<'a>>,
            #[serde(borrow, default)]
            message: Option<Inner<'a>>,
        }
        #[derive(Deserialize)]
        struct Inner<'a> {
            #[serde(borrow, default)]
            model: Option<Cow<'a, str>>,
            usage: Option<Value>,
        }
        let Ok(outer) = serde_json::from_slice::<Outer>(json) else {
            return self.read_loosely(json);
        };
        let Outer { model, usage, response, message } = outer;
        for (model, usage) in [(model, usage)]
            .into_iter()
            .chain(response.into_iter().chain(message).map(|inner| (inner.model, inner.usage)))
        {
            if let Some(model) = model.filter(|m| !m.is_empty()) {
                self.model = Some(clip(&model));
            }
            if let Some(usage) = usage {
                self.tokens.read(&usage);
            }
        }
    }

    /// Where a field has another type than expected (`"message": "text"` in an error).
    fn read_loosely(&mut self, json: &[u8]) {
        let Ok(value) = serde_json::from_slice::<Value>(json) else { return };
        for part in [&value, &value["response"], &value["message"]] {
            if let Some(model) = part["model"].as_str().filter(|m| !m.is_empty()) {
                self.model = Some(clip(model));
            }
            self.tokens.read(&part["usage"]);
        }
    }

    /// What was said beside it, as counts of its own.
    pub fn add(&mut self, other: Self) {
        let Self { model, tokens } = other;
        self.model = model.or(self.model.take());
        let add = |sum: &mut Option<u64>, more: Option<u64>| {
            *sum = match (*sum, more) {
                (Some(sum), Some(more)) => Some(sum.saturating_add(more)),
                (sum, more) => sum.or(more),
            };
        };
        add(&mut self.tokens.prompt, tokens.prompt);
        add(&mut self.tokens.completion, tokens.completion);
        add(&mut self.tokens.cached, tokens.cached);
        add(&mut self.tokens.written, tokens.written);
        add(&mut self.tokens.reasoning, tokens.reasoning);
        self.tokens.audio |= tokens.audio;
        self.tokens.apart |= tokens.apart;
    }

    /// Tokens of the prompt that went into a cache.
    pub fn written(&self) -> u64 {
        self.tokens.written.unwrap_or(0)
    }

    /// Whether sound was counted, whose rates are not those of text.
    pub fn has_audio(&self) -> bool {
        self.tokens.audio
    }

    /// The counts, in OpenAI's sense: cached inside the prompt, reasoning inside the
    /// completion.
    pub fn usage(&self) -> Usage {
        let tokens = &self.tokens;
        if tokens.prompt.is_none() && tokens.completion.is_none() {
            return Usage::ABSENT;
        }
        let apart = match tokens.apart {
            true => tokens.cached.unwrap_or(0).saturating_add(tokens.written.unwrap_or(0)),
            false => 0,
        };
        Usage {
            prompt_tokens: tokens.prompt.map(|n| n.saturating_add(apart)),
            completion_tokens: tokens.completion,
            cached_tokens: tokens.cached,
            reasoning_tokens: tokens.reasoning,
            source: UsageSource::Upstream,
        }
    }
}

impl Tokens {
    fn read(&mut self, usage: &Value) {
        let set = |slot: &mut Option<u64>, value: &Value| {
            if let Some(n) = value.as_u64() {
                *slot = Some(n);
            }
        };
        set(&mut self.prompt, &usage["prompt_tokens"]);
        set(&mut self.prompt, &usage["input_tokens"]);
        set(&mut self.completion, &usage["completion_tokens"]);
        set(&mut self.completion, &usage["output_tokens"]);
        set(&mut self.cached, &usage["prompt_cache_hit_tokens"]);
        for details in ["prompt_tokens_details", "input_tokens_details", "input_token_details"] {
            set(&mut self.cached, &usage[details]["cached_tokens"]);
            // OpenRouter's.
            set(&mut self.written, &usage[details]["cache_write_tokens"]);
            self.audio |= usage[details]["audio_tokens"].as_u64().is_some_and(|n| n > 0);
        }
        for details in
            ["completion_tokens_details", "output_tokens_details", "output_token_details"]
        {
            set(&mut self.reasoning, &usage[details]["reasoning_tokens"]);
            self.audio |= usage[details]["audio_tokens"].as_u64().is_some_and(|n| n > 0);
        }
        for (slot, name) in [
            (&mut self.cached, "cache_read_input_tokens"),
            (&mut self.written, "cache_creation_input_tokens"),
        ] {
            if usage.get(name).is_some() {
                self.apart = true;
                set(slot, &usage[name]);
            }
        }
    }
}

/// Whether a frame's data may hold usage; most frames of a stream do not.
pub fn may_hold_usage(data: &str) -> bool {
    let Some(at) = memchr::memmem::find(data.as_bytes(), b"\"usage\"") else { return false };
    !data[at + 7..].trim_start_matches([' ', ':']).starts_with("null")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(frames: &[&str]) -> (Option<String>, Usage) {
        let mut answered = Answered::default();
        frames.iter().for_each(|frame| answered.read(frame.as_bytes()));
        (answered.model.clone(), answered.usage())
    }

    fn usage(prompt: u64, completion: u64, cached: Option<u64>, reasoning: Option<u64>) -> Usage {
        Usage {
            prompt_tokens: Some(prompt),
            completion_tokens: Some(completion),
            cached_tokens: cached,
            reasoning_tokens: reasoning,
            source: UsageSource::Upstream,
        }
    }

    #[rstest::rstest]
    #[case(&[r#"{"model":"m","usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":3}}}"#], usage(10, 5, Some(4), Some(3)))]
    #[case(&[r#"{"model":"m","usage":{"input_tokens":10,"output_tokens":5,"input_tokens_details":{"cached_tokens":4},"output_tokens_details":{"reasoning_tokens":3}}}"#], usage(10, 5, Some(4), Some(3)))]
    #[case(&[r#"{"model":"m","type":"message","usage":{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":100,"cache_creation_input_tokens":7}}"#], usage(117, 5, Some(100), None))]
    #[case(&[r#"{"model":"m","usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_cache_hit_tokens":4}}"#], usage(10, 5, Some(4), None))]
    #[case(&[r#"{"model":"m","usage":null,"choices":[]}"#, r#"{"model":"m","usage":{"prompt_tokens":1,"completion_tokens":2}}"#], usage(1, 2, None, None))]
    #[case(&[r#"{"type":"message_start","message":{"model":"m","usage":{"input_tokens":9,"output_tokens":1,"cache_read_input_tokens":0,"cache_creation_input_tokens":0}}}"#, r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":15}}"#], usage(9, 15, Some(0), None))]
    #[case(&[r#"{"type":"response.completed","response":{"model":"m","usage":{"input_tokens":2,"output_tokens":3}}}"#], usage(2, 3, None, None))]
    #[case(&[r#"{"model":"m","message":"odd","usage":{"prompt_tokens":1,"completion_tokens":2}}"#], usage(1, 2, None, None))]
    fn reads_every_shape(#[case] frames: &[&str], #[case] expected: Usage) {
        assert_eq!(read(frames), (Some("m".into()), expected));
    }

    #[test]
    fn embeddings_have_no_completion_and_nothing_is_absent() {
        let (_, embedding) =
            read(&[r#"{"model":"e","usage":{"prompt_tokens":8,"total_tokens":8}}"#]);
        assert_eq!((embedding.prompt_tokens, embedding.completion_tokens), (Some(8), None));
        assert_eq!(read(&["<html>", "[]", "7"]).1, Usage::ABSENT);
    }

    #[rstest::rstest]
    #[case(r#"{"model":"gpt-4o","stream":true}"#, Some("gpt-4o"), true)]
    #[case(r#"  {"messages":[{"content":"a\"model\":\"no\""}],"model":"m"}"#, Some("m"), false)]
    #[case(
        r#"{"model":"gpt-4o","stream": true,"messages":[{"content":"cut of"#,
        Some("gpt-4o"),
        true
    )]
    #[case(r#"{"model":7}"#, None, false)]
    #[case("plain", None, false)]
    #[case("", None, false)]
    fn reads_the_request(#[case] body: &str, #[case] model: Option<&str>, #[case] stream: bool) {
        let asked = asked(body.as_bytes(), None, "/v1/chat/completions");
        assert_eq!((asked.model.as_deref(), asked.stream), (model, stream));
    }

    #[test]
    fn reads_forms_and_targets() {
        let form =
            b"--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--x--";
        let read =
            asked(form, Some(b"multipart/form-data; boundary=x"), "/v1/audio/transcriptions");
        assert_eq!(read.model.as_deref(), Some("whisper-1"));
        let read = asked(b"", None, "/v1/realtime?model=gpt-realtime&x=1");
        assert_eq!(read.model.as_deref(), Some("gpt-realtime"));
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_never_panic(body: Vec<u8>, text: String) {
            asked(&body, None, &text);
            asked(&body, Some(b"multipart/x"), &text);
            Answered::default().read(&body);
            may_hold_usage(&text);
        }
    }
}
