//! What is pinned outlives retention, whole, and goes like anything else once it is not
//! pinned any more.

#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

#[path = "support/kept.rs"]
mod kept;

use glassway_shared::store::{
    annotations::{self, Annotation, Change},
    exchanges,
    filter::Filter,
    tend::{Limits, Tender},
};
use kept::{START_US, Store, record};

fn rows(max_exchanges: u64) -> Limits {
    Limits { max_exchanges, ..Limits::NONE }
}

#[test]
fn pinned_exchanges_stay_whole_while_retention_takes_the_rest_and_its_chunks() {
    let mut store = Store::open();
    let records: Vec<_> = (0..40).map(record).collect();
    store.append(&records);
    // More than one slice makes whole, some of them neighbors, one that stays anyway.
    let pinned = [0, 1, 2, 3, 4, 5, 17, 20, 39];
    for n in pinned {
        assert!(store.pin(records[n].id, true).unwrap().pinned);
    }
    store.retain(rows(3));
    let kept = [39, 38, 37, 20, 17, 5, 4, 3, 2, 1, 0];
    assert_eq!(store.ids(&Filter::default()), kept.map(|n| records[n].id));
    for n in kept {
        store.is_whole(&records[n]);
    }

    // With the last of the unpinned go the last chunks; what is pinned needs none.
    let limits = Limits { max_age: Some(std::time::Duration::from_secs(1)), ..Limits::NONE };
    store.retain(limits);
    assert_eq!(store.ids(&Filter::default()).len(), pinned.len());
    assert_eq!(store.chunks(), 0);
    for n in pinned {
        store.is_whole(&records[n]);
    }
}

#[test]
fn an_old_exchange_goes_once_it_is_not_pinned_any_more() {
    let mut store = Store::open();
    let records: Vec<_> = (0..10).map(record).collect();
    store.append(&records);
    store.pin(records[0].id, true);
    store.retain(rows(2));
    store.is_whole(&records[0]);
    store.pin(records[0].id, false);
    store.retain(rows(2));
    assert!(store.stored(records[0].id).is_none());
    assert_eq!(store.pin(records[0].id, true), None, "what is gone cannot be pinned");
}

#[test]
fn a_pin_survives_another_start_of_the_proxy_in_the_middle_of_retention() {
    let mut store = Store::open();
    let records: Vec<_> = (0..12).map(record).collect();
    store.append(&records);
    for record in &records[..6] {
        store.pin(record.id, true);
    }
    store.retain(rows(1));
    store.tender = Tender::default();
    store.append(&[record(50), record(51)]);
    store.retain(rows(1));
    for record in &records[..6] {
        store.is_whole(record);
    }
}

#[test]
fn what_retention_has_kept_since_says_nothing_of_pins() {
    let mut store = Store::open();
    let mut records: Vec<_> = (0..5).map(record).collect();
    for (n, record) in records.iter_mut().enumerate() {
        record.started_at_us += n as i64;
    }
    store.append(&records);
    store.pin(records[0].id, true);
    store.retain(rows(2));
    assert_eq!(store.writer.kept_since_us().unwrap(), Some(START_US + 3));
}

#[test]
fn pins_and_notes_are_read_with_the_exchange_and_found_by_it() {
    let mut store = Store::open();
    let records: Vec<_> = (0..3).map(record).collect();
    store.append(&records);
    let note = |text: &str| Change { pinned: None, note: Some(Some(text.to_owned())) };
    store.pin(records[1].id, true);
    let said = store.settings.annotate(records[1].id, false, note("看这里")).unwrap().unwrap();
    assert_eq!(said, Annotation { pinned: true, note: Some("看这里".into()) });
    let find = |store: &Store, n: usize| {
        exchanges::find(&store.reader, records[n].id).unwrap().unwrap().exchange
    };
    assert_eq!(find(&store, 1).note.as_deref(), Some("看这里"));
    assert!(find(&store, 1).pinned);
    assert_eq!((find(&store, 0).pinned, find(&store, 0).note), (false, None));
    let pinned = |pinned| Filter { pinned: Some(pinned), ..Filter::default() };
    assert_eq!(store.ids(&pinned(true)), [records[1].id]);
    assert_eq!(store.ids(&pinned(false)), [records[2].id, records[0].id]);
    // Nothing but blanks is no note.
    let said = store.settings.annotate(records[1].id, false, note(" \n")).unwrap().unwrap();
    assert_eq!(said, Annotation { pinned: true, note: None });
}

#[test]
fn one_that_still_runs_can_be_pinned_before_it_has_a_row() {
    let mut store = Store::open();
    let late = record(1);
    let change = Change { pinned: Some(true), note: None };
    assert_eq!(store.settings.annotate(late.id, false, change.clone()).unwrap(), None);
    store.settings.annotate(late.id, true, change).unwrap().unwrap();
    let waiting = annotations::of_running(&store.reader).unwrap();
    assert_eq!(waiting, [(late.id, Annotation { pinned: true, note: None })]);
    store.append(std::slice::from_ref(&late));
    assert!(exchanges::find(&store.reader, late.id).unwrap().unwrap().exchange.pinned);
    assert_eq!(annotations::of_running(&store.reader).unwrap(), []);
}
