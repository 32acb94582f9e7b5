//! The request: parameters one by one, then the body. What every response object
//! repeats of it is kept as text.

use bytes::BytesMut;

use super::{
    super::{
        Capabilities, Context, Conversion, Converted, Options, Refused, Warnings,
        capabilities::{ChatModel, Effort},
        json::Node,
        view::{self, At},
        write::{self, Writer},
    },
    input::Input,
    tools::tools,
};

pub(in super::super) fn convert(
    body: &[u8],
    capabilities: &Capabilities,
    options: &Options<'_>,
) -> Result<Converted, Refused> {
    let root = view::request(body)?;
    let own = root.need_text_of("model", &At::ROOT)?;
    let model = options.model.unwrap_or(&own);
    let able = capabilities.chat(model);
    let reasoning = options.reasoning_content || able.reasoning_content;
    make(&root, body.len(), model, able, reasoning, !options.without_usage)
}

/// For a second step that knows the model: everything that it could use is kept.
pub(in super::super) fn for_a_chain(body: &[u8]) -> Result<Converted, Refused> {
    let root = view::request(body)?;
    let own = root.need_text_of("model", &At::ROOT)?;
    let able = ChatModel { reasoning: true, sampling: true, ..ChatModel::default() };
    make(&root, body.len(), &own, &able, false, true)
}

fn make(
    root: &Node<'_>,
    length: usize,
    model: &str,
    able: &ChatModel,
    reasoning: bool,
    usage: bool,
) -> Result<Converted, Refused> {
    let mut warnings = Warnings::default();
    let mut context = Context::new(Conversion::ResponsesOverChat);
    let asked = Asked::read(root, able, &mut warnings)?;
    let tools = tools(root, &mut context.names, &mut warnings)?;

    let mut out = BytesMut::with_capacity(length + 512);
    let mut to = Writer::new(&mut out);
    to.open().key("model").text(model).key("messages").list();
    if let Some(instructions) = root.get("instructions") {
        let text = instructions.need_text(&At::ROOT.key("instructions"))?;
        if !text.trim().is_empty() {
            to.open().key("role").text("system").key("content").text(&text).close();
        }
    }
    let at = At::ROOT.key("input");
    let input = root.need("input", &At::ROOT)?;
    Input::new(&mut context.names, &mut warnings, reasoning).write(input, &at, &mut to)?;
    to.end();
    if let Some(max) = asked.max_tokens {
        to.key(if able.reasoning { "max_completion_tokens" } else { "max_tokens" }).number(max);
    }
    to.raw(&tools);
    for (name, value) in &asked.fields {
        to.key(name).raw(value);
    }
    if asked.stream {
        to.key("stream").raw("true");
    }
    if asked.stream && usage {
        to.key("stream_options").open().key("include_usage").raw("true").close();
    }
    to.close();
    context.stream = asked.stream;
    context.stores = asked.stores;
    context.echo = echo(root);
    Ok(Converted {
        body: out.freeze(),
        path: "/chat/completions",
        version: None,
        warnings,
        context,
    })
}

/// The parameters that stand alone.
#[derive(Default)]
struct Asked {
    max_tokens: Option<u64>,
    stream: bool,
    stores: bool,
    /// Chat's names and JSON.
    fields: Vec<(&'static str, String)>,
}

impl Asked {
    fn read(root: &Node<'_>, able: &ChatModel, warnings: &mut Warnings) -> Result<Self, Refused> {
        let mut asked = Self { stores: true, ..Self::default() };
        for (name, value) in root.fields().iter().filter(|(_, value)| !value.is_null()) {
            let at = At::ROOT.key(name);
            match &**name {
                "model"
                | "input"
                | "instructions"
                | "tools"
                | "tool_choice"
                | "parallel_tool_calls" => {}
                "stream" => asked.stream = value.need_bool(&at)?,
                "max_output_tokens" => asked.max_tokens = Some(value.need_u64(&at)?),
                "temperature" | "top_p" => {
                    value.need_f64(&at)?;
                    match able.reasoning && !able.sampling {
                        true => warnings.dropped(name),
                        false if &**name == "top_p" => asked.field("top_p", value.raw),
                        false => asked.field("temperature", value.raw),
                    }
                }
                "user" => {
                    value.need_text(&at)?;
                    asked.field("user", value.raw);
                }
                "text" => asked.text(value, able, &at, warnings)?,
                "reasoning" => asked.reasoning(value, able, &at, warnings)?,
                "previous_response_id" | "conversation" => {
                    return Err(
                        at.unsupported("earlier turns are not kept here: send them in `input`")
                    );
                }
                "prompt" => return Err(at.unsupported("the template lies with OpenAI")),
                "background" => {
                    if value.need_bool(&at)? {
                        return Err(at.unsupported("the upstream answers at once or not at all"));
                    }
                }
                "context_management" => {
                    return Err(at.unsupported("the upstream's chat API has nothing like it"));
                }
                "top_logprobs" => {
                    if value.need_u64(&at)? > 0 {
                        return Err(at.unsupported("log probabilities are not converted"));
                    }
                }
                "store" => {
                    asked.stores = value.need_bool(&at)?;
                    // Kept for a while to be named, not to be fetched.
                    if asked.stores {
                        warnings.dropped(name);
                    }
                }
                "truncation" if value.text().is_some_and(|text| text == "disabled") => {}
                "service_tier" if value.text().is_some_and(|text| text == "auto") => {}
                // include, max_tool_calls, metadata, prompt_cache_key, safety_identifier,
                // and what is not known.
                _ => warnings.dropped(name),
            }
        }
        Ok(asked)
    }

