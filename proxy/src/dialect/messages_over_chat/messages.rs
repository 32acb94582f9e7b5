//! Turns to messages: a turn's tool results become messages of their own, before what
//! the user says with them.

use bytes::BytesMut;

use super::{
    super::{Names, Refused, Warnings, json::Node, names, parts::Parts, view::At, write::Writer},
    content::{cached, joined},
};

pub(super) struct Conversation<'w> {
    pub(super) names: &'w mut Names,
    pub(super) warnings: &'w mut Warnings,
    /// Earlier thinking is wanted as `reasoning_content`.
    pub(super) reasoning: bool,
}

impl Conversation<'_> {
    pub(super) fn message(
        &mut self,
        message: &Node<'_>,
        at: &At<'_>,
        to: &mut Writer<'_>,
    ) -> Result<(), Refused> {
        message.need_fields(at)?;
        let role = message.need_text_of("role", at)?;
        let content = message.need("content", at)?;
        let at_content = at.key("content");
        match &*role {
            "user" => self.user(content, &at_content, to),
            "assistant" => self.assistant(content, &at_content, to),
            "system" => {
                let text = joined(content, &at_content, self.warnings)?;
                to.open().key("role").text("system").key("content").text(&text).close();
                Ok(())
            }
            other => {
                let why = format!("cannot be `{other}`: use user, assistant or system");
                Err(at.key("role").invalid(&why))
            }
        }
    }

    fn user(
        &mut self,
        content: &Node<'_>,
        at: &At<'_>,
        to: &mut Writer<'_>,
    ) -> Result<(), Refused> {
        let mut parts = Parts::default();
        if content.is_string() {
            parts.text(&content.need_text(at)?);
        } else {
            for (n, block) in content.need_parts(at)?.iter().enumerate() {
                let at = at.index(n);
                let kind = block.need_text_of("type", &at)?;
                if kind == "tool_result" {
                    self.tool_result(block, &at, &mut parts, to)?;
                } else if !parts.block(&kind, block, &at, self.warnings)? {
                    return Err(unknown(&kind, &at));
                }
            }
        }
        parts.write_message(to);
        Ok(())
    }

    /// A tool message holds text only: images and documents go to the user's message that
    /// follows.
    fn tool_result(
        &mut self,
        block: &Node<'_>,
        at: &At<'_>,
        parts: &mut Parts,
        to: &mut Writer<'_>,
    ) -> Result<(), Refused> {
        cached(block, self.warnings);
        let id = block.need_text_of("tool_use_id", at)?;
        let failed = block.get("is_error").and_then(Node::bool).unwrap_or(false);
        let at = at.key("content");
        let mut texts = Vec::new();
        match block.get("content") {
            None => {}
            Some(content) if content.is_string() => texts.push(content.need_text(&at)?.into()),
            Some(content) => {
                for (n, inner) in content.need_parts(&at)?.iter().enumerate() {
                    let at = at.index(n);
                    let kind = inner.need_text_of("type", &at)?;
                    if kind == "text" {
                        cached(inner, self.warnings);
                        texts.push(inner.need_text_of("text", &at)?.into_owned());
                        continue;
                    }
                    if !parts.block(&kind, inner, &at, self.warnings)? {
                        return Err(unknown(&kind, &at));
                    }
                    texts.push("(The content follows in the next message.)".to_owned());
                }
            }
        }
        let text = texts.join("\n\n");
        to.open().key("role").text("tool").key("tool_call_id").text(&id).key("content");
        to.texts([if failed { "Error: " } else { "" }, &text]).close();
        Ok(())
    }

    fn assistant(
        &mut self,
        content: &Node<'_>,
        at: &At<'_>,
        to: &mut Writer<'_>,
    ) -> Result<(), Refused> {
        let (mut text, mut thinking) = (String::new(), String::new());
        let mut calls = BytesMut::new();
        if content.is_string() {
            text.push_str(&content.need_text(at)?);
        } else {
            for (n, block) in content.need_parts(at)?.iter().enumerate() {
                let at = at.index(n);
                cached(block, self.warnings);
                match &*block.need_text_of("type", &at)? {
                    "text" => text.push_str(&block.need_text_of("text", &at)?),
                    "thinking" => thinking.push_str(&block.need_text_of("thinking", &at)?),
                    "redacted_thinking" => self.warnings.dropped("redacted_thinking"),
                    "tool_use" => self.tool_use(block, &at, &mut Writer::new(&mut calls))?,
                    other => return Err(unknown(other, &at)),
                }
            }
        }
        if !thinking.is_empty() && !self.reasoning {
            self.warnings.dropped("thinking");
            thinking.clear();
        }
        if text.is_empty() && calls.is_empty() && thinking.is_empty() {
            return Ok(());
        }
        to.open().key("role").text("assistant").key("content");
        match text.is_empty() && !calls.is_empty() {
            true => to.raw("null"),
            false => to.text(&text),
        };
        if !thinking.is_empty() {
            to.key("reasoning_content").text(&thinking);
        }
        if !calls.is_empty() {
            let calls = std::str::from_utf8(&calls).expect("only text is written");
            to.key("tool_calls").list().raw(calls).end();
        }
        to.close();
        Ok(())
    }

    fn tool_use(
        &mut self,
        block: &Node<'_>,
        at: &At<'_>,
        to: &mut Writer<'_>,
    ) -> Result<(), Refused> {
        let id = block.need_text_of("id", at)?;
        let name = block.need_text_of("name", at)?;
        let name = self.names.send(&name, names::CHAT, &at.key("name"))?;
        let input = block.need("input", at)?;
        input.need_fields(&at.key("input"))?;
        to.open().key("id").text(&id).key("type").text("function").key("function").open();
        to.key("name").text(&name).key("arguments").text(input.raw).close().close();
        Ok(())
    }
}

fn unknown(kind: &str, at: &At<'_>) -> Refused {
    at.key("type").unsupported(&format!("OpenAI's chat API has nothing like a `{kind}` block"))
}
