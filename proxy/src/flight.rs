//! What has not ended yet, in memory and on disk. A slot of 256 bytes is written at
//! admission; a killed process leaves its slots, and whoever starts next turns those
//! of unlocked files into `interrupted` records, save what is recorded already. A
//! kill -9 loses contents at most, never the fact.
//!
//! After the commit a slot is free: the next exchange writes over it, and those that
//! stay free are cleared now and then. Clearing each at once was a write more for
//! every exchange.
//!
//! Plain writes into the page cache: about a microsecond each. A memory map would
//! need `unsafe`.

use std::{
    fs::{self, File, OpenOptions},
    io,
    net::IpAddr,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use glassway_shared::{id::ExchangeId, model::Failure, store::record::Record};

use crate::live::Live;

const SLOT: usize = 256;
const USED: u8 = 1;

/// See the module.
pub struct Flight {
    file: Option<File>,
    path: Option<PathBuf>,
    table: Mutex<Table>,
    failing: AtomicBool,
}

#[derive(Default)]
struct Table {
    free: Vec<u32>,
    /// Free as well, and cleared on disk; taken when no other is free.
    clear: Vec<u32>,
    slots: Vec<Option<Arc<Live>>>,
    running: usize,
}

impl Flight {
    /// Makes this process's file in `dir` and locks it.
    pub fn open(dir: &Path, instance: &str) -> io::Result<Self> {
        glassway_shared::store::migrate::create_private_dir(dir)?;
        let path = dir.join(instance);
        // Locked before it has its name: a recovering process sees it locked or not at all.
        let hidden = dir.join(format!(".{instance}"));
        let file =
            OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&hidden)?;
        file.lock()?;
        fs::rename(&hidden, &path)?;
        Ok(Self {
            file: Some(file),
            path: Some(path),
            table: Mutex::default(),
            failing: AtomicBool::new(false),
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives an exchange its slot, in memory and on disk.
    pub fn admit(&self, make: impl FnOnce(u32) -> Live) -> Arc<Live> {
        let slot = {
            let mut table = self.table();
            match table.free.pop().or_else(|| table.clear.pop()) {
                Some(slot) => slot,
                None => {
                    table.slots.push(None);
                    u32::try_from(table.slots.len() - 1).expect("fewer than 2^32 exchanges run")
                }
            }
        };
        let live = Arc::new(make(slot));
        self.write(slot, &encode(&live));
        let mut table = self.table();
        table.slots[slot as usize] = Some(live.clone());
        table.running += 1;
        live
    }

    /// It no longer runs; its slot stays taken until [`Self::land`].
    pub fn ended(&self, live: &Live) {
        let mut table = self.table();
        table.slots[live.slot as usize] = None;
        table.running -= 1;
    }

    /// Its record is committed.
    pub fn land(&self, slot: u32) {
        self.table().free.push(slot);
    }

    /// Its record is counted as lost: no start after a kill may count it again.
    pub fn lose(&self, slot: u32) {
        self.write(slot, &[0]);
        self.table().clear.push(slot);
    }

    /// Clears what is free. To be called now and then, sooner than retention may take
    /// the records.
    pub fn sweep(&self) {
        // Out of the table while they are written: nobody is given one meanwhile.
        let free = std::mem::take(&mut self.table().free);
        for slot in &free {
            self.write(*slot, &[0]);
        }
        self.table().clear.extend(free);
    }

    fn write(&self, slot: u32, bytes: &[u8]) {
        let Some(file) = &self.file else { return };
        match file.write_all_at(bytes, u64::from(slot) * SLOT as u64) {
            Ok(()) => self.failing.store(false, Relaxed),
            Err(e) => {
                if !self.failing.swap(true, Relaxed) {
                    tracing::warn!(error = %e, "cannot write the flight file: a kill now would lose the fact of running exchanges");
                }
            }
        }
    }

    /// Exchanges running now.
    pub fn running(&self) -> usize {
        self.table().running
    }

    /// All of them, oldest first.
    pub fn all(&self) -> Vec<Arc<Live>> {
        let mut all: Vec<_> = self.table().slots.iter().flatten().cloned().collect();
        all.sort_unstable_by_key(|live| live.id);
        all
    }

    /// The one with this id.
    pub fn find(&self, id: ExchangeId) -> Option<Arc<Live>> {
        self.table().slots.iter().flatten().find(|live| live.id == id).cloned()
    }

    /// Everything has landed: nothing to recover from this file.
    pub fn remove(&self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }

    /// Slots whose exchange is not recorded yet.
    pub fn unlanded(&self) -> usize {
        let table = self.table();
        table.slots.len() - table.free.len() - table.clear.len()
    }
}

fn encode(live: &Live) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[0] = USED;
    slot[1..17].copy_from_slice(live.id.as_bytes());
    slot[17..25].copy_from_slice(&live.started_at_us.to_le_bytes());
    let mut at = 25;
    let ip = match live.head.client_ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    slot[at..at + 16].copy_from_slice(&ip.octets());
    at += 16;
    for text in [live.head.method.as_str(), live.head.path()] {
        let room = SLOT - at - 1;
        let end = (0..=text.len().min(room).min(255)).rev().find(|&i| text.is_char_boundary(i));
        let text = &text.as_bytes()[..end.unwrap_or(0)];
        slot[at] = text.len() as u8;
        slot[at + 1..at + 1 + text.len()].copy_from_slice(text);
        at += 1 + text.len();
        if at >= SLOT {
            break;
        }
    }
    slot
}

fn decode(slot: &[u8]) -> Option<Record> {
    if slot.first() != Some(&USED) {
        return None;
    }
    let id = ExchangeId::from_bytes(slot.get(1..17)?.try_into().ok()?);
    let started_at_us = i64::from_le_bytes(slot.get(17..25)?.try_into().ok()?);
    let ip: [u8; 16] = slot.get(25..41)?.try_into().ok()?;
    let mut rest = slot.get(41..)?;
    let mut text = || -> Option<String> {
        let (&len, tail) = rest.split_first()?;
        let (text, tail) = tail.split_at_checked(len as usize)?;
        rest = tail;
        Some(String::from_utf8_lossy(text).into_owned())
    };
    let (method, path) = (text()?, text().unwrap_or_default());
    Some(Record {
        error: Some(Failure {
            code: "interrupted".into(),
            message: "Glassway was killed while this request ran, or before its record was \
                      written: only the fact of it is known"
                .into(),
        }),
        ..Record::begun(
            id,
            started_at_us,
            method,
            &path,
            &IpAddr::from(ip).to_canonical().to_string(),
        )
    })
}

/// A dead process's file: what it left, to be removed once that is recorded.
pub struct Wreck {
    path: PathBuf,
    _lock: File,
    /// What ran when it died, as far as the slots say.
    pub records: Vec<Record>,
}

impl Wreck {
    /// Its records are committed.
    pub fn clear(self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Every file in `dir` whose process is gone.
pub fn wrecks(dir: &Path) -> io::Result<Vec<Wreck>> {
    let mut wrecks = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !path.is_file() || hidden {
            continue;
        }
        let file = File::open(&path)?;
        if file.try_lock().is_err() {
            continue; // its process lives
        }
        let records = fs::read(&path)?.chunks(SLOT).filter_map(decode).collect();
        wrecks.push(Wreck { path, _lock: file, records });
    }
    Ok(wrecks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        capture::{Budget, Capture},
        live::Head,
    };
    use glassway_shared::model::{Mode, Origin};
    use std::time::Instant;

    fn live(slot: u32, path: &str) -> Live {
        let head = Head {
            method: http::Method::POST,
            target: path.to_owned(),
            version: http::Version::HTTP_11,
            client_ip: [10, 0, 0, 9].into(),
            headers: vec![],
            origin: Origin::Client,
            mode: Mode::Transparent,
            discretion: crate::discretion::Discretion::Open,
        };
        let capture = Capture::new(&Budget::new(1000), 1000);
        Live::new(ExchangeId::new(), Instant::now(), 42, slot, head, capture)
    }

    #[test]
    fn a_dead_process_leaves_what_ran_and_a_living_one_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let long = format!("/v1/{}狐", "x".repeat(400));
        let ids: Vec<_> = {
            let flight = Flight::open(dir.path(), "dead").unwrap();
            let a = flight.admit(|slot| live(slot, "/v1/models?key=secret"));
            let b = flight.admit(|slot| live(slot, &long));
            let c = flight.admit(|slot| live(slot, "/done"));
            flight.ended(&c);
            flight.land(c.slot);
            flight.sweep();
            assert_eq!((flight.running(), flight.unlanded()), (2, 2));
            let lost = flight.admit(|slot| live(slot, "/lost"));
            assert_eq!(lost.slot, c.slot, "a cleared slot is taken again");
            flight.ended(&lost);
            flight.lose(lost.slot);
            assert_eq!(flight.find(a.id).unwrap().id, a.id);
            vec![a.id, b.id]
        };
        let alive = Flight::open(dir.path(), "alive").unwrap();
        alive.admit(|slot| live(slot, "/v1/models"));

        let found = wrecks(dir.path()).unwrap();
        assert_eq!(found.len(), 1);
        let records = &found[0].records;
        assert_eq!(records.iter().map(|r| r.id).collect::<Vec<_>>(), ids);
        assert_eq!(records[0].path, "/v1/models");
        assert_eq!((&records[0].client_ip[..], records[0].started_at_us), ("10.0.0.9", 42));
        assert!(long.starts_with(&records[1].path) && records[1].path.len() > 150);
        for wreck in found {
            wreck.clear();
        }
        assert_eq!(wrecks(dir.path()).unwrap().len(), 0);
        assert!(dir.path().join("alive").exists());
    }

    proptest::proptest! {
        #[test]
        fn hostile_slots_never_panic(bytes: Vec<u8>) {
            decode(&bytes);
        }
    }
}
