//! What the assistant did before: thinking that may be handed back, calls of tools.

use super::{
    super::{
        Names, Refused,
        json::{self, Kind, Node},
        names,
        view::At,
        write::Writer,
    },
    content::blank,
};

/// Whether the assistant's last message calls tools and has no signed thinking.
pub(super) fn lost_thought(messages: &[Node<'_>]) -> bool {
    let role = |message: &&Node<'_>| message.text_of("role").is_some_and(|r| r == "assistant");
    let Some(last) = messages.iter().rfind(role) else { return false };
    let calls = last.get("tool_calls").map(Node::items).unwrap_or_default();
    let blocks = last.get("thinking_blocks").map(Node::items).unwrap_or_default();
    let signed =
        |block: &Node<'_>| ["signature", "data"].iter().any(|name| block.get(name).is_some());
    (!calls.is_empty() || last.get("function_call").is_some()) && !blocks.iter().any(signed)
}

/// Thinking of earlier turns, unmodified; whether there was any. It is worth nothing
/// without its signature.
pub(super) fn thinking(
    message: &Node<'_>,
    at: &At<'_>,
    to: &mut Writer<'_>,
) -> Result<bool, Refused> {
    let Some(all) = message.get("thinking_blocks") else { return Ok(false) };
    let mut any = false;
    for block in all.need_items(at)? {
        match block.text_of("type").as_deref() {
            Some("thinking") => {
                let signature = block.get("signature").filter(|signature| !blank(signature));
                let Some(signature) = signature else { continue };
                to.open().key("type").text("thinking").key("thinking");
                match block.get("thinking").filter(|thinking| thinking.is_string()) {
                    Some(thinking) => to.raw(thinking.raw),
                    None => to.text(""),
                };
                to.key("signature").raw(signature.raw).close();
                any = true;
            }
            Some("redacted_thinking") => {
                let Some(data) = block.get("data").filter(|data| data.is_string()) else {
                    continue;
                };
                to.open().key("type").text("redacted_thinking").key("data").raw(data.raw).close();
                any = true;
            }
            _ => {}
        }
    }
    Ok(any)
}

pub(super) fn tool_use(
    id: &str,
    function: &Node<'_>,
    at: &At<'_>,
    names: &mut Names,
    to: &mut Writer<'_>,
) -> Result<(), Refused> {
    let name = function.need_text_of("name", at)?;
    let name = names.send(&name, names::MESSAGES, &at.key("name"))?;
    let arguments = match function.get("arguments") {
        Some(arguments) => arguments.need_text(&at.key("arguments"))?,
        None => "".into(),
    };
    let input = match arguments.trim() {
        "" => "{}",
        text => match json::parse(text.as_bytes()) {
            Ok(Node { kind: Kind::Object(_), .. }) => text,
            _ => return Err(at.key("arguments").invalid("must be the text of a JSON object")),
        },
    };
    to.open().key("type").text("tool_use").key("id").text(id).key("name").text(&name);
    to.key("input").raw(input).close();
    Ok(())
}
