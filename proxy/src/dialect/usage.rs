//! Token counts in the three shapes. Anthropic counts what the cache served and what
//! was written to it apart from the input; OpenAI inside. Reasoning is inside the
//! output in all of them.

use super::{json::Node, write::Writer};

/// Counts in OpenAI's sense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) prompt: u64,
    pub(super) completion: u64,
    pub(super) cached: u64,
    pub(super) written: u64,
    pub(super) reasoning: u64,
}

/// Anthropic's counts: cumulative in a stream, so that later ones replace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MessagesUsage {
    input: u64,
    output: u64,
    read: u64,
    written: u64,
    thinking: u64,
}

impl MessagesUsage {
    pub(super) fn read(&mut self, usage: &Node<'_>) {
        let set = |slot: &mut u64, node: Option<&Node<'_>>| {
            if let Some(n) = node.and_then(Node::u64) {
                *slot = n;
            }
        };
        set(&mut self.input, usage.get("input_tokens"));
        set(&mut self.output, usage.get("output_tokens"));
        set(&mut self.read, usage.get("cache_read_input_tokens"));
        set(&mut self.written, usage.get("cache_creation_input_tokens"));
        let details = usage.get("output_tokens_details");
        set(&mut self.thinking, details.and_then(|details| details.get("thinking_tokens")));
    }

    pub(super) fn usage(self) -> Usage {
        Usage {
            prompt: self.input.saturating_add(self.read).saturating_add(self.written),
            completion: self.output,
            cached: self.read,
            written: self.written,
            reasoning: self.thinking,
        }
    }
}

impl Usage {
    /// From a chat completion's `usage`, DeepSeek's included.
    pub(super) fn of_chat(usage: &Node<'_>) -> Self {
        let count = |name: &str| usage.get(name).and_then(Node::u64);
        let detail = |part: &str, name: &str| {
            usage.get(part).and_then(|part| part.get(name)).and_then(Node::u64)
        };
        let cached = detail("prompt_tokens_details", "cached_tokens");
        Self {
            prompt: count("prompt_tokens").unwrap_or(0),
            completion: count("completion_tokens").unwrap_or(0),
            cached: cached.or_else(|| count("prompt_cache_hit_tokens")).unwrap_or(0),
            written: detail("prompt_tokens_details", "cache_write_tokens").unwrap_or(0),
            reasoning: detail("completion_tokens_details", "reasoning_tokens").unwrap_or(0),
        }
    }

    /// As a chat completion's `usage`.
    pub(super) fn write_chat(&self, to: &mut Writer<'_>) {
        to.open().key("prompt_tokens").number(self.prompt);
        to.key("completion_tokens").number(self.completion);
        to.key("total_tokens").number(self.prompt.saturating_add(self.completion));
        to.key("prompt_tokens_details").open().key("cached_tokens").number(self.cached);
        if self.written > 0 {
            to.key("cache_write_tokens").number(self.written);
        }
        to.close().key("completion_tokens_details").open();
        to.key("reasoning_tokens").number(self.reasoning).close().close();
    }

    /// As a message's `usage`.
    pub(super) fn write_messages(&self, to: &mut Writer<'_>) {
        let apart = self.cached.saturating_add(self.written);
        to.open().key("input_tokens").number(self.prompt.saturating_sub(apart));
        to.key("cache_creation_input_tokens").number(self.written);
        to.key("cache_read_input_tokens").number(self.cached);
        to.key("output_tokens").number(self.completion);
        if self.reasoning > 0 {
            to.key("output_tokens_details").open();
            to.key("thinking_tokens").number(self.reasoning).close();
        }
        to.close();
    }

    /// As a response's `usage`.
    pub(super) fn write_responses(&self, to: &mut Writer<'_>) {
        to.open().key("input_tokens").number(self.prompt);
        to.key("input_tokens_details").open().key("cached_tokens").number(self.cached);
        to.key("cache_write_tokens").number(self.written).close();
        to.key("output_tokens").number(self.completion);
        to.key("output_tokens_details").open();
        to.key("reasoning_tokens").number(self.reasoning).close();
        to.key("total_tokens").number(self.prompt.saturating_add(self.completion)).close();
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{json, write},
        *,
    };

    #[test]
    fn what_the_cache_did_is_outside_the_input_for_one_and_inside_for_the_other() {
        let mut messages = MessagesUsage::default();
        let said = br#"{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":100,"cache_creation_input_tokens":7}"#;
        messages.read(&json::parse(said).unwrap());
        // Cumulative: said again, nothing doubles.
        messages.read(&json::parse(br#"{"output_tokens":25}"#).unwrap());
        let usage = messages.usage();
        assert_eq!((usage.prompt, usage.completion, usage.cached), (117, 25, 100));
        let chat = write::json(|to| usage.write_chat(to));
        let again = Usage::of_chat(&json::parse(chat.as_bytes()).unwrap());
        assert_eq!(again, usage);
        let back = write::json(|to| again.write_messages(to));
        assert!(back.starts_with(r#"{"input_tokens":10,"cache_creation_input_tokens":7,"cache_read_input_tokens":100,"output_tokens":25"#), "{back}");
    }

    #[test]
    fn counts_that_cannot_be_do_not_wrap() {
        let odd = br#"{"prompt_tokens":3,"completion_tokens":1e300,"prompt_tokens_details":{"cached_tokens":9}}"#;
        let usage = Usage::of_chat(&json::parse(odd).unwrap());
        let made = write::json(|to| usage.write_messages(to));
        assert!(made.contains(r#""input_tokens":0"#), "{made}");
        assert_eq!(usage.completion, 0);
    }
}
