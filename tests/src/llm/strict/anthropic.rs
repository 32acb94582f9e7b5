//! What Anthropic refuses of a message.
//! <https://platform.claude.com/docs/en/api/messages>

use serde_json::Value;

use super::{
    super::{anthropic::SIGNATURE, vendor::Refusal},
    is_closed, is_name, unknown,
};

const FIELDS: &str = "model messages max_tokens cache_control container context_management \
    inference_geo mcp_servers metadata output_config output_format service_tier speed \
    stop_sequences stream system temperature thinking tool_choice tools top_k top_p";

pub fn check(body: &Value) -> Result<(), Refusal> {
    if !body["thread"].is_null() {
        let message = "thread: not supported for this organization.";
        return Err(Refusal::at("thread", "thread_unsupported_request", message));
    }
    if let Some(name) = unknown(body, FIELDS) {
        return Err(Refusal::bad(format!("{name}: Extra inputs are not permitted")));
    }
    let Some(max_tokens) = body["max_tokens"].as_u64().filter(|n| *n > 0) else {
        return Err(Refusal::bad("max_tokens: Field required"));
    };
    thinking(body, max_tokens)?;
    for (n, tool) in body["tools"].as_array().into_iter().flatten().enumerate() {
        let own = tool["type"].is_null() || tool["type"] == "custom";
        if own && (!is_name(&tool["name"], 128) || tool["input_schema"]["type"] != "object") {
            return Err(Refusal::bad(format!("tools.{n}.custom: invalid name or input_schema")));
        }
        let known = "type name description input_schema cache_control strict input_examples \
                     defer_loading allowed_callers eager_input_streaming";
        if let Some(name) = unknown(tool, known).filter(|_| own) {
            let message = format!("tools.{n}.custom.{name}: Extra inputs are not permitted");
            return Err(Refusal::bad(message));
        }
    }
    let format = &body["output_config"]["format"];
    if !format.is_null() && (format["type"] != "json_schema" || !is_closed(&format["schema"])) {
        return Err(Refusal::bad(
            "output_config.format.schema: For 'object' type, \
            'additionalProperties' must be explicitly set to false",
        ));
    }
    messages(body)
}

fn thinking(body: &Value, max_tokens: u64) -> Result<(), Refusal> {
    let model = body["model"].as_str().unwrap_or_default();
    let newer = ["claude-opus-4-7", "claude-opus-4-8", "claude-sonnet-5", "claude-haiku-5"];
    let newer = newer.iter().any(|prefix| model.starts_with(prefix));
    let kind = body["thinking"]["type"].as_str().unwrap_or("disabled");
    for name in ["temperature", "top_p", "top_k"] {
        if newer && !body[name].is_null() {
            return Err(Refusal::bad(format!("`{name}` is deprecated for this model.")));
        }
    }
    let temperature = body["temperature"].as_f64().unwrap_or(1.0);
    if !(0.0..=1.0).contains(&temperature) {
        return Err(Refusal::bad("temperature: range: 0..1"));
    }
    if kind == "disabled" {
        return Ok(());
    }
    if newer && kind == "enabled" {
        return Err(Refusal::bad("\"thinking.type.enabled\" is not supported for this model."));
    }
    let budget = body["thinking"]["budget_tokens"].as_u64();
    if kind == "enabled" && !budget.is_some_and(|n| (1024..max_tokens).contains(&n)) {
        return Err(Refusal::bad("`max_tokens` must be greater than `thinking.budget_tokens`."));
    }
    if temperature < 1.0 {
        return Err(Refusal::bad("`temperature` may only be set to 1 when thinking is enabled."));
    }
    if matches!(body["tool_choice"]["type"].as_str(), Some("any" | "tool")) {
        return Err(Refusal::bad("Thinking may not be enabled when tool_choice forces tool use."));
    }
    Ok(())
}

fn messages(body: &Value) -> Result<(), Refusal> {
    let messages = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
    if messages.first().is_none_or(|first| first["role"] != "user") {
        return Err(Refusal::bad("messages: first message must use the \"user\" role"));
    }
    let budgeted = body["thinking"]["type"] == "enabled";
    let mut open: Vec<&Value> = Vec::new();
    for (n, message) in messages.iter().enumerate() {
        if let Some(name) = unknown(message, "role content") {
            return Err(Refusal::bad(format!(
                "messages.{n}.{name}: Extra inputs are not permitted"
            )));
        }
        let blocks = message["content"].as_array().map_or(&[][..], Vec::as_slice);
        if message["content"] == ""
            || message["content"].is_null()
            || message["content"] == Value::Array(Vec::new())
        {
            return Err(Refusal::bad(format!(
                "messages.{n}: all messages must have non-empty content"
            )));
        }
        let mut late = false;
        for (b, block) in blocks.iter().enumerate() {
            block_of(block)
                .map_err(|why| Refusal::bad(format!("messages.{n}.content.{b}: {why}")))?;
            if block["type"] != "tool_result" {
                late = true;
                continue;
            }
            let answered = open.iter().position(|id| **id == block["tool_use_id"]);
            let (Some(answered), false) = (answered, late) else {
                let message = format!(
                    "messages.{n}.content.{b}: unexpected `tool_use_id` found in \
                    `tool_result` blocks: {}",
                    block["tool_use_id"]
                );
                return Err(Refusal::bad(message));
            };
            open.remove(answered);
        }
        if !open.is_empty() {
            let message = format!(
                "messages.{n}: `tool_use` ids were found without `tool_result` \
                blocks immediately after: {open:?}"
            );
            return Err(Refusal::bad(message));
        }
        open = blocks.iter().filter(|b| b["type"] == "tool_use").map(|b| &b["id"]).collect();
        let thought = blocks
            .first()
            .is_some_and(|b| b["type"].as_str().is_some_and(|t| t.ends_with("thinking")));
        if budgeted && !open.is_empty() && !thought {
            let message = format!(
                "messages.{n}.content.0.type: Expected `thinking` or \
                `redacted_thinking`, but found `tool_use`."
            );
            return Err(Refusal::bad(message));
        }
    }
    match open.is_empty() {
        true => Ok(()),
        false => Err(Refusal::bad("`tool_use` ids were left without a result.")),
    }
}

fn block_of(block: &Value) -> Result<(), String> {
    let known = match block["type"].as_str() {
        Some("text") => "type text cache_control citations",
        Some("image" | "document") => "type source cache_control citations context title",
        Some("tool_use") => "type id name input cache_control caller",
        Some("tool_result") => "type tool_use_id content is_error cache_control",
        Some("thinking") => "type thinking signature",
        Some("redacted_thinking") => "type data",
        other => return Err(format!("unexpected type {other:?}")),
    };
    if let Some(name) = unknown(block, known) {
        return Err(format!("{name}: Extra inputs are not permitted"));
    }
    match block["type"].as_str() {
        Some("text") if block["text"].as_str().is_none_or(|t| t.trim().is_empty()) => {
            Err("text content blocks must be non-empty and contain non-whitespace text".into())
        }
        Some("thinking") if block["signature"] != SIGNATURE => {
            Err("Invalid `signature` in `thinking` block".into())
        }
        Some("tool_use") if !block["input"].is_object() || !is_name(&block["name"], 128) => {
            Err("tool_use.input: Input should be a valid dictionary".into())
        }
        Some("tool_use") if !is_name(&block["id"], 512) => {
            Err("tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'".into())
        }
        _ => Ok(()),
    }
}
