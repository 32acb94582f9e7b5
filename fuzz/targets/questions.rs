//! What people ask of the monitor: filters of the list, search phrases, rules of redaction,
//! addresses of providers, forwarded chains, price lists. Errors are sentences, never panics.
#![no_main]

use std::net::IpAddr;

use glassway_monitor::trace::forwarded::Trusted;
use glassway_shared::{
    address::{Allow, check_url},
    config::Config,
    networks::Networks,
    prices::Book,
    redaction::{self, Edge},
    store::{
        filter::Filter,
        search::{Words, phrase},
    },
};
use libfuzzer_sys::fuzz_target;
use rusqlite::Connection;

thread_local! {
    static INDEX: Connection = {
        let connection = Connection::open_in_memory().expect("there is memory");
        let made = connection.execute_batch("CREATE VIRTUAL TABLE t USING fts5(text)");
        made.expect("full text search is built in");
        connection
    };
}

fuzz_target!(|input: &[u8]| {
    let Some((which, rest)) = input.split_first() else { return };
    if *which & 7 == 7 {
        let _ = Book::import(rest, "2026-01-01");
        return;
    }
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let mut filter = Filter::default();
    for name in Filter::NAMES {
        let _ = filter.set(name, text);
    }
    Words::default().add(text, usize::from(*which));
    if let Some(phrase) = phrase(text) {
        INDEX.with(|index| {
            let mut find = index.prepare_cached("SELECT count(*) FROM t WHERE t MATCH ?1");
            let find = find.as_mut().expect("the table is there");
            find.query_row([&phrase], |row| row.get::<_, i64>(0))
                .expect("every phrase is a question");
        });
    }
    let rules = [text.to_owned()];
    if let Ok(paths) = redaction::paths(&rules) {
        let mut at = Some(paths.root());
        for edge in [Edge::Key("a"), Edge::Item, Edge::Key("messages"), Edge::Item] {
            at = at.and_then(|at| paths.down(&at, edge));
        }
    }
    let _ = redaction::patterns(&rules);
    let _ = (Networks::parse(&rules), Allow::parse(&rules));
    if let Ok(url) = text.parse() {
        let _ = check_url(&url, &Allow::default());
    }
    let mut config = Config::default();
    config.monitor.trusted_proxies = vec!["10.0.0.0/8".to_owned()];
    let peer: IpAddr = [10, 0, 0, 1].into();
    let chain = Trusted::of(&config).chain(peer, text.lines());
    assert!(chain.client == peer || chain.named.first() == Some(&chain.client));
    let stranger: IpAddr = [192, 0, 2, 1].into();
    assert_eq!(Trusted::of(&config).chain(stranger, text.lines()).client, stranger);
});
