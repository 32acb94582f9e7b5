//! Which operation a managed request's path names, and what its target becomes at a
//! provider. Pure.

use http::{Method, StatusCode, Uri, uri::PathAndQuery};

use crate::{
    dialect::azure,
    error::Fault,
    snapshot::{Kind, Provider},
};

/// A path of port 8080, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    /// What follows `/v1`, with its slash: `/chat/completions`.
    pub(super) operation: String,
    /// Without the credential and our own parameters.
    query: Option<String>,
    /// The provider that the path or query names.
    pub(super) provider: Option<String>,
    /// `/api/chat/completions?provider=`: OpenAI's dialect whatever the provider.
    pub(super) chat: bool,
}

impl Destination {
    pub(super) fn of(uri: &Uri) -> Result<Self, Fault> {
        let path = uri.path();
        let parameter = |name: &str| {
            let value =
                uri.query()?.split('&').find_map(|p| p.strip_prefix(name)?.strip_prefix('='))?;
            let decoded = percent_encoding::percent_decode_str(value).decode_utf8().ok()?;
            (!decoded.is_empty()).then(|| decoded.into_owned())
        };
        let query = |ours: &[&str]| {
            let kept: Vec<_> = uri
                .query()?
                .split('&')
                .filter(|p| !ours.contains(&p.split('=').next().unwrap_or_default()))
                .collect();
            (!kept.is_empty()).then(|| kept.join("&"))
        };
        let plain = |operation: &str, provider: Option<String>| Self {
            operation: operation.to_owned(),
            query: query(&["key"]),
            provider,
            chat: false,
        };
        for prefix in ["/v1", "/api/v1"] {
            if let Some(rest) = path.strip_prefix(prefix).filter(|rest| rest.starts_with('/')) {
                return Ok(plain(rest, None));
            }
        }
        if path == "/api/chat/completions" {
            return Ok(Self {
                operation: "/chat/completions".to_owned(),
                query: query(&["key", "provider"]),
                provider: parameter("provider"),
                chat: true,
            });
        }
        if let Some((name, rest)) =
            path.strip_prefix("/api/proxy/").and_then(|rest| Some(rest.split_at(rest.find('/')?)))
        {
            let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned();
            let rest = rest.strip_prefix("/v1").filter(|r| r.starts_with('/')).unwrap_or(rest);
            return Ok(plain(rest, Some(name)));
        }
        Err(Fault::refused(
            "unknown_path",
            StatusCode::NOT_FOUND,
            format!("{path} is no path of this gateway: use /v1/…, or /api/proxy/NAME/…"),
        ))
    }

    /// The same way to another operation; the client's query belonged to its own.
    pub(super) fn of_operation(&self, operation: &str) -> Self {
        Self { operation: operation.to_owned(), query: None, ..self.clone() }
    }

    /// As on port 8080, for reading the model out of it.
    pub(super) fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("/v1{}?{query}", self.operation),
            None => format!("/v1{}", self.operation),
        }
    }

    /// `GET /v1/models` and `GET /v1/models/NAME`.
    pub(super) fn is_model_list(&self, method: &Method) -> bool {
        let models = self.operation == "/models" || self.operation.starts_with("/models/");
        models && (method == Method::GET || method == Method::HEAD)
    }

    /// The target at this provider. `asked` is the client's name of the model, `model`
    /// the provider's.
    pub(super) fn at(
        &self,
        provider: &Provider,
        asked: Option<&str>,
        model: &str,
    ) -> Option<PathAndQuery> {
        let path = provider.base.path();
        let operation = &self.operation;
        let azure_socket = operation == "/realtime"
            && provider.kind == Kind::Azure
            && provider.api_version.is_some();
        let mut query = self.query.clone();
        if let (Some(query), Some(asked)) = (&mut query, asked) {
            // The realtime API names its model here; Azure's older one its deployment.
            let name = if azure_socket { "deployment" } else { "model" };
            let parts = query.split('&').map(|p| match names_model(p, asked) {
                true if asked != model || azure_socket => format!("{name}={}", encoded(model)),
                _ => p.to_owned(),
            });
            *query = parts.collect::<Vec<_>>().join("&");
        }
        let path = match provider.kind {
            Kind::OpenAi if path.is_empty() => format!("/v1{operation}"),
            Kind::OpenAi => format!("{path}{operation}"),
            Kind::Anthropic => format!("{path}/v1{operation}"),
            Kind::Azure => {
                let version = provider.api_version.as_deref();
                let query = query.as_deref();
                let target = azure::target(path, version, Some(model), operation, query);
                return PathAndQuery::try_from(target).ok();
            }
        };
        let target = match query {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        PathAndQuery::try_from(target).ok()
    }
}

fn names_model(parameter: &str, asked: &str) -> bool {
    parameter.strip_prefix("model=").is_some_and(|value| {
        percent_encoding::percent_decode_str(value).decode_utf8_lossy() == asked
    })
}

fn encoded(model: &str) -> percent_encoding::PercentEncode<'_> {
    const PARAMETER: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~')
        .remove(b'/')
        .remove(b':');
    percent_encoding::utf8_percent_encode(model, PARAMETER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uri: &str) -> Option<(String, Option<String>, Option<String>)> {
        let destination = Destination::of(&uri.parse().unwrap()).ok()?;
        Some((destination.operation, destination.query, destination.provider))
    }

    #[test]
    fn paths_name_operations_and_providers() {
        let some = |operation: &str, query: Option<&str>, provider: Option<&str>| {
            Some((operation.to_owned(), query.map(str::to_owned), provider.map(str::to_owned)))
        };
        assert_eq!(of("/v1/chat/completions"), some("/chat/completions", None, None));
        assert_eq!(of("/api/v1/models?key=gw-x&a=b"), some("/models", Some("a=b"), None));
        assert_eq!(
            of("/api/chat/completions?provider=azure"),
            some("/chat/completions", None, Some("azure"))
        );
        assert_eq!(
            of("/api/proxy/my%20relay/chat/completions"),
            some("/chat/completions", None, Some("my relay"))
        );
        assert_eq!(of("/api/proxy/r/v1/models"), some("/models", None, Some("r")));
        for unknown in ["/", "/v1", "/v2/x", "/api/proxy/x", "/other"] {
            assert_eq!(of(unknown), None, "{unknown}");
        }
    }

    #[rstest::rstest]
    #[case(Kind::OpenAi, None, "a", "/v1/realtime?model=b&x=1")]
    #[case(Kind::Azure, None, "a", "/openai/v1/realtime?model=b&x=1")]
    #[case(
        Kind::Azure,
        Some("2025-04-01-preview"),
        "a",
        "/openai/realtime?deployment=b&x=1&api-version=2025-04-01-preview"
    )]
    #[case(Kind::OpenAi, None, "org%2Fa", "/v1/realtime?model=b&x=1")]
    fn a_socket_names_its_model_as_the_provider_wants_it(
        #[case] kind: Kind,
        #[case] version: Option<&str>,
        #[case] asked: &str,
        #[case] expected: &str,
    ) {
        let uri = format!("/v1/realtime?model={asked}&x=1&key=gw-secret").parse().unwrap();
        let provider = crate::snapshot::provider::tests::provider(kind, version);
        let name = asked.replace("%2F", "/");
        let target = Destination::of(&uri).ok().unwrap().at(&provider, Some(&name), "b");
        assert_eq!(target.unwrap().as_str(), expected);
    }
}
