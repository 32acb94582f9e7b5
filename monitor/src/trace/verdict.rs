//! What a trace says, as observations: each with how it turned out, how much that weighs,
//! and its figures. Nothing is summed up into a score, since each can prove something else
//! and most can be made up by whoever passes an answer on. Pure.

mod shapes;

use std::collections::BTreeSet;

use glassway_shared::store::traces::{Hit, Status, Trace};
use serde_json::{Map, Value, json};

use self::shapes::shapes;
use super::{
    code::{self, Answer},
    fetchers::{By, Fetchers},
    said::Said,
};

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whether the answer holds a code, and from whose copy.
    Code,
    /// Who fetched the image, and when.
    Fetches,
    /// Who the fetchers are, as far as data files know.
    Fetchers,
    /// The model that was asked for and the one that says it served.
    Model,
    /// The shape of the answer's id.
    Id,
    /// OpenAI's `system_fingerprint`.
    Fingerprint,
    /// Headers that name gateways, networks and vendors.
    Headers,
    /// Prompt tokens as counted there, against an estimate.
    Tokens,
    /// How long it took.
    Latency,
}

/// How much it weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It cannot be otherwise.
    Proof,
    /// It points somewhere, and could be made up.
    Sign,
    /// It says nothing either way.
    Nothing,
}

/// One observation.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// What was looked at.
    pub kind: Kind,
    /// How it turned out: a word of its kind.
    pub finding: &'static str,
    /// How much that weighs.
    pub weight: Weight,
    /// Its figures.
    pub values: Map<String, Value>,
}

fn seen(kind: Kind, finding: &'static str, weight: Weight, values: Value) -> Observation {
    let Value::Object(values) = values else { unreachable!("observations have named figures") };
    Observation { kind, finding, weight, values }
}

/// Whether the answer holds a code that was drawn; `None` while nobody can know.
pub fn saw_image(trace: &Trace, answer: &Answer, hits: &[Hit]) -> Option<bool> {
    let read = || answer.beyond || hits.iter().any(|hit| was_read(answer, hit));
    (trace.status == Status::Done).then(read)
}

/// Whether the answer holds this copy's code.
pub fn was_read(answer: &Answer, hit: &Hit) -> bool {
    hit.code.as_deref().is_some_and(|code| answer.holds(code))
}

/// Everything that can be said of an ended trace.
pub fn observe(
    trace: &Trace,
    answer: &Answer,
    said: &Said,
    hits: &[Hit],
    known: &Fetchers,
) -> Vec<Observation> {
    if !matches!(trace.status, Status::Done | Status::Failed) {
        return Vec::new();
    }
    let mut all = Vec::new();
    if trace.status == Status::Done {
        all.push(of_code(trace, answer, hits));
    }
    all.push(of_fetches(trace, hits));
    all.extend(of_fetchers(hits, known));
    if trace.status == Status::Done {
        all.push(of_model(trace, said));
        all.push(of_id(said));
        if trace.kind != "anthropic" {
            all.push(of_fingerprint(said));
        }
        all.push(of_tokens(trace, said));
    }
    if said.http_status.is_some() {
        all.push(of_headers(said));
        all.push(of_latency(trace, said, hits));
    }
    all
}

fn of_code(trace: &Trace, answer: &Answer, hits: &[Hit]) -> Observation {
    let read: Vec<&Hit> = hits.iter().filter(|hit| was_read(answer, hit)).collect();
    let drawn = hits.iter().filter_map(|hit| hit.code.as_deref());
    let beyond = read.is_empty() && answer.beyond;
    let nearest = match read.is_empty() && !beyond {
        true => drawn.map(|code| answer.letters_of(code)).max().unwrap_or(0),
        false => code::LENGTH,
    };
    let images: BTreeSet<u32> = read.iter().map(|hit| hit.image).collect();
    let addresses: BTreeSet<&str> = read.iter().map(|hit| &hit.ip[..]).collect();
    let values = json!({
        "hits": read.iter().map(|hit| hit.id).collect::<Vec<_>>(),
        "addresses": addresses,
        "images_read": images.len(),
        "images": trace.images,
        "letters": nearest,
        "letters_of": code::LENGTH,
    });
    let (finding, weight) = match (read.is_empty(), nearest) {
        (false, _) => ("read", Weight::Proof),
        _ if beyond => ("read_beyond", Weight::Proof),
        // Chance gives this once in some million answers.
        (true, nearest) if nearest + 2 >= code::LENGTH => ("nearly", Weight::Sign),
        _ if hits.iter().any(|hit| hit.code.is_some()) => ("not_read", Weight::Sign),
        _ => ("never_fetched", Weight::Nothing),
    };
    seen(Kind::Code, finding, weight, values)
}

fn of_fetches(trace: &Trace, hits: &[Hit]) -> Observation {
    let mut fetchers: Vec<(&str, &str)> = Vec::new();
    for hit in hits {
        let one = (&hit.ip[..], hit.user_agent.as_deref().unwrap_or_default());
        if !fetchers.contains(&one) {
            fetchers.push(one);
        }
    }
    let mut addresses: Vec<&str> = Vec::new();
    for (ip, _) in &fetchers {
        if !addresses.contains(ip) {
            addresses.push(ip);
        }
    }
    let late = |hit: &&Hit| trace.ended_at.is_some_and(|ended| hit.at > ended);
    let late = hits.iter().filter(late).count();
    let values = json!({
        "hits": hits.len(),
        "fetchers": fetchers.len(),
        "addresses": addresses,
        "late": late,
    });
    match hits.len() {
        0 => seen(Kind::Fetches, "none", Weight::Nothing, values),
        n if n == late => seen(Kind::Fetches, "late", Weight::Proof, values),
        _ if addresses.len() == 1 => seen(Kind::Fetches, "one", Weight::Proof, values),
        _ => seen(Kind::Fetches, "several", Weight::Proof, values),
    }
}

