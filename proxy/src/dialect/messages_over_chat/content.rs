//! Blocks to parts: text, images, documents.

use super::super::{Refused, Warnings, json::Node, parts::Parts, view::At};

/// The text of a string or of an array of text blocks, a blank line between blocks.
pub(super) fn joined(
    content: &Node<'_>,
    at: &At<'_>,
    warnings: &mut Warnings,
) -> Result<String, Refused> {
    if content.is_string() {
        return Ok(content.need_text(at)?.into_owned());
    }
    let mut texts = Vec::new();
    for (n, block) in content.need_parts(at)?.iter().enumerate() {
        let at = at.index(n);
        cached(block, warnings);
        match &*block.need_text_of("type", &at)? {
            "text" => texts.push(block.need_text_of("text", &at)?),
            other => return Err(only_text(other, &at)),
        }
    }
    texts.retain(|text| !text.is_empty());
    Ok(texts.join("\n\n"))
}

fn only_text(kind: &str, at: &At<'_>) -> Refused {
    at.key("type").unsupported(&format!("a `{kind}` block cannot stand here"))
}

/// OpenAI caches by itself.
pub(super) fn cached(block: &Node<'_>, warnings: &mut Warnings) {
    if block.get("cache_control").is_some() {
        warnings.dropped("cache_control");
    }
}

impl Parts {
    /// A block that is text, image or document; `false` if it is none of them.
    pub(super) fn block(
        &mut self,
        kind: &str,
        block: &Node<'_>,
        at: &At<'_>,
        warnings: &mut Warnings,
    ) -> Result<bool, Refused> {
        cached(block, warnings);
        if block.get("citations").is_some() {
            warnings.dropped("citations");
        }
        match kind {
            "text" => self.text(&block.need_text_of("text", at)?),
            "image" => self.image_block(block, at)?,
            "document" => self.document(block, at, warnings)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn document(
        &mut self,
        block: &Node<'_>,
        at: &At<'_>,
        warnings: &mut Warnings,
    ) -> Result<(), Refused> {
        let source = block.need("source", at)?;
        let at = at.key("source");
        match &*source.need_text_of("type", &at)? {
            "base64" => {
                let media = source.need_text_of("media_type", &at)?;
                let data = source.need_text_of("data", &at)?;
                let title = block.text_of("title").unwrap_or("document.pdf".into());
                self.file(&title, &["data:", &media, ";base64,", &data]);
            }
            "text" => self.text(&source.need_text_of("data", &at)?),
            "content" => {
                let content = source.need("content", &at)?;
                self.text(&joined(content, &at.key("content"), warnings)?);
            }
            "url" => return Err(at.unsupported("OpenAI's chat API takes no file by its address")),
            _ => return Err(at.unsupported("the file lies with another provider")),
        }
        Ok(())
    }

    fn image_block(&mut self, block: &Node<'_>, at: &At<'_>) -> Result<(), Refused> {
        let source = block.need("source", at)?;
        let at = at.key("source");
        let text = |name| source.need_text_of(name, &at);
        match &*source.need_text_of("type", &at)? {
            "base64" => {
                let (media, data) = (text("media_type")?, text("data")?);
                self.image(&["data:", &media, ";base64,", &data], None);
            }
            "url" => self.image(&[&text("url")?], None),
            _ => return Err(at.unsupported("the file lies with another provider")),
        }
        Ok(())
    }
}
