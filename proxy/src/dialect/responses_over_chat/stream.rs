//! The stream: chunks of a chat completion as events of a response.
//!
//! Every event has a number and names its item, so calls may interleave; only reasoning
//! and text are closed before something else begins. The end repeats all of the output,
//! which is therefore kept.

use super::{
    super::{
        Context, Dialect, Fresh,
        calls::Calls,
        error::Problem,
        json::{self, Kind, Node},
        references,
        said::{reasoning, text_of},
        stream::{End, MOST},
        usage::Usage,
        write::{self, Writer},
    },
    items::{Item, What},
    object::{Head, Status},
};

#[derive(Debug)]
pub(in super::super) struct Machine {
    context: Context,
    fresh: Fresh,
    head: Head,
    begun: bool,
    number: u64,
    items: Vec<Item>,
    /// Bytes of all of them.
    kept: usize,
    calls: Calls,
    /// The item of each call.
    shown: Vec<Option<usize>>,
    finish: Option<String>,
    usage: Option<Usage>,
    pub(in super::super) end: Option<End>,
}

/// No answer has so many items.
const MOST_ITEMS: usize = 1024;

impl Machine {
    pub(in super::super) fn new(context: Context, fresh: Fresh) -> Self {
        Self {
            context,
            fresh,
            head: Head::default(),
            begun: false,
            number: 0,
            items: Vec::new(),
            kept: 0,
            calls: Calls::default(),
            shown: Vec::new(),
            finish: None,
            usage: None,
            end: None,
        }
    }

    pub(in super::super) fn event(&mut self, data: &str, to: &mut Writer<'_>) {
        if self.end.is_some() {
            return;
        }
        if data.trim_start().starts_with("[DONE]") {
            return self.complete(to);
        }
        let root = match json::parse(data.as_bytes()) {
            Ok(root) => root,
            Err(e) => {
                let message = format!("an event of the upstream is not JSON: {e}");
                return self.fail(Problem::ours("upstream_invalid_response", message), to);
            }
        };
        if root.get("error").is_some() {
            let problem = Problem::of(Dialect::Chat, None, &root).toward(Dialect::Responses);
            return self.fail(problem, to);
        }
        if let Some(usage) = root.get("usage").filter(|usage| matches!(usage.kind, Kind::Object(_)))
        {
            self.usage = Some(Usage::of_chat(usage));
        }
        let choices = root.get("choices").map(Node::items).unwrap_or_default();
        let first = |choice: &&Node<'_>| choice.get("index").and_then(Node::u64).unwrap_or(0) == 0;
        let Some(choice) = choices.iter().find(first) else {
            if choices.is_empty() && self.finish.is_some() && self.usage.is_some() {
                self.complete(to);
            }
            return;
        };
        if let Some(delta) = choice.get("delta") {
            self.begin(&root, to);
            self.delta(delta, to);
        }
        if let Some(finish) = choice.text_of("finish_reason").filter(|finish| !finish.is_empty()) {
            self.finish = Some(finish.into_owned());
        }
    }

    /// Once.
    fn begin(&mut self, root: &Node<'_>, to: &mut Writer<'_>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        self.head = Head {
            id: format!("resp_{}", self.fresh.id),
            created: root.get("created").and_then(Node::u64).unwrap_or(self.fresh.created),
            model: root.text_of("model").unwrap_or_default().into_owned(),
        };
        for kind in ["response.created", "response.in_progress"] {
            self.response(kind, &Status::Running, to);
        }
    }

    fn response(&mut self, kind: &str, status: &Status<'_>, to: &mut Writer<'_>) {
        let running = matches!(status, Status::Running);
        let output = write::json(|to| {
            for item in self.items.iter().filter(|_| !running) {
                item.write(false, to);
            }
        });
        let usage = self.usage.filter(|_| !running);
        start(&mut self.number, kind, to).key("response");
        self.head.write(status, &output, usage, &self.context.echo, to);
        to.close().send();
    }

