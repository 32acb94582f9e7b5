//! Output items of converted responses, for clients of the responses API that name earlier
//! items instead of sending them again (`store` is true there unless said otherwise): the
//! upstream has kept none, so they are kept here, in memory, the least recently used going
//! first. A client reaches only what its own token was given.

use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

use crate::dialect::references::Item;

/// Bytes of all items together.
const MOST: usize = 32 << 20;
/// An entry's own share beside its text.
const ENTRY: usize = 160;

/// A client token's id; `None` for those without.
pub type Owner = Option<i64>;

/// See the module.
#[derive(Debug)]
pub struct Items {
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    items: LruCache<(Owner, String), Arc<str>>,
    bytes: usize,
    most: usize,
}

impl Default for Items {
    fn default() -> Self {
        Self::with_room(MOST)
    }
}

impl Items {
    fn with_room(most: usize) -> Self {
        Self { kept: Mutex::new(Kept { items: LruCache::unbounded(), bytes: 0, most }) }
    }

    /// Keeps what a client was answered.
    pub fn keep(&self, owner: Owner, items: Vec<Item>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for Item { id, json } in items {
            let size = id.len() + json.len() + ENTRY;
            if size > kept.most {
                continue;
            }
            let place = (owner, id);
            if let Some(old) = kept.items.pop(&place) {
                kept.bytes -= place.1.len() + old.len() + ENTRY;
            }
            kept.items.put(place, json.into());
            kept.bytes += size;
            while kept.bytes > kept.most {
                let Some(((_, id), json)) = kept.items.pop_lru() else { break };
                kept.bytes -= id.len() + json.len() + ENTRY;
            }
        }
    }

    /// An item that this client was answered.
    pub fn find(&self, owner: Owner, id: &str) -> Option<Arc<str>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.items.get(&(owner, id.to_owned())).cloned()
    }
}

/// Keeps what one client is answered.
#[derive(Clone, Debug)]
pub struct Keeper {
    /// Where.
    pub items: Arc<Items>,
    /// For whom.
    pub owner: Owner,
}

impl Keeper {
    /// See [`Items::keep`].
    pub fn keep(&self, items: Vec<Item>) {
        self.items.keep(self.owner, items);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, length: usize) -> Item {
        Item { id: id.to_owned(), json: "x".repeat(length) }
    }

    #[test]
    fn each_client_has_its_own() {
        let items = Items::default();
        items.keep(Some(1), vec![item("a", 3)]);
        assert_eq!(items.find(Some(1), "a").as_deref(), Some("xxx"));
        assert_eq!(items.find(Some(2), "a"), None);
        assert_eq!(items.find(None, "a"), None);
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let items = Items::with_room(3 * (ENTRY + 101));
        items.keep(None, vec![item("a", 100), item("b", 100), item("c", 100)]);
        assert!(items.find(None, "a").is_some());
        items.keep(None, vec![item("d", 100)]);
        let left = ["a", "b", "c", "d"].map(|id| items.find(None, id).is_some());
        assert_eq!(left, [true, false, true, true]);
    }

    #[test]
    fn room_is_counted_right_when_an_item_comes_twice_or_is_too_large() {
        let items = Items::with_room(2 * (ENTRY + 101));
        for _ in 0..10 {
            items.keep(None, vec![item("a", 100), item("b", 100), item("c", 100_000)]);
        }
        let left = ["a", "b", "c"].map(|id| items.find(None, id).is_some());
        assert_eq!(left, [true, true, false]);
    }
}
