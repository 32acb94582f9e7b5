//! What poem-openapi cannot say about the API, added to its specification: answers
//! whose fields are always there but may be null, who may call what, how refusals
//! look. Also reads back off it which paths, methods and query parameters there are,
//! so that 405 and unknown parameters need no second list.

use glassway_shared::store::filter::Filter;
use serde_json::{Map, Value, json};

/// Fields of answers that may be absent; every other one is there, if only as null.
const ABSENT: &[(&str, &str)] = &[("Exchange", "live"), ("Detail", "live")];
/// Lists with gaps: entries for stretches in which there was nothing are null.
const GAPS: &[(&str, &[&str])] = &[
    ("Hour", &["duration_p95_ms", "first_token_p95_ms"]),
    ("LatencyLine", &["p50", "p95", "p99"]),
];
/// What clients send: here a missing field means "leave it".
const INPUT: &[&str] = &[
    "AnnotationInput",
    "KeyBulkInput",
    "CandidateInput",
    "ClientTokenInput",
    "ConversationInput",
    "Credentials",
    "KeyInput",
    "KeySwitchInput",
    "LogLevelsChange",
    "ModelInput",
    "ModelTestInput",
    "NewAdminKey",
    "PasswordForm",
    "PriceInput",
    "ProviderInput",
    "ReplayInput",
    "ReplayTarget",
    "RouteInput",
    "SettingsChange",
    "TraceInput",
];
/// Fields clients may send as null, which takes away what was there.
const CLEARED: &[&str] = &[
    "api_version",
    "audio_input",
    "audio_output",
    "budget_usd",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "expires_at",
    "filter",
    "image_input",
    "image_output",
    "max_age_s",
    "max_body_age_s",
    "max_disk_bytes",
    "max_exchanges",
    "note",
    "preset",
    "price_per_call_usd",
    "prices",
    "quota_usd",
    "rpm",
    "tpm",
    "upstream_model",
];
/// The same, in these inputs alone.
const CLEARED_IN: &[(&str, &str)] = &[("ModelTestInput", "provider"), ("RouteInput", "strategy")];
/// Needs no credential.
const PUBLIC: &[&str] = &["/healthz", "/api/health", "/api/img", "/token"];

/// Completes a specification made by poem-openapi.
pub fn finish(generated: &str) -> Value {
    let mut spec: Value = serde_json::from_str(generated).unwrap_or_default();
    let schemas = spec.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    for (name, schema) in schemas.into_iter().flatten() {
        if INPUT.contains(&&name[..]) {
            schema["additionalProperties"] = json!(false);
            let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
            for (field, property) in fields.into_iter().flatten() {
                let cleared =
                    CLEARED.contains(&&field[..]) || CLEARED_IN.contains(&(&name[..], &field[..]));
                if cleared {
                    nullable(property);
                }
            }
        } else {
            always_there(name, schema);
        }
        let gaps = GAPS.iter().filter(|(of, _)| of == name).flat_map(|(_, fields)| *fields);
        for field in gaps {
            nullable(&mut schema["properties"][*field]["items"]);
        }
    }
    spec["paths"]["/api/img"] = json!({"get": image()});
    tidy(&mut spec);
    share_filters(&mut spec);
    name_files(&mut spec);
    spec["components"]["schemas"]["Problem"] = problem();
    spec["components"]["securitySchemes"] = json!({
        "bearer": {"type": "http", "scheme": "bearer",
            "description": "The admin key, or a session token from POST /token."},
        "cookie": {"type": "apiKey", "in": "cookie", "name": crate::auth::COOKIE,
            "description": "Set by POST /token, for browsers."},
    });
    spec["security"] = json!([{"bearer": []}, {"cookie": []}]);
    let paths = spec.get_mut("paths").and_then(Value::as_object_mut);
    for (path, operations) in paths.into_iter().flatten() {
        for operation in operations.as_object_mut().into_iter().flat_map(Map::values_mut) {
            let responses = operation["responses"].as_object_mut();
            for response in responses.into_iter().flat_map(Map::values_mut) {
                if response["description"] == "" {
                    response["description"] = json!("Done.");
                }
            }
            operation["responses"]["default"] = json!({
                "description": "Refused, and why.",
                "content": {"application/problem+json":
                    {"schema": {"$ref": "#/components/schemas/Problem"}}},
            });
            if path == "/api/chat" {
                // Whatever the upstream answers, in its own words.
                operation["responses"]["default"]["content"]["application/json"] = json!({});
                operation["responses"]["200"]["content"]["text/event-stream"] = json!({});
            }
            if PUBLIC.contains(&&path[..]) {
                operation["security"] = json!([]);
            }
        }
    }
    spec
}

