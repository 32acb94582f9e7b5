//! Where the private key is: an environment variable, a systemd credential, or a file,
//! which is made where it is missing.
//!
//! While keys are sealed anew there are two: the file, and the next one beside it. Which
//! of them opens what the database holds is said by the public half in it, as that changes
//! in one transaction with the keys. So a process that dies at any point leaves a pair
//! that works, and whoever looks next finishes the exchange of files.
//!
//! A key beside the database, where it is by default, is moved by the first start that is
//! told another place and finds none there: a folder of its own can be hidden from the
//! monitor as a whole, a file that is renamed over cannot.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, fchown},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use glassway_shared::{config::Config, secret::PrivateKey, store::migrate};
use zeroize::Zeroizing;

/// See the module.
pub struct KeyFile {
    source: Source,
}

enum Source {
    /// Its text, and whence it came.
    Given(Zeroizing<String>, String),
    File(Place),
}

struct Place {
    /// Where it belongs.
    path: PathBuf,
    /// Where the units have it.
    of_units: PathBuf,
    /// Where it is until a start has moved it.
    beside_database: PathBuf,
}

impl Place {
    /// Where it is, or is to be.
    fn now(&self) -> &Path {
        let places = [&self.path, &self.of_units, &self.beside_database];
        places.into_iter().find(|place| is_there(place)).unwrap_or(&self.path)
    }

    /// Moves it where it belongs. At no moment is it in neither place.
    fn settle(&self, published: Option<&[u8]>) -> anyhow::Result<()> {
        let (old, path) = (&self.beside_database, &self.path);
        if old == path || self.now() != old {
            return Ok(());
        }
        let Some(key) = current(old, published)? else { return Ok(()) };
        make_folder(path)?;
        write_next(path, &key).and_then(|()| take_over(path)).with_context(|| {
            format!("cannot move the private key {} to {}", old.display(), path.display())
        })?;
        for left in [old.clone(), next_to(old), beside(old, "lock")] {
            match fs::remove_file(&left) {
                Err(e) if e.kind() != ErrorKind::NotFound => {
                    tracing::warn!(error = %e, path = %left.display(), "the private key has moved, and its old file cannot be removed: remove it");
                }
                _ => {}
            }
        }
        tracing::info!(from = %old.display(), to = %path.display(), "moved the private key");
        Ok(())
    }
}

impl KeyFile {
    /// `GLASSWAY_PRIVATE_KEY`, the systemd credential `private_key`, else the file.
    pub fn find(config: &Config) -> anyhow::Result<Self> {
        if let Ok(text) = std::env::var("GLASSWAY_PRIVATE_KEY") {
            return Self::given(text, "GLASSWAY_PRIVATE_KEY".to_owned());
        }
        if let Some(dir) = std::env::var_os("CREDENTIALS_DIRECTORY") {
            let file = Path::new(&dir).join("private_key");
            if file.exists() {
                let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
                return Self::given(text, file.display().to_string());
            }
        }
        let [path, of_units, beside_database] = config.private_key_files();
        Ok(Self { source: Source::File(Place { path, of_units, beside_database }) })
    }

    fn given(text: String, whence: String) -> anyhow::Result<Self> {
        let text = Zeroizing::new(text);
        PrivateKey::from_hex(&text).with_context(|| whence.clone())?;
        Ok(Self { source: Source::Given(text, whence) })
    }

    /// The private key that opens what is sealed to the `published` half, and finishes an
    /// exchange of files that was broken off; `None` where there is no key yet.
    pub fn current(&self, published: Option<&[u8]>) -> anyhow::Result<Option<PrivateKey>> {
        match &self.source {
            Source::Given(text, whence) => {
                Ok(Some(PrivateKey::from_hex(text).context(whence.clone())?))
            }
            Source::File(place) => current(place.now(), published),
        }
    }

    /// The same, without changing anything.
    pub fn peek(&self, published: Option<&[u8]>) -> anyhow::Result<Option<PrivateKey>> {
        match &self.source {
            Source::Given(..) => self.current(published),
            Source::File(place) => {
                let path = place.now();
                let next = read(&next_to(path))?;
                let fits = |key: &PrivateKey| published == Some(&key.public().as_bytes()[..]);
                next.filter(fits).map_or_else(|| read(path), |next| Ok(Some(next)))
            }
        }
    }

    /// The same; moves it where it belongs, or makes one where there is none yet.
    pub fn current_or_new(&self, published: Option<&[u8]>) -> anyhow::Result<PrivateKey> {
        if let Source::File(place) = &self.source
            && let Err(e) = place.settle(published)
        {
            tracing::warn!(error = %format!("{e:#}"), "the private key stays where it is");
        }
        if let Some(key) = self.current(published)? {
            return Ok(key);
        }
        let path = self.path()?;
        make_folder(path)?;
        let key = PrivateKey::generate();
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        made.and_then(|mut file| {
            file.write_all(key.to_hex().as_bytes())?;
            file.sync_all()
        })
        .with_context(|| path.display().to_string())?;
        tracing::info!(path = %path.display(), "made a new private key; without it stored keys cannot be opened");
        Ok(key)
    }

    /// The file; an error where the key comes from elsewhere.
    pub fn path(&self) -> anyhow::Result<&Path> {
        match &self.source {
            Source::File(place) => Ok(place.now()),
            Source::Given(_, whence) => bail!(
                "the private key comes from {whence}, which cannot be replaced from here: \
                 leave that out and put the key into the file secrets.private_key first"
            ),
        }
    }

