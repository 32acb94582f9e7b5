//! A converted stream: chunks of the upstream in, events of the client out, the same
//! whatever the split. Whole events only, so a ping may go between any two calls.

use std::time::Duration;

use bytes::BytesMut;
use glassway_shared::sse::Frames;

use super::{
    Context, Conversion, Dialect, Fresh, Invalid, Warnings, chat_over_messages, error::Problem,
    messages_over_chat, references, responses_over_chat, spread, write::Writer,
};

/// When nothing went to the client for so long, the caller's timer sends
/// [`Stream::ping`]: some clients and middle boxes give up a silent stream.
pub const PING_AFTER: Duration = Duration::from_secs(15);

/// Longest frame, and most that is held back of one stream.
pub(super) const MOST: usize = 16 << 20;

/// How a stream ended for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With everything that belongs at an end.
    Complete,
    /// With an error event in the client's dialect.
    Failed {
        /// `upstream_closed`, `upstream_invalid_response`, or the upstream's own.
        code: String,
        /// For people.
        message: String,
    },
}

/// One stream on its way.
#[derive(Debug)]
pub struct Stream {
    frames: Frames,
    machine: Machine,
}

#[derive(Debug)]
enum Machine {
    ChatOverMessages(Box<chat_over_messages::stream::Machine>),
    MessagesOverChat(Box<messages_over_chat::stream::Machine>),
    ResponsesOverChat(Box<responses_over_chat::stream::Machine>),
    Chain { inner: Box<Stream>, outer: Box<Stream>, between: BytesMut },
}

impl Stream {
    /// For an answer whose request gave this context.
    pub fn new(mut context: Context, fresh: &Fresh) -> Self {
        let fresh = fresh.clone();
        let machine = match context.conversion {
            Conversion::ChatOverMessages => Machine::ChatOverMessages(Box::new(
                chat_over_messages::stream::Machine::new(context, fresh),
            )),
            Conversion::MessagesOverChat => Machine::MessagesOverChat(Box::new(
                messages_over_chat::stream::Machine::new(context, fresh),
            )),
            Conversion::ResponsesOverChat => Machine::ResponsesOverChat(Box::new(
                responses_over_chat::stream::Machine::new(context, fresh),
            )),
            Conversion::ResponsesOverMessages => {
                let inner = *context.inner.take().expect("a chain has its inner context");
                context.conversion = Conversion::ResponsesOverChat;
                Machine::Chain {
                    inner: Box::new(Self::new(inner, &fresh)),
                    outer: Box::new(Self::new(context, &fresh)),
                    between: BytesMut::new(),
                }
            }
        };
        Self { frames: Frames::new(MOST), machine }
    }

    /// Takes a chunk of the upstream, appends what the client gets for it. After the end
    /// there is nothing more to append.
    pub fn push(&mut self, chunk: &[u8], out: &mut BytesMut) {
        if let Machine::Chain { inner, outer, between } = &mut self.machine {
            inner.push(chunk, between);
            outer.push(&between.split(), out);
            return;
        }
        let mut to = Writer::new(out);
        let machine = &mut self.machine;
        let cut = self.frames.push(chunk, |frame| {
            machine.frame(frame.event.as_deref(), frame.data.as_deref(), frame.raw, &mut to);
        });
        if cut.is_err() {
            let message = format!("an event of the upstream is longer than {} MiB", MOST >> 20);
            self.machine.fail(Problem::ours("upstream_invalid_response", message), &mut to);
        }
    }

    /// Takes an answer that came whole although a stream was asked for; [`Self::finish`]
    /// is to follow.
    pub fn whole(&mut self, body: &[u8], out: &mut BytesMut) -> Result<(), Invalid> {
        let upstream = match &mut self.machine {
            Machine::Chain { inner, outer, between } => {
                inner.whole(body, between)?;
                outer.push(&between.split(), out);
                return Ok(());
            }
            Machine::ChatOverMessages(_) => Dialect::Messages,
            Machine::MessagesOverChat(_) | Machine::ResponsesOverChat(_) => Dialect::Chat,
        };
        let mut to = Writer::new(out);
        for (event, data) in spread::events(upstream, body)? {
            self.machine.frame(Some(event), Some(&data), b"", &mut to);
        }
        Ok(())
    }

