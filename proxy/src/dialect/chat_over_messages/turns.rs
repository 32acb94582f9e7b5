//! Messages to turns: same roles in a row become one, every tool result of a turn goes
//! into one user message before any text, system text goes where the model takes it.

use bytes::BytesMut;

use super::{
    super::{Names, Refused, Warnings, json::Node, names, view::At, write::Writer},
    content::{blank, blocks},
    history::{thinking, tool_use},
};

pub(super) struct Turns<'w> {
    system_in_messages: bool,
    names: &'w mut Names,
    warnings: &'w mut Warnings,
    /// Instructions before the conversation.
    leading: Vec<String>,
    /// Instructions within it: a system message may stand only after a whole user turn.
    later: Vec<String>,
    done: BytesMut,
    turn: Option<Turn>,
    /// The older function calls have no ids: the last one given.
    function_calls: usize,
}

struct Turn {
    role: Role,
    /// `tool_result` blocks.
    results: BytesMut,
    /// All other blocks.
    rest: BytesMut,
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    User,
    Assistant,
}

/// What [`Turns`] makes.
pub(super) struct Finished {
    pub(super) system: String,
    /// The items of `messages`.
    pub(super) messages: String,
}

impl<'w> Turns<'w> {
    pub(super) fn new(
        system_in_messages: bool,
        names: &'w mut Names,
        warnings: &'w mut Warnings,
    ) -> Self {
        Self {
            system_in_messages,
            names,
            warnings,
            leading: Vec::new(),
            later: Vec::new(),
            done: BytesMut::new(),
            turn: None,
            function_calls: 0,
        }
    }

    pub(super) fn message(
        &mut self,
        message: &Node<'_>,
        at: &At<'_>,
        last: bool,
    ) -> Result<(), Refused> {
        message.need_fields(at)?;
        let role = message.need_text_of("role", at)?;
        if message.get("name").is_some() && !matches!(&*role, "tool" | "function") {
            self.warnings.dropped("messages.name");
        }
        match &*role {
            "system" | "developer" => self.system(message, at),
            "user" => {
                let content = message.need("content", at)?;
                let mut made = BytesMut::new();
                blocks(content, &at.key("content"), &mut Writer::new(&mut made), self.warnings)?;
                self.add(Role::User, &made);
                Ok(())
            }
            "assistant" => self.assistant(message, at, last),
            "tool" => {
                let id = message.need_text_of("tool_call_id", at)?;
                self.result(&names::call_id(&id), message, at)
            }
            "function" => {
                let id = format!("function_call_{}", self.function_calls);
                self.result(&id, message, at)
            }
            other => {
                let why = format!("cannot be `{other}`: use system, user, assistant or tool");
                Err(at.key("role").invalid(&why))
            }
        }
    }

    fn system(&mut self, message: &Node<'_>, at: &At<'_>) -> Result<(), Refused> {
        let content = message.need("content", at)?;
        let at = at.key("content");
        let mut texts = Vec::new();
        if content.is_string() {
            texts.push(content.need_text(&at)?);
        } else {
            for (n, part) in content.need_parts(&at)?.iter().enumerate() {
                if part.get("cache_control").is_some() {
                    self.warnings.dropped("cache_control");
                }
                texts.push(part.need_text_of("text", &at.index(n))?);
            }
        }
        let begun = self.turn.is_some() || !self.done.is_empty();
        for text in texts.into_iter().filter(|text| !text.trim().is_empty()) {
            match (begun, self.system_in_messages) {
                (false, _) => self.leading.push(text.into_owned()),
                (true, true) => self.later.push(text.into_owned()),
                (true, false) => {
                    self.warnings.changed("system");
                    let turn = turn(&mut self.turn, &mut self.done, Role::User, &mut self.later);
                    note(&text, turn);
                }
            }
        }
        Ok(())
    }

    fn assistant(&mut self, message: &Node<'_>, at: &At<'_>, last: bool) -> Result<(), Refused> {
        if message.get("audio").is_some() {
            return Err(at.key("audio").unsupported("Anthropic's API has no audio"));
        }
        if !self.later.is_empty() && self.turn.as_ref().is_none_or(|t| t.role != Role::User) {
            self.note_later();
        }
        let mut made = BytesMut::new();
        let mut to = Writer::new(&mut made);
        let signed = thinking(message, &at.key("thinking_blocks"), &mut to)?;
        if !signed && message.get("reasoning_content").is_some() {
            self.warnings.dropped("reasoning_content");
        }
        match message.get("content") {
            // Anthropic refuses an answer to be continued that ends in white space.
            Some(content) if last && content.is_string() => {
                let text = content.text().unwrap_or_default();
                if !text.trim().is_empty() {
                    let text = text.trim_end();
                    to.open().key("type").text("text").key("text").text(text).close();
                }
            }
            Some(content) => blocks(content, &at.key("content"), &mut to, self.warnings)?,
            None => {}
        }
        if let Some(refusal) = message.get("refusal").filter(|refusal| !blank(refusal)) {
            to.open().key("type").text("text").key("text").raw(refusal.raw).close();
        }
        let at_calls = at.key("tool_calls");
        if let Some(calls) = message.get("tool_calls") {
            for (n, call) in calls.need_items(&at_calls)?.iter().enumerate() {
                let at = at_calls.index(n);
                let id = call.need_text_of("id", &at)?;
                if let Some(kind) = call.text_of("type").filter(|kind| kind != "function") {
                    let why = format!("Anthropic's API has no calls of type `{kind}`");
                    return Err(at.key("type").unsupported(&why));
                }
                let function = call.need("function", &at)?;
                tool_use(&names::call_id(&id), function, &at.key("function"), self.names, &mut to)?;
            }
        }
        if let Some(function) = message.get("function_call") {
            self.function_calls += 1;
            let id = format!("function_call_{}", self.function_calls);
            tool_use(&id, function, &at.key("function_call"), self.names, &mut to)?;
        }
        self.add(Role::Assistant, &made);
        Ok(())
    }

