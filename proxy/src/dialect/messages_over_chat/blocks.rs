//! The content blocks of a message's stream: one open at a time, numbered in order.

use super::super::write::Writer;

#[derive(Debug)]
pub(super) struct Blocks {
    /// The block that is open, or the next.
    index: u64,
    pub(super) open: Open,
}

/// What is open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Open {
    Nothing,
    Text,
    Thinking,
    Tool,
}

impl Blocks {
    pub(super) fn new() -> Self {
        Self { index: 0, open: Open::Nothing }
    }

    pub(super) fn index(&self) -> u64 {
        self.index
    }

    /// Opens a block, closing the one before; `block` writes its fields.
    pub(super) fn start(
        &mut self,
        kind: Open,
        to: &mut Writer<'_>,
        block: impl FnOnce(&mut Writer<'_>),
    ) {
        self.close(to);
        to.event("content_block_start").open().key("type").text("content_block_start");
        to.key("index").number(self.index).key("content_block").open();
        block(to);
        to.close().close().send();
        self.open = kind;
    }

    /// More of the open block: a field of a delta; `value` writes it.
    pub(super) fn delta(
        &self,
        kind: &str,
        field: &str,
        to: &mut Writer<'_>,
        value: impl FnOnce(&mut Writer<'_>),
    ) {
        to.event("content_block_delta").open().key("type").text("content_block_delta");
        to.key("index").number(self.index).key("delta").open().key("type").text(kind);
        value(to.key(field));
        to.close().close().send();
    }

    /// The same with a string literal as it stands.
    pub(super) fn literal(&self, kind: &str, field: &str, literal: &str, to: &mut Writer<'_>) {
        self.delta(kind, field, to, |to| {
            to.raw(literal);
        });
    }

    /// The same with text.
    pub(super) fn text(&self, kind: &str, field: &str, text: &str, to: &mut Writer<'_>) {
        self.delta(kind, field, to, |to| {
            to.text(text);
        });
    }

    pub(super) fn close(&mut self, to: &mut Writer<'_>) {
        if std::mem::replace(&mut self.open, Open::Nothing) != Open::Nothing {
            to.event("content_block_stop").open().key("type").text("content_block_stop");
            to.key("index").number(self.index).close().send();
            self.index += 1;
        }
    }
}
