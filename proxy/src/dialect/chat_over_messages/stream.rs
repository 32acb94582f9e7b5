//! The stream: Anthropic's events as chunks of a chat completion.
//!
//! Tools are counted by themselves (a block's index is not a tool's), usage is
//! cumulative (replaced, never added), thinking keeps its signature in
//! `thinking_blocks`. Without `message_stop` there is no `[DONE]`.

use super::super::{
    Context, Dialect, Fresh,
    error::Problem,
    json::{self, Node},
    stream::{End, MOST},
    usage::MessagesUsage,
    write::{self, Writer},
};

#[derive(Debug)]
pub(in super::super) struct Machine {
    context: Context,
    fresh: Fresh,
    /// The start of every chunk, once `message_start` was there.
    head: String,
    blocks: Vec<(u64, Block)>,
    /// Tool blocks so far.
    tools: u64,
    /// Thinking blocks so far.
    thoughts: u64,
    usage: MessagesUsage,
    stop: Option<String>,
    explanation: Option<String>,
    pub(in super::super) end: Option<End>,
}

/// An open content block.
#[derive(Debug)]
enum Block {
    Tool {
        k: u64,
        input: String,
        any: bool,
    },
    /// The tool that carries the answer.
    Answer {
        input: String,
        any: bool,
    },
    Thinking {
        text: String,
        signature: String,
    },
    Other,
}

/// No message has so many blocks open at once.
const OPEN: usize = 1024;

impl Machine {
    pub(in super::super) fn new(context: Context, fresh: Fresh) -> Self {
        Self {
            context,
            fresh,
            head: String::new(),
            blocks: Vec::new(),
            tools: 0,
            thoughts: 0,
            usage: MessagesUsage::default(),
            stop: None,
            explanation: None,
            end: None,
        }
    }

    pub(in super::super) fn event(&mut self, event: Option<&str>, data: &str, to: &mut Writer<'_>) {
        if self.end.is_some() {
            return;
        }
        let root = match json::parse(data.as_bytes()) {
            Ok(root) => root,
            Err(e) => {
                let message = format!("an event of the upstream is not JSON: {e}");
                return self.fail(Problem::ours("upstream_invalid_response", message), to);
            }
        };
        let kind = root.text_of("type");
        match kind.as_deref().or(event).unwrap_or_default() {
            "message_start" => self.message_start(&root, to),
            "content_block_start" => self.block_start(&root, to),
            "content_block_delta" => self.delta(&root, to),
            "content_block_stop" => self.block_stop(index(&root), to),
            "message_delta" => self.message_delta(&root),
            "message_stop" => self.message_stop(to),
            "ping" => to.verbatim(b": ping\n\n"),
            "error" => {
                let problem = Problem::of(Dialect::Messages, None, &root).toward(Dialect::Chat);
                self.fail(problem, to);
            }
            _ => {}
        }
    }

    fn message_start(&mut self, root: &Node<'_>, to: &mut Writer<'_>) {
        let message = root.get("message").unwrap_or(root);
        if let Some(usage) = message.get("usage") {
            self.usage.read(usage);
        }
        let text = |name| message.text_of(name).unwrap_or_default();
        self.begin(&text("id"), &text("model"), to);
    }

    /// Once: id, time and model stay the same from here on.
    fn begin(&mut self, id: &str, model: &str, to: &mut Writer<'_>) {
        if !self.head.is_empty() {
            return;
        }
        let id = super::completion_id(id, &self.fresh.id);
        self.head = write::json(|to| {
            to.key("id").text(&id).key("object").text("chat.completion.chunk");
            to.key("created").number(self.fresh.created).key("model").text(model);
        });
        self.chunk(to, None, |delta| {
            delta.key("role").text("assistant").key("content").text("");
        });
    }

