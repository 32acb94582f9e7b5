//! Signals gathered for a moment into what a listener is told: each exchange once, as
//! it stands when the message is made.
//!
//! An exchange that began and ended within one gathering is not told at all: its
//! commit is, a moment later, and whoever follows the commits learns all of it there.
//! While nothing can be committed it is told as what runs, for it may stay so long.

use std::{collections::HashMap, sync::Arc};

use glassway_shared::{feed::LinkEvent, id::ExchangeId, model::Exchange};

use crate::feed::Signal;
use crate::live::{Live, ms};

/// What waits to be told, and who was told of already.
#[derive(Default)]
pub(super) struct Gathering {
    /// Told by a snapshot, while the signal of its start may still come.
    foretold: std::collections::HashSet<ExchangeId>,
    exchanges: Vec<Waiting>,
    places: HashMap<ExchangeId, usize>,
    events: Vec<LinkEvent>,
    cursor: Option<i64>,
}

struct Waiting {
    live: Arc<Live>,
    started: bool,
}

/// What a signal is about, beside exchanges and commits.
pub(super) enum About {
    Key(i64),
    Provider(i64),
}

impl Gathering {
    /// A snapshot said that these run; whatever waited is part of it.
    pub(super) fn start_over(&mut self, in_flight: &[Exchange]) {
        *self = Self::default();
        self.foretold.extend(in_flight.iter().map(|exchange| exchange.id));
    }

    /// Takes a signal in; gives back what its taker must look up.
    pub(super) fn take(&mut self, signal: Signal) -> Option<About> {
        match signal {
            // Told by the snapshot already.
            Signal::Started(live) if self.foretold.remove(&live.id) => {}
            Signal::Started(live) => self.exchange(live, true),
            Signal::Changed(live) => self.exchange(live, false),
            Signal::Committed(cursor) => self.cursor = Some(cursor),
            Signal::Lost(live, outcome, duration_us) => {
                let request = Exchange {
                    outcome,
                    duration_ms: Some(ms(duration_us)),
                    live: None,
                    ..live.exchange()
                };
                self.events.push(LinkEvent::Lost { request });
            }
            Signal::Key(id) => return Some(About::Key(id)),
            Signal::Provider(id) => return Some(About::Provider(id)),
        }
        None
    }

    fn exchange(&mut self, live: Arc<Live>, started: bool) {
        match self.places.get(&live.id) {
            Some(&place) => self.exchanges[place].started |= started,
            None => {
                self.places.insert(live.id, self.exchanges.len());
                self.exchanges.push(Waiting { live, started });
            }
        }
    }

    /// Adds what is not an exchange's course.
    pub(super) fn push(&mut self, event: LinkEvent) {
        self.events.push(event);
    }

    /// Everything that waits, as events. `committing` is false while the database takes
    /// no records.
    pub(super) fn tell(&mut self, committing: bool) -> Vec<LinkEvent> {
        let mut told = Vec::with_capacity(self.events.len() + 1);
        for Waiting { live, started } in self.exchanges.drain(..) {
            if live.is_over() && committing {
                continue;
            }
            let request = live.exchange();
            told.push(match started {
                true => LinkEvent::Started { request },
                false => LinkEvent::Updated { request },
            });
        }
        self.places.clear();
        told.append(&mut self.events);
        told.extend(self.cursor.take().map(|cursor| LinkEvent::Committed { cursor }));
        told
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use glassway_shared::model::{Mode, Origin};

    use super::*;
    use crate::{
        capture::{Budget, Capture},
        live::Head,
    };

    fn live() -> Arc<Live> {
        let head = Head {
            method: http::Method::POST,
            target: "/v1/chat/completions".to_owned(),
            version: http::Version::HTTP_11,
            client_ip: [10, 0, 0, 9].into(),
            headers: vec![],
            origin: Origin::Client,
            mode: Mode::Transparent,
            discretion: crate::discretion::Discretion::Open,
        };
        let capture = Capture::new(&Budget::new(1000), 1000);
        Arc::new(Live::new(ExchangeId::new(), Instant::now(), 42, 0, head, capture))
    }

    fn kinds(events: &[LinkEvent]) -> Vec<&'static str> {
        let kind = |event: &LinkEvent| match event {
            LinkEvent::Started { .. } => "started",
            LinkEvent::Updated { .. } => "updated",
            LinkEvent::Committed { .. } => "committed",
            _ => "other",
        };
        events.iter().map(kind).collect()
    }

    #[test]
    fn an_exchange_is_told_once_per_gathering_as_it_stands() {
        let mut gathering = Gathering::default();
        let one = live();
        gathering.take(Signal::Changed(one.clone()));
        gathering.take(Signal::Started(one.clone()));
        gathering.take(Signal::Changed(one.clone()));
        one.state().attempts = 7;
        let events = gathering.tell(true);
        assert!(
            matches!(&events[..], [LinkEvent::Started { request }] if request.attempts == 7),
            "{events:?}"
        );
        gathering.take(Signal::Changed(one));
        assert_eq!(kinds(&gathering.tell(true)), ["updated"]);
        assert!(gathering.tell(true).is_empty());
    }

    #[test]
    fn what_ended_meanwhile_is_left_to_its_commit_unless_none_comes() {
        let mut gathering = Gathering::default();
        let one = live();
        one.ends();
        gathering.take(Signal::Started(one.clone()));
        gathering.take(Signal::Committed(4));
        gathering.take(Signal::Committed(5));
        let events = gathering.tell(true);
        assert!(matches!(&events[..], [LinkEvent::Committed { cursor: 5 }]), "{events:?}");
        gathering.take(Signal::Started(one));
        assert_eq!(kinds(&gathering.tell(false)), ["started"]);
    }

    #[test]
    fn what_a_snapshot_told_does_not_start_again() {
        let mut gathering = Gathering::default();
        let one = live();
        gathering.take(Signal::Changed(live()));
        gathering.start_over(&[one.exchange()]);
        gathering.take(Signal::Started(one.clone()));
        assert!(gathering.tell(true).is_empty());
        gathering.take(Signal::Changed(one));
        assert_eq!(kinds(&gathering.tell(true)), ["updated"]);
    }
}
