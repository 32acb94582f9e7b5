//! The whole answer: a message as a chat completion.

use bytes::{Bytes, BytesMut};

use super::super::{
    Context, Fresh, Invalid, Warnings,
    error::unreadable,
    json::{self, Node},
    usage::MessagesUsage,
    write::{self, Writer},
};

pub(in super::super) fn convert(
    context: &Context,
    fresh: &Fresh,
    body: &[u8],
) -> Result<(Bytes, Warnings), Invalid> {
    let root = json::parse(body).map_err(|e| unreadable(body, &e.to_string()))?;
    if root.text_of("type").is_none_or(|kind| kind != "message") {
        return Err(unreadable(body, "it is no message"));
    }
    let Some(content) = root.get("content").filter(|c| matches!(c.kind, json::Kind::Array(_)))
    else {
        return Err(unreadable(body, "the message has no content"));
    };
    let mut warnings = Warnings::default();
    let said = Said::read(content, context, &mut warnings);
    let stop = root.text_of("stop_reason").unwrap_or_default();
    let answer_tool = context.answer_tool.is_some() && said.calls.is_empty();
    let finish = super::finish_reason(&stop, context.legacy_functions, answer_tool);
    if finish.is_none() {
        warnings.changed("stop_reason");
    }
    let mut usage = MessagesUsage::default();
    if let Some(counts) = root.get("usage") {
        usage.read(counts);
    }

    let mut out = BytesMut::with_capacity(body.len() + 256);
    let mut to = Writer::new(&mut out);
    let id = root.text_of("id").unwrap_or_default();
    to.open().key("id").text(&super::completion_id(&id, &fresh.id));
    to.key("object").text("chat.completion").key("created").number(fresh.created);
    to.key("model").text(&root.text_of("model").unwrap_or_default());
    to.key("choices").list().open().key("index").number(0);
    to.key("message").open().key("role").text("assistant").key("content");
    let refused = stop == "refusal";
    match said.text.is_empty() && (refused || !said.calls.is_empty()) {
        true => to.raw("null"),
        false => to.text(&said.text),
    };
    to.key("refusal");
    match refused {
        true => {
            let explained = root.get("stop_details").and_then(|d| d.text_of("explanation"));
            to.text(&super::refusal(explained, &said.text))
        }
        false => to.raw("null"),
    };
    said.write_calls(context, &mut to);
    if !said.reasoning.is_empty() {
        to.key("reasoning_content").text(&said.reasoning);
    }
    if !said.thinking.is_empty() {
        to.key("thinking_blocks").list();
        said.thinking.iter().for_each(|block| {
            to.raw(block);
        });
        to.end();
    }
    to.close().key("logprobs").raw("null");
    to.key("finish_reason").text(finish.unwrap_or("stop")).close().end();
    to.key("usage");
    usage.usage().write_chat(&mut to);
    to.close();
    Ok((out.freeze(), warnings))
}

/// The blocks, gathered.
#[derive(Default)]
struct Said {
    text: String,
    reasoning: String,
    /// `thinking` and `redacted_thinking` blocks as they came, signature and all.
    thinking: Vec<String>,
    /// Id, the client's name, input.
    calls: Vec<(String, String, String)>,
}

impl Said {
    fn read(content: &Node<'_>, context: &Context, warnings: &mut Warnings) -> Self {
        let mut said = Self::default();
        for block in content.items() {
            match block.text_of("type").as_deref() {
                Some("text") => said.text.push_str(&block.text_of("text").unwrap_or_default()),
                Some("thinking") => {
                    said.reasoning.push_str(&block.text_of("thinking").unwrap_or_default());
                    said.thinking.push(block.raw.to_owned());
                }
                Some("redacted_thinking") => said.thinking.push(block.raw.to_owned()),
                Some("tool_use") => {
                    let name = block.text_of("name").unwrap_or_default();
                    let input = block.get("input").map_or("{}", |input| input.raw);
                    if context.answer_tool.as_deref() == Some(&*name) {
                        said.text.push_str(input);
                    } else {
                        let id = block.text_of("id").unwrap_or_default().into_owned();
                        let name = context.names.restore(&name).to_owned();
                        said.calls.push((id, name, input.to_owned()));
                    }
                }
                // server_tool_use and its results: the text that follows holds the answer.
                Some(other) => warnings.dropped(other),
                None => {}
            }
        }
        said
    }

    fn write_calls(&self, context: &Context, to: &mut Writer<'_>) {
        let function = |to: &mut Writer<'_>, name: &str, input: &str| {
            to.open().key("name").text(name).key("arguments").text(input).close();
        };
        if self.calls.is_empty() {
            return;
        }
        if context.legacy_functions {
            let (_, name, input) = &self.calls[0];
            function(to.key("function_call"), name, input);
            return;
        }
        let calls = write::json(|to| {
            for (id, name, input) in &self.calls {
                to.open().key("id").text(id).key("type").text("function").key("function");
                function(to, name, input);
                to.close();
            }
        });
        to.key("tool_calls").list().raw(&calls).end();
    }
}