    fn chunk(
        &self,
        to: &mut Writer<'_>,
        finish: Option<&str>,
        delta: impl FnOnce(&mut Writer<'_>),
    ) {
        to.data().open().raw(&self.head).key("choices").list().open();
        to.key("index").number(0).key("delta").open();
        delta(to);
        to.close().key("logprobs").raw("null").key("finish_reason");
        match finish {
            Some(finish) => to.text(finish),
            None => to.raw("null"),
        };
        to.close().end();
        if self.context.include_usage {
            to.key("usage").raw("null");
        }
        to.close().send();
    }

    fn block_start(&mut self, root: &Node<'_>, to: &mut Writer<'_>) {
        self.begin("", "", to);
        let Some(block) = root.get("content_block") else { return };
        if self.blocks.len() >= OPEN {
            let message = "the upstream opens blocks without closing any";
            return self.fail(Problem::ours("upstream_invalid_response", message), to);
        }
        let opened = match block.text_of("type").as_deref() {
            Some("text") => {
                self.literal(block.get("text"), "content", to);
                Block::Other
            }
            Some("thinking") => {
                self.literal(block.get("thinking"), "reasoning_content", to);
                let text = |name| block.text_of(name).unwrap_or_default().into_owned();
                Block::Thinking { text: text("thinking"), signature: text("signature") }
            }
            Some("redacted_thinking") => {
                let data = block.get("data").filter(|data| data.is_string());
                if let Some(data) = data {
                    self.thought(to, |to| {
                        to.key("type").text("redacted_thinking").key("data").raw(data.raw);
                    });
                }
                Block::Other
            }
            Some("tool_use") => self.tool_start(block, to),
            _ => Block::Other,
        };
        self.blocks.push((index(root), opened));
    }

    fn tool_start(&mut self, block: &Node<'_>, to: &mut Writer<'_>) -> Block {
        let name = block.text_of("name").unwrap_or_default();
        // Some relays send the whole input here and no deltas.
        let input = block.get("input").filter(|input| !input.fields().is_empty());
        let input = input.map_or_else(String::new, |input| input.raw.to_owned());
        if self.context.answer_tool.as_deref() == Some(&*name) {
            return Block::Answer { input, any: false };
        }
        let k = self.tools;
        self.tools += 1;
        let name = self.context.names.restore(&name);
        self.chunk(to, None, |delta| {
            if self.context.legacy_functions {
                delta.key("function_call").open().key("name").text(name);
                delta.key("arguments").text("").close();
            } else {
                let id = block.text_of("id").unwrap_or_default();
                delta.key("tool_calls").list().open().key("index").number(k).key("id").text(&id);
                delta.key("type").text("function").key("function").open().key("name").text(name);
                delta.key("arguments").text("").close().close().end();
            }
        });
        Block::Tool { k, input, any: false }
    }

    fn delta(&mut self, root: &Node<'_>, to: &mut Writer<'_>) {
        let Some(delta) = root.get("delta") else { return };
        let at = index(root);
        match delta.text_of("type").as_deref() {
            Some("text_delta") => {
                self.begin("", "", to);
                self.literal(delta.get("text"), "content", to);
            }
            Some("input_json_delta") => self.input(at, delta, to),
            Some("thinking_delta") => {
                self.literal(delta.get("thinking"), "reasoning_content", to);
                let more = delta.text_of("thinking").unwrap_or_default();
                if let Some(Block::Thinking { text, .. }) = self.block(at) {
                    if text.len() + more.len() > MOST {
                        let message = "the upstream's thinking does not end";
                        return self.fail(Problem::ours("upstream_invalid_response", message), to);
                    }
                    text.push_str(&more);
                }
            }
            Some("signature_delta") => {
                let more = delta.text_of("signature").unwrap_or_default();
                if let Some(Block::Thinking { signature, .. }) = self.block(at)
                    && signature.len() + more.len() <= MOST
                {
                    signature.push_str(&more);
                }
            }
            _ => {}
        }
    }

    fn input(&mut self, at: u64, delta: &Node<'_>, to: &mut Writer<'_>) {
        let Some(json) = delta.get("partial_json").filter(|json| json.raw.len() > 2) else {
            return;
        };
        match self.block(at) {
            Some(Block::Tool { k, any, .. }) => {
                *any = true;
                let k = *k;
                self.arguments(k, to, |to| {
                    to.raw(json.raw);
                });
            }
            Some(Block::Answer { any, .. }) => {
                *any = true;
                self.literal(Some(json), "content", to);
            }
            _ => {}
        }
    }

    fn arguments(&self, k: u64, to: &mut Writer<'_>, write: impl FnOnce(&mut Writer<'_>)) {
        self.chunk(to, None, |delta| {
            if self.context.legacy_functions {
                delta.key("function_call").open().key("arguments");
                write(delta);
                delta.close();
            } else {
                delta.key("tool_calls").list().open().key("index").number(k);
                delta.key("function").open().key("arguments");
                write(delta);
                delta.close().close().end();
            }
        });
    }

