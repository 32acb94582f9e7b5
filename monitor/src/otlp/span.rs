//! An exchange as a span by OpenTelemetry's conventions for generative AI, and its attempts
//! as spans below it where there was more than one. Nothing that was said is in it. Pure.
//! <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/>

use glassway_shared::{
    headers,
    model::{Outcome, Try},
    store::stored::Stored,
};
use url::Url;

use super::wire::{Span, Value};

/// Everything that is exported of one exchange; `finished` is why its answer ended.
pub fn spans(stored: &Stored, finished: Vec<String>) -> Vec<Span> {
    let exchange = &stored.exchange;
    let caused = Parent::of(&stored.request.headers);
    let hash = blake3::hash(exchange.id.as_bytes());
    let trace = caused.as_ref().map_or(*exchange.id.as_bytes(), |parent| parent.trace);
    let id = eight(hash.as_bytes());
    let start_ns = u64::try_from(exchange.started_at.as_nanosecond()).unwrap_or_default();
    let operation = operation(&exchange.path);
    let model = exchange.model.as_deref();
    let root = Span {
        trace,
        id,
        parent: caused.as_ref().map(|parent| parent.span),
        state: caused.map(|parent| parent.state).unwrap_or_default(),
        name: match operation {
            Some(operation) => join(operation, model),
            None => join(&exchange.method, Some(&exchange.path)),
        },
        start_ns,
        end_ns: start_ns + nanos(exchange.duration_ms),
        attributes: attributes(stored, operation, finished),
        error: (exchange.outcome != Outcome::Ok).then(|| match &exchange.error {
            Some(error) => error.code.clone(),
            None => exchange.outcome.as_str().to_owned(),
        }),
    };
    let mut all = vec![root];
    let tries = stored.tries.as_deref().filter(|tries| tries.len() > 1);
    for attempt in tries.unwrap_or_default() {
        all.push(below(&all[0], attempt, operation, model, hash.as_bytes()));
    }
    all
}

fn below(
    root: &Span,
    attempt: &Try,
    operation: Option<&'static str>,
    model: Option<&str>,
    hash: &[u8],
) -> Span {
    let start_ns = root.start_ns + nanos(Some(attempt.start_ms));
    let provider = attempt.provider.as_deref().unwrap_or_default();
    let mut attributes = vec![("glassway.attempt", Value::Int(i64::from(attempt.n)))];
    let mut text = |name, value: Option<&str>| {
        if let Some(value) = value {
            attributes.push((name, Value::Text(value.to_owned())));
        }
    };
    text("gen_ai.operation.name", operation);
    text("gen_ai.provider.name", Some(vendor(&attempt.url, provider)));
    text("gen_ai.request.model", model);
    text("glassway.provider", attempt.provider.as_deref());
    text("glassway.key", attempt.key.as_deref());
    let failed = attempt.error.as_ref().map(|error| error.code.clone());
    text("error.type", failed.as_deref());
    server(&attempt.url, &mut attributes);
    if let Some(status) = attempt.status {
        attributes.push(("http.response.status_code", Value::Int(i64::from(status))));
    }
    Span {
        trace: root.trace,
        id: eight(blake3::hash(&[hash, &attempt.n.to_be_bytes()].concat()).as_bytes()),
        parent: Some(root.id),
        state: root.state.clone(),
        name: join(operation.unwrap_or("attempt"), model),
        start_ns,
        end_ns: start_ns + nanos(attempt.duration_ms),
        attributes,
        error: failed,
    }
}

