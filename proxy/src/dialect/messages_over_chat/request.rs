//! The request: parameters one by one, then the body.

use bytes::BytesMut;

use super::{
    super::{
        Capabilities, Context, Conversion, Converted, Options, Refused, Warnings,
        capabilities::{ChatModel, Effort},
        json::{Kind, Node},
        view::{self, At},
        write::Writer,
    },
    content,
    messages::Conversation,
    schema::enforceable,
    tools::Tools,
};

/// OpenAI: "Up to 4 sequences".
const STOPS: usize = 4;

pub(in super::super) fn convert(
    body: &[u8],
    capabilities: &Capabilities,
    options: &Options<'_>,
) -> Result<Converted, Refused> {
    let root = view::request(body)?;
    let mut warnings = Warnings::default();
    let mut context = Context::new(Conversion::MessagesOverChat);
    let own = root.need_text_of("model", &At::ROOT)?;
    let model = options.model.unwrap_or(&own);
    let able = capabilities.chat(model);
    let asked = Asked::read(&root, able, &mut warnings)?;
    let tools = Tools::read(&root, &mut context.names, &mut warnings)?;
    let mut conversation = Conversation {
        names: &mut context.names,
        warnings: &mut warnings,
        reasoning: options.reasoning_content || able.reasoning_content,
    };

    let mut out = BytesMut::with_capacity(body.len() + 512);
    let mut to = Writer::new(&mut out);
    to.open().key("model").text(model).key("messages").list();
    if let Some(system) = root.get("system") {
        let text = content::joined(system, &At::ROOT.key("system"), conversation.warnings)?;
        if !text.trim().is_empty() {
            to.open().key("role").text("system").key("content").text(&text).close();
        }
    }
    let at = At::ROOT.key("messages");
    for (n, message) in root.need("messages", &At::ROOT)?.need_items(&at)?.iter().enumerate() {
        conversation.message(message, &at.index(n), &mut to)?;
    }
    to.end();
    let max = if able.reasoning { "max_completion_tokens" } else { "max_tokens" };
    to.key(max).number(asked.max_tokens);
    tools.write(&mut to);
    asked.write(!options.without_usage, &mut to);
    to.close();
    context.stream = asked.stream;
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
struct Asked<'n> {
    max_tokens: u64,
    stop: Option<&'n str>,
    stream: bool,
    temperature: Option<&'n str>,
    top_p: Option<&'n str>,
    user: Option<String>,
    effort: Option<Effort>,
    /// With whether OpenAI enforces it.
    schema: Option<(&'n str, bool)>,
}

impl<'n> Asked<'n> {
    fn read(
        root: &'n Node<'_>,
        able: &ChatModel,
        warnings: &mut Warnings,
    ) -> Result<Self, Refused> {
        let sampling = !able.reasoning || able.sampling;
        let at = At::ROOT.key("max_tokens");
        let mut asked = Self {
            max_tokens: root.need("max_tokens", &At::ROOT)?.need_u64(&at)?,
            ..Self::default()
        };
        if asked.max_tokens == 0 {
            return Err(at.unsupported("warming a prompt cache is Anthropic's alone"));
        }
        let mut budget = None;
        for (name, value) in root.fields().iter().filter(|(_, value)| !value.is_null()) {
            let at = At::ROOT.key(name);
            match &**name {
                "model" | "messages" | "max_tokens" | "system" | "tools" | "tool_choice" => {}
                "stream" => asked.stream = value.need_bool(&at)?,
                "stop_sequences" => match value.need_items(&at)?.len() {
                    0 => {}
                    1..=STOPS => asked.stop = Some(value.raw),
                    _ => return Err(at.unsupported("OpenAI takes at most 4 stop sequences")),
                },
                "temperature" | "top_p" => {
                    value.need_f64(&at)?;
                    match (sampling, &**name) {
                        (true, "temperature") => asked.temperature = Some(value.raw),
                        (true, _) => asked.top_p = Some(value.raw),
                        (false, _) => warnings.dropped(name),
                    }
                }
                "metadata" => asked.user(value, &at, warnings)?,
                "thinking" => budget = thinking(value, &at)?,
                "output_config" => asked.output(value, &at, warnings)?,
                "context_management" => context_management(value, &at, warnings)?,
                // The SDKs' tool runners start one, and go on without it upon this answer.
                "thread" => {
                    let mut refused = at.unsupported("the upstream keeps no earlier turns");
                    refused.code = "thread_unsupported_request";
                    return Err(refused);
                }
                "container" | "mcp_servers" => {
                    return Err(at.unsupported("OpenAI's chat API has nothing like it"));
                }
                "service_tier" if value.text().is_some_and(|tier| tier == "auto") => {}
                // top_k, cache_control, inference_geo, speed, diagnostics, and what is
                // not known.
                _ => warnings.dropped(name),
            }
        }
        if let Some(effort) = asked.effort.take().or(budget) {
            match able.reasoning || !able.efforts.is_empty() {
                true => {
                    let nearest = effort.nearest(&able.efforts);
                    if nearest != effort {
                        warnings.changed("effort");
                    }
                    asked.effort = Some(nearest);
                }
                false => warnings.dropped("thinking"),
            }
        }
        Ok(asked)
    }

    /// OpenAI's `user` is short; a digest of a longer one still tells users apart.
    fn user(
        &mut self,
        metadata: &Node<'_>,
        at: &At<'_>,
        warnings: &mut Warnings,
    ) -> Result<(), Refused> {
        metadata.need_fields(at)?;
        if let Some(id) = metadata.get("user_id") {
            let id = id.need_text(&at.key("user_id"))?;
            self.user = Some(match id.len() {
                ..=64 => id.into_owned(),
                _ => {
                    warnings.changed("metadata.user_id");
                    blake3::hash(id.as_bytes()).to_hex()[..32].to_owned()
                }
            });
        }
        Ok(())
    }

    fn output(
        &mut self,
        config: &'n Node<'_>,
        at: &At<'_>,
        warnings: &mut Warnings,
    ) -> Result<(), Refused> {
        config.need_fields(at)?;
        if let Some(effort) = config.get("effort") {
            let at = at.key("effort");
            let Some(effort) = Effort::of(&effort.need_text(&at)?) else {
                return Err(at.invalid("must be low, medium, high, xhigh or max"));
            };
            self.effort = Some(effort);
        }
        if let Some(format) = config.get("format") {
            let at = at.key("format");
            if format.need_text_of("type", &at)? != "json_schema" {
                return Err(at.key("type").unsupported("only json_schema has a counterpart"));
            }
            let schema = format.need("schema", &at)?;
            schema.need_fields(&at.key("schema"))?;
            if !enforceable(schema) {
                warnings.changed("output_config.format");
            }
            self.schema = Some((schema.raw, enforceable(schema)));
        }
        Ok(())
    }

    fn write(&self, usage: bool, to: &mut Writer<'_>) {
        if let Some((schema, strict)) = self.schema {
            to.key("response_format").open().key("type").text("json_schema").key("json_schema");
            to.open().key("name").text("answer").key("schema").raw(schema);
            to.key("strict").raw(if strict { "true" } else { "false" }).close().close();
        }
        if let Some(effort) = self.effort {
            to.key("reasoning_effort").text(effort.word());
        }
        for (name, raw) in
            [("temperature", self.temperature), ("top_p", self.top_p), ("stop", self.stop)]
        {
            if let Some(raw) = raw {
                to.key(name).raw(raw);
            }
        }
        if let Some(user) = &self.user {
            to.key("user").text(user);
        }
        if self.stream {
            to.key("stream").raw("true");
        }
        // An Anthropic stream always ends with its usage.
        if self.stream && usage {
            to.key("stream_options").open().key("include_usage").raw("true").close();
        }
    }
}

/// A budget as an effort. Adaptive thinking leaves the effort to `output_config`.
fn thinking(value: &Node<'_>, at: &At<'_>) -> Result<Option<Effort>, Refused> {
    Ok(match &*value.need_text_of("type", at)? {
        "enabled" => {
            let budget = value.need("budget_tokens", at)?;
            Some(Effort::of_budget(budget.need_u64(&at.key("budget_tokens"))?))
        }
        _ => None,
    })
}

/// Clearing old thinking is what conversion does anyway, and what agents ask for in every
/// call; any other edit would change what the model sees.
fn context_management(
    value: &Node<'_>,
    at: &At<'_>,
    warnings: &mut Warnings,
) -> Result<(), Refused> {
    let edits = value.get("edits").map(Node::items).unwrap_or_default();
    let harmless = |edit: &Node<'_>| {
        edit.text_of("type").is_some_and(|kind| kind.starts_with("clear_thinking_"))
    };
    match matches!(value.kind, Kind::Object(_)) && edits.iter().all(harmless) {
        true => warnings.dropped("context_management"),
        false => return Err(at.unsupported("OpenAI's chat API has nothing like it")),
    }
    Ok(())
}
