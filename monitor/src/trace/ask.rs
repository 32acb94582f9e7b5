//! What a trace asks: one question with images by address, in the words of the provider's
//! dialect. Pure.

use serde_json::{Value, json};

/// What is asked where nobody says otherwise.
pub fn prompt(images: u32) -> String {
    let (what, each) = match images {
        1 => ("this image", "the image shows"),
        _ => ("each of these images", "each image shows, one line per image"),
    };
    format!(
        "Look at {what}. Reply with exactly the letters that {each}, and nothing else. \
         If you cannot see an image, say so."
    )
}

/// The address of a trace's image, from 1.
pub fn image_url(base: &str, name: &str, image: u32) -> String {
    let base = base.trim_end_matches('/');
    match image {
        1 => format!("{base}{}?traceid={name}", super::images::PATH),
        n => format!("{base}{}?traceid={name}-{n}", super::images::PATH),
    }
}

/// Path and body.
pub fn request(kind: &str, model: &str, prompt: &str, urls: &[String]) -> (&'static str, Value) {
    let text = json!({"type": "text", "text": prompt});
    if kind == "anthropic" {
        let image = |url: &String| json!({"type": "image", "source": {"type": "url", "url": url}});
        let content: Vec<Value> = urls.iter().map(image).chain([text]).collect();
        let body = json!({
            "model": model,
            "max_tokens": 1024,
            "messages": [{"role": "user", "content": content}],
        });
        return ("/v1/messages", body);
    }
    let image = |url: &String| json!({"type": "image_url", "image_url": {"url": url}});
    let content: Vec<Value> = [text].into_iter().chain(urls.iter().map(image)).collect();
    // No limit of tokens: what it is called depends on the model.
    let body = json!({"model": model, "messages": [{"role": "user", "content": content}]});
    ("/v1/chat/completions", body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_gets_its_own_words() {
        let urls =
            [image_url("https://a.example/x/", "aa", 1), image_url("https://a.example", "aa", 2)];
        assert_eq!(urls[0], "https://a.example/x/api/img?traceid=aa");
        assert_eq!(urls[1], "https://a.example/api/img?traceid=aa-2");
        let (path, body) = request("openai", "gpt-4o", "read", &urls);
        assert_eq!(path, "/v1/chat/completions");
        assert_eq!(body["messages"][0]["content"][1]["image_url"]["url"], urls[0]);
        assert_eq!(body["messages"][0]["content"][2]["image_url"]["url"], urls[1]);
        let (path, body) = request("anthropic", "claude", "read", &urls);
        assert_eq!(path, "/v1/messages");
        assert_eq!(body["messages"][0]["content"][0]["source"]["url"], urls[0]);
        assert!(body["max_tokens"].is_u64());
    }
}
