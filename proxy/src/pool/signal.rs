//! What an upstream's answer says about the key that asked: protocol.md's table as
//! code. Matches status and codes, never words in a message, since messages change
//! and "quota" occurs in prompts. Pure: the answer's head, its error body, the time.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;

/// What an attempt's end says, and about whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// It works.
    Fine,
    /// The key is not (or no longer) one. Confirmed by a probe before it counts.
    InvalidKey(String),
    /// The provider does not serve this machine's address or region; the key is well.
    Egress(String),
    /// This key may not use this model.
    NoModel(String),
    /// No money left on the key.
    Exhausted(String),
    /// Too many requests for this key and model.
    RateLimited {
        /// Its code.
        reason: String,
        /// How long to leave it alone, where the answer says so.
        wait: Option<Duration>,
    },
    /// The provider has no capacity, whatever the key.
    Overloaded {
        /// Its code.
        reason: String,
        /// How long to leave it alone, where the answer says so.
        wait: Option<Duration>,
    },
    /// The provider fails: 5xx, no connection, no answer in time.
    Failing(String),
    /// The request itself is at fault; every key would answer the same.
    Client,
}

impl Signal {
    /// A word of ours, for logs: nothing an upstream said.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::InvalidKey(_) => "invalid_key",
            Self::Egress(_) => "egress",
            Self::NoModel(_) => "no_model",
            Self::Exhausted(_) => "exhausted",
            Self::RateLimited { .. } => "rate_limited",
            Self::Overloaded { .. } => "overloaded",
            Self::Failing(_) => "failing",
            Self::Client => "client",
        }
    }
}

/// The head and the error body of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body where it is an error, as far as read.
    pub body: &'a [u8],
}

/// Codes that say the money is spent: OpenAI, Anthropic, and relays that follow them.
const SPENT: &[&str] = &[
    "insufficient_quota",
    "credit_balance_exhausted",
    "billing_hard_limit_reached",
    "billing_not_active",
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
    "insufficient_user_quota", // new-api
    "insufficient_balance",
];
const INVALID: &[&str] = &[
    "invalid_api_key",
    "account_deactivated",
    "authentication_error",
    "invalid_token",
    "organization_on_hold",
];
/// About whom a request names as its payer, not about the key.
const PAYER: &[&str] =
    &["linked_organization_billing_unavailable", "linked_organization_spend_limit_reached"];
const EGRESS: &[&str] =
    &["ip_not_authorized", "ip_not_allowed", "unsupported_country_region_territory"];
const NO_MODEL: &[&str] =
    &["model_not_found", "model_not_available", "DeploymentNotFound", "model_not_allowed"];

/// Reads an answer.
pub fn read(heard: Heard<'_>, now: Timestamp) -> Signal {
    if heard.status < 400 {
        return Signal::Fine;
    }
    let said = Said::of(heard.body);
    let reason = |fallback: &str| said.reason(fallback);
    let wait = wait(heard.headers, now);
    match heard.status {
        402 if said.any(PAYER) => Signal::Client,
        400 | 403 | 404 | 422 if said.any(EGRESS) => Signal::Egress(reason("egress")),
        // Anthropic's balance error has come as a 400, too, with a code.
        400..500 if said.spent() => Signal::Exhausted(reason("insufficient_quota")),
        401 if said.any(EGRESS) => Signal::Egress(reason("egress")),
        401 => Signal::InvalidKey(reason("invalid_api_key")),
        402 => Signal::Exhausted(reason("billing_error")),
        400 if said.any(&["organization_on_hold", "invalid_api_key"]) => {
            Signal::InvalidKey(reason("invalid_api_key"))
        }
        403 if said.any(INVALID) => Signal::InvalidKey(reason("invalid_api_key")),
        403 => Signal::NoModel(reason("permission_error")),
        404 if said.any(NO_MODEL) || said.about_model => Signal::NoModel(reason("model_not_found")),
        429 => Signal::RateLimited { reason: reason("rate_limit_exceeded"), wait },
        503 if said.any(&["slow_down"]) => {
            Signal::RateLimited { reason: reason("slow_down"), wait }
        }
        503 | 529 => Signal::Overloaded { reason: reason("overloaded_error"), wait },
        408 | 500.. => Signal::Failing(reason(&format!("status {}", heard.status))),
        _ => Signal::Client,
    }
}

/// The words of an error body that programs may rely on.
#[derive(Default)]
struct Said {
    code: Option<String>,
    /// Anthropic's: `error.details.error_code`.
    /// <https://docs.anthropic.com/en/api/errors>
    detail: Option<String>,
    kind: Option<String>,
    about_model: bool,
}

