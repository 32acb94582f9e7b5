//! An upstream's good answer on its way back to a client of another dialect: read whole
//! and converted before anything goes downstream, or stream by stream. What the upstream
//! said is kept beside what the client gets.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use glassway_shared::decode::{Encoding, decode};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::BodyExt;
use jiff::Timestamp;

use super::{
    answer::What,
    body::{self, Full, Whole},
    translate::{Outgoing, Way},
};
use crate::{
    app::App,
    dialect::{
        self, Context, Dialect, Fresh, Invalid, Warnings,
        references::{self, Item},
        stream::Stream as Machine,
        strip::UsageStrip,
    },
    error::Fault,
    exchange::{is_event_stream, outcome_of},
    forward,
    items::{self, Keeper},
    live::Recording,
    pool::{Lease, signal::Signal},
    room::Room,
    snapshot::Provider,
    tee::{
        Relay, Reply, Stream,
        reshape::{Reshaped, Shape},
    },
    upstream::Sent,
};

/// A whole answer that is converted may have this much.
const MAX_ANSWER: usize = 64 << 20;

/// Whose answer it is.
pub(super) struct Exchange<'a> {
    pub(super) app: &'a Arc<App>,
    pub(super) provider: &'a Provider,
    /// The client's token.
    pub(super) owner: items::Owner,
    /// The attempt.
    pub(super) number: u32,
}

impl Exchange<'_> {
    /// What an answer with a status below 400 becomes.
    pub(super) async fn answer(
        &self,
        mut sent: Sent,
        outgoing: &Outgoing,
        recording: &Option<Recording>,
    ) -> (Option<What>, Signal) {
        let streams = is_event_stream(sent.response.headers());
        let context = match &outgoing.way {
            Way::Strip if streams => {
                let shape = Shape::Strip(UsageStrip::default());
                return (Some(What::Stream(Box::new(sent), shape)), Signal::Fine);
            }
            Way::Same | Way::Strip => return (Some(What::Head(Box::new(sent))), Signal::Fine),
            Way::Converted(context) => context,
        };
        if streams && context.stream {
            self.keep_head(recording, &sent, true);
            let machine = Machine::new((**context).clone(), &fresh(recording));
            let headers = sent.response.headers_mut();
            let mut own = dialect::error::headers(context.conversion, headers);
            own.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            own.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            warn(&mut own, &outgoing.warnings);
            // Kept for what follows: how the bytes that come are packed.
            if let Some(encoding) = headers.remove(header::CONTENT_ENCODING) {
                own.insert(header::CONTENT_ENCODING, encoding);
            }
            *headers = own;
            let shape = Shape::Converted(Box::new(machine), self.keeper(context));
            return (Some(What::Stream(Box::new(sent), shape)), Signal::Fine);
        }
        self.whole(sent, context, outgoing, recording).await
    }

    async fn whole(
        &self,
        sent: Sent,
        context: &Context,
        outgoing: &Outgoing,
        recording: &Option<Recording>,
    ) -> (Option<What>, Signal) {
        self.keep_head(recording, &sent, false);
        let Sent { response, reuse, .. } = sent;
        let (mut parts, body) = response.into_parts();
        let prefix = &self.provider.base.prefix;
        let room = &self.app.room;
        let reading = read(body, room);
        let limit = self.app.config.proxy.idle_timeout.0;
        let body = match limit.is_zero() {
            true => Ok(reading.await),
            false => tokio::time::timeout(limit, reading).await,
        };
        let body = match body {
            Ok(Ok(body)) => body,
            Ok(Err(unread)) => {
                let fault = match unread {
                    // No fault of the provider's.
                    Unread::NoRoom => {
                        return (Some(What::Fault(body::no_room(room))), Signal::Fine);
                    }
                    Unread::TooLarge => Fault::invalid_response(format!(
                        "{prefix} answered more than {} MiB, which is not converted",
                        MAX_ANSWER >> 20
                    )),
                    Unread::Broken(e) => {
                        Fault::closed(format!("{prefix} broke off its answer: {e}"))
                    }
                };
                let signal = Signal::Failing(fault.code.to_owned());
                return (Some(What::Fault(fault)), signal);
            }
            Err(_) => {
                let fault = Fault::timeout(format!(
                    "{prefix} did not finish its answer within {} s (proxy.idle_timeout)",
                    limit.as_secs_f64()
                ));
                return (Some(What::Fault(fault)), Signal::Failing("upstream_timeout".into()));
            }
        };
        if let Some(reuse) = reuse {
            reuse.done();
        }
        if let Some(recording) = recording {
            let at = recording.live().elapsed_us();
            recording.live().state().heard(self.number, &body, at);
        }
        let encoding = parts.headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
        // Until it is converted.
        let mut unpacked = room.part();
        let plain: Bytes = match encoding.and_then(Encoding::named) {
            Some(encoding) => {
                // It may become as much as any answer.
                if !unpacked.resize(MAX_ANSWER) {
                    return (Some(What::Fault(body::no_room(room))), Signal::Fine);
                }
                decode(&body, encoding, MAX_ANSWER).bytes.into()
            }
            None => body,
        };
        match converted(context, &fresh(recording), &plain) {
            Ok(Converted { body: converted, mut warnings, kind, items }) => {
                if let Some(keeper) = self.keeper(context) {
                    keeper.keep(items);
                }
                parts.headers = dialect::error::headers(context.conversion, &parts.headers);
                parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
                let mut all = outgoing.warnings.clone();
                all.extend(&warnings);
                std::mem::swap(&mut all, &mut warnings);
                warn(&mut parts.headers, &warnings);
                if let Some(recording) = recording {
                    recording.live().state().warnings = warnings.list();
                }
                (Some(What::Made(Box::new(parts), converted)), Signal::Fine)
            }
            Err(invalid) => {
                let fault = Fault::invalid_response(format!("{prefix}: {}", invalid.0));
                let signal = Signal::Failing(fault.code.to_owned());
                (Some(What::Fault(fault)), signal)
            }
        }
    }

    /// Who keeps what a responses client may name later.
    fn keeper(&self, context: &Context) -> Option<Keeper> {
        let keeps = context.stores && context.conversion.client() == Dialect::Responses;
        keeps.then(|| Keeper { items: self.app.items.clone(), owner: self.owner })
    }

    /// The upstream's own side begins; its body follows piece by piece.
    fn keep_head(&self, recording: &Option<Recording>, sent: &Sent, stream: bool) {
        let Some(recording) = recording else { return };
        let (live, recorder) = (recording.live(), recording.recorder());
        let head = &sent.response;
        let ttfb = live.elapsed_us();
        let answer = recorder.answer(head.status().as_u16(), head.headers(), ttfb, stream);
        live.state().keep_answered(recorder, self.number, answer, &[]);
    }
}

