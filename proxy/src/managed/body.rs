//! The body of a managed request: read whole, so that it can be sent again, checked as
//! far as routing needs it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::value::RawValue;

use crate::{
    dialect::{in_place, multipart},
    error::Fault,
    live::Recording,
    room::{Part as Share, Room},
    server::Part,
    tee::{BodyError, Upload},
    upstream::UploadState,
    usage,
};

/// Largest body that is kept for another attempt. Managed calls carry prompts and
/// files; larger ones belong on a transparent connection.
pub(super) const MAX: usize = 64 << 20;

/// More than [`MAX`].
pub(super) fn too_large() -> Fault {
    Fault::refused(
        "body_too_large",
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("a managed request may have at most {} MiB", MAX >> 20),
    )
}

/// All bodies that are held now leave no room for this one.
pub(super) fn no_room(room: &Room) -> Fault {
    Fault {
        retry_after: Some(Duration::from_secs(1)),
        ..Fault::refused(
            "no_memory_left",
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "the bodies of managed requests that run now take all of the {} bytes that they \
                 may (proxy.managed_bytes); try again in a moment",
                room.most()
            ),
        )
    }
}

/// A body that is held whole, within the room there is for all.
pub(super) struct Whole {
    bytes: Vec<u8>,
    share: Share,
}

/// The room is full.
pub(super) struct Full;

impl Whole {
    /// Nothing yet.
    pub(super) fn new(room: &Arc<Room>) -> Self {
        Self { bytes: Vec::new(), share: room.part() }
    }

    /// So many bytes so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The next piece.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), Full> {
        let needed = self.bytes.len() + piece.len();
        if needed > self.bytes.capacity() {
            let wanted = needed.max(self.bytes.capacity() * 2).max(4096);
            if !self.share.resize(wanted) {
                return Err(Full);
            }
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// Room is given back when the last of their owners is gone.
    pub(super) fn done(self) -> Bytes {
        match self.bytes.is_empty() {
            true => Bytes::new(),
            false => Bytes::from_owner(self),
        }
    }
}

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads it all.
pub(super) async fn read(
    (incoming, part): (Incoming, Option<Part>),
    recording: &Option<Recording>,
    idle: Duration,
    room: &Arc<Room>,
) -> Result<Bytes, Fault> {
    let state = UploadState::new();
    let mut upload = Upload::new(incoming, recording.as_ref(), state, idle, part);
    // None once there was no room for it: the rest is read all the same, as most clients hear
    // nothing before they have sent everything.
    let mut body = Some(Whole::new(room));
    let mut length = 0;
    while let Some(frame) = upload.frame().await {
        let frame = frame.map_err(|e| match e {
            BodyError::Idle(_) => {
                let mut fault = Fault::malformed(
                    StatusCode::REQUEST_TIMEOUT,
                    "the request's body stopped coming (proxy.idle_timeout)",
                );
                fault.outcome = glassway_shared::model::Outcome::Timeout;
                fault
            }
            BodyError::Source(_) => {
                let mut fault =
                    Fault::malformed(StatusCode::BAD_REQUEST, "the request's body broke off");
                fault.outcome = glassway_shared::model::Outcome::ClientClosed;
                fault
            }
        })?;
        if let Ok(data) = frame.into_data() {
            length += data.len();
            if length > MAX {
                return Err(Fault { close: true, ..too_large() });
            }
            body = body.and_then(|mut body| body.push(&data).ok().map(|()| body));
        }
    }
    body.map(Whole::done).ok_or_else(|| no_room(room))
}

/// The model that the upstream will take the request to name: routing and a token's list
/// of models go by it, so nothing else in the body may pass for it.
pub(super) fn model(body: &[u8], content_type: Option<&[u8]>, target: &str) -> Option<String> {
    let named = match content_type.filter(|t| t.starts_with(b"multipart/")) {
        Some(kind) => multipart::model(body, kind).map(str::to_owned),
        None if body.trim_ascii_start().first() == Some(&b'{') => in_place::model(body),
        None => usage::path_model(target),
    };
    named.filter(|model| !model.is_empty())
}

/// What cannot be routed: a byte order mark, a top-level array, JSON that is none.
pub(super) fn check(body: &[u8], content_type: Option<&[u8]>) -> Result<(), Fault> {
    let json =
        content_type.is_some_and(|t| t.to_ascii_lowercase().starts_with(b"application/json"));
    if !json || body.is_empty() {
        return Ok(());
    }
    let bad =
        |message: String| Err(Fault::refused("invalid_json", StatusCode::BAD_REQUEST, message));
    if body.starts_with(b"\xef\xbb\xbf") {
        return bad("the body begins with a byte order mark: send plain UTF-8 JSON".into());
    }
    if body.trim_ascii_start().first() != Some(&b'{') {
        return bad("the body must be a JSON object".into());
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
        Ok(_) => Ok(()),
        Err(e) => bad(format!("the body is not valid JSON: {e}")),
    }
}

/// A number that stays the same over the turns of a conversation: of its model, its
/// instructions and its first messages, which a vendor's prompt cache keys on, too.
pub(super) fn conversation(body: &[u8]) -> u64 {
    #[derive(serde::Deserialize)]
    struct Head<'a> {
        #[serde(borrow, default)]
        system: Option<&'a RawValue>,
        #[serde(borrow, default)]
        instructions: Option<&'a RawValue>,
        #[serde(borrow, default)]
        messages: Option<Vec<&'a RawValue>>,
    }
    let mut hasher = blake3::Hasher::new();
    match serde_json::from_slice::<Head>(body) {
        Ok(head) => {
            for part in [head.system, head.instructions].into_iter().flatten() {
                hasher.update(part.get().as_bytes());
            }
            // A system prompt and the first question.
            for message in head.messages.iter().flatten().take(2) {
                hasher.update(message.get().as_bytes());
            }
        }
        Err(_) => drop(hasher.update(body)),
    }
    let hash = hasher.finalize();
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("eight bytes"))
}

