//! Whose API a request is for, how that vendor wants to be called, and its errors.

use serde_json::json;

use super::{Mood, json_answer};
use crate::wire::Head;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    OpenAi,
    Anthropic,
    Azure,
}

/// A request's target, read.
pub struct Call {
    pub vendor: Vendor,
    /// What follows `/v1`, or the deployment.
    pub operation: String,
    deployment: Option<String>,
    api_version: bool,
}

/// An error as a vendor words it.
pub struct Refusal {
    pub status: &'static str,
    headers: &'static str,
    /// OpenAI's kind.
    kind: &'static str,
    pub code: Option<&'static str>,
    param: Option<String>,
    message: String,
}

impl Call {
    pub fn of(head: &Head) -> Self {
        let target = head.first_line.split(' ').nth(1).unwrap_or("/");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let api_version = query.split('&').any(|p| p.starts_with("api-version=2"));
        if let Some(rest) = path.strip_prefix("/openai/deployments/") {
            let (deployment, operation) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let deployment = Some(deployment.to_owned());
            let operation = operation.to_owned();
            return Self { vendor: Vendor::Azure, operation, deployment, api_version };
        }
        let (vendor, rest) = match path.strip_prefix("/openai") {
            Some(rest) => (Vendor::Azure, rest),
            None => (Vendor::OpenAi, path),
        };
        let operation = rest.strip_prefix("/v1").unwrap_or(rest).to_owned();
        let anthropic = operation.starts_with("/messages");
        let vendor = if anthropic { Vendor::Anthropic } else { vendor };
        let v1 = rest.starts_with("/v1/");
        // The older generation has other paths for what belongs to a deployment.
        let deployment = (vendor == Vendor::Azure && !v1 && operation != "/responses")
            .then(|| "nowhere".to_owned());
        Self { vendor, operation, deployment, api_version: api_version || v1 }
    }

    /// What each vendor asks of a call's headers and target.
    pub fn admit(&self, head: &Head) -> Result<(), Refusal> {
        let bearer = head.header("authorization").is_some_and(|v| v.starts_with("Bearer "));
        let key = match self.vendor {
            Vendor::OpenAi => bearer,
            Vendor::Anthropic => bearer || head.header("x-api-key").is_some(),
            Vendor::Azure => head.header("api-key").is_some() != bearer,
        };
        if !key {
            let mut refusal = Refusal::bad("You didn't provide an API key.");
            refusal.status = "401 Unauthorized";
            return Err(refusal);
        }
        let beta = head.header("anthropic-beta").is_some();
        if self.vendor == Vendor::Anthropic && head.header("anthropic-version").is_none() {
            return Err(Refusal::bad("anthropic-version: header is required"));
        }
        if self.vendor != Vendor::Anthropic && (beta || head.header("anthropic-version").is_some())
        {
            return Err(Refusal::bad("a header of another vendor's came along"));
        }
        let lost = self.deployment.as_deref().is_some_and(|name| !name.starts_with("prod-"));
        if self.vendor == Vendor::Azure && (lost || !self.api_version) {
            let mut refusal = Refusal::bad("The API deployment for this resource does not exist.");
            refusal.status = "404 Not Found";
            refusal.code = Some("DeploymentNotFound");
            return Err(refusal);
        }
        Ok(())
    }

    /// Whether the body's model is an Azure deployment.
    pub fn names_deployment(&self) -> bool {
        self.vendor == Vendor::Azure && self.deployment.is_none()
    }
}

impl Vendor {
    /// The headers that come with every answer, as lines.
    pub fn headers(self) -> &'static str {
        match self {
            Self::OpenAi => {
                "x-request-id: req_demo\r\nopenai-processing-ms: 12\r\n\
                 openai-version: 2020-10-01\r\nx-ratelimit-limit-requests: 10000\r\n\
                 x-ratelimit-remaining-requests: 9999\r\nx-ratelimit-reset-requests: 6ms\r\n"
            }
            Self::Anthropic => {
                "request-id: req_demo\r\nanthropic-organization-id: org_demo\r\n\
                 anthropic-ratelimit-requests-limit: 4000\r\n\
                 anthropic-ratelimit-requests-remaining: 3999\r\n\
                 anthropic-ratelimit-requests-reset: 2030-01-01T00:00:00Z\r\n"
            }
            Self::Azure => {
                "x-request-id: req_demo\r\napim-request-id: apim_demo\r\nx-ms-region: Sweden Central\r\n\
                 x-ratelimit-remaining-requests: -1\r\nx-ratelimit-remaining-tokens: 0\r\n"
            }
        }
    }
}

impl Refusal {
    /// A 400.
    pub fn bad(message: impl Into<String>) -> Self {
        Self {
            status: "400 Bad Request",
            headers: "",
            kind: "invalid_request_error",
            code: None,
            param: None,
            message: message.into(),
        }
    }

    /// A 400 that names its parameter.
    pub fn at(param: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), code: Some(code), ..Self::bad(message) }
    }

    /// What a model's name asks for.
    pub fn of_mood(mood: Mood) -> Option<Self> {
        match mood {
            Mood::Busy => Some(Self {
                status: "429 Too Many Requests",
                headers: "retry-after: 600\r\n",
                kind: "rate_limit_error",
                code: Some("rate_limit_exceeded"),
                ..Self::bad(
                    "Rate limit reached for requests per min (RPM): Limit 3, Used 3, Requested 1.",
                )
            }),
            Mood::Broken => Some(Self {
                status: "500 Internal Server Error",
                kind: "server_error",
                code: Some("internal_error"),
                ..Self::bad(
                    "The server had an error while processing your request. Sorry about that!",
                )
            }),
            Mood::Well | Mood::Slow | Mood::Cut => None,
        }
    }

    /// The answer in the vendor's shape.
    pub fn answer(&self, vendor: Vendor, own: &str) -> Vec<u8> {
        let body = match vendor {
            Vendor::Anthropic => {
                let kind = if self.kind == "server_error" { "api_error" } else { self.kind };
                let mut error = json!({"type": kind, "message": self.message});
                if let (Some(code), Some(param)) = (self.code, &self.param) {
                    error["details"] = json!({"error_code": code, "unsupported": [param]});
                }
                json!({"type": "error", "error": error, "request_id": "req_demo"})
            }
            Vendor::OpenAi | Vendor::Azure => json!({"error": {"message": self.message,
                "type": self.kind, "param": self.param, "code": self.code}}),
        };
        // Those of a refusal stand for the same ones of every answer.
        let own = match self.headers {
            "" => own.to_owned(),
            more => {
                own.replace(
                    "x-ratelimit-remaining-requests: 9999",
                    "x-ratelimit-remaining-requests: 0",
                ) + more
            }
        };
        json_answer(self.status, &own, &body)
    }
}