    fn field(&mut self, name: &'static str, json: &str) {
        self.fields.push((name, json.to_owned()));
    }

    fn text(
        &mut self,
        text: &Node<'_>,
        able: &ChatModel,
        at: &At<'_>,
        warnings: &mut Warnings,
    ) -> Result<(), Refused> {
        text.need_fields(at)?;
        if let Some(verbosity) = text.get("verbosity") {
            match able.reasoning {
                true => self.field("verbosity", verbosity.raw),
                false => warnings.dropped("text.verbosity"),
            }
        }
        let Some(format) = text.get("format") else { return Ok(()) };
        let at = at.key("format");
        match &*format.need_text_of("type", &at)? {
            "text" => {}
            "json_object" => self.field("response_format", r#"{"type":"json_object"}"#),
            "json_schema" => {
                format.need("schema", &at)?.need_fields(&at.key("schema"))?;
                let json = write::json(|to| {
                    to.open().key("type").text("json_schema").key("json_schema").open();
                    for name in ["name", "description", "schema", "strict"] {
                        if let Some(value) = format.get(name) {
                            to.key(name).raw(value.raw);
                        }
                    }
                    to.close().close();
                });
                self.fields.push(("response_format", json));
            }
            other => {
                let why = format!("the upstream's chat API has no format `{other}`");
                return Err(at.key("type").unsupported(&why));
            }
        }
        Ok(())
    }

    fn reasoning(
        &mut self,
        reasoning: &Node<'_>,
        able: &ChatModel,
        at: &At<'_>,
        warnings: &mut Warnings,
    ) -> Result<(), Refused> {
        for (name, value) in reasoning.need_fields(at)? {
            match &**name {
                _ if value.is_null() => {}
                "effort" if able.reasoning || !able.efforts.is_empty() => {
                    let at = at.key("effort");
                    let Some(effort) = Effort::of(&value.need_text(&at)?) else {
                        return Err(
                            at.invalid("must be none, minimal, low, medium, high, xhigh or max")
                        );
                    };
                    let nearest = effort.nearest(&able.efforts);
                    if nearest != effort {
                        warnings.changed("reasoning.effort");
                    }
                    self.fields.push(("reasoning_effort", format!("\"{}\"", nearest.word())));
                }
                // What the upstream shows of its reasoning is passed on as the summary.
                "summary" | "generate_summary" => {}
                name => warnings.dropped(&format!("reasoning.{name}")),
            }
        }
        Ok(())
    }
}

/// The request's fields as a response object repeats them.
fn echo(root: &Node<'_>) -> String {
    write::json(|to| {
        for (name, default) in [
            ("instructions", "null"),
            ("max_output_tokens", "null"),
            ("metadata", "{}"),
            ("parallel_tool_calls", "true"),
            ("reasoning", "null"),
            ("temperature", "null"),
            ("text", r#"{"format":{"type":"text"}}"#),
            ("tool_choice", r#""auto""#),
            ("tools", "[]"),
            ("top_p", "null"),
            ("truncation", r#""disabled""#),
            ("user", "null"),
        ] {
            to.key(name).raw(root.get(name).map_or(default, |value| value.raw));
        }
        to.key("background").raw("false").key("previous_response_id").raw("null");
        to.key("store").raw("false");
    })
}
