//! Typed access to a request: what is missing or of the wrong type is refused by its
//! path (`messages[2].content[0].type`), which is put together only then.

use std::borrow::Cow;

use super::{
    Refused,
    json::{Kind, Node, decoded},
};

/// Where one is in a request.
#[derive(Clone, Copy)]
pub(super) struct At<'p> {
    up: Option<&'p At<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

impl<'p> At<'p> {
    pub(super) const ROOT: At<'static> = At { up: None, step: Step::Root };

    pub(super) fn key(&'p self, key: &'p str) -> At<'p> {
        At { up: Some(self), step: Step::Key(key) }
    }

    pub(super) fn index(&'p self, index: usize) -> At<'p> {
        At { up: Some(self), step: Step::Index(index) }
    }

    pub(super) fn path(&self) -> String {
        let mut path = self.up.map(At::path).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Key(key) if path.is_empty() => path.push_str(key),
            Step::Key(key) => {
                path.push('.');
                path.push_str(key);
            }
            Step::Index(index) => path.push_str(&format!("[{index}]")),
        }
        path
    }

    fn name(&self) -> String {
        match self.path() {
            path if path.is_empty() => "the body".to_owned(),
            path => format!("`{path}`"),
        }
    }

    /// Not there.
    pub(super) fn missing(&self) -> Refused {
        let message = format!("{} is missing", self.name());
        Refused::new("missing_required_parameter", Some(self.path()), message)
    }

    /// There, and not as it must be.
    pub(super) fn invalid(&self, why: &str) -> Refused {
        Refused::new("invalid_value", Some(self.path()), format!("{} {why}", self.name()))
    }

    fn wrong(&self, expected: &str, node: &Node<'_>) -> Refused {
        let found = match node.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Number => "a number",
            Kind::String => "a string",
            Kind::Array(_) => "an array",
            Kind::Object(_) => "an object",
        };
        let message = format!("{} must be {expected}, not {found}", self.name());
        Refused::new("invalid_type", Some(self.path()), message)
    }

    /// The upstream's API has nothing like it, and leaving it out would change the answer.
    pub(super) fn unsupported(&self, why: &str) -> Refused {
        let message = format!("{} cannot be passed on: {why}", self.name());
        Refused::new("unsupported_parameter", Some(self.path()), message)
    }
}

impl<'a> Node<'a> {
    /// A field that is there and not null; of repeats the last.
    pub(super) fn get(&self, key: &str) -> Option<&Node<'a>> {
        let Kind::Object(fields) = &self.kind else { return None };
        let found = fields.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// A field that must be there.
    pub(super) fn need(&self, key: &str, at: &At<'_>) -> Result<&Node<'a>, Refused> {
        self.get(key).ok_or_else(|| at.key(key).missing())
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    pub(super) fn is_string(&self) -> bool {
        matches!(self.kind, Kind::String)
    }

    /// The text, where it is a string.
    pub(super) fn text(&self) -> Option<Cow<'a, str>> {
        self.is_string().then(|| decoded(self.raw))
    }

    /// The text of a field, where it is a string.
    pub(super) fn text_of(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key)?.text()
    }

    /// A count, where it is one. Some relays write whole numbers as `12.0`.
    pub(super) fn u64(&self) -> Option<u64> {
        let Kind::Number = self.kind else { return None };
        self.raw.parse().ok().or_else(|| {
            let float: f64 = self.raw.parse().ok()?;
            (float.fract() == 0.0 && (0.0..9e15).contains(&float)).then_some(float as u64)
        })
    }

    pub(super) fn f64(&self) -> Option<f64> {
        let Kind::Number = self.kind else { return None };
        self.raw.parse().ok()
    }

    pub(super) fn bool(&self) -> Option<bool> {
        let Kind::Bool(value) = self.kind else { return None };
        Some(value)
    }

    /// The items, where it is an array; else none.
    pub(super) fn items(&self) -> &[Node<'a>] {
        match &self.kind {
            Kind::Array(items) => items,
            _ => &[],
        }
    }

    pub(super) fn fields(&self) -> &[(Cow<'a, str>, Node<'a>)] {
        match &self.kind {
            Kind::Object(fields) => fields,
            _ => &[],
        }
    }

    pub(super) fn need_text(&self, at: &At<'_>) -> Result<Cow<'a, str>, Refused> {
        self.text().ok_or_else(|| at.wrong("a string", self))
    }

    pub(super) fn need_u64(&self, at: &At<'_>) -> Result<u64, Refused> {
        match self.kind {
            Kind::Number => self.u64().ok_or_else(|| at.invalid("must be a whole number from 0")),
            _ => Err(at.wrong("a whole number", self)),
        }
    }

    pub(super) fn need_f64(&self, at: &At<'_>) -> Result<f64, Refused> {
        self.f64().ok_or_else(|| at.wrong("a number", self))
    }

    pub(super) fn need_bool(&self, at: &At<'_>) -> Result<bool, Refused> {
        self.bool().ok_or_else(|| at.wrong("a boolean", self))
    }

    pub(super) fn need_items(&self, at: &At<'_>) -> Result<&[Node<'a>], Refused> {
        match &self.kind {
            Kind::Array(items) => Ok(items),
            _ => Err(at.wrong("an array", self)),
        }
    }

    /// The parts of a content that is no string.
    pub(super) fn need_parts(&self, at: &At<'_>) -> Result<&[Node<'a>], Refused> {
        match &self.kind {
            Kind::Array(items) => Ok(items),
            _ => Err(at.wrong("a string or an array", self)),
        }
    }

    pub(super) fn need_fields(&self, at: &At<'_>) -> Result<&[(Cow<'a, str>, Node<'a>)], Refused> {
        match &self.kind {
            Kind::Object(fields) => Ok(fields),
            _ => Err(at.wrong("an object", self)),
        }
    }

    /// The text of a field that must be there.
    pub(super) fn need_text_of(&self, key: &str, at: &At<'_>) -> Result<Cow<'a, str>, Refused> {
        self.need(key, at)?.need_text(&at.key(key))
    }
}

/// A request's body: a JSON object, or the reason why not.
pub(super) fn request(body: &[u8]) -> Result<Node<'_>, Refused> {
    let root = super::json::parse(body).map_err(|e| {
        Refused::new("invalid_json", None, format!("the body is not valid JSON: {e}"))
    })?;
    root.need_fields(&At::ROOT)?;
    Ok(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_the_field() {
        let root = request(br#"{"messages":[{"content":[7]}],"n":1.5}"#).unwrap();
        let at = At::ROOT.key("messages");
        let first = &root.need("messages", &At::ROOT).unwrap().items()[0];
        let refused = first.need("role", &at.index(0)).unwrap_err();
        assert_eq!(refused.param.as_deref(), Some("messages[0].role"));
        assert_eq!(refused.message, "`messages[0].role` is missing");
        let wrong = first.items().is_empty().then(|| first.need_text(&at.index(0)).unwrap_err());
        assert_eq!(wrong.unwrap().message, "`messages[0]` must be a string, not an object");
        let n = root.get("n").unwrap().need_u64(&At::ROOT.key("n")).unwrap_err();
        assert_eq!((n.code, n.param.as_deref()), ("invalid_value", Some("n")));
        assert_eq!(
            request(b"[1]").unwrap_err().message,
            "the body must be an object, not an array"
        );
        assert_eq!(request(b"{\"a\":").unwrap_err().code, "invalid_json");
    }
}
