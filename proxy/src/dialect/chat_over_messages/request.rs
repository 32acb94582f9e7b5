//! The request: parameters one by one, then the body in Anthropic's order.

use bytes::BytesMut;

use super::{
    super::{
        Capabilities, Context, Conversion, Converted, Options, Refused, Warnings,
        json::Node,
        view::{self, At},
        write::Writer,
    },
    history,
    thinking::{Mind, Wish},
    tools::Tools,
    turns::Turns,
};

/// Sampling parameters are refused from `2026-10-21` on, and relays know the older
/// version: it takes everything that is sent here.
const VERSION: &str = "2023-06-01";
/// Where neither the client nor the table says more.
const DEFAULT_MAX_TOKENS: u64 = 4096;

pub(in super::super) fn convert(
    body: &[u8],
    capabilities: &Capabilities,
    options: &Options<'_>,
) -> Result<Converted, Refused> {
    let root = view::request(body)?;
    let mut warnings = Warnings::default();
    let mut context = Context::new(Conversion::ChatOverMessages);
    let mut asked = Asked::read(&root, &mut warnings)?;
    let own = root.need_text_of("model", &At::ROOT)?;
    let model = options.model.unwrap_or(&own);
    let able = capabilities.messages(model);

    let at = At::ROOT.key("messages");
    let messages = root.need("messages", &At::ROOT)?.need_items(&at)?;
    asked.wish.lost_thought = history::lost_thought(messages);
    let mut tools = Tools::read(&root, able.structured_output, &mut context.names, &mut warnings)?;
    let max_tokens = asked.max_tokens.or(able.max_output_tokens).unwrap_or(DEFAULT_MAX_TOKENS);
    let mind =
        Mind::make(&asked.wish, able, max_tokens, &mut tools, &mut context.names, &mut warnings)?;
    let mut turns = Turns::new(able.system_in_messages, &mut context.names, &mut warnings);
    for (n, message) in messages.iter().enumerate() {
        turns.message(message, &at.index(n), n + 1 == messages.len())?;
    }
    let turns = turns.finish(mind.hint.as_deref(), &at)?;

    let mut out = BytesMut::with_capacity(body.len() + 512);
    let mut to = Writer::new(&mut out);
    to.open().key("model").text(model).key("max_tokens").number(max_tokens);
    if !turns.system.is_empty() {
        to.key("system").text(&turns.system);
    }
    to.key("messages").list().raw(&turns.messages).end();
    tools.write(&mut to);
    mind.write(&mut to);
    if let Some(user) = &asked.user {
        to.key("metadata").open().key("user_id").raw(user).close();
    }
    if !asked.stop.is_empty() {
        to.key("stop_sequences").list();
        asked.stop.iter().for_each(|stop| {
            to.raw(stop);
        });
        to.end();
    }
    if asked.stream {
        to.key("stream").raw("true");
    }
    to.close();
    context.stream = asked.stream;
    context.include_usage = asked.include_usage;
    context.legacy_functions = tools.legacy;
    context.answer_tool = mind.answer_tool;
    Ok(Converted {
        body: out.freeze(),
        path: "/messages",
        version: Some(VERSION),
        warnings,
        context,
    })
}

/// The parameters that stand alone.
#[derive(Default)]
struct Asked<'n> {
    max_tokens: Option<u64>,
    stop: Vec<&'n str>,
    stream: bool,
    include_usage: bool,
    user: Option<&'n str>,
    wish: Wish<'n>,
}

