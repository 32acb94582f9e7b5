//! What a roster is made of, row by row.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An upstream speaking one dialect at one base URL.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// Its row.
    pub id: i64,
    /// Unique, fit for a path.
    pub name: String,
    /// `openai`, `anthropic` or `azure`.
    pub kind: String,
    /// `None`: the configuration's.
    pub base_url: Option<String>,
    /// Whether it is used.
    pub enabled: bool,
    /// Higher goes first.
    pub priority: i64,
    /// Of list prices.
    pub price_multiplier: f64,
    /// Azure's.
    pub api_version: Option<String>,
    /// Azure: model → deployment.
    pub deployments: BTreeMap<String, String>,
}

/// An upstream credential.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Its row.
    pub id: i64,
    /// Whose it is.
    pub provider_id: i64,
    /// As people call it.
    pub name: String,
    /// HPKE.
    pub sealed: Vec<u8>,
    /// `sk-…wxyz`
    pub masked: String,
    /// By hand.
    pub active: bool,
    /// Empty = all.
    pub models: Vec<String>,
    /// For random picks.
    pub weight: u32,
    /// Higher goes first.
    pub priority: i64,
    /// Nano-dollars per call, instead of the price list.
    pub price_per_call_nano: Option<i64>,
    /// Nano-dollars; `None` = unlimited.
    pub quota_nano: Option<i64>,
}

/// A client's model name → candidates.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// A name, or a pattern with `*`.
    pub model: String,
    /// Tried by priority.
    pub candidates: Vec<Candidate>,
    /// `None`: the setting.
    pub strategy: Option<String>,
}

/// A provider and what the model is called there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its row.
    pub provider_id: i64,
    /// `None`: as the client calls it.
    #[serde(default)]
    pub upstream_model: Option<String>,
    /// Higher goes first.
    #[serde(default)]
    pub priority: i64,
    /// Among candidates of one priority.
    #[serde(default = "one")]
    pub weight: u32,
}

fn one() -> u32 {
    1
}

/// What people know or decided about a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Dollars per million tokens, instead of the list's.
    pub prices: Option<serde_json::Value>,
    /// By hand.
    pub added: bool,
}

/// A client's credential.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its row.
    pub id: i64,
    /// As people call it.
    pub name: String,
    /// BLAKE3 of the token.
    pub hash: [u8; 32],
    /// By hand.
    pub enabled: bool,
    /// Nano-dollars per period.
    pub budget_nano: Option<i64>,
    /// `day`, `month` or `total`.
    pub budget_period: String,
    /// Requests per minute.
    pub rpm: Option<u32>,
    /// Tokens per minute.
    pub tpm: Option<u32>,
    /// Names and patterns; empty = all.
    pub allowed_models: Vec<String>,
    /// Unix seconds.
    pub expires_at: Option<i64>,
    /// How much is recorded.
    pub record: TokenRecord,
}

/// How much is recorded of a client's exchanges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenRecord {
    /// What is recorded of anybody's.
    #[default]
    All,
    /// Figures: no body, header or query.
    Metadata,
}

impl TokenRecord {
    /// For its column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Metadata => "metadata",
        }
    }

    /// From its column: a word that is not known keeps less.
    pub fn of(text: &str) -> Self {
        if text == "all" { Self::All } else { Self::Metadata }
    }
}

/// What is kept of a key's state over a restart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyState {
    /// The key's row.
    pub key_id: i64,
    /// The word that lists show where nothing is cooling.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// Until when, unix ms.
    pub until: Option<i64>,
    /// The proxy's own facts, as JSON.
    pub health: String,
    /// Nano-dollars.
    pub spent_nano: i64,
    /// Requests ever.
    pub total_requests: i64,
    /// Unix ms.
    pub last_used_at: Option<i64>,
}

/// A token's spending in the period that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spending {
    /// The token's row.
    pub token_id: i64,
    /// Unix seconds.
    pub period_start: i64,
    /// Nano-dollars.
    pub spent_nano: i64,
    /// Unix ms.
    pub last_used_at: Option<i64>,
}

/// Something to do once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Rising.
    pub id: i64,
    /// Such as `reset_key`.
    pub kind: String,
    /// The row it is about.
    pub target: i64,
}
