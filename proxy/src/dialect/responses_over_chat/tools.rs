//! Tools and the choice among them.

use super::super::{Names, Refused, Warnings, json::Node, names, view::At, write};

/// `tools`, `tool_choice` and `parallel_tool_calls` as fields; nothing without tools.
pub(super) fn tools(
    root: &Node<'_>,
    names: &mut Names,
    warnings: &mut Warnings,
) -> Result<String, Refused> {
    let mut defined = Vec::new();
    let at = At::ROOT.key("tools");
    if let Some(list) = root.get("tools") {
        for (n, tool) in list.need_items(&at)?.iter().enumerate() {
            defined.push(define(tool, &at.index(n), names, warnings)?);
        }
    }
    let choice = match root.get("tool_choice") {
        None => None,
        Some(choice) => choose(choice, &At::ROOT.key("tool_choice"), names)?,
    };
    if defined.is_empty() {
        return Ok(String::new());
    }
    let parallel = match root.get("parallel_tool_calls") {
        Some(parallel) => parallel.need_bool(&At::ROOT.key("parallel_tool_calls"))?,
        None => true,
    };
    Ok(write::json(|to| {
        to.key("tools").list().raw(&defined.join(",")).end();
        if let Some(choice) = &choice {
            to.key("tool_choice").raw(choice);
        }
        if !parallel {
            to.key("parallel_tool_calls").raw("false");
        }
    }))
}

fn define(
    tool: &Node<'_>,
    at: &At<'_>,
    names: &mut Names,
    warnings: &mut Warnings,
) -> Result<String, Refused> {
    let kind = tool.need_text_of("type", at)?;
    if kind != "function" {
        let why = format!("`{kind}` runs at OpenAI; the upstream's chat API has functions only");
        return Err(at.key("type").unsupported(&why));
    }
    for (name, _) in tool.fields().iter().filter(|(_, value)| !value.is_null()) {
        if !matches!(&**name, "type" | "name" | "description" | "parameters" | "strict") {
            warnings.dropped(&format!("tools.{name}"));
        }
    }
    let name = tool.need_text_of("name", at)?;
    let name = names.send(&name, names::CHAT, &at.key("name"))?;
    if let Some(parameters) = tool.get("parameters") {
        parameters.need_fields(&at.key("parameters"))?;
    }
    Ok(write::json(|to| {
        to.open().key("type").text("function").key("function").open().key("name").text(&name);
        for name in ["description", "parameters", "strict"] {
            if let Some(value) = tool.get(name) {
                to.key(name).raw(value.raw);
            }
        }
        to.close().close();
    }))
}

fn choose(choice: &Node<'_>, at: &At<'_>, names: &mut Names) -> Result<Option<String>, Refused> {
    if let Some(word) = choice.text() {
        return match &*word {
            "auto" => Ok(None),
            "none" | "required" => Ok(Some(choice.raw.to_owned())),
            _ => Err(at.invalid("must be `auto`, `none`, `required` or name a function")),
        };
    }
    let kind = choice.need_text_of("type", at)?;
    if kind != "function" {
        let why = format!("the upstream's chat API has no choice of type `{kind}`");
        return Err(at.key("type").unsupported(&why));
    }
    let name = choice.need_text_of("name", at)?;
    let name = names.send(&name, names::CHAT, &at.key("name"))?;
    Ok(Some(write::json(|to| {
        to.open().key("type").text("function").key("function");
        to.open().key("name").text(&name).close().close();
    })))
}
