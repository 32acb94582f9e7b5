//! JSON for people to read in a snapshot: indented, short values on one line, the order
//! of keys as it is.

use glassway_proxy::dialect::json::{self, Kind, Node};

const WIDTH: usize = 96;

pub fn pretty(body: &[u8]) -> String {
    let mut out = String::new();
    show(&json::parse(body).unwrap(), 0, &mut out);
    out.push('\n');
    out
}

fn show(node: &Node<'_>, indent: usize, out: &mut String) {
    if node.raw.len() + indent <= WIDTH {
        out.push_str(node.raw);
        return;
    }
    let line = |out: &mut String, indent: usize| {
        out.push('\n');
        out.push_str(&" ".repeat(indent));
    };
    match &node.kind {
        Kind::Array(items) if !items.is_empty() => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                line(out, indent + 2);
                show(item, indent + 2, out);
            }
            line(out, indent);
            out.push(']');
        }
        Kind::Object(fields) if !fields.is_empty() => {
            out.push('{');
            for (n, (key, value)) in fields.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                line(out, indent + 2);
                out.push_str(&format!("\"{key}\": "));
                show(value, indent + 2, out);
            }
            line(out, indent);
            out.push('}');
        }
        _ => out.push_str(node.raw),
    }
}
