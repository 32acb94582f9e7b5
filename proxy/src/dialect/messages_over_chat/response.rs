//! The whole answer: a chat completion as a message.

use bytes::{Bytes, BytesMut};

use super::super::{
    Context, Fresh, Invalid, Warnings,
    error::unreadable,
    json::{self, Kind, Node},
    said::{reasoning, text_of},
    usage::Usage,
    write::Writer,
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
    let mut warnings = Warnings::default();
    let finish = choice.text_of("finish_reason").unwrap_or_default();

    let mut out = BytesMut::with_capacity(body.len() + 256);
    let mut to = Writer::new(&mut out);
    let id = root.text_of("id").unwrap_or_default();
    to.open().key("id").text(&super::message_id(&id, &fresh.id));
    to.key("type").text("message").key("role").text("assistant");
    to.key("model").text(&root.text_of("model").unwrap_or_default());
    to.key("content").list();
    thinking(message, &mut to);
    let text = text_of(message.get("content"));
    let refusal = message.text_of("refusal").filter(|refusal| !refusal.is_empty());
    for text in [Some(&*text), refusal.as_deref()].into_iter().flatten() {
        if !text.is_empty() {
            to.open().key("type").text("text").key("text").text(text).close();
        }
    }
    let called = calls(message, context, fresh, &mut to, &mut warnings);
    to.end();
    let stop = match super::stop_reason(&finish, called) {
        _ if refusal.is_some() => "refusal",
        Some(stop) => stop,
        None => {
            warnings.changed("finish_reason");
            if called { "tool_use" } else { "end_turn" }
        }
    };
    to.key("stop_reason").text(stop).key("stop_sequence").raw("null").key("usage");
    root.get("usage").map(Usage::of_chat).unwrap_or_default().write_messages(&mut to);
    to.close();
    Ok((out.freeze(), warnings))
}

/// Signed blocks as they are; unsigned reasoning with an empty signature, for show: it
/// is dropped again when it comes back.
fn thinking(message: &Node<'_>, to: &mut Writer<'_>) {
    let blocks = message.get("thinking_blocks").map(Node::items).unwrap_or_default();
    for block in blocks.iter().filter(|block| matches!(block.kind, Kind::Object(_))) {
        to.raw(block.raw);
    }
    if blocks.is_empty()
        && let Some(reasoning) = reasoning(message)
    {
        to.open().key("type").text("thinking").key("thinking").raw(reasoning.raw);
        to.key("signature").text("").close();
    }
}

/// Whether there were any.
fn calls(
    message: &Node<'_>,
    context: &Context,
    fresh: &Fresh,
    to: &mut Writer<'_>,
    warnings: &mut Warnings,
) -> bool {
    let list = message.get("tool_calls").map(Node::items).unwrap_or_default();
    let mut called = false;
    let functions = list.iter().map(|call| (call.text_of("id"), call.get("function")));
    let legacy = message.get("function_call").map(|function| (None, Some(function)));
    for (n, (id, function)) in functions.chain(legacy).enumerate() {
        let Some(function) = function else {
            warnings.dropped("tool_calls");
            continue;
        };
        called = true;
        let id = id.filter(|id| !id.is_empty());
        let id = id.map_or_else(|| format!("call_{}_{n}", fresh.id), |id| id.into_owned());
        let name = function.text_of("name").unwrap_or_default();
        to.open().key("type").text("tool_use").key("id").text(&id);
        to.key("name").text(context.names.restore(&name)).key("input");
        input(function, to, warnings);
        to.close();
    }
    called
}

/// Arguments that are no JSON object, as a cut answer leaves them, are kept as text.
fn input(function: &Node<'_>, to: &mut Writer<'_>, warnings: &mut Warnings) {
    let Some(arguments) = function.get("arguments") else {
        to.raw("{}");
        return;
    };
    // Some relays send the object itself.
    let text = arguments.text().unwrap_or(arguments.raw.into());
    match text.trim() {
        "" => to.raw("{}"),
        text => match json::parse(text.as_bytes()) {
            Ok(Node { kind: Kind::Object(_), raw }) => to.raw(raw),
            _ => {
                warnings.changed("arguments");
                to.open().key("_not_json").text(text).close()
            }
        },
    };
}
