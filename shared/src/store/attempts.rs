//! What attempts said to upstreams and were told, as one column: heads packed together
//! and compressed, bodies as any other body, so that a request whose model alone was
//! renamed shares its chunks with the client's.

use rusqlite::Connection;

use super::{
    StoreError,
    bodies::{self, Form},
    record::{Attempt, AttemptBody, Message, put_varint, take_varint},
    stored::{StoredAttempt, StoredMessage},
};
use crate::model::Side;

const REQUEST: u64 = 1;
const CLIENT_BODY: u64 = 2;
const RESPONSE: u64 = 4;
const BODY_AS_BEFORE: u64 = 8;

/// For the column; `None` where nothing differs from what the client saw.
pub(super) fn pack(
    connection: &Connection,
    attempts: &[Attempt],
    seq: i64,
) -> Result<Option<Vec<u8>>, StoreError> {
    if attempts.is_empty() {
        return Ok(None);
    }
    let mut out = Vec::new();
    for Attempt { n, request, body, response } in attempts {
        let flag = |set, flag| if set { flag } else { 0 };
        let flags = flag(request.is_some(), REQUEST)
            | flag(*body == AttemptBody::Client, CLIENT_BODY)
            | flag(*body == AttemptBody::AsBefore, BODY_AS_BEFORE)
            | flag(response.is_some(), RESPONSE);
        put_varint(&mut out, u64::from(*n));
        put_varint(&mut out, flags);
        for (side, message) in [(Side::Request, request), (Side::Response, response)] {
            let Some(message) = message else { continue };
            let body = bodies::pack(connection, side, message, seq)?;
            let packed = Packed {
                body_bytes: message.body_bytes,
                form: body.form,
                headers: &message.headers,
                trailers: &message.trailers,
                column: &body.column,
            };
            put(&mut out, &packed);
        }
    }
    bodies::compress(&out).map(Some)
}

/// Reads the column; what cannot be read at its end is left out.
pub(super) fn unpack(
    connection: &Connection,
    column: Option<&[u8]>,
) -> Result<Vec<StoredAttempt>, StoreError> {
    let bytes = bodies::inflate(column.unwrap_or_default())?;
    let mut rest = &bytes[..];
    let mut attempts = Vec::new();
    let mut own: Option<StoredMessage> = None;
    while let (Some(n), Some(flags)) = (take_varint(&mut rest), take_varint(&mut rest)) {
        let mut message = |flag| match flags & flag {
            0 => Ok(None),
            _ => one(connection, &mut rest),
        };
        let (mut request, response) = (message(REQUEST)?, message(RESPONSE)?);
        let client_body = flags & CLIENT_BODY != 0;
        match (&mut request, &own) {
            (Some(request), Some(own)) if flags & BODY_AS_BEFORE != 0 => {
                *request =
                    StoredMessage { headers: std::mem::take(&mut request.headers), ..own.clone() };
            }
            (Some(request), _) if !client_body => own = Some(request.clone()),
            _ => {}
        }
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        attempts.push(StoredAttempt { n, request, client_body, response });
    }
    Ok(attempts)
}

/// The column with bodies that need nothing beside it any more; `None` where they all are
/// that already.
pub(super) fn whole(
    connection: &Connection,
    column: Option<&[u8]>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let bytes = bodies::inflate(column.unwrap_or_default())?;
    let mut rest = &bytes[..];
    let mut out = Vec::with_capacity(bytes.len());
    let mut changed = false;
    while let (Some(n), Some(flags)) = (take_varint(&mut rest), take_varint(&mut rest)) {
        put_varint(&mut out, n);
        put_varint(&mut out, flags);
        for _ in [REQUEST, RESPONSE].into_iter().filter(|flag| flags & flag != 0) {
            let Some(packed) = packed(&mut rest) else { return Ok(None) };
            match bodies::whole(connection, Some(packed.column), packed.form)? {
                Some((column, form)) => {
                    changed = true;
                    put(&mut out, &Packed { column: &column, form, ..packed });
                }
                None => put(&mut out, &packed),
            }
        }
    }
    if changed { bodies::compress(&out).map(Some) } else { Ok(None) }
}

/// One message as the column holds it.
struct Packed<'a> {
    body_bytes: u64,
    form: Form,
    headers: &'a [u8],
    trailers: &'a [u8],
    column: &'a [u8],
}

