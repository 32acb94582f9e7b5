//! What OpenAI refuses of a chat completion.
//! <https://platform.openai.com/docs/api-reference/chat/create>

use serde_json::Value;

use super::{super::vendor::Refusal, is_closed, is_name, unknown};

const FIELDS: &str = "messages model audio frequency_penalty function_call functions logit_bias \
    logprobs max_completion_tokens max_tokens metadata modalities n parallel_tool_calls prediction \
    presence_penalty prompt_cache_key prompt_cache_retention reasoning_effort response_format \
    safety_identifier seed service_tier stop store stream stream_options temperature tool_choice \
    tools top_logprobs top_p user verbosity web_search_options";

pub fn check(body: &Value) -> Result<(), Refusal> {
    if let Some(name) = unknown(body, FIELDS) {
        let message = format!("Unknown parameter: '{name}'.");
        return Err(Refusal::at(name, "unknown_parameter", message));
    }
    let has = |name: &str| !body[name].is_null();
    if has("stream_options") && body["stream"] != true {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::at("stream_options", "invalid_value", message));
    }
    for name in ["parallel_tool_calls", "tool_choice"] {
        if has(name) && !has("tools") {
            let message = format!("'{name}' is only allowed when 'tools' are specified.");
            return Err(Refusal::at(name, "invalid_value", message));
        }
    }
    if body["stop"].as_array().is_some_and(|stops| stops.len() > 4) {
        return Err(Refusal::at("stop", "array_above_max_length", "Expected at most 4."));
    }
    model(body)?;
    tools(&body["tools"])?;
    format(body)?;
    messages(&body["messages"])
}

fn model(body: &Value) -> Result<(), Refusal> {
    let name = body["model"].as_str().unwrap_or_default();
    let reasons = ["gpt-5", "gpt-6", "o3", "o4"].iter().any(|prefix| name.starts_with(prefix));
    let refused: &[&str] = match reasons {
        true => &["max_tokens", "top_p", "presence_penalty", "frequency_penalty", "logit_bias"],
        false if name.starts_with("gpt-4") => &["reasoning_effort"],
        false => &[],
    };
    if let Some(name) = refused.iter().find(|name| !body[**name].is_null()) {
        let message = format!("Unsupported parameter: '{name}' is not supported with this model.");
        return Err(Refusal::at(*name, "unsupported_parameter", message));
    }
    if reasons && body["temperature"].as_f64().is_some_and(|t| (t - 1.0).abs() > 0.001) {
        let message = "Only the default (1) value is supported.";
        return Err(Refusal::at("temperature", "unsupported_value", message));
    }
    Ok(())
}

fn tools(tools: &Value) -> Result<(), Refusal> {
    if tools.as_array().is_some_and(Vec::is_empty) {
        return Err(Refusal::at("tools", "empty_array", "Expected at least one tool."));
    }
    for (n, tool) in tools.as_array().into_iter().flatten().enumerate() {
        let at = format!("tools[{n}]");
        let (outer, inner) = (unknown(tool, "type function"), &tool["function"]);
        if let Some(name) = outer.or_else(|| unknown(inner, "name description parameters strict")) {
            let message = format!("Unknown parameter: '{at}.{name}'.");
            return Err(Refusal::at(at, "unknown_parameter", message));
        }
        if tool["type"] != "function" || !is_name(&inner["name"], 64) {
            let message = format!("Invalid '{at}.function.name': {}.", inner["name"]);
            return Err(Refusal::at(at, "invalid_value", message));
        }
        let parameters = &inner["parameters"];
        if !parameters.is_null() && parameters["type"] != "object" {
            let message = "schema must be a JSON Schema of 'type: \"object\"'";
            return Err(Refusal::at(at, "invalid_function_parameters", message));
        }
        if inner["strict"] == true && !is_closed(parameters) {
            let message = "'additionalProperties' is required to be supplied and to be false.";
            return Err(Refusal::at(at, "invalid_function_parameters", message));
        }
    }
    Ok(())
}

fn format(body: &Value) -> Result<(), Refusal> {
    let format = &body["response_format"];
    let asks = body["messages"].to_string().to_lowercase().contains("json");
    if format["type"] == "json_object" && !asks {
        let message = "'messages' must contain the word 'json' in some form.";
        return Err(Refusal::at("messages", "invalid_value", message));
    }
    if format["type"] != "json_schema" {
        return Ok(());
    }
    let schema = &format["json_schema"];
    if !is_name(&schema["name"], 64) {
        let message = "Missing required parameter: 'response_format.json_schema.name'.";
        return Err(Refusal::at("response_format", "missing_required_parameter", message));
    }
    if schema["strict"] == true && !is_closed(&schema["schema"]) {
        let message = "'additionalProperties' is required to be supplied and to be false.";
        return Err(Refusal::at("response_format", "invalid_json_schema", message));
    }
    Ok(())
}

fn messages(messages: &Value) -> Result<(), Refusal> {
    // The calls of the last assistant that wait for their results.
    let mut open: Vec<&Value> = Vec::new();
    for (n, message) in messages.as_array().into_iter().flatten().enumerate() {
        let at = format!("messages[{n}]");
        let role = message["role"].as_str().unwrap_or_default();
        let known = match role {
            "system" | "developer" | "user" => "role content name",
            "assistant" => "role content name refusal audio tool_calls function_call annotations",
            "tool" => "role content tool_call_id",
            _ => return Err(Refusal::at(at, "invalid_value", format!("Invalid value: '{role}'."))),
        };
        if let Some(name) = unknown(message, known) {
            let message = format!("Unknown parameter: '{at}.{name}'.");
            return Err(Refusal::at(at, "unknown_parameter", message));
        }
        content(&message["content"], &at)?;
        if role == "tool" {
            let answered = open.iter().position(|id| **id == message["tool_call_id"]);
            let Some(answered) = answered else {
                let message = "messages with role 'tool' must be a response to a preceeding \
                               message with 'tool_calls'.";
                return Err(Refusal::at(at, "invalid_value", message));
            };
            open.remove(answered);
            continue;
        }
        if !open.is_empty() {
            let message = "An assistant message with 'tool_calls' must be followed by tool \
                           messages responding to each 'tool_call_id'.";
            return Err(Refusal::at(at, "invalid_value", message));
        }
        let calls = message["tool_calls"].as_array();
        if role == "assistant" && message["content"].is_null() && calls.is_none() {
            return Err(Refusal::at(at, "invalid_type", "expected a string, but got null."));
        }
        for call in calls.into_iter().flatten() {
            if !call["function"]["arguments"].is_string() || !is_name(&call["function"]["name"], 64)
            {
                return Err(Refusal::at(at, "invalid_type", "a tool call is malformed."));
            }
            open.push(&call["id"]);
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    Err(Refusal::at("messages", "invalid_value", "tool calls were left without a result."))
}

fn content(content: &Value, at: &str) -> Result<(), Refusal> {
    for (n, part) in content.as_array().into_iter().flatten().enumerate() {
        let at = format!("{at}.content[{n}]");
        let known = match part["type"].as_str() {
            Some("text") => "type text",
            Some("image_url") => "type image_url",
            Some("input_audio") => "type input_audio",
            Some("file") => "type file",
            Some("refusal") => "type refusal",
            _ => return Err(Refusal::at(at, "invalid_value", "Invalid value of 'type'.")),
        };
        if let Some(name) = unknown(part, known) {
            let message = format!("Unknown parameter: '{at}.{name}'.");
            return Err(Refusal::at(at, "unknown_parameter", message));
        }
    }
    Ok(())
}