    /// A string as it stands, if there is anything in it.
    fn literal(&self, text: Option<&Node<'_>>, name: &str, to: &mut Writer<'_>) {
        if let Some(text) = text.filter(|text| text.is_string() && text.raw.len() > 2) {
            self.chunk(to, None, |delta| {
                delta.key(name).raw(text.raw);
            });
        }
    }

    /// A thinking block, whole: what a client sends back must be unmodified. The index is
    /// what SDKs put deltas of lists together by.
    fn thought(&mut self, to: &mut Writer<'_>, fields: impl FnOnce(&mut Writer<'_>)) {
        let n = self.thoughts;
        self.thoughts += 1;
        self.chunk(to, None, |delta| {
            delta.key("thinking_blocks").list().open().key("index").number(n);
            fields(delta);
            delta.close().end();
        });
    }

    fn block_stop(&mut self, at: u64, to: &mut Writer<'_>) {
        let Some(place) = self.blocks.iter().position(|(index, _)| *index == at) else { return };
        match self.blocks.swap_remove(place).1 {
            Block::Tool { k, input, any: false } => {
                let input = if input.is_empty() { "{}" } else { &input };
                self.arguments(k, to, |to| {
                    to.text(input);
                });
            }
            Block::Answer { input, any: false } => {
                let input = if input.is_empty() { "{}" } else { &input };
                self.chunk(to, None, |delta| {
                    delta.key("content").text(input);
                });
            }
            Block::Thinking { text, signature } if !signature.is_empty() => {
                self.thought(to, |to| {
                    to.key("type").text("thinking").key("thinking").text(&text);
                    to.key("signature").text(&signature);
                });
            }
            _ => {}
        }
    }

    fn block(&mut self, at: u64) -> Option<&mut Block> {
        self.blocks.iter_mut().find(|(index, _)| *index == at).map(|(_, block)| block)
    }

    fn message_delta(&mut self, root: &Node<'_>) {
        if let Some(usage) = root.get("usage") {
            self.usage.read(usage);
        }
        let Some(delta) = root.get("delta") else { return };
        if let Some(stop) = delta.text_of("stop_reason") {
            self.stop = Some(stop.into_owned());
        }
        if let Some(details) = delta.get("stop_details") {
            self.explanation = details.text_of("explanation").map(Into::into);
        }
    }

    fn message_stop(&mut self, to: &mut Writer<'_>) {
        self.begin("", "", to);
        while let Some((index, _)) = self.blocks.first() {
            self.block_stop(*index, to);
        }
        let stop = self.stop.take().unwrap_or_default();
        if stop == "refusal" {
            let refusal = super::refusal(self.explanation.take().map(Into::into), "");
            self.chunk(to, None, |delta| {
                delta.key("refusal").text(&refusal);
            });
        }
        let answer_tool = self.context.answer_tool.is_some() && self.tools == 0;
        let finish = super::finish_reason(&stop, self.context.legacy_functions, answer_tool);
        self.chunk(to, Some(finish.unwrap_or("stop")), |_| {});
        if self.context.include_usage {
            to.data().open().raw(&self.head).key("choices").list().end().key("usage");
            self.usage.usage().write_chat(to);
            to.close().send();
        }
        to.verbatim(b"data: [DONE]\n\n");
        self.end = Some(End::Complete);
    }

    pub(in super::super) fn eof(&mut self, to: &mut Writer<'_>) {
        let message = "the upstream's stream ended before its message was complete";
        self.fail(Problem::ours("upstream_closed", message), to);
    }

    /// Shown as what it is; nothing follows.
    pub(in super::super) fn fail(&mut self, problem: Problem, to: &mut Writer<'_>) {
        if self.end.is_none() {
            to.data();
            problem.write(Dialect::Chat, None, to);
            to.send();
            self.end = Some(End::failed(&problem));
        }
    }
}

fn index(root: &Node<'_>) -> u64 {
    root.get("index").and_then(Node::u64).unwrap_or(0)
}
