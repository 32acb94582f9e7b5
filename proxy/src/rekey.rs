//! `glassway-proxy rekey`: a new private key, and every stored key sealed anew for it.
//!
//! next key on disk → keys and public half in one transaction → next key in the file's
//! place. A running proxy notices by the revision and takes the next key over.

use anyhow::{Context, bail};
use glassway_shared::{
    config::Config,
    secret::{Binding, PrivateKey},
    store::rekey::{Resealed, Resealer},
};

use crate::keyfile::KeyFile;

/// Does it, or leaves everything as it was.
pub fn rekey(config: &Config) -> anyhow::Result<Resealed> {
    let path = &config.database.path;
    if !path.exists() {
        bail!(
            "{}: there is no database, so nothing to seal anew; or the services record elsewhere: \
             database.path must be theirs (or GLASSWAY_DATABASE__PATH)",
            path.display()
        );
    }
    let file = KeyFile::find(config)?;
    let _lock = file.lock()?;
    let mut resealer = Resealer::open(path)?;
    let published = resealer.published()?;
    let Some(old) = file.current(published.as_deref())? else {
        bail!(
            "there is no private key at {}: start glassway-proxy once, which makes one",
            file.path()?.display()
        );
    };
    let next = PrivateKey::generate();
    file.prepare(&next)?;
    let public = next.public();
    let done = resealer
        .reseal(public.as_bytes(), |key| {
            let binding = Binding {
                key_id: key.id,
                provider_id: key.provider_id,
                kind: &key.kind,
                origin: &key.origin,
            };
            let secret = old.open(binding, &key.bytes).ok()?;
            Some(public.seal(binding, &secret))
        })
        .with_context(|| format!("{}: nothing was changed", path.display()))?;
    file.current(Some(public.as_bytes()))?;
    Ok(done)
}
