//! What a chat completion's message or delta says, whichever way a relay writes it.

use super::json::Node;

/// Some relays give an array of parts.
pub(super) fn text_of(content: Option<&Node<'_>>) -> String {
    let Some(content) = content else { return String::new() };
    match content.text() {
        Some(text) => text.into_owned(),
        None => content.items().iter().filter_map(|part| part.text_of("text")).collect(),
    }
}

/// DeepSeek's and vLLM's name for it, and OpenRouter's; an empty one is none.
pub(super) fn reasoning<'n, 'a>(message: &'n Node<'a>) -> Option<&'n Node<'a>> {
    let named = |name| message.get(name).filter(|node: &&Node<'_>| node.is_string());
    ["reasoning_content", "reasoning"].into_iter().filter_map(named).find(|n| n.raw.len() > 2)
}
