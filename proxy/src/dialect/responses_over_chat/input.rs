//! Items to messages: what the assistant did in a row (reasoning, text, calls) is one
//! message; outputs of calls are one message each, right after it.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::BytesMut;

use super::{
    super::{
        Names, Refused, Warnings,
        json::{self, Node},
        names,
        parts::Parts,
        view::At,
        write::Writer,
    },
    SEALED,
};

pub(super) struct Input<'w> {
    names: &'w mut Names,
    warnings: &'w mut Warnings,
    /// Earlier reasoning is wanted as `reasoning_content`.
    reasoning: bool,
    assistant: Assistant,
    /// Images and files that calls gave: for the user's message after the outputs.
    gave: Parts,
}

/// An assistant's message in the making.
#[derive(Default)]
struct Assistant {
    texts: Vec<String>,
    reasoning: String,
    /// Items of `thinking_blocks`.
    thinking: Vec<String>,
    calls: BytesMut,
}

impl<'w> Input<'w> {
    pub(super) fn new(names: &'w mut Names, warnings: &'w mut Warnings, reasoning: bool) -> Self {
        let (assistant, gave) = (Assistant::default(), Parts::default());
        Self { names, warnings, reasoning, assistant, gave }
    }

    pub(super) fn write(
        mut self,
        input: &Node<'_>,
        at: &At<'_>,
        to: &mut Writer<'_>,
    ) -> Result<(), Refused> {
        if input.is_string() {
            to.open().key("role").text("user").key("content").raw(input.raw).close();
            return Ok(());
        }
        for (n, item) in input.need_parts(at)?.iter().enumerate() {
            self.item(item, &at.index(n), to)?;
        }
        self.flush(to);
        self.gave.write_message(to);
        Ok(())
    }

    fn item(&mut self, item: &Node<'_>, at: &At<'_>, to: &mut Writer<'_>) -> Result<(), Refused> {
        item.need_fields(at)?;
        let kind = item.text_of("type").unwrap_or("message".into());
        if kind != "function_call_output" {
            std::mem::take(&mut self.gave).write_message(to);
        }
        match &*kind {
            "message" => self.message(item, at, to),
            "reasoning" => {
                self.think(item);
                Ok(())
            }
            "function_call" => self.call(item, at),
            "function_call_output" => {
                self.flush(to);
                self.output(item, at, to)
            }
            "item_reference" => Err(at.key("id").unsupported(
                "this earlier item is not kept here, or not any more: send it whole, as clients \
                 do with `store` false",
            )),
            other => {
                let why = format!("the upstream's chat API has nothing like a `{other}` item");
                Err(at.key("type").unsupported(&why))
            }
        }
    }

    fn message(
        &mut self,
        item: &Node<'_>,
        at: &At<'_>,
        to: &mut Writer<'_>,
    ) -> Result<(), Refused> {
        let role = item.need_text_of("role", at)?;
        let content = item.need("content", at)?;
        let at_content = at.key("content");
        let mut parts = Parts::default();
        if content.is_string() {
            parts.text(&content.need_text(&at_content)?);
        } else {
            for (n, part) in content.need_parts(&at_content)?.iter().enumerate() {
                self.part(part, &at_content.index(n), &mut parts)?;
            }
        }
        match &*role {
            "assistant" => {
                let mut text = BytesMut::new();
                parts.write(&mut Writer::new(&mut text));
                match json::parse(&text).ok().and_then(|node| node.text().map(String::from)) {
                    Some(text) => self.assistant.texts.push(text),
                    None => return Err(at_content.unsupported("an assistant's turn is text")),
                }
                return Ok(());
            }
            "user" => {
                self.flush(to);
                parts.write_message(to);
            }
            // Relays know the older word.
            "system" | "developer" => {
                self.flush(to);
                if !parts.is_empty() {
                    to.open().key("role").text("system").key("content");
                    parts.write(to);
                    to.close();
                }
            }
            other => {
                let why = format!("cannot be `{other}`: use user, assistant, system or developer");
                return Err(at.key("role").invalid(&why));
            }
        }
        Ok(())
    }

