//! Load that knows what it was answered, and what was recorded of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    Glassway,
    client::post,
    eventually,
    wire::{End, Wire, locked},
};

/// Clients that ask for paths of their own until told to stop.
pub struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<Mutex<BTreeSet<String>>>,
    sent: Arc<AtomicUsize>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Load {
    /// Begins; `name` begins each path.
    #[must_use]
    pub fn start(addr: std::net::SocketAddr, name: &'static str) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            answered: Arc::default(),
            sent: Arc::default(),
            threads: Vec::new(),
        };
        for worker in 0..4 {
            let (stop, answered, sent) =
                (Arc::clone(&load.stop), Arc::clone(&load.answered), Arc::clone(&load.sent));
            load.threads.push(thread::spawn(move || {
                let Ok(stream) = std::net::TcpStream::connect(addr) else {
                    return;
                };
                let mut wire = Wire::new(stream);
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let path = format!("/v1/{name}/{worker}/{n}");
                    sent.fetch_add(1, Ordering::Relaxed);
                    if wire.try_send(post(&path, r#"{"model":"gpt-4o"}"#)).is_err() {
                        return;
                    }
                    // A kill may cut an answer anywhere.
                    let Some(head) = wire.head_or_end() else {
                        return;
                    };
                    if wire.body(&head, false, false).end == End::Cut {
                        return;
                    }
                    assert_eq!(head.status(), 200);
                    locked(&answered).insert(path);
                }
            }));
        }
        load
    }

    /// Waits until so many were answered.
    pub fn after(&self, n: usize) {
        eventually(format_args!("{n} answers"), || {
            (locked(&self.answered).len() >= n).then_some(())
        });
    }

    /// Ends it; gives what was answered and how many were sent.
    #[must_use]
    pub fn end(self) -> (BTreeSet<String>, usize) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a client does not fail");
        }
        let answered = locked(&self.answered).clone();
        (answered, self.sent.load(Ordering::Relaxed))
    }
}

/// All rows by path, once none is in flight.
#[must_use]
pub fn rows(glassway: &Glassway) -> BTreeMap<String, Vec<String>> {
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut query = "?limit=1000".to_owned();
    loop {
        let page = glassway.api().json(&format!("/api/requests{query}"));
        for item in page["items"].as_array().expect("a list") {
            let word = |name: &str| item[name].as_str().expect("a word").to_owned();
            rows.entry(word("path")).or_default().push(word("outcome"));
        }
        match page["next"].as_str() {
            Some(next) => query = format!("?limit=1000&cursor={next}"),
            None => return rows,
        }
    }
}
