//! The whole answer: a chat completion as a response.

use bytes::{Bytes, BytesMut};

use super::{
    super::{
        Context, Fresh, Invalid, Warnings,
        error::unreadable,
        json::{self, Kind, Node},
        said::{reasoning, text_of},
        usage::Usage,
        write::{self, Writer},
    },
    object::{self, Call, Head, Status},
};

pub(in super::super) fn convert(
    context: &Context,
    fresh: &Fresh,
    body: &[u8],
) -> Result<(Bytes, Warnings), Invalid> {
    let root = json::parse(body).map_err(|e| unreadable(body, &e.to_string()))?;
    let choice = root.get("choices").and_then(|choices| choices.items().first());
    let Some(choice) = choice else { return Err(unreadable(body, "it has no choices")) };
    let Some(message) = choice.get("message").filter(|m| matches!(m.kind, Kind::Object(_))) else {
        return Err(unreadable(body, "its choice has no message"));
    };
    let output = write::json(|to| items(message, context, fresh, to));
    let head = Head {
        id: format!("resp_{}", fresh.id),
        created: root.get("created").and_then(Node::u64).unwrap_or(fresh.created),
        model: root.text_of("model").unwrap_or_default().into_owned(),
    };
    let finish = choice.text_of("finish_reason").unwrap_or_default();
    let usage = root.get("usage").map(Usage::of_chat);
    let mut out = BytesMut::with_capacity(body.len() + context.echo.len() + 512);
    let status = Status::of(&finish);
    head.write(&status, &output, usage, &context.echo, &mut Writer::new(&mut out));
    Ok((out.freeze(), Warnings::default()))
}

fn items(message: &Node<'_>, context: &Context, fresh: &Fresh, to: &mut Writer<'_>) {
    let id = |prefix: &str, n: usize| format!("{prefix}_{}_{n}", fresh.id);
    let thinking = message.get("thinking_blocks").map(Node::items).unwrap_or_default();
    let thinking: Vec<String> = thinking.iter().map(|block| block.raw.to_owned()).collect();
    let thought = reasoning(message).and_then(Node::text).unwrap_or_default();
    if !thought.is_empty() || !thinking.is_empty() {
        object::reasoning(&id("rs", 0), &thought, &thinking, to);
    }
    let text = text_of(message.get("content"));
    let refusal = message.text_of("refusal").unwrap_or_default();
    let calls = message.get("tool_calls").map(Node::items).unwrap_or_default();
    if !text.is_empty() || !refusal.is_empty() || calls.is_empty() {
        object::message(&id("msg", 0), "completed", to, |to| {
            if !text.is_empty() || refusal.is_empty() {
                object::text_part(&text, to);
            }
            if !refusal.is_empty() {
                object::refusal_part(&refusal, to);
            }
        });
    }
    for (n, call) in calls.iter().enumerate() {
        let Some(function) = call.get("function") else { continue };
        let name = function.text_of("name").unwrap_or_default();
        let call_id = call.text_of("id").filter(|id| !id.is_empty());
        let call_id = call_id.map_or_else(|| id("call", n), |id| id.into_owned());
        let arguments = match function.get("arguments") {
            Some(arguments) => arguments.text().unwrap_or(arguments.raw.into()),
            None => "{}".into(),
        };
        let id = id("fc", n);
        let name = context.names.restore(&name);
        Call { id: &id, call_id: &call_id, name, arguments: &arguments }.write("completed", to);
    }
}
