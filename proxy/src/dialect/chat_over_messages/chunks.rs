//! Chunks of a chat completion, as they are written.

use super::super::{
    Context, Fresh,
    json::Node,
    usage::Usage,
    write::{self, Writer},
};

/// What all chunks of a stream share, and what is counted over them.
#[derive(Debug)]
pub(super) struct Chunks {
    /// The start of every chunk, once the stream has begun.
    head: String,
    include_usage: bool,
    /// `function_call` instead of `tool_calls`.
    legacy: bool,
    /// Thinking blocks so far.
    thoughts: u64,
}

impl Chunks {
    pub(super) fn new(context: &Context) -> Self {
        let (include_usage, legacy) = (context.include_usage, context.legacy_functions);
        Self { head: String::new(), include_usage, legacy, thoughts: 0 }
    }

    /// Once: id, time and model stay the same from here on.
    pub(super) fn begin(&mut self, id: &str, model: &str, fresh: &Fresh, to: &mut Writer<'_>) {
        if !self.head.is_empty() {
            return;
        }
        let id = super::completion_id(id, &fresh.id);
        self.head = write::json(|to| {
            to.key("id").text(&id).key("object").text("chat.completion.chunk");
            to.key("created").number(fresh.created).key("model").text(model);
        });
        self.chunk(to, None, |delta| {
            delta.key("role").text("assistant").key("content").text("");
        });
    }

    pub(super) fn chunk(
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
        if self.include_usage {
            to.key("usage").raw("null");
        }
        to.close().send();
    }

    /// The start of a call.
    pub(super) fn call(&self, k: u64, id: &str, name: &str, to: &mut Writer<'_>) {
        self.chunk(to, None, |delta| {
            if self.legacy {
                delta.key("function_call").open().key("name").text(name);
                delta.key("arguments").text("").close();
            } else {
                delta.key("tool_calls").list().open().key("index").number(k).key("id").text(id);
                delta.key("type").text("function").key("function").open().key("name").text(name);
                delta.key("arguments").text("").close().close().end();
            }
        });
    }

    pub(super) fn arguments(
        &self,
        k: u64,
        to: &mut Writer<'_>,
        write: impl FnOnce(&mut Writer<'_>),
    ) {
        self.chunk(to, None, |delta| {
            if self.legacy {
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
    pub(super) fn literal(&self, text: Option<&Node<'_>>, name: &str, to: &mut Writer<'_>) {
        if let Some(text) = text.filter(|text| text.is_string() && text.raw.len() > 2) {
            self.chunk(to, None, |delta| {
                delta.key(name).raw(text.raw);
            });
        }
    }

    /// A thinking block, whole: what a client sends back must be unmodified. The index is
    /// what SDKs put deltas of lists together by.
    pub(super) fn thought(&mut self, to: &mut Writer<'_>, fields: impl FnOnce(&mut Writer<'_>)) {
        let n = self.thoughts;
        self.thoughts += 1;
        self.chunk(to, None, |delta| {
            delta.key("thinking_blocks").list().open().key("index").number(n);
            fields(delta);
            delta.close().end();
        });
    }

    /// Why it ended, the usage if it was asked for, and the end.
    pub(super) fn finish(&self, reason: &str, usage: Usage, to: &mut Writer<'_>) {
        self.chunk(to, Some(reason), |_| {});
        if self.include_usage {
            to.data().open().raw(&self.head).key("choices").list().end().key("usage");
            usage.write_chat(to);
            to.close().send();
        }
        to.verbatim(b"data: [DONE]\n\n");
    }
}
