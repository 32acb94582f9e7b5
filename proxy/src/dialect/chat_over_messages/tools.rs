//! Tools, functions (their older form), and the choice among them.

use super::{
    super::{
        Names, Refused, Warnings,
        json::Node,
        names,
        view::At,
        write::{self, Writer},
    },
    schema,
};

/// What the client offers, as Anthropic takes it.
#[derive(Default)]
pub(super) struct Tools {
    /// Definitions, one JSON object each.
    defined: Vec<String>,
    choice: Choice,
    one_at_a_time: bool,
    /// `functions` were sent: the answer has `function_call`.
    pub(super) legacy: bool,
}

#[derive(Default, PartialEq)]
enum Choice {
    #[default]
    Open,
    Auto,
    None,
    Any,
    Tool(String),
}

impl Tools {
    pub(super) fn read(
        root: &Node<'_>,
        strict: bool,
        names: &mut Names,
        warnings: &mut Warnings,
    ) -> Result<Self, Refused> {
        let mut tools = Self::default();
        let at = At::ROOT.key("tools");
        if let Some(list) = root.get("tools") {
            for (n, tool) in list.need_items(&at)?.iter().enumerate() {
                let at = at.index(n);
                match &*tool.need_text_of("type", &at)? {
                    "function" => {}
                    other => {
                        let why = format!("Anthropic's API has no tools of type `{other}`");
                        return Err(at.key("type").unsupported(&why));
                    }
                }
                let function = tool.need("function", &at)?;
                tools.define(function, &at.key("function"), strict, names, warnings)?;
            }
        }
        let at = At::ROOT.key("functions");
        if let Some(list) = root.get("functions") {
            tools.legacy = true;
            for (n, function) in list.need_items(&at)?.iter().enumerate() {
                tools.define(function, &at.index(n), strict, names, warnings)?;
            }
        }
        if let Some(choice) = root.get("tool_choice") {
            tools.choice = choose(choice, &At::ROOT.key("tool_choice"), names)?;
        } else if let Some(choice) = root.get("function_call") {
            tools.choice = choose_function(choice, &At::ROOT.key("function_call"), names)?;
        }
        if let Some(parallel) = root.get("parallel_tool_calls") {
            tools.one_at_a_time = !parallel.need_bool(&At::ROOT.key("parallel_tool_calls"))?;
        }
        // A function_call answer has room for one.
        tools.one_at_a_time |= tools.legacy;
        Ok(tools)
    }

    fn define(
        &mut self,
        function: &Node<'_>,
        at: &At<'_>,
        strict: bool,
        names: &mut Names,
        warnings: &mut Warnings,
    ) -> Result<(), Refused> {
        let name = function.need_text_of("name", at)?;
        let name = names.send(&name, names::MESSAGES, &at.key("name"))?;
        let parameters = function.get("parameters");
        schema::check(parameters, &at.key("parameters"))?;
        let is_strict = function.get("strict").and_then(Node::bool).unwrap_or(false);
        if is_strict && !strict {
            warnings.dropped("strict");
        }
        let (input, told) = match is_strict && strict {
            true => schema::enforced_object(parameters),
            false => (schema::object(parameters), false),
        };
        if told {
            warnings.changed("strict");
        }
        self.defined.push(write::json(|to| {
            to.open().key("name").text(&name);
            if let Some(description) = function.get("description").filter(|d| d.is_string()) {
                to.key("description").raw(description.raw);
            }
            to.key("input_schema").raw(&input);
            if is_strict && strict {
                to.key("strict").raw("true");
            }
            to.close();
        }));
        Ok(())
    }

    /// Whether the client offers any.
    pub(super) fn any(&self) -> bool {
        !self.defined.is_empty()
    }

    /// Whether some call is demanded, which excludes thinking.
    pub(super) fn forced(&self) -> bool {
        self.any() && matches!(self.choice, Choice::Any | Choice::Tool(_))
    }

    /// The only tool, and it must be called: a structured answer.
    pub(super) fn answer_with(&mut self, name: &str, definition: String) {
        self.defined.push(definition);
        self.choice = Choice::Tool(name.to_owned());
        self.one_at_a_time = true;
    }

    pub(super) fn write(&self, to: &mut Writer<'_>) {
        if !self.any() {
            return;
        }
        to.key("tools").list();
        self.defined.iter().for_each(|tool| {
            to.raw(tool);
        });
        to.end();
        let kind = match &self.choice {
            Choice::Open if self.one_at_a_time => "auto",
            Choice::Open => return,
            Choice::Auto => "auto",
            Choice::None => "none",
            Choice::Any => "any",
            Choice::Tool(_) => "tool",
        };
        to.key("tool_choice").open().key("type").text(kind);
        if let Choice::Tool(name) = &self.choice {
            to.key("name").text(name);
        }
        if self.one_at_a_time && self.choice != Choice::None {
            to.key("disable_parallel_tool_use").raw("true");
        }
        to.close();
    }
}

fn choose(choice: &Node<'_>, at: &At<'_>, names: &mut Names) -> Result<Choice, Refused> {
    if let Some(word) = choice.text() {
        return match &*word {
            "auto" => Ok(Choice::Auto),
            "none" => Ok(Choice::None),
            "required" => Ok(Choice::Any),
            _ => Err(at.invalid("must be `auto`, `none`, `required` or name a function")),
        };
    }
    choice.need_fields(at)?;
    match &*choice.need_text_of("type", at)? {
        "function" => {
            let at = at.key("function");
            let function = choice.get("function").ok_or_else(|| at.missing())?;
            let name = function.need_text_of("name", &at)?;
            Ok(Choice::Tool(names.send(&name, names::MESSAGES, &at.key("name"))?.into_owned()))
        }
        other => {
            let why = format!("Anthropic's API has no choice of type `{other}`");
            Err(at.key("type").unsupported(&why))
        }
    }
}

fn choose_function(choice: &Node<'_>, at: &At<'_>, names: &mut Names) -> Result<Choice, Refused> {
    if let Some(word) = choice.text() {
        return match &*word {
            "auto" => Ok(Choice::Auto),
            "none" => Ok(Choice::None),
            _ => Err(at.invalid("must be `auto`, `none` or name a function")),
        };
    }
    let name = choice.need_text_of("name", at)?;
    Ok(Choice::Tool(names.send(&name, names::MESSAGES, &at.key("name"))?.into_owned()))
}