    fn delta(&mut self, delta: &Node<'_>, to: &mut Writer<'_>) {
        if let Some(text) = reasoning(delta).and_then(Node::text) {
            let n = self.open(What::Reasoning, to);
            self.kept += text.len();
            self.items[n].say(&text, &mut self.number, to);
        }
        for block in delta.get("thinking_blocks").map(Node::items).unwrap_or_default() {
            if matches!(block.kind, Kind::Object(_)) {
                let n = self.open(What::Reasoning, to);
                self.kept += block.raw.len();
                self.items[n].thinking.push(block.raw.to_owned());
            }
        }
        for (name, what) in [("content", What::Text), ("refusal", What::Refusal)] {
            let text = text_of(delta.get(name));
            if !text.is_empty() {
                let n = self.open(what, to);
                self.kept += text.len();
                self.items[n].say(&text, &mut self.number, to);
            }
        }
        for call in delta.get("tool_calls").map(Node::items).unwrap_or_default() {
            self.call(call, to);
        }
        if self.calls.are_too_many() || self.items.len() > MOST_ITEMS || self.kept > MOST {
            let message = format!("the upstream's answer is longer than {} MiB", MOST >> 20);
            self.fail(Problem::ours("upstream_invalid_response", message), to);
        }
    }

    /// The open item of this kind; another of these kinds is closed before.
    fn open(&mut self, what: What, to: &mut Writer<'_>) -> usize {
        if let Some(last) = self.items.iter().rposition(|item| item.is_open() && !item.is_call()) {
            if self.items[last].what == what {
                return last;
            }
            self.items[last].close(&mut self.number, to);
        }
        self.add(what, String::new(), String::new(), to)
    }

    fn add(&mut self, what: What, call_id: String, name: String, to: &mut Writer<'_>) -> usize {
        let n = self.items.len();
        let item = Item::new(what, n, &self.fresh.id, call_id, name);
        item.announce(&mut self.number, to);
        self.items.push(item);
        n
    }

    fn call(&mut self, call: &Node<'_>, to: &mut Writer<'_>) {
        let function = call.get("function");
        let name = function.and_then(|function| function.text_of("name"));
        let index = call.get("index").and_then(Node::u64);
        let place = self.calls.place(index, call.text_of("id").as_deref(), name.as_deref());
        if let Some(arguments) = function.and_then(|function| function.get("arguments")) {
            self.kept += arguments.raw.len();
            self.calls.hold(place, &arguments.text().unwrap_or(arguments.raw.into()));
        }
        self.show(place, false, to);
    }

    fn show(&mut self, place: usize, end: bool, to: &mut Writer<'_>) {
        self.shown.resize(self.calls.len(), None);
        if let Some((id, name)) = self.calls.show(place, end) {
            if let Some(open) = self.items.iter_mut().find(|item| item.is_open() && !item.is_call())
            {
                open.close(&mut self.number, to);
            }
            let id = if id.is_empty() { format!("call_{}_{place}", self.fresh.id) } else { id };
            let name = self.context.names.restore(&name).to_owned();
            self.shown[place] = Some(self.add(What::Call, id, name, to));
        }
        if let Some(n) = self.shown[place] {
            let held = self.calls.take(place);
            if !held.is_empty() {
                self.items[n].say(&held, &mut self.number, to);
            }
        }
    }

    /// What is finished of the output.
    pub(in super::super) fn items(&self) -> Vec<references::Item> {
        self.items.iter().filter_map(Item::finished).collect()
    }

    fn complete(&mut self, to: &mut Writer<'_>) {
        let nothing = Node { raw: "null", kind: Kind::Null };
        self.begin(&nothing, to);
        for place in 0..self.calls.len() {
            self.show(place, true, to);
        }
        for item in &mut self.items {
            item.close(&mut self.number, to);
        }
        let finish = self.finish.take().unwrap_or_default();
        let status = Status::of(&finish);
        let kind = match status {
            Status::Incomplete(_) => "response.incomplete",
            _ => "response.completed",
        };
        self.response(kind, &status, to);
        self.end = Some(End::Complete);
    }

    pub(in super::super) fn eof(&mut self, to: &mut Writer<'_>) {
        if self.end.is_none() && self.finish.is_some() {
            return self.complete(to);
        }
        let message = "the upstream's stream ended before its answer was complete";
        self.fail(Problem::ours("upstream_closed", message), to);
    }

    pub(in super::super) fn fail(&mut self, problem: Problem, to: &mut Writer<'_>) {
        if self.end.is_none() {
            let nothing = Node { raw: "null", kind: Kind::Null };
            self.begin(&nothing, to);
            self.response("response.failed", &Status::Failed(&problem), to);
            self.end = Some(End::failed(&problem));
        }
    }
}

/// An event's beginning, up to its own fields.
pub(super) fn start<'w, 'b>(
    number: &mut u64,
    kind: &str,
    to: &'w mut Writer<'b>,
) -> &'w mut Writer<'b> {
    let n = *number;
    *number += 1;
    to.event(kind).open().key("type").text(kind).key("sequence_number").number(n)
}
