//! What a client of the feed may say: one word per message, as `GET /api/feed` describes.
//! Pure.

use glassway_shared::{id::ExchangeId, store::filter::Filter};
use serde_json::Value;

/// What a client may say.
#[derive(Debug)]
pub enum Word {
    /// Only what fits this from now on.
    Filter(Box<Filter>),
    /// The body of this exchange, as it comes.
    Watch(ExchangeId),
    /// No longer.
    Unwatch(ExchangeId),
    /// What finished after this cursor, then what happens.
    ResumeAfter(i64),
}

/// Reads one message; otherwise a sentence of what is wrong with it.
pub fn understand(text: &str) -> Result<Word, String> {
    let message: Value = serde_json::from_str(text).map_err(|e| format!("not JSON: {e}"))?;
    let known = "known are filter, watch, unwatch, resume_after";
    let object = message.as_object().ok_or_else(|| format!("not an object; {known}"))?;
    let mut fields = object.iter();
    let (Some((name, value)), None) = (fields.next(), fields.next()) else {
        return Err(format!("one word per message; {known}"));
    };
    let id = || -> Result<ExchangeId, String> {
        let text = value.as_str().ok_or_else(|| format!("{name}: an exchange's id is text"))?;
        text.parse().map_err(|_| format!("{name}: `{text}` is not an exchange's id"))
    };
    match &name[..] {
        "filter" => filter(value).map(|filter| Word::Filter(Box::new(filter))),
        "watch" => id().map(Word::Watch),
        "unwatch" => id().map(Word::Unwatch),
        "resume_after" => match value.as_i64() {
            Some(cursor) if cursor >= 0 => Ok(Word::ResumeAfter(cursor)),
            _ => Err("resume_after: a cursor is a whole number".to_owned()),
        },
        _ => Err(format!("unknown `{name}`; {known}")),
    }
}

fn filter(value: &Value) -> Result<Filter, String> {
    let mut filter = Filter::default();
    let Some(conditions) = value.as_object() else {
        return Err("filter: must be an object of conditions".to_owned());
    };
    for (name, value) in conditions {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            _ => return Err(format!("filter.{name}: must be text, a number or a truth value")),
        };
        filter.set(name, &text).map_err(|e| format!("filter.{name}: {e}"))?;
    }
    Ok(filter)
}
