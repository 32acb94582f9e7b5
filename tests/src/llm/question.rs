//! What a request asks, whichever dialect it came in, and what the model makes of it:
//! a text, a thought before it, or calls of tools.

use serde_json::{Map, Value, json};

use super::{Mood, sample, words};

/// A request, read.
pub struct Question {
    pub model: String,
    pub stream: bool,
    /// The newest thing the user or a tool said.
    pub last: String,
    /// Name and arguments of the tools to call; none where a result came last.
    pub calls: Vec<(String, String)>,
    /// Whether it thinks aloud before it answers.
    pub thinks: bool,
    /// What the answer must look like.
    schema: Option<Value>,
    pub prompt_tokens: usize,
    pub body: Value,
}

impl Question {
    pub fn read(body: Value) -> Self {
        let turns = body["messages"]
            .as_array()
            .or_else(|| body["input"].as_array())
            .cloned()
            .unwrap_or_default();
        let newest = turns.last().cloned().unwrap_or_else(|| body["input"].clone());
        let has_result = newest["role"] == "tool"
            || newest["content"][0]["type"] == "tool_result"
            || newest["type"] == "function_call_output";
        let last = text_of(&newest);
        let model = body["model"].as_str().unwrap_or("gpt-4o").to_owned();
        let effort = body["reasoning_effort"].as_str().or(body["reasoning"]["effort"].as_str());
        let thinks = matches!(body["thinking"]["type"].as_str(), Some("enabled" | "adaptive"))
            || effort.is_some_and(|effort| effort != "none")
            || model.starts_with("deepseek-reasoner");
        let schema = [
            &body["response_format"]["json_schema"]["schema"],
            &body["output_config"]["format"]["schema"],
            &body["text"]["format"]["schema"],
        ];
        let schema = schema.into_iter().find(|schema| schema.is_object()).cloned();
        let calls = if has_result { Vec::new() } else { calls(&body, &last) };
        let prompt_tokens = body.to_string().len() / 4;
        let stream = body["stream"] == true;
        Self { model, stream, last, calls, thinks, schema, prompt_tokens, body }
    }

    pub fn mood(&self) -> Mood {
        match self.model.rsplit('-').next() {
            Some("slow") => Mood::Slow,
            Some("busy") => Mood::Busy,
            Some("broken") => Mood::Broken,
            Some("cut") => Mood::Cut,
            _ => Mood::Well,
        }
    }

    /// The text of the answer.
    pub fn answer(&self) -> String {
        if let Some(schema) = &self.schema {
            return sample::of(schema).to_string();
        }
        if self.body["response_format"]["type"] == "json_object" {
            return json!({"city": "Lisbon", "degrees": 21}).to_string();
        }
        words::answer(&self.last).to_owned()
    }

    pub fn tokens(&self) -> Vec<String> {
        words::tokens(&self.answer())
    }

    /// What the answer counts, thoughts aside.
    pub fn completion_tokens(&self) -> usize {
        if self.calls.is_empty() { self.tokens().len() } else { 24 * self.calls.len() }
    }

    /// What its thoughts count.
    pub fn reasoning_tokens(&self) -> usize {
        if self.thinks { 16 } else { 0 }
    }
}

/// What it thinks.
pub const THOUGHT: [&str; 3] = ["The user wants ", "a short answer, ", "so keep it short."];

fn calls(body: &Value, last: &str) -> Vec<(String, String)> {
    let choice = &body["tool_choice"];
    let none = choice == "none" || choice["type"] == "none";
    let alone = body["parallel_tool_calls"] == false || choice["disable_parallel_tool_use"] == true;
    let tools: Vec<&Map<String, Value>> = match body["tools"].as_array() {
        Some(tools) if !none => tools.iter().filter_map(definition).collect(),
        _ => return Vec::new(),
    };
    let forced = choice["function"]["name"].as_str().or(choice["name"].as_str());
    let first = match forced {
        Some(name) => tools.iter().find(|tool| tool["name"] == name),
        None => tools.first(),
    };
    let Some(first) = first else { return Vec::new() };
    let mut calls = vec![call(first, false)];
    if last.contains(" and ") && !alone && forced.is_none() {
        calls.push(call(tools.get(1).unwrap_or(first), true));
    }
    calls
}

/// What names the function: the tool itself, or what chat completions wrap it in.
fn definition(tool: &Value) -> Option<&Map<String, Value>> {
    let inner = tool.get("function").unwrap_or(tool).as_object()?;
    inner.get("name")?.as_str().map(|_| inner)
}

fn call(tool: &Map<String, Value>, second: bool) -> (String, String) {
    let name = tool["name"].as_str().unwrap_or_default();
    let arguments = match name {
        "get_weather" if second => json!({"city": "Porto", "unit": "celsius"}),
        "get_weather" => json!({"city": "Lisbon", "unit": "celsius"}),
        "read_file" => json!({"path": "tests/server.rs", "from": 1, "to": 120}),
        "run_command" => json!({"command": "cargo test --package server", "timeout_s": 120}),
        _ => match tool.get("parameters").or_else(|| tool.get("input_schema")) {
            Some(schema) => sample::of(schema),
            None => json!({}),
        },
    };
    (name.to_owned(), arguments.to_string())
}

fn text_of(turn: &Value) -> String {
    match &turn["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|p| p["text"].as_str().or(p["content"].as_str())).collect()
        }
        _ => turn.as_str().unwrap_or_default().to_owned(),
    }
}