impl<'n> Asked<'n> {
    fn read(root: &'n Node<'_>, warnings: &mut Warnings) -> Result<Self, Refused> {
        let mut asked = Self::default();
        for (name, value) in root.fields().iter().filter(|(_, value)| !value.is_null()) {
            let at = At::ROOT.key(name);
            match &**name {
                "model" | "messages" => {}
                "tools" | "tool_choice" | "parallel_tool_calls" | "functions" | "function_call" => {
                } // `Tools` reads them.
                "max_completion_tokens" => asked.max_tokens = Some(positive(value, &at)?),
                "max_tokens" => asked.max_tokens = asked.max_tokens.or(Some(positive(value, &at)?)),
                "stop" => asked.stop = stops(value, &at, warnings)?,
                "stream" => asked.stream = value.need_bool(&at)?,
                "stream_options" => {
                    value.need_fields(&at)?;
                    if let Some(usage) = value.get("include_usage") {
                        asked.include_usage = usage.need_bool(&at.key("include_usage"))?;
                    }
                }
                "temperature" => asked.wish.temperature = Some(value.need_f64(&at)?),
                "top_p" => asked.wish.top_p = Some((value.need_f64(&at)?, value.raw)),
                "reasoning_effort" => asked.wish.effort = Some(value),
                "response_format" => asked.wish.format = Some(value),
                "user" | "safety_identifier" => asked.user(name, value, &at, warnings)?,
                "n" => match value.need_u64(&at)? {
                    0 | 1 => {}
                    _ => return Err(at.unsupported("Anthropic gives one answer per call")),
                },
                "logprobs" => {
                    if value.need_bool(&at)? {
                        return Err(at.unsupported("Anthropic gives no log probabilities"));
                    }
                }
                "top_logprobs" => {
                    if value.need_u64(&at)? > 0 {
                        return Err(at.unsupported("Anthropic gives no log probabilities"));
                    }
                }
                "audio" | "web_search_options" => {
                    return Err(at.unsupported("Anthropic's API has nothing like it"));
                }
                "modalities" => {
                    let audio = |item: &Node<'_>| item.text().is_none_or(|text| text != "text");
                    if value.need_items(&at)?.iter().any(audio) {
                        return Err(at.unsupported("Anthropic answers with text only"));
                    }
                }
                "service_tier" if value.text().is_some_and(|t| t == "auto" || t == "default") => {}
                // seed, penalties, logit_bias, prediction, store, metadata, verbosity, and
                // what is not known.
                _ => warnings.dropped(name),
            }
        }
        Ok(asked)
    }

    /// Anthropic: "Do not include any identifying information such as name, email
    /// address, or phone number" (`MetadataParam` of the SDK).
    fn user(
        &mut self,
        name: &str,
        value: &'n Node<'_>,
        at: &At<'_>,
        warnings: &mut Warnings,
    ) -> Result<(), Refused> {
        let text = value.need_text(at)?;
        let digits = text.chars().filter(char::is_ascii_digit).count();
        let phone =
            digits >= 7 && text.chars().all(|c| "+-() ./".contains(c) || c.is_ascii_digit());
        match text.is_empty() || text.contains('@') || phone {
            true => warnings.dropped(name),
            false if name == "user" || self.user.is_none() => self.user = Some(value.raw),
            false => {}
        }
        Ok(())
    }
}

fn positive(value: &Node<'_>, at: &At<'_>) -> Result<u64, Refused> {
    match value.need_u64(at)? {
        0 => Err(at.invalid("must be at least 1")),
        n => Ok(n),
    }
}

/// As literals; Anthropic refuses those of white space only.
fn stops<'n>(
    value: &'n Node<'_>,
    at: &At<'_>,
    warnings: &mut Warnings,
) -> Result<Vec<&'n str>, Refused> {
    let mut kept = Vec::new();
    let mut stop = |value: &'n Node<'_>, at: &At<'_>| {
        match value.need_text(at)?.trim().is_empty() {
            true => warnings.dropped("stop"),
            false => kept.push(value.raw),
        }
        Ok(())
    };
    if value.is_string() {
        stop(value, at)?;
        return Ok(kept);
    }
    for (n, value) in value.need_items(at)?.iter().enumerate() {
        stop(value, &at.index(n))?;
    }
    Ok(kept)
}
