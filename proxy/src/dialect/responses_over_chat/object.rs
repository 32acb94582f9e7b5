//! A response object and its items. <https://developers.openai.com/api/reference/resources/responses>

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    super::{error::Problem, usage::Usage, write::Writer},
    SEALED,
};

/// What all response objects of an answer share.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) created: u64,
    pub(super) model: String,
}

/// How far it is.
pub(super) enum Status<'s> {
    Running,
    Completed,
    /// `max_output_tokens` or `content_filter`
    Incomplete(&'static str),
    Failed(&'s Problem),
}

impl Status<'_> {
    /// By OpenAI's finish reason.
    pub(super) fn of(finish: &str) -> Self {
        match finish {
            "length" => Self::Incomplete("max_output_tokens"),
            "content_filter" => Self::Incomplete("content_filter"),
            _ => Self::Completed,
        }
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Running => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed(_) => "failed",
        }
    }
}

impl Head {
    /// The whole object. `output` is the items, `echo` the request's fields.
    pub(super) fn write(
        &self,
        status: &Status<'_>,
        output: &str,
        usage: Option<Usage>,
        echo: &str,
        to: &mut Writer<'_>,
    ) {
        to.open().key("id").text(&self.id).key("object").text("response");
        to.key("created_at").number(self.created).key("status").text(status.word());
        to.key("error");
        match status {
            Status::Failed(problem) => {
                let code = problem.code.as_deref().unwrap_or("server_error");
                to.open().key("code").text(code).key("message").text(&problem.message).close()
            }
            _ => to.raw("null"),
        };
        to.key("incomplete_details");
        match status {
            Status::Incomplete(reason) => to.open().key("reason").text(reason).close(),
            _ => to.raw("null"),
        };
        to.key("model").text(&self.model).key("output").list().raw(output).end();
        to.key("usage");
        match usage {
            Some(usage) => usage.write_responses(to),
            None => drop(to.raw("null")),
        }
        to.raw(echo).close();
    }
}

/// `thinking` is signed blocks, to be had back in the next turn.
pub(super) fn reasoning(id: &str, text: &str, thinking: &[String], to: &mut Writer<'_>) {
    to.open().key("id").text(id).key("type").text("reasoning").key("summary").list();
    if !text.is_empty() {
        to.open().key("type").text("summary_text").key("text").text(text).close();
    }
    to.end();
    if !thinking.is_empty() {
        let sealed = BASE64_STANDARD.encode(format!("[{}]", thinking.join(",")));
        to.key("encrypted_content").texts([SEALED, &sealed]);
    }
    to.close();
}

pub(super) fn text_part(text: &str, to: &mut Writer<'_>) {
    to.open().key("type").text("output_text").key("text").text(text);
    to.key("annotations").list().end().key("logprobs").list().end().close();
}

pub(super) fn refusal_part(text: &str, to: &mut Writer<'_>) {
    to.open().key("type").text("refusal").key("refusal").text(text).close();
}

/// A message; `content` writes its parts.
pub(super) fn message(
    id: &str,
    status: &str,
    to: &mut Writer<'_>,
    content: impl FnOnce(&mut Writer<'_>),
) {
    to.open().key("id").text(id).key("type").text("message").key("status").text(status);
    to.key("role").text("assistant").key("content").list();
    content(to);
    to.end().close();
}

/// A call of a function.
pub(super) struct Call<'c> {
    pub(super) id: &'c str,
    pub(super) call_id: &'c str,
    pub(super) name: &'c str,
    pub(super) arguments: &'c str,
}

impl Call<'_> {
    pub(super) fn write(&self, status: &str, to: &mut Writer<'_>) {
        to.open().key("id").text(self.id).key("type").text("function_call");
        to.key("status").text(status).key("call_id").text(self.call_id);
        to.key("name").text(self.name).key("arguments").text(self.arguments).close();
    }
}
