//! What a user says to a chat completion, gathered: text alone stays a string, which
//! every relay reads; with images or files it becomes an array of parts.

use bytes::BytesMut;

use super::write::Writer;

#[derive(Default)]
pub(super) struct Parts {
    texts: Vec<String>,
    /// JSON objects, the texts among them.
    parts: BytesMut,
    other: bool,
}

impl Parts {
    pub(super) fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.texts.push(text.to_owned());
            let mut to = Writer::new(&mut self.parts);
            to.open().key("type").text("text").key("text").text(text).close();
        }
    }

    /// By the pieces of its address.
    pub(super) fn image(&mut self, url: &[&str], detail: Option<&str>) {
        self.other = true;
        let mut to = Writer::new(&mut self.parts);
        to.open().key("type").text("image_url").key("image_url").open();
        to.key("url").texts(url.iter().copied());
        if let Some(detail) = detail {
            to.key("detail").text(detail);
        }
        to.close().close();
    }

    /// By the pieces of its data address.
    pub(super) fn file(&mut self, name: &str, data: &[&str]) {
        self.other = true;
        let mut to = Writer::new(&mut self.parts);
        to.open().key("type").text("file").key("file").open();
        to.key("filename").text(name).key("file_data").texts(data.iter().copied());
        to.close().close();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The value of `content`.
    pub(super) fn write(&self, to: &mut Writer<'_>) {
        if !self.other {
            to.text(&self.texts.join("\n\n"));
            return;
        }
        let parts = std::str::from_utf8(&self.parts).expect("only text is written");
        to.list().raw(parts).end();
    }

    /// As a user's message; nothing if there is nothing.
    pub(super) fn write_message(&self, to: &mut Writer<'_>) {
        if !self.is_empty() {
            to.open().key("role").text("user").key("content");
            self.write(to);
            to.close();
        }
    }
}
