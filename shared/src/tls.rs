//! The TLS side of a listener: a certificate chain and its key from PEM files, read again
//! when they change. New connections get the new certificate; those that are there keep
//! theirs. A new file that is no good leaves the old certificate in place.
//!
//! Files are looked at every second. A watch on the folder was rejected: certificates are
//! often links to links that somebody else moves.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
pub use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Between looks at the files.
const LOOK: Duration = Duration::from_secs(1);

/// Why a listener cannot speak TLS, naming file and key.
#[derive(Debug, thiserror::Error)]
#[error("{}: {section}.{key}: {reason}", file.display())]
pub struct TlsError {
    section: &'static str,
    key: &'static str,
    file: PathBuf,
    reason: String,
}

/// See the module.
pub struct Tls {
    section: &'static str,
    cert: PathBuf,
    key: PathBuf,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
}

#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// `None` where no certificate is configured. `protocols` are offered in this order.
    pub fn open(
        section: &'static str,
        cert: &Path,
        key: &Path,
        protocols: &[&[u8]],
    ) -> Result<Option<Arc<Self>>, TlsError> {
        if cert.as_os_str().is_empty() {
            return Ok(None);
        }
        let provider = Arc::new(ring::default_provider());
        let current = Arc::new(Current(ArcSwap::new(read(section, cert, key, &provider)?)));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.2 and 1.3");
        let mut config = config.with_no_client_auth().with_cert_resolver(current.clone());
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(Some(Arc::new(Self {
            section,
            cert: cert.to_owned(),
            key: key.to_owned(),
            current,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })))
    }

    /// For handshakes.
    pub fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Follows the files for as long as it is polled.
    pub async fn follow(self: Arc<Self>) {
        let mut served = self.stamp();
        let mut seen = served;
        loop {
            tokio::time::sleep(LOOK).await;
            let now = self.stamp();
            // Both files are there once they have stayed the same for a while.
            if now != served && now == seen {
                served = now;
                let tls = self.clone();
                let _ = tokio::task::spawn_blocking(move || tls.reload()).await;
            }
            seen = now;
        }
    }

    fn reload(&self) {
        let provider = ring::default_provider();
        match read(self.section, &self.cert, &self.key, &provider) {
            Ok(fresh) => {
                self.current.0.store(fresh);
                tracing::info!(file = %self.cert.display(), "a new certificate is served");
            }
            Err(e) => tracing::warn!(
                error = %e,
                "the new certificate is no good: the old one is served until the files are right"
            ),
        }
    }

    fn stamp(&self) -> [Option<(u64, u64, i64, i64)>; 2] {
        [&self.cert, &self.key].map(|path| {
            let file = fs::metadata(path).ok()?;
            Some((file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
        })
    }
}

fn read(
    section: &'static str,
    cert: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, TlsError> {
    let fail = |key: &'static str, file: &Path, reason: String| TlsError {
        section,
        key,
        file: file.to_owned(),
        reason,
    };
    let load = |name: &'static str, path: &Path| {
        fs::read(path).map_err(|e| fail(name, path, format!("cannot be read: {e}")))
    };
    let pem = load("tls_cert", cert)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|e| fail("tls_cert", cert, format!("is no PEM file: {e}")))?;
    if chain.is_empty() {
        return Err(fail(
            "tls_cert",
            cert,
            "holds no certificate (-----BEGIN CERTIFICATE-----)".into(),
        ));
    }
    let secret = zeroize::Zeroizing::new(load("tls_key", key)?);
    let private = PrivateKeyDer::from_pem_slice(&secret)
        .map_err(|e| fail("tls_key", key, format!("holds no private key in PEM: {e}")))?;
    let certified = CertifiedKey::from_der(chain, private, provider).map_err(|e| {
        let reason = match e {
            rustls::Error::InconsistentKeys(_) => {
                format!("is not the key of the certificate in {}", cert.display())
            }
            e => format!("cannot be used with the certificate in {}: {e}", cert.display()),
        };
        fail("tls_key", key, reason)
    })?;
    Ok(Arc::new(certified))
}
