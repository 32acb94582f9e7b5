//! One exchange with everything that was said, read back whole.

use rusqlite::{Connection, OptionalExtension, Row};

use super::{
    StoreError, attempts,
    bodies::{self, Form, SocketMessage},
    exchanges::{committed, find_query, micros},
    read::Reader,
    record::Marks,
};
use crate::{
    id::ExchangeId,
    model::{Exchange, PriceUsed, Try},
};

/// One exchange with everything that was said, as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// As lists show it.
    pub exchange: Exchange,
    /// Such as `HTTP/1.1`.
    pub http_version: String,
    /// Path and query, credentials redacted.
    pub target: String,
    /// Where it went.
    pub upstream_url: Option<String>,
    /// Until a new upstream connection was ready.
    pub connect_us: Option<u64>,
    /// Until the request's last byte was taken.
    pub request_sent_us: Option<u64>,
    /// Whether the upstream connection had served before.
    pub reused: bool,
    /// From the client.
    pub request: StoredMessage,
    /// To the client; `None` where none began.
    pub response: Option<StoredMessage>,
    /// Arrivals of the answer's pieces, see [`Marks::unpack`].
    pub marks: Vec<(u64, u64)>,
    /// WebSocket messages of both directions.
    pub messages: Vec<SocketMessage>,
    /// Where there was more than the one attempt that the fields above tell.
    pub tries: Option<Vec<Try>>,
    /// What attempts said and were told, where that differs from the client's.
    pub said: Vec<StoredAttempt>,
    /// What the cost was computed by.
    pub price: Option<PriceUsed>,
}

/// See [`super::record::Attempt`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAttempt {
    /// As [`Try::n`].
    pub n: u32,
    /// What was sent, where that differs from what the client sent.
    pub request: Option<StoredMessage>,
    /// The request's body is the client's and is not repeated.
    pub client_body: bool,
    /// What came back, where that is not what the client got.
    pub response: Option<StoredMessage>,
}

/// Headers and body of one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// `name: value\r\n`…
    pub headers: Vec<u8>,
    /// The same form; empty = none.
    pub trailers: Vec<u8>,
    /// The bytes that were kept.
    pub body: Vec<u8>,
    /// The bytes that travelled.
    pub body_bytes: u64,
    /// Longer than the cap.
    pub truncated: bool,
    /// Dropped because memory for recording was full.
    pub shed: bool,
    /// Taken by retention since.
    pub expired: bool,
}

/// Reads one exchange whole.
pub fn stored(reader: &Reader, id: ExchangeId) -> Result<Option<Stored>, StoreError> {
    reader.with(|connection| {
        let mut statement = connection.prepare_cached(&find_query())?;
        let Some(found) = statement.query_row([id.as_bytes()], committed).optional()? else {
            return Ok(None);
        };
        let mut contents = connection.prepare_cached(
            "SELECT http_version, target, upstream_url, connect_us, request_sent_us, reused,
                 request_headers, request_trailers, request_body, request_form, response_headers,
                 response_trailers, response_body, response_form, marks, messages, tries, price,
                 attempts
             FROM contents WHERE seq = ?",
        )?;
        let mut rows = contents.query([found.seq])?;
        match rows.next()? {
            Some(row) => Ok(Some(whole(connection, found.exchange, row)?)),
            None => Ok(None),
        }
    })
}

fn whole(connection: &Connection, exchange: Exchange, row: &Row<'_>) -> Result<Stored, StoreError> {
    let blob = |name: &str| -> Result<Vec<u8>, StoreError> {
        Ok(row.get::<_, Option<Vec<u8>>>(name)?.unwrap_or_default())
    };
    let message = |side: &str, body_bytes: u64| -> Result<StoredMessage, StoreError> {
        let form = Form::from_column(row.get(&format!("{side}_form")[..])?);
        let column: Option<Vec<u8>> = row.get(&format!("{side}_body")[..])?;
        Ok(StoredMessage {
            headers: blob(&format!("{side}_headers"))?,
            trailers: blob(&format!("{side}_trailers"))?,
            body: bodies::unpack(connection, column.as_deref(), form)?,
            body_bytes,
            truncated: form.truncated(),
            shed: form.shed(),
            expired: form.expired(),
        })
    };
    let answered = row.get_ref("response_headers")? != rusqlite::types::ValueRef::Null;
    let (tries, price): (Option<String>, Option<String>) = (row.get("tries")?, row.get("price")?);
    let said: Option<Vec<u8>> = row.get("attempts")?;
    Ok(Stored {
        http_version: row.get("http_version")?,
        target: row.get("target")?,
        upstream_url: row.get("upstream_url")?,
        connect_us: micros(row.get("connect_us")?),
        request_sent_us: micros(row.get("request_sent_us")?),
        reused: row.get("reused")?,
        request: message("request", exchange.request_bytes)?,
        response: match answered {
            true => Some(message("response", exchange.response_bytes)?),
            false => None,
        },
        marks: Marks::unpack(&blob("marks")?),
        messages: bodies::unpack_messages(row.get::<_, Option<Vec<u8>>>("messages")?.as_deref())?,
        tries: match tries {
            Some(json) => Some(serde_json::from_str(&json).map_err(|e| StoreError::Corrupt {
                path: "stored tries".into(),
                reason: e.to_string(),
            })?),
            None => None,
        },
        said: attempts::unpack(connection, said.as_deref())?,
        // Of a newer program where it does not read.
        price: price.and_then(|json| serde_json::from_str(&json).ok()),
        exchange,
    })
}