/// Why an answer could not be had whole.
enum Unread {
    TooLarge,
    NoRoom,
    Broken(String),
}

async fn read<B>(body: B, room: &Arc<Room>) -> Result<Bytes, Unread>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    let mut body = std::pin::pin!(body);
    let mut whole = Whole::new(room);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Unread::Broken(e.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > MAX_ANSWER {
            return Err(Unread::TooLarge);
        }
        whole.push(&data).map_err(|Full| Unread::NoRoom)?;
    }
    Ok(whole.done())
}

/// A whole answer, as the client is to have it.
struct Converted {
    body: Bytes,
    kind: &'static str,
    warnings: Warnings,
    items: Vec<Item>,
}

fn converted(context: &Context, fresh: &Fresh, body: &[u8]) -> Result<Converted, Invalid> {
    if !context.stream {
        let (body, warnings) = dialect::response(context, fresh, body)?;
        let items = references::items(&body);
        return Ok(Converted { body, kind: "application/json", warnings, items });
    }
    let mut machine = Machine::new(context.clone(), fresh);
    let mut out = BytesMut::new();
    machine.whole(body, &mut out)?;
    machine.finish(&mut out);
    let (warnings, items) = (machine.warnings(), machine.items());
    Ok(Converted { body: out.freeze(), kind: "text/event-stream", warnings, items })
}

/// To the client, as another stream than came.
pub(super) fn relay(
    app: &App,
    sent: Sent,
    shape: Shape,
    recording: Option<Recording>,
    lease: Lease,
    number: u32,
) -> Response<Reply> {
    let Sent { response, mut reuse, .. } = sent;
    if let Some(reuse) = &mut reuse
        && let Some(value) = response.headers().get("keep-alive").and_then(|v| v.to_str().ok())
    {
        reuse.keep_alive(value);
    }
    let (mut parts, body) = response.into_parts();
    parts.headers = forward::response_headers(parts.headers, false);
    // The stream's length is not the upstream's.
    parts.headers.remove(header::CONTENT_LENGTH);
    let encoding = parts.headers.remove(header::CONTENT_ENCODING);
    let encoding = encoding.as_ref().and_then(|value| Encoding::named(value.as_bytes()));
    let outcome = outcome_of(parts.status);
    if let Some(recording) = &recording {
        let ttfb = recording.live().elapsed_us();
        let status = parts.status.as_u16();
        recording.answered(recording.recorder().answer(status, &parts.headers, ttfb, true));
    }
    let live = recording.as_ref().map(|recording| (recording.live().clone(), number));
    let body = Stream::Reshaped(Box::new(Reshaped::new(body, shape, encoding, live)));
    let idle = app.config.proxy.idle_timeout.0;
    let relay = Relay::new(body, reuse, recording, outcome, idle).holding(Some(lease));
    Response::from_parts(parts, Reply::from(relay))
}

fn warn(headers: &mut HeaderMap, warnings: &Warnings) {
    if let Some(value) = warnings.header().and_then(|w| HeaderValue::try_from(w).ok()) {
        headers.insert("x-glassway-warnings", value);
    }
}

/// Ids of an answer's parts are made of its exchange's.
fn fresh(recording: &Option<Recording>) -> Fresh {
    let id = recording
        .as_ref()
        .map_or_else(glassway_shared::id::ExchangeId::new, |recording| recording.live().id);
    let created = u64::try_from(Timestamp::now().as_second()).unwrap_or(0);
    Fresh { id: id.to_string(), created }
}