/// What answers that are files are, where poem-openapi can only say text.
const FILES: &[(&str, &str)] =
    &[("/api/export.csv", "text/csv"), ("/api/export.jsonl", "application/jsonl")];

fn name_files(spec: &mut Value) {
    for (path, kind) in FILES {
        spec["paths"][*path]["get"]["responses"]["200"]["content"] =
            json!({*kind: {"schema": {"type": "string"}}});
    }
}

/// Operations that take the list's filters as well (`matching`).
const FILTERED: &[&str] =
    &["/api/conversations", "/api/export.har", "/api/export.jsonl", "/api/export.csv"];

fn share_filters(spec: &mut Value) {
    let list = spec["paths"]["/api/requests"]["get"]["parameters"].as_array().cloned();
    let is_filter = |p: &Value| p["name"].as_str().is_some_and(|n| Filter::NAMES.contains(&n));
    let filters: Vec<Value> = list.unwrap_or_default().into_iter().filter(is_filter).collect();
    for path in FILTERED {
        let own = &mut spec["paths"][*path]["get"]["parameters"];
        let own_ones = own.as_array().cloned().unwrap_or_default();
        *own = own_ones.into_iter().chain(filters.clone()).collect();
    }
}

/// The specification as it is published: without the feed, which is a WebSocket and
/// so nothing OpenAPI can describe; its words move to the introduction.
pub fn publish(mut spec: Value) -> Value {
    let paths = spec.get_mut("paths").and_then(Value::as_object_mut);
    let feed = paths.and_then(|paths| paths.remove("/api/feed")).unwrap_or_default();
    let feed = feed["get"]["description"].as_str().unwrap_or_default();
    let introduction = spec["info"]["description"].as_str().unwrap_or_default();
    spec["info"]["description"] =
        format!("{introduction}\n\n## Live feed: GET /api/feed (WebSocket)\n\n{feed}").into();
    spec
}

/// Small things poem-openapi says awkwardly: a media type with its charset, a pair's
/// length as if it were text, a reference wrapped twice to hold a description.
fn tidy(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(fields) => {
            if let Some(described) = fields.remove("application/json; charset=utf-8") {
                fields.insert("application/json".to_owned(), described);
            }
            if fields.get("type").is_some_and(|kind| kind == "array") {
                for (wrong, right) in [("minLength", "minItems"), ("maxLength", "maxItems")] {
                    if let Some(length) = fields.remove(wrong) {
                        fields.insert(right.to_owned(), length);
                    }
                }
            }
            if let Some(Value::Array(parts)) = fields.get_mut("allOf") {
                parts.retain(|part| part.get("$ref").is_some());
            }
            fields.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

fn always_there(name: &str, schema: &mut Value) {
    let required: Vec<String> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|field| Some(field.as_str()?.to_owned()))
        .collect();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    let mut all = Vec::new();
    for (field, property) in properties.iter_mut() {
        if ABSENT.contains(&(name, field)) {
            continue;
        }
        all.push(field.clone());
        if required.contains(field) {
            continue;
        }
        nullable(property);
    }
    schema["required"] = json!(all);
}

fn nullable(property: &mut Value) {
    if property.get("$ref").is_some() {
        *property = json!({"allOf": [property.take()]});
    }
    property["nullable"] = json!(true);
}

/// Answered before the API (`trace::images`), since a HEAD is to be told from a GET.
fn image() -> Value {
    json!({
        "tags": ["Traces"],
        "summary": "Fetch a trace's image",
        "description": "What a trace's request points at. Everybody gets an image; a fetch of a trace's own is recorded, whatever else is in the query. Also served at monitor.trace_listen, which serves nothing else.",
        "operationId": "fetchTraceImage",
        "parameters": [{"name": "traceid", "in": "query", "required": false,
            "description": "A trace's `trace_id`; further images have `-2` and so on after it.",
            "schema": {"type": "string"}}],
        "responses": {
            "200": {"description": "Never the same twice.",
                "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}},
            "429": {"description": "Too many of them."},
        },
    })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "A refusal (RFC 9457).",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "A sentence for a person."},
            "errors": {"type": "array", "description": "Which parts of the input are to blame.",
                "items": {"type": "object", "required": ["field", "message"],
                    "properties": {"field": {"type": "string"}, "message": {"type": "string"}}}},
        },
    })
}

