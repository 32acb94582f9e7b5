//! Where an operation lives at Azure OpenAI, in both generations of its addresses.
//! <https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle>
//!
//! With an `api-version`: `/openai/deployments/{deployment}/{op}?api-version=…` for the
//! operations of a deployment, `/openai/{op}?api-version=…` for the others. Without:
//! `/openai/v1/{op}`, where `model` is the deployment.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a path segment may hold as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Whether the operation (`/chat/completions`) is a deployment's own.
pub fn takes_deployment(operation: &str) -> bool {
    let operation = operation.trim_matches('/');
    matches!(operation, "chat/completions" | "completions" | "embeddings")
        || operation.starts_with("audio/")
        || operation.starts_with("images/")
}

/// Path and query at a provider whose base address has the path `base`. `deployment` is
/// the model's, if the request names a model; it goes into the path only where the
/// generation and the operation want it, and stays the body's `model` elsewhere.
pub fn target(
    base: &str,
    api_version: Option<&str>,
    deployment: Option<&str>,
    operation: &str,
    query: Option<&str>,
) -> String {
    let base = base.trim_end_matches('/');
    let base = base.strip_suffix("/v1").unwrap_or(base);
    let base = base.strip_suffix("/openai").unwrap_or(base);
    let operation = operation.trim_start_matches('/');
    let deployment = deployment.filter(|name| !name.is_empty() && takes_deployment(operation));
    let path = match (api_version, deployment) {
        (None, _) => format!("{base}/openai/v1/{operation}"),
        (Some(_), None) => format!("{base}/openai/{operation}"),
        (Some(_), Some(name)) => {
            let name = utf8_percent_encode(name, SEGMENT);
            format!("{base}/openai/deployments/{name}/{operation}")
        }
    };
    // Ours counts: a client of another vendor's API sends none.
    let version =
        api_version.map(|version| format!("api-version={}", utf8_percent_encode(version, SEGMENT)));
    let theirs = query.into_iter().flat_map(|query| query.split('&'));
    let kept = theirs.filter(|pair| {
        !pair.is_empty() && (version.is_none() || !pair.starts_with("api-version="))
    });
    let query: Vec<&str> = kept.chain(version.as_deref()).collect();
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(
        "",
        Some("2024-10-21"),
        Some("gpt4"),
        "/chat/completions",
        None,
        "/openai/deployments/gpt4/chat/completions?api-version=2024-10-21"
    )]
    #[case(
        "",
        Some("2024-10-21"),
        Some("w 2"),
        "/audio/transcriptions",
        Some("a=b"),
        "/openai/deployments/w%202/audio/transcriptions?a=b&api-version=2024-10-21"
    )]
    #[case(
        "",
        Some("2025-04-01-preview"),
        Some("gpt4"),
        "/responses",
        None,
        "/openai/responses?api-version=2025-04-01-preview"
    )]
    #[case(
        "",
        Some("2024-10-21"),
        None,
        "/models",
        Some("api-version=old"),
        "/openai/models?api-version=2024-10-21"
    )]
    #[case("/gate", None, Some("gpt4"), "/embeddings", None, "/gate/openai/v1/embeddings")]
    #[case(
        "/openai/v1/",
        None,
        Some("gpt4"),
        "/images/generations",
        Some("api-version=preview"),
        "/openai/v1/images/generations?api-version=preview"
    )]
    #[case(
        "/openai",
        Some("2024-10-21"),
        Some("d"),
        "/completions",
        None,
        "/openai/deployments/d/completions?api-version=2024-10-21"
    )]
    fn both_generations_have_their_addresses(
        #[case] base: &str,
        #[case] version: Option<&str>,
        #[case] deployment: Option<&str>,
        #[case] operation: &str,
        #[case] query: Option<&str>,
        #[case] expected: &str,
    ) {
        assert_eq!(target(base, version, deployment, operation, query), expected);
    }
}
