//! What depends on the model: how it is told to think, what sampling it takes, and how
//! a structured answer is had.

use super::{
    super::{
        Names, Refused, Warnings,
        capabilities::{Effort, MessagesModel, Sampling, Thinking},
        json::Node,
        names,
        view::At,
        write::{self, Writer},
    },
    schema,
    tools::Tools,
};

/// What the client wishes.
#[derive(Default)]
pub(super) struct Wish<'n> {
    pub(super) temperature: Option<f64>,
    /// With the number as it was written.
    pub(super) top_p: Option<(f64, &'n str)>,
    pub(super) effort: Option<&'n Node<'n>>,
    pub(super) format: Option<&'n Node<'n>>,
    /// The conversation stands in the middle of tool calls whose thinking is lost: a
    /// model that takes a budget refuses to think on from there.
    /// <https://platform.claude.com/docs/en/build-with-claude/extended-thinking>
    pub(super) lost_thought: bool,
}

/// What the model gets.
#[derive(Default)]
pub(super) struct Mind {
    thinking: Option<String>,
    effort: Option<Effort>,
    format: Option<String>,
    temperature: Option<f64>,
    top_p: Option<String>,
    /// To be added to the system prompt.
    pub(super) hint: Option<String>,
    /// The tool that carries the answer.
    pub(super) answer_tool: Option<String>,
}

/// Least that a model may be given to think with.
const LEAST_BUDGET: u64 = 1024;

impl Mind {
    pub(super) fn make(
        wish: &Wish<'_>,
        able: &MessagesModel,
        max_tokens: u64,
        tools: &mut Tools,
        names: &mut Names,
        warnings: &mut Warnings,
    ) -> Result<Self, Refused> {
        let mut mind = Self::default();
        if let Some(format) = wish.format {
            mind.format(format, able, tools, names, warnings)?;
        }
        if let Some(effort) = wish.effort {
            let barred = tools.forced() || (wish.lost_thought && able.thinking == Thinking::Budget);
            mind.think(effort, able, max_tokens, barred, warnings)?;
        }
        mind.sample(wish, able, warnings)?;
        Ok(mind)
    }

    fn format(
        &mut self,
        format: &Node<'_>,
        able: &MessagesModel,
        tools: &mut Tools,
        names: &mut Names,
        warnings: &mut Warnings,
    ) -> Result<(), Refused> {
        let at = At::ROOT.key("response_format");
        format.need_fields(&at)?;
        match &*format.need_text_of("type", &at)? {
            "text" => return Ok(()),
            "json_object" => {
                self.hint = Some("Answer with one JSON object and nothing else.".to_owned());
                return Ok(());
            }
            "json_schema" => {}
            other => {
                let why = format!("Anthropic's API has no format `{other}`");
                return Err(at.key("type").unsupported(&why));
            }
        }
        let at = at.key("json_schema");
        let wanted = format.get("json_schema").ok_or_else(|| at.missing())?;
        let asked = wanted.get("schema");
        schema::check(asked, &at.key("schema"))?;
        let schema = schema::object(asked);
        if able.structured_output {
            let (schema, told) = schema::enforced_object(asked);
            if told {
                warnings.changed("response_format");
            }
            self.format = Some(schema);
        } else if tools.any() {
            // Forcing our tool would keep the model from calling the client's.
            warnings.changed("response_format");
            self.hint = Some(format!(
                "Unless you call a tool, answer with one JSON value that fits this JSON Schema, and nothing else: {schema}"
            ));
        } else {
            let name = wanted.text_of("name").unwrap_or("answer".into());
            let name = names.send(&name, names::MESSAGES, &at.key("name"))?;
            let definition = write::json(|to| {
                to.open().key("name").text(&name).key("description");
                match wanted.get("description").filter(|d| d.is_string()) {
                    Some(description) => to.raw(description.raw),
                    None => to.text("Gives the answer."),
                };
                to.key("input_schema").raw(&schema).close();
            });
            tools.answer_with(&name, definition);
            self.answer_tool = Some(name.into_owned());
        }
        Ok(())
    }

    fn think(
        &mut self,
        effort: &Node<'_>,
        able: &MessagesModel,
        max_tokens: u64,
        barred: bool,
        warnings: &mut Warnings,
    ) -> Result<(), Refused> {
        let at = At::ROOT.key("reasoning_effort");
        let word = effort.need_text(&at)?;
        let Some(effort) = Effort::of(&word) else {
            return Err(at.invalid("must be none, minimal, low, medium, high, xhigh or max"));
        };
        let Some(budget) = effort.budget() else { return Ok(()) };
        match able.thinking {
            Thinking::None => warnings.dropped("reasoning_effort"),
            Thinking::Adaptive => {
                self.effort = Some(effort.nearest(&able.efforts));
                if self.effort != Some(effort) {
                    warnings.changed("reasoning_effort");
                }
                // "Thinking may not be enabled when tool_choice forces tool use."
                if !barred {
                    self.thinking = Some(r#"{"type":"adaptive"}"#.to_owned());
                }
            }
            // Kept below max_tokens, which it counts towards.
            Thinking::Budget if !barred && max_tokens > LEAST_BUDGET => {
                let budget = budget.min(max_tokens - 1);
                self.thinking = Some(format!(r#"{{"type":"enabled","budget_tokens":{budget}}}"#));
            }
            Thinking::Budget => warnings.dropped("reasoning_effort"),
        }
        Ok(())
    }

    fn sample(
        &mut self,
        wish: &Wish<'_>,
        able: &MessagesModel,
        warnings: &mut Warnings,
    ) -> Result<(), Refused> {
        let range = |value: f64, name: &str, most: f64| match (0.0..=most).contains(&value) {
            true => Ok(()),
            false => Err(At::ROOT.key(name).invalid(&format!("must be from 0 to {most}"))),
        };
        // A model that thinks takes no temperature, and top_p only near 1.
        let silent = able.sampling == Sampling::None;
        if let Some(temperature) = wish.temperature {
            range(temperature, "temperature", 2.0)?;
            match silent || self.thinking.is_some() {
                true => warnings.dropped("temperature"),
                false => {
                    if temperature > 1.0 {
                        warnings.changed("temperature");
                    }
                    self.temperature = Some(temperature.min(1.0));
                }
            }
        }
        if let Some((top_p, raw)) = wish.top_p {
            range(top_p, "top_p", 1.0)?;
            let both = self.temperature.is_some() && able.sampling == Sampling::One;
            match silent || both || (self.thinking.is_some() && top_p < 0.95) {
                true => warnings.dropped("top_p"),
                false => self.top_p = Some(raw.to_owned()),
            }
        }
        Ok(())
    }

    pub(super) fn write(&self, to: &mut Writer<'_>) {
        if let Some(thinking) = &self.thinking {
            to.key("thinking").raw(thinking);
        }
        if self.effort.is_some() || self.format.is_some() {
            to.key("output_config").open();
            if let Some(effort) = self.effort {
                to.key("effort").text(effort.word());
            }
            if let Some(schema) = &self.format {
                to.key("format").open().key("type").text("json_schema");
                to.key("schema").raw(schema).close();
            }
            to.close();
        }
        if let Some(temperature) = self.temperature {
            to.key("temperature").raw(&format!("{temperature}"));
        }
        if let Some(top_p) = &self.top_p {
            to.key("top_p").raw(top_p);
        }
    }
}
