//! What a vendor refuses, as its documents and its own errors have it: a conversion that
//! makes such a request is found here and not at somebody's vendor.

mod anthropic;
mod openai;

use serde_json::Value;

use super::{
    question::Question,
    vendor::{Call, Refusal, Vendor},
};

pub fn check(call: &Call, question: &Question) -> Result<(), Refusal> {
    let body = &question.body;
    match (call.vendor, &*call.operation) {
        (Vendor::Anthropic, "/messages") => anthropic::check(body),
        (Vendor::OpenAi | Vendor::Azure, "/chat/completions") => {
            if call.names_deployment() && !question.model.starts_with("prod-") {
                return Err(Refusal::at("model", "DeploymentNotFound", "no such deployment"));
            }
            if call.vendor == Vendor::Azure && question.last.contains("[blocked]") {
                let message = "The response was filtered due to the prompt triggering Azure \
                               OpenAI's content management policy.";
                return Err(Refusal::at("prompt", "content_filter", message));
            }
            openai::check(body)
        }
        _ => Ok(()),
    }
}

/// The first field that is none of `known`.
fn unknown<'a>(value: &'a Value, known: &str) -> Option<&'a str> {
    let fields = value.as_object()?.keys();
    fields.map(String::as_str).find(|name| !known.split(' ').any(|known| known == *name))
}

/// Whether a tool's name is one: letters, digits, `_` and `-`, and no longer than this.
fn is_name(name: &Value, longest: usize) -> bool {
    let name = name.as_str().unwrap_or_default();
    (1..=longest).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// Whether every object of a schema forbids other properties.
fn is_closed(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => {
            let object = schema["type"] == "object";
            (!object || schema["additionalProperties"] == false) && fields.values().all(is_closed)
        }
        Value::Array(items) => items.iter().all(is_closed),
        _ => true,
    }
}
