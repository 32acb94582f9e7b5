//! The tool calls of a chat stream, put together from fragments: to which call each
//! belongs, what is not sent yet, and, by a small reader of braces, whose arguments are
//! whole. For dialects that show one call after the other, whose turn it is.

/// The calls so far, in the order they came.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    /// The one whose block is open, if any.
    turn: Option<usize>,
}

/// Each fragment looks for its call: a hostile upstream shall not make that costly.
const MOST_CALLS: usize = 1024;

#[derive(Debug, Default)]
struct Call {
    /// OpenAI's index.
    index: Option<u64>,
    id: String,
    name: String,
    /// Not sent yet.
    held: String,
    braces: Braces,
    shown: bool,
}

impl Calls {
    /// The call that a fragment belongs to. Relays that give no index, or the same to
    /// all, are told apart by the ids.
    pub(super) fn place(
        &mut self,
        index: Option<u64>,
        id: Option<&str>,
        name: Option<&str>,
    ) -> usize {
        let (id, name) = (id.unwrap_or_default(), name.unwrap_or_default());
        let fits = |call: &Call| match index {
            Some(_) if call.index != index => false,
            _ => id.is_empty() || call.id.is_empty() || call.id == id || name.is_empty(),
        };
        let place = self.calls.iter().rposition(fits).unwrap_or_else(|| {
            self.calls.push(Call { index, ..Call::default() });
            self.calls.len() - 1
        });
        let call = &mut self.calls[place];
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        if call.name.is_empty() {
            name.clone_into(&mut call.name);
        }
        place
    }

    /// More arguments for a call. What follows a whole object is nothing; but an empty
    /// one, which some relays send first, gives way to another.
    pub(super) fn hold(&mut self, place: usize, text: &str) {
        let call = &mut self.calls[place];
        if call.braces.whole && call.is_empty() && text.trim_start().starts_with('{') {
            call.held.clear();
            call.braces = Braces::default();
        }
        let used = call.braces.read(text);
        call.held.push_str(&text[..used]);
    }

    /// What is held of a call. An empty object stays: it need not be sent, and may give
    /// way.
    pub(super) fn take(&mut self, place: usize) -> String {
        match self.calls.get_mut(place) {
            Some(call) if !call.is_empty() => std::mem::take(&mut call.held),
            _ => String::new(),
        }
    }

    /// Id and name of a call, once: as soon as the name is known, or at the end.
    pub(super) fn show(&mut self, place: usize, end: bool) -> Option<(String, String)> {
        let call = self.calls.get_mut(place)?;
        if call.shown || (call.name.is_empty() && !end) {
            return None;
        }
        call.shown = true;
        Some((call.id.clone(), call.name.clone()))
    }

    /// The next call's turn begins, if its name is known or nothing more will come.
    pub(super) fn next(&mut self, end: bool) -> Option<(String, String)> {
        let place = self.calls.iter().position(|call| !call.shown)?;
        let shown = self.show(place, end)?;
        self.turn = Some(place);
        Some(shown)
    }

    /// What is held of the call on turn.
    pub(super) fn take_turn(&mut self) -> String {
        self.turn.map(|turn| self.take(turn)).unwrap_or_default()
    }

    /// Whether the arguments of the call on turn are over.
    pub(super) fn is_whole(&self) -> bool {
        self.turn.and_then(|turn| self.calls.get(turn)).is_some_and(|call| call.braces.whole)
    }

    /// Whether others wait.
    pub(super) fn more(&self) -> bool {
        self.calls.iter().any(|call| !call.shown)
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Bytes held.
    pub(super) fn held(&self) -> usize {
        self.calls.iter().map(|call| call.held.len() + call.id.len() + call.name.len()).sum()
    }

    /// Whether there are more than any model makes.
    pub(super) fn are_too_many(&self) -> bool {
        self.calls.len() > MOST_CALLS
    }
}

impl Call {
    /// Whether what is held is `{}`, and all there is.
    fn is_empty(&self) -> bool {
        let mut bytes = self.held.bytes().filter(|b| !b.is_ascii_whitespace());
        (bytes.next(), bytes.next(), bytes.next()) == (Some(b'{'), Some(b'}'), None)
    }
}

/// Follows a JSON object until its last brace.
#[derive(Debug, Default)]
struct Braces {
    depth: u64,
    string: bool,
    escaped: bool,
    whole: bool,
}

impl Braces {
    /// How many bytes belong to the object.
    fn read(&mut self, text: &str) -> usize {
        if self.whole {
            return 0;
        }
        for (n, byte) in text.bytes().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.string => self.escaped = true,
                b'"' => self.string = !self.string,
                _ if self.string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        self.whole = true;
                        return n + 1;
                    }
                }
                _ => {}
            }
        }
        text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_whole_at_their_last_brace() {
        let mut braces = Braces::default();
        assert_eq!(braces.read(r#"{"a":"}\"{"#), 10);
        assert!(!braces.whole);
        assert_eq!(braces.read(r#"","b":[{}]}{}"#), 11);
        assert!(braces.whole);
        assert_eq!(braces.read("{}"), 0);
    }

    #[test]
    fn an_empty_object_gives_way_to_another() {
        let mut calls = Calls::default();
        let place = calls.place(Some(0), Some("a"), Some("f"));
        calls.hold(place, "{}");
        assert_eq!(calls.take(place), "");
        calls.hold(place, "{\"x\":");
        assert_eq!(calls.take(place), "{\"x\":");
        calls.hold(place, "1}{}");
        assert_eq!(calls.take(place), "1}");
    }

    #[test]
    fn fragments_find_their_call_with_or_without_an_index() {
        let mut tools = Calls::default();
        assert_eq!(tools.place(Some(0), Some("a"), Some("f")), 0);
        assert_eq!(tools.place(Some(1), Some("b"), Some("g")), 1);
        assert_eq!(tools.place(Some(0), None, None), 0);
        // The same index again, with another id and name: another call.
        assert_eq!(tools.place(Some(0), Some("c"), Some("h")), 2);
        assert_eq!(tools.place(Some(0), None, None), 2);
        let mut bare = Calls::default();
        assert_eq!(bare.place(None, Some("a"), Some("f")), 0);
        assert_eq!(bare.place(None, None, None), 0);
        assert_eq!(bare.place(None, Some("b"), Some("g")), 1);
    }
}
