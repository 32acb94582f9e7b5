//! Tools and the choice among them.

use super::{
    super::{
        Names, Refused, Warnings,
        json::Node,
        names,
        view::At,
        write::{self, Writer},
    },
    content::cached,
    schema::enforceable,
};

/// What the client offers, as OpenAI takes it.
#[derive(Default)]
pub(super) struct Tools {
    defined: Vec<String>,
    /// JSON.
    choice: Option<String>,
    one_at_a_time: bool,
}

impl Tools {
    pub(super) fn read(
        root: &Node<'_>,
        names: &mut Names,
        warnings: &mut Warnings,
    ) -> Result<Self, Refused> {
        let mut tools = Self::default();
        let at = At::ROOT.key("tools");
        if let Some(list) = root.get("tools") {
            for (n, tool) in list.need_items(&at)?.iter().enumerate() {
                tools.defined.push(define(tool, &at.index(n), names, warnings)?);
            }
        }
        let at = At::ROOT.key("tool_choice");
        if let Some(choice) = root.get("tool_choice") {
            let parallel = choice.get("disable_parallel_tool_use");
            if let Some(off) = parallel {
                tools.one_at_a_time = off.need_bool(&at.key("disable_parallel_tool_use"))?;
            }
            tools.choice = Some(match &*choice.need_text_of("type", &at)? {
                "auto" => r#""auto""#.to_owned(),
                "none" => r#""none""#.to_owned(),
                "any" => r#""required""#.to_owned(),
                "tool" => {
                    let name = choice.need_text_of("name", &at)?;
                    let name = names.send(&name, names::CHAT, &at.key("name"))?;
                    write::json(|to| {
                        to.open().key("type").text("function").key("function");
                        to.open().key("name").text(&name).close().close();
                    })
                }
                other => {
                    let why = format!("cannot be `{other}`: use auto, any, tool or none");
                    return Err(at.key("type").invalid(&why));
                }
            });
        }
        Ok(tools)
    }

    /// OpenAI refuses a choice without tools.
    pub(super) fn write(&self, to: &mut Writer<'_>) {
        if self.defined.is_empty() {
            return;
        }
        to.key("tools").list();
        self.defined.iter().for_each(|tool| {
            to.raw(tool);
        });
        to.end();
        if let Some(choice) = &self.choice {
            to.key("tool_choice").raw(choice);
        }
        if self.one_at_a_time {
            to.key("parallel_tool_calls").raw("false");
        }
    }
}

fn define(
    tool: &Node<'_>,
    at: &At<'_>,
    names: &mut Names,
    warnings: &mut Warnings,
) -> Result<String, Refused> {
    tool.need_fields(at)?;
    if let Some(kind) = tool.text_of("type").filter(|kind| kind != "custom") {
        let why = format!("`{kind}` is a tool that Anthropic runs or trained for");
        return Err(at.key("type").unsupported(&why));
    }
    cached(tool, warnings);
    for (name, _) in tool.fields() {
        if !matches!(
            &**name,
            "type"
                | "name"
                | "description"
                | "input_schema"
                | "strict"
                | "cache_control"
                | "eager_input_streaming"
        ) {
            warnings.dropped(&format!("tools.{name}"));
        }
    }
    let name = tool.need_text_of("name", at)?;
    let name = names.send(&name, names::CHAT, &at.key("name"))?;
    let schema = tool.need("input_schema", at)?;
    schema.need_fields(&at.key("input_schema"))?;
    let strict = tool.get("strict").and_then(Node::bool);
    if strict == Some(true) && !enforceable(schema) {
        warnings.changed("tools.strict");
    }
    let strict = strict.map(|strict| strict && enforceable(schema));
    Ok(write::json(|to| {
        to.open().key("type").text("function").key("function").open();
        to.key("name").text(&name);
        if let Some(description) = tool.get("description").filter(|d| d.is_string()) {
            to.key("description").raw(description.raw);
        }
        to.key("parameters").raw(schema.raw);
        if let Some(strict) = strict {
            to.key("strict").raw(if strict { "true" } else { "false" });
        }
        to.close().close();
    }))
}