fn attributes(
    stored: &Stored,
    operation: Option<&'static str>,
    finished: Vec<String>,
) -> Vec<(&'static str, Value)> {
    let exchange = &stored.exchange;
    let url = stored.upstream_url.as_deref().unwrap_or_default();
    let mut all = Vec::new();
    let mut text = |name, value: Option<&str>| {
        if let Some(value) = value {
            all.push((name, Value::Text(value.to_owned())));
        }
    };
    text("gen_ai.operation.name", operation);
    if operation.is_some() {
        let provider = exchange.provider.as_deref().unwrap_or_default();
        text("gen_ai.provider.name", Some(vendor(url, provider)).filter(|name| !name.is_empty()));
    }
    text("gen_ai.request.model", exchange.model.as_deref());
    text("gen_ai.response.model", exchange.upstream_model.as_deref());
    text("http.request.method", Some(&exchange.method));
    text("url.path", Some(&exchange.path));
    text("client.address", Some(&exchange.client_ip));
    text("glassway.exchange.id", Some(&exchange.id.to_string()));
    text("glassway.outcome", Some(exchange.outcome.as_str()));
    text("glassway.origin", Some(exchange.origin.as_str()));
    text("glassway.mode", Some(exchange.mode.as_str()));
    text("glassway.provider", exchange.provider.as_deref());
    text("glassway.key", exchange.key.as_deref());
    text("glassway.client_token", exchange.client_token.as_deref());
    if exchange.outcome != Outcome::Ok {
        let code = exchange.error.as_ref().map(|error| error.code.clone());
        let code = code.or_else(|| {
            exchange.status.filter(|status| *status >= 400).map(|status| status.to_string())
        });
        text("error.type", Some(code.as_deref().unwrap_or(exchange.outcome.as_str())));
    }
    server(url, &mut all);
    let usage = &exchange.usage;
    let number = |n: Option<u64>| n.and_then(|n| i64::try_from(n).ok());
    for (name, value) in [
        ("gen_ai.usage.input_tokens", number(usage.prompt_tokens)),
        ("gen_ai.usage.output_tokens", number(usage.completion_tokens)),
        ("gen_ai.usage.cache_read.input_tokens", number(usage.cached_tokens)),
        ("http.response.status_code", exchange.status.map(i64::from)),
        ("glassway.attempts", Some(i64::from(exchange.attempts))),
    ] {
        if let Some(value) = value {
            all.push((name, Value::Int(value)));
        }
    }
    if !finished.is_empty() {
        all.push(("gen_ai.response.finish_reasons", Value::Texts(finished)));
    }
    for (name, value) in [
        ("glassway.cost_usd", exchange.cost_usd),
        ("glassway.time_to_first_token_ms", exchange.first_token_ms),
    ] {
        if let Some(value) = value {
            all.push((name, Value::Double(value)));
        }
    }
    all.push(("glassway.stream", Value::Bool(exchange.stream)));
    all
}

/// What is done, in the conventions' words; `None` for what is no work of a model.
fn operation(path: &str) -> Option<&'static str> {
    let ends = |end: &str| path.ends_with(end);
    match () {
        () if ends("/chat/completions") || ends("/messages") || ends("/responses") => Some("chat"),
        () if ends("/completions") => Some("text_completion"),
        () if ends("/embeddings") => Some("embeddings"),
        () if path.contains(":generateContent") || path.contains(":streamGenerateContent") => {
            Some("generate_content")
        }
        () => None,
    }
}

/// The conventions' word for whoever is at this address, else the provider's own name.
fn vendor<'a>(url: &str, provider: &'a str) -> &'a str {
    const VENDORS: &[(&str, &str)] = &[
        ("api.openai.com", "openai"),
        ("api.anthropic.com", "anthropic"),
        (".openai.azure.com", "azure.ai.openai"),
        (".services.ai.azure.com", "azure.ai.inference"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
        ("-aiplatform.googleapis.com", "gcp.vertex_ai"),
        (".amazonaws.com", "aws.bedrock"),
        ("api.mistral.ai", "mistral_ai"),
        ("api.deepseek.com", "deepseek"),
        ("api.groq.com", "groq"),
        ("api.perplexity.ai", "perplexity"),
        ("api.x.ai", "x_ai"),
        (".cohere.com", "cohere"),
    ];
    let host = Url::parse(url).ok().and_then(|url| Some(url.host_str()?.to_owned()));
    let host = host.unwrap_or_default();
    VENDORS.iter().find(|(end, _)| host.ends_with(end)).map_or(provider, |(_, name)| name)
}

