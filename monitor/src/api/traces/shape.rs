//! A trace as it is shown.

mod observation;

use std::net::IpAddr;

use glassway_shared::store::traces;
use jiff::Timestamp;
use poem_openapi::{Enum, Object};

use self::observation::Observation;
use super::find::Whole;
use crate::{
    api::{providers::shape::Kind, shape::Time},
    app::App,
    trace::{
        ask,
        asn::Networks,
        code::Answer,
        fetchers::{self, By, Fetchers},
        said::Said,
        verdict,
    },
};

/// How a trace stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum TraceStatus {
    /// Waits for its turn.
    Pending,
    /// Its request is under way.
    Running,
    /// It was answered, whether or not anybody fetched the image.
    Done,
    /// It was not answered, or with an error.
    Failed,
}

impl From<traces::Status> for TraceStatus {
    fn from(status: traces::Status) -> Self {
        match status {
            traces::Status::Pending => Self::Pending,
            traces::Status::Running => Self::Running,
            traces::Status::Done => Self::Done,
            traces::Status::Failed => Self::Failed,
        }
    }
}

impl From<TraceStatus> for traces::Status {
    fn from(status: TraceStatus) -> Self {
        match status {
            TraceStatus::Pending => Self::Pending,
            TraceStatus::Running => Self::Running,
            TraceStatus::Done => Self::Done,
            TraceStatus::Failed => Self::Failed,
        }
    }
}

/// What a fetcher was recognized by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum RecognizedBy {
    /// Its address is in a network that the owner published.
    Network,
    /// A header that only it adds; anybody can send it.
    Header,
    /// What it calls itself; anybody can say it.
    Agent,
}

/// Who a fetch may be from, as far as data files know.
#[derive(Clone, Debug, Object)]
pub(super) struct Fetcher {
    pub(super) name: String,
    /// A vendor's or cloud's short name; empty for software that anybody runs.
    owner: String,
    /// `vendor`, `cloud`, `relay` or `software`.
    role: String,
    by: RecognizedBy,
    /// Where this is said.
    source: String,
}

/// Whose network an address is in, from the user's own file.
#[derive(Clone, Debug, Object)]
#[oai(rename = "TraceNetwork")]
struct Network {
    /// Of the autonomous system.
    number: u32,
    country: String,
    name: String,
}

/// One fetch of a trace's image.
#[derive(Clone, Debug, Object)]
#[oai(rename = "TraceHit")]
pub(super) struct Hit {
    id: i64,
    pub(super) at: Time,
    /// Which of the request's images, from 1.
    image: u32,
    /// `GET` or `HEAD`.
    method: String,
    /// The connection's other end, or whom trusted proxies speak for.
    pub(super) ip: String,
    /// The connection's other end.
    peer: String,
    /// Its port.
    port: u32,
    /// What trusted proxies said of the way, the farthest first.
    forwarded: Vec<String>,
    http_version: String,
    pub(super) user_agent: Option<String>,
    /// The part of the file that was asked for.
    range: Option<String>,
    headers: Vec<[String; 2]>,
    /// Since the request was sent.
    offset_ms: Option<f64>,
    /// After the answer had come.
    late: bool,
    /// The answer holds the code that was drawn into this copy, and no other had it.
    read: bool,
    pub(super) fetcher: Option<Fetcher>,
    network: Option<Network>,
}

/// A trace.
#[derive(Clone, Debug, Object)]
pub(super) struct Trace {
    pub(super) id: i64,
    /// What its image addresses carry.
    trace_id: String,
    /// The first trace that was begun together with it.
    series: i64,
    pub(super) status: TraceStatus,
    error: Option<String>,
    /// `null` where address and key were typed in.
    pub(super) group_id: Option<i64>,
    provider_id: Option<i64>,
    /// Its name, else the typed-in host.
    pub(super) provider: String,
    /// The group's name.
    pub(super) group: String,
    base_url: String,
    kind: Kind,
    /// Whether address and key were typed in.
    typed_in: bool,
    pub(super) model: String,
    prompt: String,
    images: u32,
    /// The first image's address.
    image_url: String,
    answer: Option<String>,
    /// Whether the answer holds a code that was drawn; `null` while nobody can know.
    pub(super) saw_image: Option<bool>,
    /// In the order of arrival; in lists the first ones.
    pub(super) hits: Vec<Hit>,
    /// On record.
    hit_count: u64,
    /// Beyond what is kept of one trace.
    hits_beyond: u64,
    /// The exchange it was recorded as.
    request_id: Option<String>,
    created_at: Time,
    started_at: Option<Time>,
    ended_at: Option<Time>,
    pub(super) duration_ms: Option<f64>,
    /// Once it has ended.
    verdict: Vec<Observation>,
}

