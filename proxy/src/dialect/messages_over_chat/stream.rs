//! The stream: chunks of a chat completion as Anthropic's events.
//!
//! A message's blocks go out one after the other, while OpenAI's tools may interleave:
//! fragments of a tool that is not on turn are held, and its turn comes when the
//! arguments of the one before are a whole object, or at the end. The finish reason
//! is held until the usage chunk or `[DONE]`.

use super::{
    super::{
        Context, Dialect, Fresh, Warnings,
        calls::Calls,
        error::Problem,
        json::{self, Kind, Node},
        said::{reasoning, text_of},
        stream::{End, MOST},
        usage::Usage,
        write::Writer,
    },
    blocks::{Blocks, Open},
};

#[derive(Debug)]
pub(in super::super) struct Machine {
    context: Context,
    fresh: Fresh,
    begun: bool,
    blocks: Blocks,
    calls: Calls,
    /// Text that came while a tool was half said.
    late: String,
    finish: Option<String>,
    refused: bool,
    usage: Option<Usage>,
    pub(in super::super) warnings: Warnings,
    pub(in super::super) end: Option<End>,
}

impl Machine {
    pub(in super::super) fn new(context: Context, fresh: Fresh) -> Self {
        Self {
            context,
            fresh,
            begun: false,
            blocks: Blocks::new(),
            calls: Calls::default(),
            late: String::new(),
            finish: None,
            refused: false,
            usage: None,
            warnings: Warnings::default(),
            end: None,
        }
    }

    pub(in super::super) fn event(&mut self, data: &str, to: &mut Writer<'_>) {
        if self.end.is_some() {
            return;
        }
        if data.trim_start().starts_with("[DONE]") {
            return self.complete(to);
        }
        let root = match json::parse(data.as_bytes()) {
            Ok(root) => root,
            Err(e) => {
                let message = format!("an event of the upstream is not JSON: {e}");
                return self.fail(Problem::ours("upstream_invalid_response", message), to);
            }
        };
        if root.get("error").is_some() {
            let problem = Problem::of(Dialect::Chat, None, &root).toward(Dialect::Messages);
            return self.fail(problem, to);
        }
        if let Some(usage) = root.get("usage").filter(|usage| matches!(usage.kind, Kind::Object(_)))
        {
            self.usage = Some(Usage::of_chat(usage));
        }
        let choices = root.get("choices").map(Node::items).unwrap_or_default();
        let first = |choice: &&Node<'_>| choice.get("index").and_then(Node::u64).unwrap_or(0) == 0;
        // Azure's first chunk has no choices, its content filters no delta.
        let Some(choice) = choices.iter().find(first) else {
            if choices.is_empty() && self.finish.is_some() && self.usage.is_some() {
                self.complete(to);
            }
            return;
        };
        if let Some(delta) = choice.get("delta") {
            self.begin(&root, to);
            self.delta(delta, to);
        }
        if let Some(finish) = choice.text_of("finish_reason").filter(|finish| !finish.is_empty()) {
            self.finish = Some(finish.into_owned());
        }
    }

    /// Once.
    fn begin(&mut self, root: &Node<'_>, to: &mut Writer<'_>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let text = |name| root.text_of(name).unwrap_or_default();
        to.event("message_start").open().key("type").text("message_start").key("message").open();
        to.key("id").text(&super::message_id(&text("id"), &self.fresh.id));
        to.key("type").text("message").key("role").text("assistant");
        to.key("model").text(&text("model")).key("content").list().end();
        to.key("stop_reason").raw("null").key("stop_sequence").raw("null").key("usage");
        self.usage.unwrap_or_default().write_messages(to);
        to.close().close().send();
    }

    fn delta(&mut self, delta: &Node<'_>, to: &mut Writer<'_>) {
        if let Some(text) = reasoning(delta) {
            self.show(Open::Thinking, to);
            if self.blocks.open == Open::Thinking {
                self.blocks.literal("thinking_delta", "thinking", text.raw, to);
            }
        }
        for block in delta.get("thinking_blocks").map(Node::items).unwrap_or_default() {
            self.signature(block, to);
        }
        for name in ["content", "refusal"] {
            let Some(content) = delta.get(name) else { continue };
            let literal = match content.is_string() {
                true => content.raw.to_owned(),
                false => super::super::write::json(|to| {
                    to.text(&text_of(Some(content)));
                }),
            };
            if literal.len() > 2 {
                self.refused |= name == "refusal";
                self.say(&literal, to);
            }
        }
        let calls = delta.get("tool_calls").map(Node::items).unwrap_or_default();
        for call in calls {
            let index = call.get("index").and_then(Node::u64);
            self.call(index, call.text_of("id").as_deref(), call.get("function"), to);
        }
        if let Some(function) = delta.get("function_call") {
            self.call(Some(0), None, Some(function), to);
        }
    }

    /// Text: now, unless a tool is in the middle of its arguments.
    fn say(&mut self, literal: &str, to: &mut Writer<'_>) {
        if self.blocks.open == Open::Tool && !self.calls.is_whole() {
            self.late.push_str(&json::decoded(literal));
            return self.cap(to);
        }
        self.show(Open::Text, to);
        self.say_late(to);
        self.blocks.literal("text_delta", "text", literal, to);
    }