fn server(url: &str, attributes: &mut Vec<(&'static str, Value)>) {
    let Ok(url) = Url::parse(url) else { return };
    if let Some(host) = url.host_str() {
        attributes.push(("server.address", Value::Text(host.to_owned())));
    }
    if let Some(port) = url.port_or_known_default() {
        attributes.push(("server.port", Value::Int(i64::from(port))));
    }
}

/// Whoever caused the exchange, by its request's `traceparent`.
/// <https://www.w3.org/TR/trace-context/>
#[derive(Debug)]
pub struct Parent {
    /// Its trace; never all zeros.
    pub trace: [u8; 16],
    /// The span that asked; never all zeros.
    pub span: [u8; 8],
    /// Its `tracestate`, as it stands.
    pub state: String,
}

impl Parent {
    /// From a block of headers as it is kept; `None` where there is none that is valid.
    pub fn of(block: &[u8]) -> Option<Self> {
        let value = std::str::from_utf8(headers::find(block, "traceparent")?).ok()?;
        let mut parts = value.trim().split('-');
        let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
        if version.len() != 2 || version == "ff" {
            return None;
        }
        let (trace, span) = (hex::<16>(trace)?, hex::<8>(span)?);
        if trace == [0; 16] || span == [0; 8] {
            return None;
        }
        let state = headers::find(block, "tracestate").unwrap_or_default();
        Some(Self { trace, span, state: String::from_utf8_lossy(state).into_owned() })
    }
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !lower || text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).ok()?;
    }
    Some(bytes)
}

fn eight(hash: &[u8]) -> [u8; 8] {
    hash[..8].try_into().expect("a hash has 32 bytes")
}

fn nanos(ms: Option<f64>) -> u64 {
    (ms.unwrap_or_default().max(0.0) * 1e6) as u64
}

fn join(what: &str, of: Option<&str>) -> String {
    match of {
        Some(of) => format!("{what} {of}"),
        None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caused(value: &str) -> Option<Parent> {
        Parent::of(format!("A: b\r\nTraceparent: {value}\r\ntracestate: x=1\r\n").as_bytes())
    }

    #[test]
    fn a_clients_trace_goes_on() {
        let parent = caused("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
        assert_eq!((parent.trace[0], parent.trace[15], parent.span[0]), (0x0a, 0x9c, 0xb7));
        assert_eq!(parent.state, "x=1");
        for nonsense in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c8031é-b7ad6b7169203331-01",
        ] {
            assert!(caused(nonsense).is_none(), "{nonsense}");
        }
    }

    #[rstest::rstest]
    #[case("/v1/chat/completions", Some("chat"))]
    #[case("/v1/messages", Some("chat"))]
    #[case("/v1/responses", Some("chat"))]
    #[case("/v1/completions", Some("text_completion"))]
    #[case("/v1/embeddings", Some("embeddings"))]
    #[case("/v1beta/models/gemini-pro:streamGenerateContent", Some("generate_content"))]
    #[case("/v1/models", None)]
    fn operations(#[case] path: &str, #[case] expected: Option<&str>) {
        assert_eq!(operation(path), expected);
    }

    #[rstest::rstest]
    #[case("https://api.openai.com/v1", "mine", "openai")]
    #[case("https://x.openai.azure.com/openai", "mine", "azure.ai.openai")]
    #[case("https://relay.example/v1", "relay", "relay")]
    #[case("https://evil.example/api.openai.com", "evil", "evil")]
    fn vendors(#[case] url: &str, #[case] provider: &str, #[case] expected: &str) {
        assert_eq!(vendor(url, provider), expected);
    }
}