fn put(out: &mut Vec<u8>, message: &Packed<'_>) {
    put_varint(out, message.body_bytes);
    put_varint(out, message.form.column() as u64);
    for bytes in [message.headers, message.trailers, message.column] {
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
}

fn packed<'a>(rest: &mut &'a [u8]) -> Option<Packed<'a>> {
    let (body_bytes, form) = (take_varint(rest)?, take_varint(rest)?);
    let mut bytes = || {
        let len = usize::try_from(take_varint(rest)?).ok()?;
        let (bytes, tail) = rest.split_at_checked(len)?;
        *rest = tail;
        Some(bytes)
    };
    let (headers, trailers, column) = (bytes()?, bytes()?, bytes()?);
    Some(Packed { body_bytes, form: Form::from_column(form as i64), headers, trailers, column })
}

fn one(connection: &Connection, rest: &mut &[u8]) -> Result<Option<StoredMessage>, StoreError> {
    let Some(Packed { body_bytes, form, headers, trailers, column }) = packed(rest) else {
        return Ok(None);
    };
    Ok(Some(StoredMessage {
        headers: headers.to_vec(),
        trailers: trailers.to_vec(),
        body: bodies::unpack(connection, Some(column), form)?,
        body_bytes,
        truncated: form.truncated(),
        shed: form.shed(),
        expired: form.expired(),
    }))
}

impl From<Message> for StoredMessage {
    fn from(message: Message) -> Self {
        let Message { headers, trailers, body, body_bytes, truncated, shed } = message;
        Self { headers, trailers, body, body_bytes, truncated, shed, expired: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::open_writer;

    fn message(text: &str, body: Vec<u8>) -> Message {
        let body_bytes = body.len() as u64;
        Message { headers: text.into(), body, body_bytes, ..Message::default() }
    }

    #[test]
    fn attempts_come_back_and_a_renamed_model_costs_few_chunks() {
        let dir = tempfile::tempdir().unwrap();
        let connection = open_writer(&dir.path().join("glassway.db")).unwrap();
        let words: Vec<String> = (0..40_000).map(|n| format!("word{n}")).collect();
        let long = format!(r#"{{"model":"a","x":"{}"}}"#, words.join(" "));
        let client = message("a: b\r\n", long.clone().into());
        bodies::pack(&connection, Side::Request, &client, 1).unwrap();
        let chunks = || -> i64 {
            connection.query_row("SELECT count(*) FROM chunks", [], |row| row.get(0)).unwrap()
        };
        let before = chunks();
        let renamed = message("c: d\r\n", long.replacen("\"a\"", "\"renamed\"", 1).into());
        let error = Message { truncated: true, ..message("e: f\r\n", b"no".to_vec()) };
        let attempts = [
            Attempt {
                n: 1,
                request: Some(renamed.clone()),
                body: AttemptBody::Own,
                response: Some(error.clone()),
            },
            Attempt {
                n: 2,
                request: Some(message("g: h\r\n", vec![])),
                body: AttemptBody::Client,
                response: None,
            },
            Attempt {
                n: 3,
                request: Some(message("i: j\r\n", vec![])),
                body: AttemptBody::AsBefore,
                response: None,
            },
        ];
        let column = pack(&connection, &attempts, 1).unwrap().unwrap();
        assert!(chunks() - before <= 3, "{before} before, {} after", chunks());
        let read = unpack(&connection, Some(&column)).unwrap();
        assert_eq!(read.iter().map(|attempt| attempt.n).collect::<Vec<_>>(), [1, 2, 3]);
        let again = Message { headers: "i: j\r\n".into(), ..renamed.clone() };
        assert_eq!(read[2].request, Some(again.into()));
        assert_eq!(read[0].request, Some(renamed.into()));
        assert_eq!(read[0].response, Some(error.into()));
        assert!(!read[0].client_body && read[1].client_body && read[1].response.is_none());
        assert_eq!(pack(&connection, &[], 1).unwrap(), None);
        assert_eq!(unpack(&connection, None).unwrap(), vec![]);
        for end in 0..40 {
            let cut = zstd::bulk::compress(&vec![7u8; end], 1).unwrap();
            let _ = unpack(&connection, Some(&cut)).unwrap();
        }
    }
}