    /// Blocks for the turn of this role. None change no turn.
    fn add(&mut self, role: Role, blocks: &BytesMut) {
        if !blocks.is_empty() {
            let turn = turn(&mut self.turn, &mut self.done, role, &mut self.later);
            Writer::new(&mut turn.rest).raw(&text(blocks));
        }
    }

    fn result(&mut self, id: &str, message: &Node<'_>, at: &At<'_>) -> Result<(), Refused> {
        let mut made = BytesMut::new();
        let mut to = Writer::new(&mut made);
        if let Some(content) = message.get("content") {
            blocks(content, &at.key("content"), &mut to, self.warnings)?;
        }
        let turn = turn(&mut self.turn, &mut self.done, Role::User, &mut self.later);
        let mut to = Writer::new(&mut turn.results);
        to.open().key("type").text("tool_result").key("tool_use_id").text(id);
        if !made.is_empty() {
            to.key("content").list().raw(&text(&made)).end();
        }
        to.close();
        Ok(())
    }

    /// Instructions that found no user turn to follow.
    fn note_later(&mut self) {
        let later = std::mem::take(&mut self.later);
        self.warnings.changed("system");
        let turn = turn(&mut self.turn, &mut self.done, Role::User, &mut self.later);
        later.iter().for_each(|text| note(text, turn));
    }

    /// `hint` is one more instruction.
    pub(super) fn finish(mut self, hint: Option<&str>, at: &At<'_>) -> Result<Finished, Refused> {
        if !self.later.is_empty() && self.turn.as_ref().is_none_or(|t| t.role != Role::User) {
            self.note_later();
        }
        if let Some(last) = self.turn.take() {
            last.close(&mut self.done, &mut self.later);
        }
        if self.done.is_empty() && !self.leading.is_empty() {
            // Instructions alone are answered by OpenAI; Anthropic wants a user.
            self.warnings.changed("messages");
            let leading = std::mem::take(&mut self.leading).join("\n\n");
            let mut to = Writer::new(&mut self.done);
            to.open().key("role").text("user").key("content").text(&leading).close();
        }
        if self.done.is_empty() {
            return Err(at.invalid("must hold at least one message with some content"));
        }
        self.leading.extend(hint.map(str::to_owned));
        let mut messages = text(&self.done);
        if messages.starts_with(r#"{"role":"assistant""#) {
            self.warnings.changed("messages");
            let first = r#"{"role":"user","content":"(The assistant begins.)"},"#;
            messages.insert_str(0, first);
        }
        Ok(Finished { system: self.leading.join("\n\n"), messages })
    }
}

/// The open turn of this role; another's is closed before.
fn turn<'t>(
    open: &'t mut Option<Turn>,
    done: &mut BytesMut,
    role: Role,
    later: &mut Vec<String>,
) -> &'t mut Turn {
    if let Some(other) = open.take_if(|turn| turn.role != role) {
        other.close(done, later);
    }
    open.get_or_insert_with(|| Turn { role, results: BytesMut::new(), rest: BytesMut::new() })
}

impl Turn {
    fn close(self, done: &mut BytesMut, later: &mut Vec<String>) {
        if self.results.is_empty() && self.rest.is_empty() {
            return;
        }
        let mut to = Writer::new(done);
        let role = if self.role == Role::User { "user" } else { "assistant" };
        to.open().key("role").text(role).key("content").list();
        to.raw(&text(&self.results)).raw(&text(&self.rest)).end().close();
        if self.role == Role::User {
            for text in later.drain(..) {
                to.open().key("role").text("system").key("content").text(&text).close();
            }
        }
    }
}

fn note(text: &str, turn: &mut Turn) {
    let mut to = Writer::new(&mut turn.rest);
    to.open().key("type").text("text").key("text");
    to.texts(["Instruction from the system, not from the user:\n", text]).close();
}

fn text(written: &BytesMut) -> String {
    String::from_utf8(written.to_vec()).expect("only text is written")
}