    fn part(&mut self, part: &Node<'_>, at: &At<'_>, parts: &mut Parts) -> Result<(), Refused> {
        let elsewhere =
            |name: &str| at.key(name).unsupported("the file lies with another provider");
        match &*part.need_text_of("type", at)? {
            "input_text" | "output_text" | "text" => parts.text(&part.need_text_of("text", at)?),
            "refusal" => parts.text(&part.need_text_of("refusal", at)?),
            "input_image" => {
                if part.get("image_url").is_none() && part.get("file_id").is_some() {
                    return Err(elsewhere("file_id"));
                }
                let url = part.need_text_of("image_url", at)?;
                let detail = part.text_of("detail").filter(|detail| detail != "auto");
                parts.image(&[&url], detail.as_deref());
            }
            "input_file" => {
                for name in ["file_id", "file_url"] {
                    if part.get("file_data").is_none() && part.get(name).is_some() {
                        return Err(elsewhere(name));
                    }
                }
                let data = part.need_text_of("file_data", at)?;
                let name = part.text_of("filename").unwrap_or("document.pdf".into());
                parts.file(&name, &[&data]);
            }
            other => {
                let why = format!("the upstream's chat API has nothing like a `{other}` part");
                return Err(at.key("type").unsupported(&why));
            }
        }
        Ok(())
    }

    /// Ours comes back signed; another's text only where it is wanted.
    fn think(&mut self, item: &Node<'_>) {
        let sealed = item.text_of("encrypted_content");
        let ours = sealed.as_deref().and_then(|sealed| sealed.strip_prefix(SEALED));
        let opened = ours.and_then(|ours| BASE64_STANDARD.decode(ours).ok());
        if let Some(blocks) = opened.as_deref().and_then(|blocks| json::parse(blocks).ok()) {
            let raw = blocks.items().iter().map(|block| block.raw.to_owned());
            self.assistant.thinking.extend(raw);
            return;
        }
        if !self.reasoning {
            self.warnings.dropped("reasoning");
            return;
        }
        for list in ["content", "summary"] {
            let items = item.get(list).map(Node::items).unwrap_or_default();
            for text in items.iter().filter_map(|part| part.text_of("text")) {
                self.assistant.reasoning.push_str(&text);
            }
            if !items.is_empty() {
                break;
            }
        }
    }

    fn call(&mut self, item: &Node<'_>, at: &At<'_>) -> Result<(), Refused> {
        let id = item.need_text_of("call_id", at)?;
        let name = item.need_text_of("name", at)?;
        let name = self.names.send(&name, names::CHAT, &at.key("name"))?;
        let arguments = item.need("arguments", at)?;
        arguments.need_text(&at.key("arguments"))?;
        let mut to = Writer::new(&mut self.assistant.calls);
        to.open().key("id").text(&id).key("type").text("function").key("function").open();
        to.key("name").text(&name).key("arguments").raw(arguments.raw).close().close();
        Ok(())
    }

    fn output(&mut self, item: &Node<'_>, at: &At<'_>, to: &mut Writer<'_>) -> Result<(), Refused> {
        let id = item.need_text_of("call_id", at)?;
        let output = item.need("output", at)?;
        let at = at.key("output");
        to.open().key("role").text("tool").key("tool_call_id").text(&id).key("content");
        if output.is_string() {
            to.raw(output.raw).close();
            return Ok(());
        }
        let mut texts = Vec::new();
        for (n, part) in output.need_parts(&at)?.iter().enumerate() {
            let at = at.index(n);
            match part.text_of("type").as_deref() {
                Some("input_text" | "output_text") => {
                    texts.push(part.need_text_of("text", &at)?.into_owned());
                }
                _ => {
                    let mut gave = std::mem::take(&mut self.gave);
                    self.part(part, &at, &mut gave)?;
                    self.gave = gave;
                    texts.push("(The content follows in the next message.)".to_owned());
                }
            }
        }
        to.text(&texts.join("\n\n")).close();
        Ok(())
    }

    fn flush(&mut self, to: &mut Writer<'_>) {
        let made = std::mem::take(&mut self.assistant);
        if made.texts.is_empty() && made.calls.is_empty() {
            return;
        }
        to.open().key("role").text("assistant").key("content");
        match made.texts.is_empty() {
            true => to.raw("null"),
            false => to.text(&made.texts.join("\n\n")),
        };
        if !made.reasoning.is_empty() {
            to.key("reasoning_content").text(&made.reasoning);
        }
        if !made.thinking.is_empty() {
            to.key("thinking_blocks").list().raw(&made.thinking.join(",")).end();
        }
        if !made.calls.is_empty() {
            let calls = std::str::from_utf8(&made.calls).expect("only text is written");
            to.key("tool_calls").list().raw(calls).end();
        }
        to.close();
    }
}
