//! The monitor's API, asked as a script would.

use std::net::SocketAddr;

use serde_json::Value;

use crate::wait::PATIENCE;

/// A caller with a bearer.
#[derive(Clone)]
pub struct Api {
    base: String,
    bearer: Option<String>,
    agent: ureq::Agent,
}

/// An answer of the API.
#[derive(Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Header names (lower case) and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Api {
    /// A caller with the admin key.
    #[must_use]
    pub fn new(addr: SocketAddr, bearer: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE))
            .build();
        Self {
            base: format!("http://{addr}"),
            bearer: Some(bearer.to_owned()),
            agent: config.into(),
        }
    }

    /// The same caller without a credential.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self { bearer: None, ..self.clone() }
    }

    /// The same caller with another bearer.
    #[must_use]
    pub fn with_bearer(&self, bearer: &str) -> Self {
        Self { bearer: Some(bearer.to_owned()), ..self.clone() }
    }

    /// Asks with a method, more headers and perhaps a JSON body.
    ///
    /// # Errors
    /// The monitor does not answer.
    pub fn try_call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Reply, ureq::Error> {
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        let answer = match body {
            Some(json) => self
                .agent
                .run(request.header("content-type", "application/json").body(json.to_string())?),
            None => self.agent.run(request.body(())?),
        }?;
        let (parts, mut body) = answer.into_parts();
        Ok(Reply {
            status: parts.status.as_u16(),
            headers: parts
                .headers
                .iter()
                .map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into()))
                .collect(),
            body: body.with_config().limit(1 << 30).read_to_vec()?,
        })
    }

    /// [`Self::try_call`] that panics where nobody answers.
    #[must_use]
    pub fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        self.try_call(method, path, headers, body)
            .unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }

    /// GET.
    #[must_use]
    pub fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[], None)
    }

    /// GET of JSON; anything but 200 panics.
    #[must_use]
    pub fn json(&self, path: &str) -> Value {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "GET {path}: {}", reply.text());
        reply.json()
    }

    /// POST of JSON.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.call("POST", path, &[], Some(body))
    }

    /// The list of exchanges under a query (`?status=4xx`), newest first.
    #[must_use]
    pub fn requests(&self, query: &str) -> Vec<Value> {
        let list = self.json(&format!("/api/requests{query}"));
        list["items"].as_array().unwrap_or_else(|| panic!("no items in {list}")).clone()
    }

    /// One exchange in full.
    #[must_use]
    pub fn request(&self, id: &str) -> Value {
        self.json(&format!("/api/request/{id}"))
    }
}

impl Reply {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; panics where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.text()))
    }

    /// A header's first value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}
