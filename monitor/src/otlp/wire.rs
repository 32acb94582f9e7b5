//! Spans as OTLP's protobuf, written by hand: a dozen fields need no code generator and
//! no further dependency. Pure.
//! <https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto>

/// What an attribute holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Any number.
    Double(f64),
    /// Yes or no.
    Bool(bool),
    /// A list of texts.
    Texts(Vec<String>),
}

/// A name of the semantic conventions, or of ours, with its value.
pub type Attribute = (&'static str, Value);

/// One span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// Of the whole trace.
    pub trace: [u8; 16],
    /// Its own.
    pub id: [u8; 8],
    /// Of whoever caused it.
    pub parent: Option<[u8; 8]>,
    /// The client's `tracestate`.
    pub state: String,
    /// What was done, to what.
    pub name: String,
    /// Unix nanoseconds.
    pub start_ns: u64,
    /// Unix nanoseconds.
    pub end_ns: u64,
    /// What is known of it.
    pub attributes: Vec<Attribute>,
    /// What went wrong.
    pub error: Option<String>,
}

/// `SPAN_KIND_CLIENT`, which the conventions ask for.
const CLIENT: u64 = 3;
/// `STATUS_CODE_ERROR`.
const ERROR: u64 = 2;

/// An `ExportTraceServiceRequest` of one resource.
pub fn request(service: &str, version: &str, spans: &[Span]) -> Vec<u8> {
    let mut message = Message::default();
    message.nested(1, |resource_spans| {
        resource_spans.nested(1, |resource| {
            resource.attribute(1, "service.name", &Value::Text(service.to_owned()));
            resource.attribute(1, "service.version", &Value::Text(version.to_owned()));
        });
        resource_spans.nested(2, |scope_spans| {
            scope_spans.nested(1, |scope| {
                scope.text(1, "glassway");
                scope.text(2, version);
            });
            for one in spans {
                scope_spans.nested(2, |message| span(message, one));
            }
        });
    });
    message.0
}

fn span(message: &mut Message, span: &Span) {
    message.bytes(1, &span.trace);
    message.bytes(2, &span.id);
    message.text(3, &span.state);
    if let Some(parent) = span.parent {
        message.bytes(4, &parent);
    }
    message.text(5, &span.name);
    message.int(6, CLIENT);
    message.fixed(7, span.start_ns);
    message.fixed(8, span.end_ns);
    for (name, value) in &span.attributes {
        message.attribute(9, name, value);
    }
    if let Some(error) = &span.error {
        message.nested(15, |status| {
            status.text(2, error);
            status.int(3, ERROR);
        });
    }
}

/// How many spans an answer says were refused, and why.
pub fn rejected(answer: &[u8]) -> Option<(u64, String)> {
    let partial = fields(answer).into_iter().find(|(number, _)| *number == 1)?;
    let Field::Bytes(partial) = partial.1 else { return None };
    let mut refused = (0, String::new());
    for (number, field) in fields(partial) {
        match (number, field) {
            (1, Field::Int(n)) => refused.0 = n,
            (2, Field::Bytes(text)) => refused.1 = String::from_utf8_lossy(text).into_owned(),
            _ => {}
        }
    }
    (refused.0 > 0).then_some(refused)
}

#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    fn tag(&mut self, field: u64, kind: u64) {
        self.varint(field << 3 | kind);
    }

    fn int(&mut self, field: u64, n: u64) {
        self.tag(field, 0);
        self.varint(n);
    }

    fn fixed(&mut self, field: u64, n: u64) {
        self.tag(field, 1);
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.tag(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, field: u64, text: &str) {
        if !text.is_empty() {
            self.bytes(field, text.as_bytes());
        }
    }

    fn nested(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }

    fn attribute(&mut self, field: u64, name: &str, value: &Value) {
        self.nested(field, |pair| {
            pair.text(1, name);
            pair.nested(2, |any| any.value(value));
        });
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Text(text) => self.bytes(1, text.as_bytes()),
            Value::Bool(yes) => self.int(2, u64::from(*yes)),
            Value::Int(n) => self.int(3, n.cast_unsigned()),
            Value::Double(n) => self.fixed(4, n.to_bits()),
            Value::Texts(list) => self.nested(5, |array| {
                for text in list {
                    array.nested(1, |any| any.bytes(1, text.as_bytes()));
                }
            }),
        }
    }
}

enum Field<'a> {
    Int(u64),
    Bytes(&'a [u8]),
    Other,
}

/// The fields of a message, up to where it stops making sense.
fn fields(mut rest: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut found = Vec::new();
    while let Some(tag) = take_varint(&mut rest) {
        let field = match tag & 7 {
            0 => take_varint(&mut rest).map(Field::Int),
            1 => take(&mut rest, 8).map(|_| Field::Other),
            2 => take_varint(&mut rest)
                .and_then(|n| take(&mut rest, usize::try_from(n).ok()?))
                .map(Field::Bytes),
            5 => take(&mut rest, 4).map(|_| Field::Other),
            _ => None,
        };
        let Some(field) = field else { break };
        found.push((tag >> 3, field));
    }
    found
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(n)?;
    *rest = left;
    Some(taken)
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut n = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        n |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(n);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_is_read() {
        let mut answer = Message::default();
        answer.nested(1, |partial| {
            partial.int(1, 300);
            partial.text(2, "too old");
        });
        assert_eq!(rejected(&answer.0), Some((300, "too old".to_owned())));
        assert_eq!(rejected(&[]), None);
        assert_eq!(rejected(b"\x0a\x00"), None);
        assert_eq!(rejected(b"<html>no protobuf</html>"), None);
        assert_eq!(rejected(&[0xff; 30]), None);
    }
}