fn time(micros: i64) -> Time {
    Time(Timestamp::from_microsecond(micros).unwrap_or_default())
}

impl Trace {
    /// Reads the user's files: not for a runtime's thread.
    pub(super) fn of(whole: Whole, app: &App, networks: &mut Networks) -> Self {
        let Whole { trace, hits, recorded, beyond } = whole;
        let said: Said = trace
            .said
            .as_deref()
            .and_then(|said| serde_json::from_str(said).ok())
            .unwrap_or_default();
        let known = &app.traces.fetchers;
        let beyond_codes =
            (1..=trace.images).map(|image| app.traces.images.beyond.code(&trace.trace_id, image));
        let answer = Answer::of(trace.answer.as_deref().unwrap_or_default()).beyond(beyond_codes);
        let verdict = verdict::observe(&trace, &answer, &said, &hits, known);
        let saw_image = verdict::saw_image(&trace, &answer, &hits);
        let shown = |hit| Hit::of(hit, &trace, &answer, known, networks);
        let ended = trace.started_at.zip(trace.ended_at);
        Self {
            id: trace.id,
            series: trace.series,
            status: trace.status.into(),
            error: trace.error.clone(),
            group_id: trace.key_id,
            provider_id: trace.provider_id,
            provider: trace.provider.clone(),
            group: trace.key.clone(),
            base_url: trace.base_url.clone(),
            kind: Kind::of(&trace.kind),
            typed_in: trace.key_id.is_none(),
            model: trace.model.clone(),
            prompt: trace.prompt.clone(),
            images: trace.images,
            image_url: ask::image_url(&trace.image_base, &trace.trace_id, 1),
            answer: trace.answer.clone(),
            saw_image,
            hits: hits.into_iter().map(shown).collect(),
            hit_count: recorded,
            hits_beyond: beyond,
            request_id: trace.request_id,
            created_at: time(trace.created_at),
            started_at: trace.started_at.map(time),
            ended_at: trace.ended_at.map(time),
            duration_ms: ended.map(|(from, to)| (to - from) as f64 / 1000.0),
            verdict: verdict.into_iter().map(Observation::of).collect(),
            trace_id: trace.trace_id,
        }
    }
}

impl Hit {
    /// Whether the answer holds this copy's code.
    pub(super) fn is_read(&self) -> bool {
        self.read
    }

    fn of(
        hit: traces::Hit,
        trace: &traces::Trace,
        answer: &Answer,
        known: &Fetchers,
        networks: &mut Networks,
    ) -> Self {
        let fetcher = known.recognize(&hit.ip, hit.user_agent.as_deref(), &hit.headers);
        let network = hit.ip.parse().ok().and_then(|ip: IpAddr| networks.find(ip));
        let range = hit.headers.iter().find(|[name, _]| name == "range");
        Self {
            read: verdict::was_read(answer, &hit),
            fetcher: fetcher.map(|(one, by)| Fetcher::of(one, by)),
            network: network.map(|n| Network {
                number: n.number,
                country: n.country,
                name: n.name,
            }),
            range: range.map(|[_, value]| value.clone()),
            offset_ms: trace.started_at.map(|from| (hit.at - from) as f64 / 1000.0),
            late: trace.ended_at.is_some_and(|ended| hit.at > ended),
            id: hit.id,
            at: time(hit.at),
            image: hit.image,
            method: hit.method,
            ip: hit.ip,
            peer: hit.peer,
            port: hit.port.into(),
            forwarded: hit.forwarded,
            http_version: hit.version,
            user_agent: hit.user_agent,
            headers: hit.headers,
        }
    }
}

impl Fetcher {
    fn of(one: &fetchers::Fetcher, by: By) -> Self {
        Self {
            name: one.name.clone(),
            owner: one.owner.clone(),
            role: one.role.clone(),
            by: match by {
                By::Network => RecognizedBy::Network,
                By::Header => RecognizedBy::Header,
                By::Agent => RecognizedBy::Agent,
            },
            source: one.source.clone(),
        }
    }
}
