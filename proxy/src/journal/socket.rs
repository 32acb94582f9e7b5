//! What a realtime socket's messages say of tokens: each `response.done` counts its own
//! answer, so that they are added up. Pure.

use glassway_shared::{
    model::Side,
    store::bodies::{MessageKind, packed_messages},
};

use crate::usage::{Answered, may_hold_usage};

/// The sums over all answers of the socket, and the model they came from.
pub(super) fn read(packed: &[u8]) -> Answered {
    let mut sum = Answered::default();
    for message in packed_messages(packed) {
        if message.side != Side::Response || message.kind != MessageKind::Text {
            continue;
        }
        let Ok(text) = std::str::from_utf8(&message.data) else { continue };
        let done = memchr::memmem::find(text.as_bytes(), b"\"response.done\"").is_some();
        if (done && may_hold_usage(text)) || sum.model.is_none() {
            let mut one = Answered::default();
            one.read(text.as_bytes());
            if let Some(model) = session_model(text) {
                one.model = Some(model);
            }
            sum.add(one);
        }
    }
    sum
}

/// `session.created` tells the model that the answers do not name.
fn session_model(text: &str) -> Option<String> {
    memchr::memmem::find(text.as_bytes(), b"\"session.")?;
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    value["session"]["model"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassway_shared::{
        model::Usage,
        store::bodies::{SocketMessage, pack_message},
    };

    fn packed(messages: &[(Side, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (side, text) in messages {
            let (side, data) = (*side, text.as_bytes().to_vec());
            pack_message(
                &mut out,
                &SocketMessage { at_us: 1, side, kind: MessageKind::Text, data },
            );
        }
        out
    }

    #[test]
    fn answers_of_one_socket_add_up() {
        let created = r#"{"type":"session.created","session":{"model":"gpt-realtime"}}"#;
        let done = |tokens: u64| {
            format!(
                r#"{{"type":"response.done","response":{{"usage":{{"total_tokens":9,"input_tokens":{tokens},"output_tokens":2,"input_token_details":{{"cached_tokens":1,"text_tokens":3,"audio_tokens":0}},"output_token_details":{{"audio_tokens":0}}}}}}}}"#
            )
        };
        let (first, second) = (done(10), done(30));
        let faked = done(1000);
        let answered = read(&packed(&[
            (Side::Response, created),
            (Side::Response, &first),
            (Side::Request, &faked),
            (Side::Response, r#"{"type":"response.created","response":{"usage":null}}"#),
            (Side::Response, &second),
        ]));
        let usage = answered.usage();
        assert_eq!(answered.model.as_deref(), Some("gpt-realtime"));
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (Some(40), Some(4)));
        assert_eq!(usage.cached_tokens, Some(2));
        assert_eq!(answered.counts(&usage).unwrap().audio_output, 0);
        let sound = r#"{"type":"response.done","response":{"usage":{"input_tokens":1,"output_tokens":2,"output_token_details":{"audio_tokens":2}}}}"#;
        let sound = read(&packed(&[(Side::Response, sound)]));
        assert_eq!(sound.counts(&sound.usage()).unwrap().audio_output, 2);
        assert_eq!(read(&packed(&[(Side::Response, "plain")])).usage(), Usage::ABSENT);
    }
}