    /// Only one may prepare a next key at a time; held until dropped.
    pub fn lock(&self) -> anyhow::Result<File> {
        let path = beside(self.path()?, "lock");
        let file = migrate::state_file(&path).with_context(|| path.display().to_string())?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(_) => bail!("another `glassway-proxy rekey` runs on {}", path.display()),
        }
    }

    /// Writes the next key beside the file, on the disk for sure when this returns.
    pub fn prepare(&self, next: &PrivateKey) -> anyhow::Result<()> {
        let path = self.path()?;
        write_next(path, next).with_context(|| next_to(path).display().to_string())
    }
}

/// [`KeyFile::current`] of the file at this path.
fn current(path: &Path, published: Option<&[u8]>) -> anyhow::Result<Option<PrivateKey>> {
    // The next one first: if it is taken over in between, the file is read after.
    if let Some(next) = read(&next_to(path))?
        && published == Some(&next.public().as_bytes()[..])
    {
        if let Err(e) = take_over(path) {
            tracing::warn!(error = %e, path = %path.display(), "cannot replace the private key's file; the next one beside it serves");
        }
        return Ok(Some(next));
    }
    read(path)
}

/// The key, or one that is about to take its place.
fn is_there(path: &Path) -> bool {
    path.exists() || next_to(path).exists()
}

fn make_folder(path: &Path) -> anyhow::Result<()> {
    match path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        Some(dir) => migrate::create_private_dir(dir).with_context(|| dir.display().to_string()),
        None => Ok(()),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn next_to(path: &Path) -> PathBuf {
    beside(path, "next")
}

fn read(path: &Path) -> anyhow::Result<Option<PrivateKey>> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            Ok(Some(PrivateKey::from_hex(&text).with_context(|| path.display().to_string())?))
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| path.display().to_string()),
    }
}

fn write_next(path: &Path, key: &PrivateKey) -> io::Result<()> {
    let next = next_to(path);
    match fs::remove_file(&next) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next)?;
    if let Ok(old) = fs::metadata(path) {
        let new = file.metadata()?;
        // Run by root for a service, the file stays the service's.
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            fchown(&file, Some(old.uid()), Some(old.gid()))?;
        }
    }
    file.write_all(key.to_hex().as_bytes())?;
    file.sync_all()?;
    sync_folder(path)
}

/// The next one in the file's place, at once and for good.
fn take_over(path: &Path) -> io::Result<()> {
    match fs::rename(next_to(path), path) {
        // Somebody else was faster.
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
        Ok(()) => sync_folder(path),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dir: &tempfile::TempDir) -> KeyFile {
        at(dir.path().join("glassway.key"), dir)
    }

    fn at(path: PathBuf, dir: &tempfile::TempDir) -> KeyFile {
        let of_units = dir.path().join("secret/glassway.key");
        let beside_database = dir.path().join("glassway.key");
        KeyFile { source: Source::File(Place { path, of_units, beside_database }) }
    }

    fn public(key: &PrivateKey) -> [u8; 32] {
        *key.public().as_bytes()
    }

    #[test]
    fn whichever_key_the_database_was_sealed_with_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let file = file(&dir);
        assert!(file.current(None).unwrap().is_none());
        let old = public(&file.current_or_new(None).unwrap());
        let next = PrivateKey::generate();
        file.prepare(&next).unwrap();
        let chosen =
            |published: &[u8; 32]| public(&file.current(Some(published)).unwrap().unwrap());
        assert_eq!(chosen(&old), old, "died before the commit");
        assert!(next_to(file.path().unwrap()).exists());
        assert_eq!(public(&file.peek(Some(&public(&next))).unwrap().unwrap()), public(&next));
        assert!(next_to(file.path().unwrap()).exists(), "peeking changes nothing");
        assert_eq!(chosen(&public(&next)), public(&next), "died after the commit");
        assert!(!next_to(file.path().unwrap()).exists(), "and the exchange is finished");
        assert_eq!(chosen(&public(&next)), public(&next));
        let mode = fs::metadata(file.path().unwrap()).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn only_one_prepares_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let file = file(&dir);
        let held = file.lock().unwrap();
        assert!(file.lock().unwrap_err().to_string().contains("another"));
        drop(held);
        file.lock().unwrap();
    }

    #[test]
    fn a_start_that_is_told_another_place_moves_the_key_there() {
        let dir = tempfile::tempdir().unwrap();
        let before = file(&dir);
        before.current_or_new(None).unwrap();
        let old = before.path().unwrap().to_owned();
        // As a death right after the commit of a rekey leaves it.
        let next = PrivateKey::generate();
        before.prepare(&next).unwrap();
        let published = public(&next);

        let path = dir.path().join("secret/glassway.key");
        let file = at(path.clone(), &dir);
        assert_eq!(public(&file.peek(Some(&published)).unwrap().unwrap()), published);
        drop(file.lock().unwrap());
        assert!(!path.exists() && next_to(&old).exists(), "only a start moves it");
        assert_eq!(public(&file.current_or_new(Some(&published)).unwrap()), published);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|f| f.unwrap().path()).collect();
        assert_eq!(left, [path.parent().unwrap()], "nothing is left beside the database");
        assert_eq!(public(&file.current(Some(&published)).unwrap().unwrap()), published);

        // Run by hand, by a configuration that says where a service's credential would be.
        let by_hand = at(dir.path().join("credentials/key"), &dir);
        assert_eq!(by_hand.path().unwrap(), path);
        assert_eq!(public(&by_hand.current_or_new(Some(&published)).unwrap()), published);
        assert!(path.exists(), "it stays where the units have it");

        // One that is at its place already is not touched by what lies beside the database.
        fs::write(&old, PrivateKey::generate().to_hex().as_bytes()).unwrap();
        assert_eq!(public(&file.current_or_new(Some(&published)).unwrap()), published);
        assert!(old.exists());
    }
}