    /// The upstream's body has ended. A stream cut short is shown as a failure, never as
    /// an end.
    pub fn finish(&mut self, out: &mut BytesMut) -> End {
        if let Machine::Chain { inner, outer, between } = &mut self.machine {
            inner.finish(between);
            outer.push(&between.split(), out);
            return outer.finish(out);
        }
        let mut to = Writer::new(out);
        match &mut self.machine {
            Machine::ChatOverMessages(machine) => machine.eof(&mut to),
            Machine::MessagesOverChat(machine) => machine.eof(&mut to),
            Machine::ResponsesOverChat(machine) => machine.eof(&mut to),
            Machine::Chain { .. } => {}
        }
        self.end().cloned().unwrap_or(End::Complete)
    }

    /// How it ended, once it has: the rest of the upstream's bytes need not be waited for.
    pub fn end(&self) -> Option<&End> {
        match &self.machine {
            Machine::ChatOverMessages(machine) => machine.end.as_ref(),
            Machine::MessagesOverChat(machine) => machine.end.as_ref(),
            Machine::ResponsesOverChat(machine) => machine.end.as_ref(),
            Machine::Chain { outer, .. } => outer.end(),
        }
    }

    /// Responses clients: what is finished of the output.
    pub fn items(&self) -> Vec<references::Item> {
        match &self.machine {
            Machine::ResponsesOverChat(machine) => machine.items(),
            Machine::Chain { outer, .. } => outer.items(),
            Machine::ChatOverMessages(_) | Machine::MessagesOverChat(_) => Vec::new(),
        }
    }

    /// What could not be kept, so far; for the record, since the headers are gone.
    pub fn warnings(&self) -> Warnings {
        match &self.machine {
            Machine::ChatOverMessages(machine) => machine.warnings.clone(),
            Machine::MessagesOverChat(machine) => machine.warnings.clone(),
            Machine::ResponsesOverChat(_) => Warnings::default(),
            Machine::Chain { inner, .. } => inner.warnings(),
        }
    }

    /// The upstream's body broke off: the client gets an error event, unless the stream
    /// had ended.
    pub fn abort(&mut self, message: &str, out: &mut BytesMut) {
        let to = &mut Writer::new(out);
        match &mut self.machine {
            Machine::Chain { outer, .. } => outer.abort(message, out),
            machine => machine.fail(Problem::ours("upstream_closed", message), to),
        }
    }

    /// A sign of life.
    pub fn ping(&self, out: &mut BytesMut) {
        if self.end().is_none() {
            let mut to = Writer::new(out);
            match &self.machine {
                Machine::MessagesOverChat(_) => ping_event(&mut to),
                _ => to.verbatim(b": ping\n\n"),
            }
        }
    }
}

/// Anthropic's ping is an event.
fn ping_event(to: &mut Writer<'_>) {
    to.verbatim(b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
}

impl Machine {
    fn frame(&mut self, event: Option<&str>, data: Option<&str>, raw: &[u8], to: &mut Writer<'_>) {
        let Some(data) = data else {
            // A comment is a sign of life; blank lines are not.
            if raw.first() == Some(&b':')
                && let Self::MessagesOverChat(machine) = self
                && machine.end.is_none()
            {
                ping_event(to);
            }
            return;
        };
        match self {
            Self::ChatOverMessages(machine) => machine.event(event, data, to),
            Self::MessagesOverChat(machine) => machine.event(data, to),
            Self::ResponsesOverChat(machine) => machine.event(data, to),
            Self::Chain { .. } => {}
        }
    }

    fn fail(&mut self, problem: Problem, to: &mut Writer<'_>) {
        match self {
            Self::ChatOverMessages(machine) => machine.fail(problem, to),
            Self::MessagesOverChat(machine) => machine.fail(problem, to),
            Self::ResponsesOverChat(machine) => machine.fail(problem, to),
            Self::Chain { .. } => {}
        }
    }
}

impl End {
    pub(super) fn failed(problem: &Problem) -> Self {
        let code = problem.code.clone().unwrap_or_else(|| format!("status {}", problem.status));
        Self::Failed { code, message: problem.message.clone() }
    }
}