fn of_fetchers(hits: &[Hit], known: &Fetchers) -> Option<Observation> {
    let mut named: Vec<Value> = Vec::new();
    let (mut network, mut vendor) = (false, false);
    for hit in hits {
        let found = known.recognize(&hit.ip, hit.user_agent.as_deref(), &hit.headers);
        let Some((one, by)) = found else { continue };
        network |= by == By::Network;
        vendor |= one.role == "vendor";
        let by = match by {
            By::Network => "network",
            By::Header => "header",
            By::Agent => "agent",
        };
        let one = json!({"name": one.name, "owner": one.owner, "role": one.role, "by": by});
        if !named.contains(&one) {
            named.push(one);
        }
    }
    if hits.is_empty() {
        return None;
    }
    let (finding, weight) = match (named.is_empty(), network, vendor) {
        (true, ..) => ("unknown", Weight::Nothing),
        (_, true, true) => ("vendor_network", Weight::Sign),
        (_, false, true) => ("vendor_name", Weight::Sign),
        _ => ("software", Weight::Sign),
    };
    Some(seen(Kind::Fetchers, finding, weight, json!({"known": named})))
}

fn of_model(trace: &Trace, said: &Said) -> Observation {
    let plain = |name: &str| name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let values = json!({"asked": trace.model, "served": said.model, "by": said.served_by});
    let (finding, weight) = match &said.model {
        None => ("unsaid", Weight::Nothing),
        Some(served) => {
            let (asked, served) = (plain(&trace.model), plain(served));
            match (asked == served, served.starts_with(&asked) || asked.starts_with(&served)) {
                (true, _) => ("same", Weight::Nothing),
                (_, true) => ("snapshot", Weight::Sign),
                _ => ("other", Weight::Sign),
            }
        }
    };
    seen(Kind::Model, finding, weight, values)
}

fn of_id(said: &Said) -> Observation {
    let Some(id) = &said.id else {
        return seen(Kind::Id, "unsaid", Weight::Sign, json!({}));
    };
    match shapes().ids.iter().find(|shape| shape.fits(id)) {
        Some(shape) => seen(Kind::Id, "known", Weight::Sign, json!({"id": id, "name": shape.name})),
        None => seen(Kind::Id, "unknown", Weight::Sign, json!({"id": id})),
    }
}

fn of_fingerprint(said: &Said) -> Observation {
    let values = json!({"fingerprint": said.system_fingerprint});
    match said.system_fingerprint.as_deref().map(|f| f.strip_prefix("fp_")) {
        None => seen(Kind::Fingerprint, "absent", Weight::Nothing, values),
        Some(Some(rest)) if rest.len() == 10 && rest.bytes().all(|b| b.is_ascii_hexdigit()) => {
            seen(Kind::Fingerprint, "openai", Weight::Sign, values)
        }
        Some(_) => seen(Kind::Fingerprint, "other", Weight::Sign, values),
    }
}

fn of_headers(said: &Said) -> Observation {
    let mut named: Vec<Value> = Vec::new();
    for [name, value] in &said.headers {
        let found = shapes().headers.iter().find(|shape| shape.fits(name, value));
        if let Some(shape) = found {
            let one = json!({"name": shape.name, "role": shape.role, "header": name,
                "value": value.chars().take(80).collect::<String>()});
            if !named.iter().any(|other| other["name"] == one["name"]) {
                named.push(one);
            }
        }
    }
    let any = |role: &str| named.iter().any(|one| one["role"] == role);
    let finding = match (any("gateway"), any("vendor") || any("cloud"), any("cdn")) {
        (true, true, _) => "gateway_and_vendor",
        (true, false, _) => "gateway",
        (_, true, _) => "vendor",
        (_, _, true) => "cdn",
        _ => "none",
    };
    let weight = if named.is_empty() { Weight::Nothing } else { Weight::Sign };
    seen(Kind::Headers, finding, weight, json!({"named": named}))
}

/// What the text and images may count as: models differ by an order of magnitude in what
/// an image costs, from some 65 to several thousand tokens for one of this size.
fn estimate(trace: &Trace) -> (u64, u64, u64) {
    let ascii = trace.prompt.chars().filter(char::is_ascii).count() as u64;
    let others = trace.prompt.chars().filter(|c| !c.is_ascii()).count() as u64;
    let text = ascii / 4 + others + 8;
    let images = u64::from(trace.images);
    (text, text / 2 + 50 * images, text * 3 + 16_000 * images)
}

fn of_tokens(trace: &Trace, said: &Said) -> Observation {
    let (text, least, most) = estimate(trace);
    let values = json!({
        "counted": said.prompt_tokens, "text": text, "least": least, "most": most,
        "completion": said.completion_tokens,
    });
    let (finding, weight) = match said.prompt_tokens {
        None | Some(0) => ("unsaid", Weight::Nothing),
        Some(n) if n < least => ("text_only", Weight::Sign),
        Some(n) if n > most => ("much_more", Weight::Sign),
        Some(_) => ("fits", Weight::Nothing),
    };
    seen(Kind::Tokens, finding, weight, values)
}

fn of_latency(trace: &Trace, said: &Said, hits: &[Hit]) -> Observation {
    let since = |at: i64| trace.started_at.map(|started| (at - started) as f64 / 1000.0);
    let first = hits.iter().map(|hit| hit.at).min().and_then(since);
    let values = json!({"answer_ms": said.latency_ms, "first_fetch_ms": first});
    seen(Kind::Latency, "measured", Weight::Nothing, values)
}

#[cfg(test)]
mod tests;
