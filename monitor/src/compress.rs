//! gzip for JSON that is worth it. poem's middleware would also pack ranges, streams
//! and answers of a few bytes.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http_body_util::{BodyExt, combinators::BoxBody};
use hyper::body::Body as _;
use poem::{
    Body, Response,
    http::{HeaderValue, StatusCode, header},
};

use crate::app::blocking;

/// Smaller answers fit a packet as they are.
const WORTH_IT: u64 = 1_400;

/// Packs the answer where it is whole, JSON, and larger than a packet.
pub async fn pack(mut response: Response) -> Response {
    let json = response.content_type().is_some_and(|kind| kind.starts_with("application/json"));
    let whole = response.status() == StatusCode::OK
        && !response.headers().contains_key(header::CONTENT_ENCODING)
        && !response.headers().contains_key(header::CONTENT_LENGTH);
    if !json || !whole {
        return response;
    }
    let body: BoxBody<Bytes, std::io::Error> = response.take_body().into();
    // Of a stream the length is not known beforehand.
    if body.size_hint().exact().is_none_or(|length| length < WORTH_IT) {
        response.set_body(Body::from(body));
        return response;
    }
    let Ok(bytes) = body.collect().await.map(|body| body.to_bytes()) else {
        return crate::error::Problem::internal().response();
    };
    let plain = bytes.clone();
    let packed = blocking(move || {
        let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
        encoder.write_all(&plain).and_then(|()| encoder.finish()).ok()
    });
    match packed.await {
        Ok(Some(packed)) => {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
            response.set_body(packed);
        }
        _ => response.set_body(bytes),
    }
    response
}
