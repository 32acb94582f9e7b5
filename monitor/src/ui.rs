//! The web UI, embedded: fifteen lines of serving with what poem's lacks: HEAD, ETag,
//! caching by whether the name carries a hash, and gzip made once per file. Routes of
//! the page are behind `#`, so that only `/` is the page itself.

use std::{
    collections::HashMap,
    io::Write,
    sync::{Mutex, OnceLock},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use poem::{
    Request, Response,
    http::{Method, StatusCode, header},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::error::Problem;

#[derive(RustEmbed)]
#[folder = "ui/dist"]
#[allow_missing = true]
struct Dist;

/// Everything only from here, and nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; media-src 'self' data: blob:; \
    manifest-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

const MISSING: &str = "<!doctype html>
<html lang=\"en\"><meta charset=\"utf-8\"><title>Glassway</title>
<body><h1>Glassway runs; its page was not built</h1>
<p>Build it with <code>cargo xtask ui</code> and build <code>glassway-monitor</code> again, or
start with <code>cargo xtask run</code>, which does both.</p>
<p>\u{9875}\u{9762}\u{5c1a}\u{672a}\u{6784}\u{5efa}\u{ff1a}\u{8bf7}\u{8fd0}\u{884c}
<code>cargo xtask ui</code>\u{3002}</p>
<p>The API answers meanwhile: see <a href=\"/docs\">/docs</a>.</p></body></html>
";

/// Serves the page and its assets.
pub fn serve(request: &Request) -> Result<Response, Problem> {
    let head = match *request.method() {
        Method::GET => false,
        Method::HEAD => true,
        _ => return Err(crate::gate::not_allowed("GET, HEAD")),
    };
    let path = match request.uri().path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let Some(file) = Dist::get(path) else {
        return match path {
            "index.html" => Ok(page("text/html; charset=utf-8").body(MISSING)),
            _ => Err(Problem::not_found("there is nothing at this address")),
        };
    };
    let kind = match file.metadata.mimetype() {
        kind if kind.starts_with("text/") && !kind.contains("charset") => {
            format!("{kind}; charset=utf-8")
        }
        kind => kind.to_owned(),
    };
    let hash = file.metadata.sha256_hash();
    let tag: String = hash[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    let gzipped = is_text(&kind)
        && file.data.len() > 1_024
        && request.header("accept-encoding").is_some_and(|v| v.contains("gzip"));
    let tag = format!("\"{tag}{}\"", if gzipped { "-gz" } else { "" });
    let mut builder =
        page(&kind).header(header::ETAG, &tag).header(header::VARY, "accept-encoding");
    // Vite puts what it names by content under assets/.
    builder = builder.header(
        header::CACHE_CONTROL,
        match path.starts_with("assets/") {
            true => "public, max-age=31536000, immutable",
            false => "no-cache",
        },
    );
    let known = request.header(header::IF_NONE_MATCH.as_str()).unwrap_or_default();
    if known.split(',').any(|seen| seen.trim().trim_start_matches("W/") == tag) {
        return Ok(builder.status(StatusCode::NOT_MODIFIED).finish());
    }
    let body = match gzipped {
        true => {
            builder = builder.header(header::CONTENT_ENCODING, "gzip");
            packed(&tag, &file)
        }
        false => Bytes::from(file.data.into_owned()),
    };
    let builder = builder.header(header::CONTENT_LENGTH, body.len());
    Ok(if head { builder.finish() } else { builder.body(body) })
}

fn page(kind: &str) -> poem::ResponseBuilder {
    Response::builder().content_type(kind).header(header::CONTENT_SECURITY_POLICY, POLICY)
}

fn is_text(kind: &str) -> bool {
    kind.starts_with("text/")
        || kind.contains("json")
        || kind.contains("svg")
        || kind.contains("javascript")
}

/// Packed once; as many as there are embedded files.
fn packed(tag: &str, file: &EmbeddedFile) -> Bytes {
    static PACKED: OnceLock<Mutex<HashMap<String, Bytes>>> = OnceLock::new();
    let packed = PACKED.get_or_init(Mutex::default);
    if let Some(known) = packed.lock().unwrap_or_else(|e| e.into_inner()).get(tag) {
        return known.clone();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(7));
    let bytes = encoder.write_all(&file.data).and_then(|()| encoder.finish()).unwrap_or_default();
    let bytes = Bytes::from(bytes);
    let mut packed = packed.lock().unwrap_or_else(|e| e.into_inner());
    packed.insert(tag.to_owned(), bytes.clone());
    bytes
}
