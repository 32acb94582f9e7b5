//! The specification and its reference page. Redoc comes out of poem-openapi as one
//! page with inline scripts; it is taken apart here so that the page needs no inline
//! script and no other host.

use poem::{
    Request, Response,
    http::{Method, header},
};
use poem_openapi::{OpenApi, OpenApiService};
use serde_json::Value;

use crate::error::Problem;

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Glassway API</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<script src="/docs/redoc.js" defer></script>
<script src="/docs/start.js" defer></script>
</head>
<body style="margin:0"><div id="reference"></div></body>
</html>
"#;

const START: &str = "Redoc.init('/openapi.json', { scrollYOffset: 0, disableSearch: false, \
    hideDownloadButton: false }, document.getElementById('reference'));\n";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src blob:; \
    child-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `/openapi.json` and `/docs`.
pub struct Docs {
    spec: String,
    script: String,
}

/// Only so that poem-openapi hands out its copy of Redoc.
struct Nothing;

#[OpenApi]
impl Nothing {}

impl Docs {
    /// For a finished specification.
    pub fn new(spec: &Value) -> Self {
        let page = OpenApiService::new(Nothing, "", "").redoc_html();
        let script = page
            .split_once("<script charset=\"UTF-8\">")
            .and_then(|(_, rest)| Some(rest.split_once("</script>")?.0.to_owned()));
        Self { spec: pretty(spec), script: script.unwrap_or_default() }
    }

    /// The answer, where the path is one of ours.
    pub fn serve(&self, request: &Request) -> Result<Option<Response>, Problem> {
        let (kind, body) = match request.uri().path() {
            "/openapi.json" => ("application/json; charset=utf-8", &self.spec[..]),
            "/docs" | "/docs/" => ("text/html; charset=utf-8", PAGE),
            "/docs/redoc.js" => ("text/javascript; charset=utf-8", &self.script[..]),
            "/docs/start.js" => ("text/javascript; charset=utf-8", START),
            _ => return Ok(None),
        };
        let builder =
            Response::builder().content_type(kind).header(header::CONTENT_SECURITY_POLICY, POLICY);
        match *request.method() {
            Method::GET => Ok(Some(builder.body(body.to_owned()))),
            Method::HEAD => Ok(Some(builder.header(header::CONTENT_LENGTH, body.len()).finish())),
            _ => Err(crate::gate::not_allowed("GET, HEAD")),
        }
    }
}

/// As `/openapi.json` and the committed snapshot show it.
pub fn pretty(spec: &Value) -> String {
    let mut text = serde_json::to_string_pretty(spec).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redoc_is_found_in_what_poem_openapi_hands_out() {
        let docs = Docs::new(&Value::Null);
        assert!(docs.script.len() > 500_000 && docs.script.contains("Redoc"));
        assert!(!docs.script.contains("</script>"));
    }
}