/// What the API answers to: paths with their methods and query parameters.
pub struct Table(Vec<Row>);

struct Row {
    /// `None` where the path has a parameter.
    segments: Vec<Option<String>>,
    methods: Vec<(String, Vec<String>)>,
    /// Of the same methods.
    operations: Vec<String>,
}

impl Table {
    /// Read off a finished specification.
    pub fn of(spec: &Value) -> Self {
        let strings = |operation: &Value| -> Vec<String> {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let query = parameters.into_iter().filter(|p| p["in"] == "query");
            query.filter_map(|p| Some(p["name"].as_str()?.to_owned())).collect()
        };
        let rows = spec["paths"].as_object().into_iter().flatten().map(|(path, operations)| Row {
            segments: path
                .split('/')
                .map(|s| (!s.starts_with('{')).then(|| s.to_owned()))
                .collect(),
            methods: operations
                .as_object()
                .into_iter()
                .flatten()
                .map(|(method, operation)| (method.to_ascii_uppercase(), strings(operation)))
                .collect(),
            operations: operations
                .as_object()
                .into_iter()
                .flatten()
                .map(|(_, operation)| operation["operationId"].as_str().unwrap_or("").to_owned())
                .collect(),
        });
        Self(rows.collect())
    }

    fn row(&self, path: &str) -> Option<&Row> {
        let fits = |row: &&Row| {
            let mut parts = path.split('/');
            let all = row.segments.iter().all(|segment| match (segment, parts.next()) {
                (Some(literal), Some(part)) => literal == part,
                (None, Some(part)) => !part.is_empty(),
                (_, None) => false,
            });
            all && parts.next().is_none()
        };
        self.0.iter().find(fits)
    }

    /// For an `Allow` header; `None` where the path is not ours.
    pub fn allowed(&self, path: &str) -> Option<String> {
        let row = self.row(path)?;
        let mut methods: Vec<&str> = row.methods.iter().map(|(method, _)| &method[..]).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        Some(methods.join(", "))
    }

    /// The id of an operation.
    pub fn operation(&self, path: &str, method: &str) -> Option<&str> {
        let row = self.row(path)?;
        let at = row.methods.iter().position(|(name, _)| name == method)?;
        Some(&row.operations[at])
    }

    /// The query parameters of an operation.
    pub fn parameters(&self, path: &str, method: &str) -> Option<&[String]> {
        let method = if method == "HEAD" { "GET" } else { method };
        let row = self.row(path)?;
        row.methods.iter().find(|(name, _)| name == method).map(|(_, names)| &names[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_matched_with_their_parameters() {
        let table = Table::of(&json!({"paths": {
            "/a/{id}": {"get": {"parameters": [{"in": "query", "name": "q"}, {"in": "path", "name": "id"}]}},
            "/a/{id}/b": {"post": {}, "delete": {}},
        }}));
        assert_eq!(table.allowed("/a/7").as_deref(), Some("GET, HEAD"));
        assert_eq!(table.allowed("/a/7/b").as_deref(), Some("DELETE, POST"));
        assert_eq!(table.allowed("/a"), None);
        assert_eq!(table.allowed("/a/"), None);
        assert_eq!(table.parameters("/a/7", "HEAD").unwrap(), ["q"]);
        assert_eq!(table.parameters("/a/7", "PUT"), None);
    }
}