impl Said {
    fn of(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else { return Self::default() };
        let error = match &value["error"] {
            Value::Null => &value,
            error => error,
        };
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        Self {
            code: text(&error["code"]),
            detail: text(&error["details"]["error_code"]),
            kind: text(&error["type"]),
            about_model: error["param"] == "model"
                // Anthropic: {"type":"not_found_error","message":"model: claude-…"}
                || (error["type"] == "not_found_error"
                    && error["message"].as_str().is_some_and(|m| m.starts_with("model:"))),
        }
    }

    /// The most exact first.
    fn words(&self) -> impl Iterator<Item = &str> {
        [&self.code, &self.detail, &self.kind].into_iter().flatten().map(String::as_str)
    }

    fn any(&self, words: &[&str]) -> bool {
        self.words().any(|said| words.contains(&said))
    }

    fn spent(&self) -> bool {
        self.any(SPENT) || self.words().any(|said| said.ends_with("_spend_limit_exceeded"))
    }

    fn reason(&self, fallback: &str) -> String {
        self.words().next().unwrap_or(fallback).chars().take(100).collect()
    }
}

/// No answer may take a key out for longer than this.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How long the answer asks to be left alone: `retry-after-ms`, `retry-after`, else the
/// longest reset of a dimension that has nothing left.
pub fn wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let explicit = value("retry-after-ms")
        .and_then(|v| v.parse::<f64>().ok())
        .map(|ms| ms / 1000.0)
        .or_else(|| value("retry-after").and_then(|v| v.parse::<f64>().ok()))
        .filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
        .map(|seconds| Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())))
        .or_else(|| value("retry-after").and_then(|v| http_date(v, now)));
    let resets = || {
        let open_ai = ["requests", "tokens"].into_iter().filter_map(|dimension| {
            let left = value(&format!("x-ratelimit-remaining-{dimension}"))?;
            // Azure says -1 or 0 for unknown; a reset beside it makes it known.
            let reset = value(&format!("x-ratelimit-reset-{dimension}"))?;
            (left == "0").then(|| go_duration(reset)).flatten()
        });
        let anthropic = ["requests", "tokens", "input-tokens", "output-tokens"]
            .into_iter()
            .filter_map(|dimension| {
                let left = value(&format!("anthropic-ratelimit-{dimension}-remaining"))?;
                let reset = value(&format!("anthropic-ratelimit-{dimension}-reset"))?;
                let at: Timestamp = (left == "0").then(|| reset.parse().ok()).flatten()?;
                Some(until(at, now))
            });
        open_ai.chain(anthropic).max()
    };
    explicit.or_else(resets).map(|wait| wait.min(LONGEST))
}

fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
}

fn http_date(text: &str, now: Timestamp) -> Option<Duration> {
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(until(at, now))
}

