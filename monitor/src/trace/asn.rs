//! Whose network an address is in, looked up in a file of the user's own where it lies:
//! `asn*.tsv` in `monitor.trace_data`, each line `first ⇥ last ⇥ number ⇥ country ⇥ name`,
//! ordered by `first`, as iptoasn.com offers it. Nothing is loaded, nothing is asked of
//! anybody; a look costs some twenty reads.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead, BufReader, Seek, SeekFrom},
    net::IpAddr,
    path::{Path, PathBuf},
};

/// A network's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Of the autonomous system.
    pub number: u32,
    /// Two letters, where the file says.
    pub country: String,
    /// As registered.
    pub name: String,
}

/// Less than this is read line by line.
const WINDOW: u64 = 4096;

/// The user's files, for some addresses that are asked for together.
pub struct Networks {
    files: Vec<PathBuf>,
    seen: HashMap<IpAddr, Option<Network>>,
}

impl Networks {
    /// Those in a folder, which need not be there.
    pub fn open(dir: &Path) -> Self {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
        files.retain(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
            name.is_some_and(|name| name.starts_with("asn") && name.ends_with(".tsv"))
        });
        files.sort();
        Self { files, seen: HashMap::new() }
    }

    /// Looks into every file until one knows.
    pub fn find(&mut self, ip: IpAddr) -> Option<Network> {
        let ip = ip.to_canonical();
        if self.files.is_empty() {
            return None;
        }
        if let Some(known) = self.seen.get(&ip) {
            return known.clone();
        }
        let found = self.files.iter().find_map(|path| match look(path, ip) {
            Ok(found) => found,
            Err(e) => {
                tracing::warn!(path = %path.display(), error = %e, "a file of networks cannot be read");
                None
            }
        });
        self.seen.insert(ip, found.clone());
        found
    }
}

/// IPv4 before IPv6, as combined files have it.
fn order(ip: IpAddr) -> (bool, u128) {
    match ip {
        IpAddr::V4(v4) => (false, u32::from(v4).into()),
        IpAddr::V6(v6) => (true, v6.into()),
    }
}

fn look(path: &Path, ip: IpAddr) -> io::Result<Option<Network>> {
    let file = File::open(path)?;
    let mut high = file.metadata()?.len();
    let mut low = 0;
    let mut reader = BufReader::with_capacity(1024, file);
    let mut line = Vec::new();
    while high - low > WINDOW {
        let middle = low + (high - low) / 2;
        reader.seek(SeekFrom::Start(middle))?;
        line.clear();
        let skipped = reader.read_until(b'\n', &mut line)? as u64;
        line.clear();
        reader.read_until(b'\n', &mut line)?;
        match first(&line) {
            Some(start) if order(start) <= order(ip) => low = middle + skipped,
            _ => high = middle,
        }
    }
    reader.seek(SeekFrom::Start(low))?;
    let mut found = None;
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(found);
        }
        match first(&line) {
            Some(start) if order(start) > order(ip) => return Ok(found),
            Some(_) => found = network(&line, ip),
            None => {}
        }
    }
}

fn first(line: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(line).ok()?;
    text.split('\t').next()?.trim().parse().ok()
}

fn network(line: &[u8], ip: IpAddr) -> Option<Network> {
    let text = String::from_utf8_lossy(line);
    let mut fields = text.trim_end().split('\t').skip(1);
    let last: IpAddr = fields.next()?.parse().ok()?;
    let number = fields.next()?.trim_start_matches("AS").parse().ok()?;
    // 0: nobody's.
    if order(last) < order(ip) || number == 0 {
        return None;
    }
    let country = fields.next().unwrap_or_default().to_owned();
    Some(Network { number, country, name: fields.next().unwrap_or_default().to_owned() })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn addresses_are_found_in_a_large_file_without_reading_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut text = String::new();
        for n in 0..60_000u32 {
            let (start, name) = (IpAddr::from((n << 16).to_be_bytes()), format!("NET-{n}"));
            let last = IpAddr::from(((n << 16) + 0x7fff).to_be_bytes());
            writeln!(text, "{start}\t{last}\t{n}\tDE\t{name}").unwrap();
        }
        writeln!(text, "2001:db8::\t2001:db8:ffff:ffff:ffff:ffff:ffff:ffff\t64500\tCN\tDOC")
            .unwrap();
        std::fs::write(dir.path().join("asn-combined.tsv"), text).unwrap();
        let mut networks = Networks::open(dir.path());
        let mut name = |ip: &str| networks.find(ip.parse().unwrap()).map(|n| n.name);
        for n in [1u32, 2, 77, 30_000, 59_999] {
            let ip = IpAddr::from(((n << 16) + 5).to_be_bytes()).to_string();
            assert_eq!(name(&ip), Some(format!("NET-{n}")), "{ip}");
            let gap = IpAddr::from(((n << 16) + 0x9000).to_be_bytes()).to_string();
            assert_eq!(name(&gap), None, "{gap}");
        }
        assert_eq!(name("2001:db8:1::1").as_deref(), Some("DOC"));
        assert_eq!(name("::ffff:0.77.0.1").as_deref(), Some("NET-77"));
        assert_eq!(name("2001:db9::1"), None);
        assert_eq!(name("0.0.0.1"), None, "number 0 is nobody's");
        assert_eq!(Networks::open(Path::new("/nowhere")).find([1, 2, 3, 4].into()), None);
    }
}