    /// What had to wait, into the open text.
    fn say_late(&mut self, to: &mut Writer<'_>) {
        let late = std::mem::take(&mut self.late);
        if !late.is_empty() {
            self.blocks.text("text_delta", "text", &late, to);
        }
    }

    /// Makes a block of this kind the open one, unless a tool is half said.
    fn show(&mut self, kind: Open, to: &mut Writer<'_>) {
        if self.blocks.open == kind || (self.blocks.open == Open::Tool && !self.calls.is_whole()) {
            return;
        }
        self.blocks.start(kind, to, |block| {
            if kind == Open::Thinking {
                block.key("type").text("thinking").key("thinking").text("");
                block.key("signature").text("");
            } else {
                block.key("type").text("text").key("text").text("");
            }
        });
    }

    /// From another gateway that keeps signatures: ends the thinking it belongs to.
    fn signature(&mut self, block: &Node<'_>, to: &mut Writer<'_>) {
        let signature = block.get("signature").filter(|s| s.is_string() && s.raw.len() > 2);
        if let Some(signature) = signature {
            self.show(Open::Thinking, to);
            if self.blocks.open == Open::Thinking {
                self.blocks.literal("signature_delta", "signature", signature.raw, to);
                self.blocks.close(to);
            }
        } else if let Some(data) = block.get("data").filter(|data| data.is_string())
            && self.blocks.open != Open::Tool
        {
            // Whole at once.
            self.blocks.start(Open::Thinking, to, |block| {
                block.key("type").text("redacted_thinking").key("data").raw(data.raw);
            });
            self.blocks.close(to);
        }
    }

    fn call(
        &mut self,
        index: Option<u64>,
        id: Option<&str>,
        function: Option<&Node<'_>>,
        to: &mut Writer<'_>,
    ) {
        let name = function.and_then(|function| function.text_of("name"));
        let place = self.calls.place(index, id, name.as_deref());
        if let Some(arguments) = function.and_then(|function| function.get("arguments")) {
            // Some relays send the object itself.
            self.calls.hold(place, &arguments.text().unwrap_or(arguments.raw.into()));
        }
        self.advance(false, to);
        self.cap(to);
    }

    /// Sends what can be sent of the tools; at the end, everything.
    fn advance(&mut self, end: bool, to: &mut Writer<'_>) {
        loop {
            if self.blocks.open == Open::Tool {
                let held = self.calls.take_turn();
                if !held.is_empty() {
                    self.blocks.text("input_json_delta", "partial_json", &held, to);
                }
                // Another's turn only once this one is over.
                if !(end || (self.calls.is_whole() && self.calls.more())) {
                    return;
                }
                self.blocks.close(to);
            }
            let Some((id, name)) = self.calls.next(end) else { return };
            self.blocks.close(to);
            let id = match id {
                id if id.is_empty() => format!("call_{}_{}", self.fresh.id, self.blocks.index()),
                id => id,
            };
            let name = self.context.names.restore(&name);
            self.blocks.start(Open::Tool, to, |block| {
                block.key("type").text("tool_use").key("id").text(&id).key("name").text(name);
                block.key("input").open().close();
            });
        }
    }

    fn complete(&mut self, to: &mut Writer<'_>) {
        let nothing = Node { raw: "null", kind: Kind::Null };
        self.begin(&nothing, to);
        self.advance(true, to);
        if !self.late.is_empty() {
            // A tool that was never whole is over, too.
            self.blocks.close(to);
            self.show(Open::Text, to);
            self.say_late(to);
        }
        self.blocks.close(to);
        let called = self.calls.len() > 0;
        let finish = self.finish.take().unwrap_or_default();
        let known = super::stop_reason(&finish, called);
        if known.is_none() {
            self.warnings.changed("finish_reason");
        }
        let stop = match known {
            _ if self.refused => "refusal",
            Some(stop) => stop,
            None if called => "tool_use",
            None => "end_turn",
        };
        to.event("message_delta").open().key("type").text("message_delta").key("delta").open();
        to.key("stop_reason").text(stop).key("stop_sequence").raw("null").close().key("usage");
        self.usage.unwrap_or_default().write_messages(to);
        to.close().send();
        to.verbatim(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
        self.end = Some(End::Complete);
    }

    pub(in super::super) fn eof(&mut self, to: &mut Writer<'_>) {
        if self.end.is_none() && self.finish.is_some() {
            return self.complete(to);
        }
        let message = "the upstream's stream ended before its answer was complete";
        self.fail(Problem::ours("upstream_closed", message), to);
    }

    fn cap(&mut self, to: &mut Writer<'_>) {
        if self.calls.are_too_many() || self.late.len() + self.calls.held() > MOST {
            let message = "the upstream interleaves more than can be held";
            self.fail(Problem::ours("upstream_invalid_response", message), to);
        }
    }

    pub(in super::super) fn fail(&mut self, problem: Problem, to: &mut Writer<'_>) {
        if self.end.is_none() {
            to.event("error");
            problem.write(Dialect::Messages, None, to);
            to.send();
            self.end = Some(End::failed(&problem));
        }
    }
}
