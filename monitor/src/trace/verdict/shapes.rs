//! What answers' headers and ids look like, and who makes them so: data, and how it is
//! matched. Pure.

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Shapes {
    pub(super) headers: Vec<HeaderShape>,
    pub(super) ids: Vec<IdShape>,
}

#[derive(Deserialize)]
pub(super) struct HeaderShape {
    /// A name, or its beginning where it ends with `-`.
    header: String,
    /// A part of the value.
    value: Option<String>,
    pub(super) name: String,
    pub(super) role: String,
}

#[derive(Deserialize)]
pub(super) struct IdShape {
    prefix: String,
    rest: String,
    length: Option<usize>,
    pub(super) name: String,
}

impl HeaderShape {
    pub(super) fn fits(&self, name: &str, value: &str) -> bool {
        let named = match self.header.ends_with('-') {
            true => name.starts_with(&self.header),
            false => name == self.header,
        };
        named && self.value.as_ref().is_none_or(|part| value.to_lowercase().contains(&part[..]))
    }
}

impl IdShape {
    pub(super) fn fits(&self, id: &str) -> bool {
        let Some(rest) = id.strip_prefix(&self.prefix) else { return false };
        let all = |fits: fn(&u8) -> bool| !rest.is_empty() && rest.as_bytes().iter().all(fits);
        let made = match &self.rest[..] {
            "alnum" => all(u8::is_ascii_alphanumeric),
            "hex" => all(u8::is_ascii_hexdigit),
            "digits" => all(u8::is_ascii_digit),
            "uuid" => rest.len() == 36 && rest.matches('-').count() == 4,
            _ => true,
        };
        made && self.length.is_none_or(|length| rest.len() == length)
    }
}

pub(super) fn shapes() -> &'static Shapes {
    static SHAPES: std::sync::OnceLock<Shapes> = std::sync::OnceLock::new();
    SHAPES.get_or_init(|| {
        serde_json::from_str(include_str!("../../../data/answers.json"))
            .expect("the embedded list is ours, and tested")
    })
}
