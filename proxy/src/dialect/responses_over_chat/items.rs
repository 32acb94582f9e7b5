//! An output item of a stream: announced, filled by deltas, closed with all it holds.

use super::{
    super::{
        references,
        write::{self, Writer},
    },
    object::{self, Call},
    stream::start,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Reasoning,
    Text,
    Refusal,
    Call,
}

#[derive(Debug)]
pub(super) struct Item {
    pub(super) what: What,
    index: usize,
    id: String,
    call_id: String,
    name: String,
    /// Text or arguments so far.
    text: String,
    /// Signed blocks, of reasoning.
    pub(super) thinking: Vec<String>,
    /// Whether its part was announced.
    part: bool,
    open: bool,
}

impl Item {
    pub(super) fn new(
        what: What,
        index: usize,
        fresh: &str,
        call_id: String,
        name: String,
    ) -> Self {
        let prefix = match what {
            What::Reasoning => "rs",
            What::Text | What::Refusal => "msg",
            What::Call => "fc",
        };
        let id = format!("{prefix}_{fresh}_{index}");
        let (text, thinking) = (String::new(), Vec::new());
        Self { what, index, id, call_id, name, text, thinking, part: false, open: true }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    pub(super) fn is_call(&self) -> bool {
        self.what == What::Call
    }

    /// Finished, for a later request that names it.
    pub(super) fn finished(&self) -> Option<references::Item> {
        let json = || write::json(|to| self.write(false, to));
        (!self.open).then(|| references::Item { id: self.id.clone(), json: json() })
    }

    /// The item, as it begins or as it is.
    pub(super) fn write(&self, begins: bool, to: &mut Writer<'_>) {
        let status = match (begins, self.open) {
            (true, _) => "in_progress",
            // What a failure cut off.
            (false, true) => "incomplete",
            (false, false) => "completed",
        };
        match self.what {
            What::Reasoning => object::reasoning(&self.id, &self.text, &self.thinking, to),
            What::Text | What::Refusal => object::message(&self.id, status, to, |to| {
                if !begins {
                    self.write_part(&self.text, to);
                }
            }),
            What::Call => {
                let arguments = match (&*self.text, begins) {
                    ("", false) => "{}",
                    (text, _) => text,
                };
                let (id, call_id, name) = (&*self.id, &*self.call_id, &*self.name);
                Call { id, call_id, name, arguments }.write(status, to);
            }
        }
    }

    fn write_part(&self, text: &str, to: &mut Writer<'_>) {
        match self.what {
            What::Reasoning => {
                to.open().key("type").text("summary_text").key("text").text(text).close();
            }
            What::Text => object::text_part(text, to),
            What::Refusal => object::refusal_part(text, to),
            What::Call => {}
        }
    }

    pub(super) fn announce(&self, number: &mut u64, to: &mut Writer<'_>) {
        start(number, "response.output_item.added", to).key("output_index");
        to.number(self.index as u64).key("item");
        self.write(true, to);
        to.close().send();
    }

    /// The start of an event about this item.
    fn event<'w, 'b>(
        &self,
        number: &mut u64,
        kind: &str,
        to: &'w mut Writer<'b>,
    ) -> &'w mut Writer<'b> {
        start(number, kind, to).key("item_id").text(&self.id);
        to.key("output_index").number(self.index as u64);
        match self.what {
            What::Reasoning => to.key("summary_index").number(0),
            What::Text | What::Refusal => to.key("content_index").number(0),
            What::Call => to,
        }
    }

    fn part(&self, number: &mut u64, kind: &str, text: &str, to: &mut Writer<'_>) {
        self.event(number, kind, to).key("part");
        self.write_part(text, to);
        to.close().send();
    }

    /// More of it.
    pub(super) fn say(&mut self, more: &str, number: &mut u64, to: &mut Writer<'_>) {
        if !std::mem::replace(&mut self.part, true) {
            match self.what {
                What::Reasoning => {
                    self.part(number, "response.reasoning_summary_part.added", "", to);
                }
                What::Text | What::Refusal => {
                    self.part(number, "response.content_part.added", "", to);
                }
                What::Call => {}
            }
        }
        self.text.push_str(more);
        let kind = match self.what {
            What::Reasoning => "response.reasoning_summary_text.delta",
            What::Text => "response.output_text.delta",
            What::Refusal => "response.refusal.delta",
            What::Call => "response.function_call_arguments.delta",
        };
        self.event(number, kind, to).key("delta").text(more);
        if self.what == What::Text {
            to.key("logprobs").list().end();
        }
        to.close().send();
    }

    /// Once: everything that was said, again.
    pub(super) fn close(&mut self, number: &mut u64, to: &mut Writer<'_>) {
        if !std::mem::replace(&mut self.open, false) {
            return;
        }
        let text = std::mem::take(&mut self.text);
        match self.what {
            What::Reasoning if self.part => {
                let kind = "response.reasoning_summary_text.done";
                self.event(number, kind, to).key("text").text(&text).close().send();
                self.part(number, "response.reasoning_summary_part.done", &text, to);
            }
            What::Text => {
                self.event(number, "response.output_text.done", to).key("text").text(&text);
                to.key("logprobs").list().end().close().send();
                self.part(number, "response.content_part.done", &text, to);
            }
            What::Refusal => {
                let kind = "response.refusal.done";
                self.event(number, kind, to).key("refusal").text(&text).close().send();
                self.part(number, "response.content_part.done", &text, to);
            }
            What::Call => {
                let arguments = if text.is_empty() { "{}" } else { &text };
                let kind = "response.function_call_arguments.done";
                self.event(number, kind, to).key("name").text(&self.name);
                to.key("arguments").text(arguments).close().send();
            }
            What::Reasoning => {}
        }
        self.text = text;
        start(number, "response.output_item.done", to).key("output_index");
        to.number(self.index as u64).key("item");
        self.write(false, to);
        to.close().send();
    }
}