/// Keeps a whole body for one attempt.
pub(super) fn upload(body: Bytes) -> (Upload, Arc<UploadState>) {
    let state = UploadState::new();
    (Upload::whole(body, state.clone()), state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_are_routed() {
        let json = Some(&b"application/json; charset=utf-8"[..]);
        assert!(check(b" {\"a\":1}", json).is_ok());
        assert!(check(b"", json).is_ok());
        assert!(check(b"anything", Some(b"text/plain")).is_ok());
        for bad in [&b"\xef\xbb\xbf{}"[..], b"[1]", b"{\"a\":", b"null"] {
            assert_eq!(check(bad, json).unwrap_err().code, "invalid_json");
        }
    }

    #[rstest::rstest]
    #[case(r#"{"x":{"model":"cheap"},"model":"dear","stream":5}"#, Some("dear"))]
    #[case(r#"{"model":"cheap","model":"dear"}"#, Some("dear"))]
    #[case(r#"{"model":""}"#, None)]
    #[case("", Some("m"))]
    fn a_model_is_the_one_that_counts(#[case] body: &str, #[case] is: Option<&str>) {
        assert_eq!(model(body.as_bytes(), None, "/v1/models/m").as_deref(), is);
        let form = format!(
            "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n{body}name=\"model\"\r\n\r\nno\r\n--x--"
        );
        assert_eq!(model(form.as_bytes(), Some(b"multipart/form-data; boundary=x"), ""), None);
    }

    #[test]
    fn a_conversation_keeps_its_number_as_it_grows() {
        let turn = |more: &str| {
            format!(
                r#"{{"messages":[{{"role":"system","content":"s"}},{{"role":"user","content":"q"}}{more}]}}"#
            )
        };
        let first = conversation(turn("").as_bytes());
        assert_eq!(first, conversation(turn(r#",{"role":"assistant","content":"a"}"#).as_bytes()));
        assert_ne!(
            first,
            conversation(b"{\"messages\":[{\"role\":\"user\",\"content\":\"other\"}]}")
        );
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_never_panic(body: Vec<u8>) {
            conversation(&body);
            model(&body, None, "/v1/models/x");
            model(&body, Some(b"multipart/form-data; boundary=x"), "");
            let _ = check(&body, Some(b"application/json"));
        }
    }
}
