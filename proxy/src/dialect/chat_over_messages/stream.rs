//! The stream: Anthropic's events as chunks of a chat completion.
//!
//! Tools are counted by themselves (a block's index is not a tool's), usage is
//! cumulative (replaced, never added), thinking keeps its signature in
//! `thinking_blocks`. Without `message_stop` there is no `[DONE]`.

use super::{
    super::{
        Context, Dialect, Fresh, Warnings,
        error::Problem,
        json::{self, Node},
        stream::{End, MOST},
        usage::MessagesUsage,
        write::Writer,
    },
    chunks::Chunks,
};

#[derive(Debug)]
pub(in super::super) struct Machine {
    context: Context,
    fresh: Fresh,
    chunks: Chunks,
    blocks: Vec<(u64, Block)>,
    /// Tool blocks so far.
    tools: u64,
    usage: MessagesUsage,
    stop: Option<String>,
    explanation: Option<String>,
    pub(in super::super) warnings: Warnings,
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
            chunks: Chunks::new(&context),
            context,
            fresh,
            blocks: Vec::new(),
            tools: 0,
            usage: MessagesUsage::default(),
            stop: None,
            explanation: None,
            warnings: Warnings::default(),
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

    fn begin(&mut self, id: &str, model: &str, to: &mut Writer<'_>) {
        self.chunks.begin(id, model, &self.fresh, to);
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
                self.chunks.literal(block.get("text"), "content", to);
                Block::Other
            }
            Some("thinking") => {
                self.chunks.literal(block.get("thinking"), "reasoning_content", to);
                let text = |name| block.text_of(name).unwrap_or_default().into_owned();
                Block::Thinking { text: text("thinking"), signature: text("signature") }
            }
            Some("redacted_thinking") => {
                let data = block.get("data").filter(|data| data.is_string());
                if let Some(data) = data {
                    self.chunks.thought(to, |to| {
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
        let id = block.text_of("id").unwrap_or_default();
        self.chunks.call(k, &id, name, to);
        Block::Tool { k, input, any: false }
    }

    fn delta(&mut self, root: &Node<'_>, to: &mut Writer<'_>) {
        let Some(delta) = root.get("delta") else { return };
        let at = index(root);
        match delta.text_of("type").as_deref() {
            Some("text_delta") => {
                self.begin("", "", to);
                self.chunks.literal(delta.get("text"), "content", to);
            }
            Some("input_json_delta") => self.input(at, delta, to),
            Some("thinking_delta") => {
                self.chunks.literal(delta.get("thinking"), "reasoning_content", to);
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
                self.chunks.arguments(k, to, |to| {
                    to.raw(json.raw);
                });
            }
            Some(Block::Answer { any, .. }) => {
                *any = true;
                self.chunks.literal(Some(json), "content", to);
            }
            _ => {}
        }
    }

    fn block_stop(&mut self, at: u64, to: &mut Writer<'_>) {
        let Some(place) = self.blocks.iter().position(|(index, _)| *index == at) else { return };
        match self.blocks.swap_remove(place).1 {
            Block::Tool { k, input, any: false } => {
                let input = if input.is_empty() { "{}" } else { &input };
                self.chunks.arguments(k, to, |to| {
                    to.text(input);
                });
            }
            Block::Answer { input, any: false } => {
                let input = if input.is_empty() { "{}" } else { &input };
                self.chunks.chunk(to, None, |delta| {
                    delta.key("content").text(input);
                });
            }
            Block::Thinking { text, signature } if !signature.is_empty() => {
                self.chunks.thought(to, |to| {
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
            self.chunks.chunk(to, None, |delta| {
                delta.key("refusal").text(&refusal);
            });
        }
        let answer_tool = self.context.answer_tool.is_some() && self.tools == 0;
        let finish = super::finish_reason(&stop, self.context.legacy_functions, answer_tool);
        if finish.is_none() {
            self.warnings.changed("stop_reason");
        }
        self.chunks.finish(finish.unwrap_or("stop"), self.usage.usage(), to);
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
