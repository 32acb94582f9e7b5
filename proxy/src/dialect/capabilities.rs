//! What each model accepts, as data: `capabilities.json`, or a table of the user's own
//! in the same form. The first row whose pattern matches the upstream's name counts.
//!
//! The built-in rows come from the vendors' model pages, the deprecation and model
//! lists in their SDKs (PyPI anthropic 2.10, openai 3.51), and the model list of PyPI
//! litellm 1.109 (MIT): `supports_adaptive_thinking`, `supports_sampling_params`,
//! `supports_mid_conversation_system`, `max_output_tokens`.

use std::sync::LazyLock;

use glassway_shared::wildcard::matches;
use serde::Deserialize;

/// The table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    messages: Vec<MessagesModel>,
    chat: Vec<ChatModel>,
}

/// A model behind Anthropic's API.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MessagesModel {
    /// `*` stands for any run of characters.
    pub model: String,
    /// How it is told to think.
    pub thinking: Thinking,
    /// Levels of `output_config.effort`.
    pub efforts: Vec<Effort>,
    /// Whether `temperature` and `top_p` may be sent.
    pub sampling: Sampling,
    /// Whether `role: "system"` may stand inside `messages`.
    /// <https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages>
    pub system_in_messages: bool,
    /// Whether it takes `output_config.format` and strict tools.
    pub structured_output: bool,
    /// What is asked for where the client leaves it open.
    pub max_output_tokens: Option<u64>,
}

/// `thinking.type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// It does not think.
    #[default]
    None,
    /// `enabled` with `budget_tokens`.
    Budget,
    /// `adaptive`, with an effort.
    Adaptive,
}

/// Sampling parameters a model takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// 400 upon any.
    None,
    /// `temperature` or `top_p`, not both.
    One,
    /// As it comes.
    #[default]
    Any,
}

/// Levels of reasoning, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the vendors' own")]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

/// A model behind an OpenAI-compatible API.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChatModel {
    /// `*` stands for any run of characters.
    pub model: String,
    /// It reasons: `max_completion_tokens` and `reasoning_effort` instead of
    /// `max_tokens` and sampling parameters.
    pub reasoning: bool,
    /// It takes sampling parameters although it reasons.
    pub sampling: bool,
    /// Levels of `reasoning_effort` it takes; empty = not known, passed as they come.
    pub efforts: Vec<Effort>,
    /// It wants its own `reasoning_content` back in the history.
    pub reasoning_content: bool,
}

impl Capabilities {
    /// The table that ships with Glassway.
    pub fn builtin() -> &'static Self {
        static TABLE: LazyLock<Capabilities> = LazyLock::new(|| {
            Capabilities::parse(include_str!("capabilities.json"))
                .expect("a test reads the built-in table")
        });
        &TABLE
    }

    /// Reads a table.
    pub fn parse(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|e| format!("the capability table: {e}"))
    }

    /// Of a model at an Anthropic-compatible upstream.
    pub fn messages(&self, model: &str) -> &MessagesModel {
        static UNKNOWN: LazyLock<MessagesModel> = LazyLock::new(MessagesModel::default);
        self.messages.iter().find(|row| matches(&row.model, model)).unwrap_or_else(|| &UNKNOWN)
    }

    /// Of a model at an OpenAI-compatible upstream.
    pub fn chat(&self, model: &str) -> &ChatModel {
        static UNKNOWN: LazyLock<ChatModel> = LazyLock::new(ChatModel::default);
        self.chat.iter().find(|row| matches(&row.model, model)).unwrap_or_else(|| &UNKNOWN)
    }
}

impl Effort {
    /// From least to most.
    const ALL: [Self; 7] =
        [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::Xhigh, Self::Max];

    /// The vendors' word.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// From the word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.word() == word)
    }

    /// The nearest level that is offered, the lower of two as near; itself where
    /// nothing is known.
    pub fn nearest(self, offered: &[Self]) -> Self {
        let distance = |other: &&Self| (**other as i8 - self as i8).abs();
        offered.iter().min_by_key(distance).copied().unwrap_or(self)
    }

    /// Tokens for models that take a budget.
    pub fn budget(self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Minimal | Self::Low => Some(1024),
            Self::Medium => Some(2048),
            Self::High => Some(4096),
            Self::Xhigh => Some(8192),
            Self::Max => Some(16384),
        }
    }

    /// The level that a budget amounts to.
    pub fn of_budget(tokens: u64) -> Self {
        match tokens {
            ..2048 => Self::Low,
            2048..4096 => Self::Medium,
            4096..8192 => Self::High,
            8192..16384 => Self::Xhigh,
            _ => Self::Max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("claude-opus-4-8", Thinking::Adaptive, Sampling::None, true, 128_000)]
    #[case("claude-opus-4-7-20260416", Thinking::Adaptive, Sampling::None, false, 128_000)]
    #[case("anthropic/claude-sonnet-4-6", Thinking::Adaptive, Sampling::One, false, 128_000)]
    #[case("claude-haiku-4-5-20251001", Thinking::Budget, Sampling::One, false, 64_000)]
    #[case("claude-sonnet-4-20250514", Thinking::Budget, Sampling::Any, false, 64_000)]
    #[case("claude-sonnet-5", Thinking::Adaptive, Sampling::None, true, 128_000)]
    #[case("claude-haiku-5-5", Thinking::Adaptive, Sampling::None, true, 128_000)]
    #[case("claude-3-5-sonnet-20241022", Thinking::None, Sampling::Any, false, 8192)]
    #[case("claude-3-haiku-20240307", Thinking::None, Sampling::Any, false, 4096)]
    fn the_built_in_table_knows_claude(
        #[case] name: &str,
        #[case] thinking: Thinking,
        #[case] sampling: Sampling,
        #[case] system: bool,
        #[case] max: u64,
    ) {
        let model = Capabilities::builtin().messages(name);
        let found = (model.thinking, model.sampling, model.system_in_messages);
        assert_eq!(found, (thinking, sampling, system));
        assert_eq!(model.max_output_tokens, Some(max));
    }

    #[rstest::rstest]
    #[case("gpt-4o", false)]
    #[case("gpt-5", true)]
    #[case("gpt-5-mini-2025-08-07", true)]
    #[case("gpt-5-chat-latest", false)]
    #[case("openai/o3-mini", true)]
    #[case("gpt-6.1-sol", true)]
    #[case("qwen3-max", false)]
    fn the_built_in_table_knows_who_reasons(#[case] name: &str, #[case] reasoning: bool) {
        assert_eq!(Capabilities::builtin().chat(name).reasoning, reasoning);
    }

    #[test]
    fn efforts_go_to_the_nearest_offered() {
        use Effort::{High, Low, Max, Medium, Minimal, None, Xhigh};
        assert_eq!(Max.nearest(&[Minimal, Low, Medium, High]), High);
        assert_eq!(Minimal.nearest(&[None, Low, Medium]), None);
        assert_eq!(Xhigh.nearest(&[Low, Medium, High, Max]), High);
        assert_eq!(Xhigh.nearest(&[]), Xhigh);
        assert!(Effort::ALL.iter().all(|e| Effort::of(e.word()) == Some(*e)));
        assert!(
            [Low, Medium, High, Xhigh, Max]
                .iter()
                .all(|e| Effort::of_budget(e.budget().unwrap()) == *e)
        );
    }

    #[test]
    fn a_table_with_a_slip_says_where() {
        let error = Capabilities::parse(r#"{"messages":[{"modle":"x"}],"chat":[]}"#).unwrap_err();
        assert!(error.contains("modle"), "{error}");
    }
}
