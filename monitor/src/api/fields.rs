//! Single fields of a body on their way into a row: left out, null, or a value to be
//! judged by what it means.

use poem_openapi::types::MaybeUndefined;

use crate::error::Problem;

/// Puts what was sent in its place; a null is refused by name.
pub(super) fn set<T>(field: &str, sent: MaybeUndefined<T>, place: &mut T) -> Result<(), Problem> {
    match sent {
        MaybeUndefined::Undefined => Ok(()),
        MaybeUndefined::Null => Err(Problem::field(field, "cannot be null; leave it out")),
        MaybeUndefined::Value(value) => {
            *place = value;
            Ok(())
        }
    }
}

/// Puts what was sent in its place; a null takes away what was there.
pub(super) fn set_or_clear<T>(sent: MaybeUndefined<T>, place: &mut Option<T>) {
    match sent {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => *place = None,
        MaybeUndefined::Value(value) => *place = Some(value),
    }
}

/// Dollars as nano-dollars.
pub(super) fn nano(field: &str, usd: f64) -> Result<i64, Problem> {
    match usd.is_finite() && (0.0..=1e9).contains(&usd) {
        true => Ok((usd * 1e9).round() as i64),
        false => Err(Problem::field(field, "must be dollars, from 0 to a thousand million")),
    }
}

/// Nano-dollars as dollars.
pub(super) fn usd(nano: i64) -> f64 {
    nano as f64 / 1e9
}

/// A name for people: not blank, no control characters, trimmed.
pub(super) fn label(field: &str, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Problem::field(field, "must not be empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::field(field, "must be one line without control characters"));
    }
    Ok(text.to_owned())
}

/// Names or patterns of models: trimmed, no blanks, no repeats.
pub(super) fn model_names(field: &str, names: Vec<String>) -> Result<Vec<String>, Problem> {
    let mut kept = Vec::<String>::new();
    for (n, name) in names.iter().enumerate() {
        let name = label(&format!("{field}[{n}]"), name)?;
        if !kept.contains(&name) {
            kept.push(name);
        }
    }
    Ok(kept)
}