/// `6m0s`, `12ms`, `1h2m3.5s`: how OpenAI writes durations.
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        seconds += number
            * match &rest[..unit] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    (seconds.is_finite() && !text.is_empty())
        .then(|| Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);

    fn heard(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Signal {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, http::HeaderValue::from_static(value));
        }
        read(Heard { status, headers: &map, body: body.as_bytes() }, NOW)
    }

    fn open_ai(code: &str) -> String {
        format!(
            r#"{{"error":{{"message":"about quota","type":"x","param":null,"code":"{code}"}}}}"#
        )
    }

    fn anthropic(kind: &str) -> String {
        format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"m"}}}}"#)
    }

    fn detailed(code: &str) -> String {
        format!(
            r#"{{"type":"error","error":{{"type":"t","message":"m","details":{{"error_code":"{code}"}}}}}}"#
        )
    }

    fn limited(reason: &str, wait: Option<u64>) -> Signal {
        Signal::RateLimited { reason: reason.into(), wait: wait.map(Duration::from_millis) }
    }

    #[test]
    fn each_line_of_the_table() {
        let r = |s: &str| s.to_owned();
        let cases: &[(u16, String, Signal)] = &[
            (200, r(""), Signal::Fine),
            (401, open_ai("invalid_api_key"), Signal::InvalidKey(r("invalid_api_key"))),
            (401, anthropic("authentication_error"), Signal::InvalidKey(r("authentication_error"))),
            (401, r("<html>"), Signal::InvalidKey(r("invalid_api_key"))),
            (401, open_ai("ip_not_authorized"), Signal::Egress(r("ip_not_authorized"))),
            (
                403,
                open_ai("unsupported_country_region_territory"),
                Signal::Egress(r("unsupported_country_region_territory")),
            ),
            (403, open_ai("model_not_found"), Signal::NoModel(r("model_not_found"))),
            (404, open_ai("model_not_found"), Signal::NoModel(r("model_not_found"))),
            (
                404,
                r(
                    r#"{"type":"error","error":{"type":"not_found_error","message":"model: claude-9"}}"#,
                ),
                Signal::NoModel(r("not_found_error")),
            ),
            (
                404,
                r(r#"{"error":{"code":"DeploymentNotFound"}}"#),
                Signal::NoModel(r("DeploymentNotFound")),
            ),
            (404, open_ai("unknown_url"), Signal::Client),
            (429, open_ai("insufficient_quota"), Signal::Exhausted(r("insufficient_quota"))),
            (
                429,
                open_ai("credit_balance_exhausted"),
                Signal::Exhausted(r("credit_balance_exhausted")),
            ),
            (
                429,
                open_ai("org_spend_limit_exceeded"),
                Signal::Exhausted(r("org_spend_limit_exceeded")),
            ),
            (402, anthropic("billing_error"), Signal::Exhausted(r("billing_error"))),
            (
                400,
                anthropic("enforced_spend_limit_reached"),
                Signal::Exhausted(r("enforced_spend_limit_reached")),
            ),
            (
                429,
                detailed("enforced_spend_limit_reached"),
                Signal::Exhausted(r("enforced_spend_limit_reached")),
            ),
            (429, detailed("ramp_limit_exceeded"), limited("ramp_limit_exceeded", None)),
            (402, detailed("linked_organization_spend_limit_reached"), Signal::Client),
            (400, detailed("organization_on_hold"), Signal::InvalidKey(r("organization_on_hold"))),
            (429, open_ai("rate_limit_exceeded"), limited("rate_limit_exceeded", None)),
            (503, open_ai("slow_down"), limited("slow_down", None)),
            (
                529,
                anthropic("overloaded_error"),
                Signal::Overloaded { reason: r("overloaded_error"), wait: None },
            ),
            (503, r(""), Signal::Overloaded { reason: r("overloaded_error"), wait: None }),
            (500, anthropic("api_error"), Signal::Failing(r("api_error"))),
            (502, r("<html>"), Signal::Failing(r("status 502"))),
            (504, r(""), Signal::Failing(r("status 504"))),
            (400, open_ai("content_filter"), Signal::Client),
            (
                400,
                r(r#"{"error":{"message":"the word insufficient_quota in a prompt"}}"#),
                Signal::Client,
            ),
            (413, r(""), Signal::Client),
            (422, open_ai("x"), Signal::Client),
        ];
        for (status, body, expected) in cases {
            assert_eq!(&heard(*status, &[], body), expected, "{status} {body}");
        }
    }

    #[rstest::rstest]
    #[case(&[("retry-after-ms", "1500"), ("retry-after", "60")], Some(1500))]
    #[case(&[("retry-after", "2")], Some(2000))]
    #[case(&[("retry-after", "0.25")], Some(250))]
    #[case(&[("retry-after", "Tue, 14 Nov 2023 22:13:50 +0000")], Some(30_000))]
    #[case(&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0s"), ("x-ratelimit-remaining-tokens", "5"), ("x-ratelimit-reset-tokens", "9h")], Some(360_000))]
    #[case(&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "12ms"), ("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "1m2.5s")], Some(62_500))]
    #[case(&[("anthropic-ratelimit-input-tokens-remaining", "0"), ("anthropic-ratelimit-input-tokens-reset", "2023-11-14T22:13:40Z")], Some(20_000))]
    #[case(&[("x-ratelimit-remaining-tokens", "-1"), ("x-ratelimit-reset-tokens", "0")], None)]
    #[case(&[("retry-after", "-5")], None)]
    #[case(&[("retry-after", "99999999")], Some(86_400_000))]
    #[case(&[("retry-after", "soon")], None)]
    fn waits_as_long_as_it_says(
        #[case] headers: &[(&'static str, &'static str)],
        #[case] ms: Option<u64>,
    ) {
        let signal = heard(429, headers, &open_ai("rate_limit_exceeded"));
        assert_eq!(signal, limited("rate_limit_exceeded", ms));
    }

    proptest::proptest! {
        #[test]
        fn hostile_words_never_panic(body: Vec<u8>, text: String) {
            let headers = HeaderMap::new();
            for status in [400, 401, 429, 503, 529, 599] {
                read(Heard { status, headers: &headers, body: &body }, NOW);
            }
            go_duration(&text);
        }
    }
}
