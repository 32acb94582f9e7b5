//! Parts of a message: text, images, PDF files.

use super::super::{Refused, Warnings, json::Node, view::At, write::Writer};

/// Writes a content (a string, or an array of parts) as blocks. Anthropic refuses blank
/// text, so it goes.
pub(super) fn blocks(
    content: &Node<'_>,
    at: &At<'_>,
    to: &mut Writer<'_>,
    warnings: &mut Warnings,
) -> Result<(), Refused> {
    if content.is_string() {
        text(content, to);
        return Ok(());
    }
    for (n, part) in content.need_parts(at)?.iter().enumerate() {
        let at = at.index(n);
        let kind = part.need_text_of("type", &at)?;
        if part.get("cache_control").is_some() || part.get("prompt_cache_breakpoint").is_some() {
            warnings.dropped("cache_control");
        }
        match &*kind {
            "text" => {
                let value = part.need("text", &at)?;
                value.need_text(&at.key("text"))?;
                text(value, to);
            }
            "refusal" => {
                let value = part.need("refusal", &at)?;
                value.need_text(&at.key("refusal"))?;
                text(value, to);
            }
            "image_url" => image(part, &at, to, warnings)?,
            "file" => file(part, &at, to)?,
            "input_audio" => return Err(at.unsupported("Anthropic's API takes no audio")),
            other => {
                let why = format!("Anthropic's API has no part of type `{other}`");
                return Err(at.key("type").unsupported(&why));
            }
        }
    }
    Ok(())
}

/// A text block from a string, as its literal stands; none if it is blank.
fn text(value: &Node<'_>, to: &mut Writer<'_>) {
    if !blank(value) {
        to.open().key("type").text("text").key("text").raw(value.raw).close();
    }
}

pub(super) fn blank(value: &Node<'_>) -> bool {
    value.text().is_none_or(|text| text.trim().is_empty())
}

fn image(
    part: &Node<'_>,
    at: &At<'_>,
    to: &mut Writer<'_>,
    warnings: &mut Warnings,
) -> Result<(), Refused> {
    let value = part.need("image_url", at)?;
    let at = at.key("image_url");
    // Some clients send the address itself.
    let (value, at) = match value.is_string() {
        true => (value, at),
        false => {
            if value.text_of("detail").is_some_and(|detail| detail != "auto") {
                warnings.dropped("detail");
            }
            (value.need("url", &at)?, at.key("url"))
        }
    };
    let url = value.need_text(&at)?;
    if let Some((media, data)) = data_url(&url) {
        let media = match media {
            "image/jpg" => "image/jpeg",
            "image/jpeg" | "image/png" | "image/gif" | "image/webp" => media,
            _ => return Err(at.unsupported("Anthropic reads jpeg, png, gif and webp images")),
        };
        to.open().key("type").text("image").key("source").open();
        to.key("type").text("base64").key("media_type").text(media);
        to.key("data").text(data).close().close();
    } else if url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")) {
        to.open().key("type").text("image").key("source").open();
        to.key("type").text("url").key("url").text(&url).close().close();
    } else {
        // Nothing is ever fetched here.
        return Err(at.unsupported("Anthropic takes https and base64 data addresses"));
    }
    Ok(())
}

fn file(part: &Node<'_>, at: &At<'_>, to: &mut Writer<'_>) -> Result<(), Refused> {
    let file = part.need("file", at)?;
    let at = at.key("file");
    if file.get("file_id").is_some() && file.get("file_data").is_none() {
        return Err(at.key("file_id").unsupported("the file lies with another provider"));
    }
    let data = file.need_text_of("file_data", &at)?;
    let Some(("application/pdf", data)) = data_url(&data) else {
        let why = "Anthropic takes PDF files as data:application/pdf;base64,…";
        return Err(at.key("file_data").unsupported(why));
    };
    to.open().key("type").text("document").key("source").open();
    to.key("type").text("base64").key("media_type").text("application/pdf");
    to.key("data").text(data).close();
    if let Some(name) = file.get("filename").filter(|name| name.is_string() && !blank(name)) {
        to.key("title").raw(name.raw);
    }
    to.close();
    Ok(())
}

/// Media type and data of `data:TYPE;base64,DATA`.
fn data_url(url: &str) -> Option<(&str, &str)> {
    let rest = url.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:"))?;
    let (head, data) = url[rest.len()..].split_once(',')?;
    let media = head.strip_suffix(";base64")?;
    Some((media.split(';').next().unwrap_or(media), data))
}
