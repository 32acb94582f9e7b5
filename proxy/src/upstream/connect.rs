//! Making a connection: addresses tried side by side, through the proxy that the
//! environment names, with TLS where the URL says so.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use glassway_shared::address::{self, Allow};
use http::Uri;
use hyper_util::client::{
    legacy::connect::{
        HttpConnector,
        dns::Name,
        proxy::{SocksV4, SocksV5, Tunnel},
    },
    proxy::matcher::Matcher,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower_service::Service;

use super::chain;
use crate::{error::Fault, target::Origin};

/// A connection on which HTTP can start.
pub(super) struct Connected {
    pub(super) io: Io,
    pub(super) http2: bool,
}

/// Plain or encrypted.
pub(super) enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The extra certificates could not be read.
#[derive(Debug, thiserror::Error)]
#[error("SSL_CERT_FILE={path}: {reason}")]
pub struct TlsError {
    path: String,
    reason: String,
}

/// See the module.
pub struct Connector {
    allow: Arc<Allow>,
    tcp: HttpConnector,
    tls: TlsConnector,
    tls_one: TlsConnector,
    proxies: Matcher,
    timeout: Duration,
}

impl Connector {
    /// Which addresses people may choose.
    pub(super) fn allow(&self) -> &Allow {
        &self.allow
    }

    /// Trusts the web's roots and those of `SSL_CERT_FILE`; reads `HTTPS_PROXY`,
    /// `ALL_PROXY` and `NO_PROXY`. Names that resolve to addresses which `allow` does
    /// not hold are refused right before they are connected to.
    pub fn from_env(timeout: Duration, allow: Allow) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        if let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) {
            add_roots(&mut roots, PathBuf::from(path))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring supports the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let with = |protocols: &[&[u8]]| {
            let mut config = config.clone();
            config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
            TlsConnector::from(Arc::new(config))
        };
        Ok(Self {
            allow: Arc::new(allow),
            // To the environment's proxies, which may well be private.
            tcp: tuned(HttpConnector::new()),
            tls: with(&[b"h2", b"http/1.1"]),
            tls_one: with(&[b"http/1.1"]),
            proxies: Matcher::from_env(),
            timeout,
        })
    }

    /// TCP, proxy and TLS together within the connect timeout.
    pub(super) async fn connect(
        &self,
        origin: &Origin,
        prefix: &str,
        http1_only: bool,
    ) -> Result<Connected, Fault> {
        match tokio::time::timeout(self.timeout, self.try_connect(origin, http1_only)).await {
            Ok(Ok(connected)) => Ok(connected),
            Ok(Err(reason)) => Err(Fault::connect(format!("cannot connect to {prefix}: {reason}"))),
            Err(_) => Err(Fault::connect(format!(
                "cannot connect to {prefix} within {} s (proxy.connect_timeout)",
                self.timeout.as_secs_f64()
            ))),
        }
    }

    async fn try_connect(&self, origin: &Origin, http1_only: bool) -> Result<Connected, String> {
        let scheme = if origin.tls { "https" } else { "http" };
        let uri: Uri = format!("{scheme}://{}:{}", origin.host, origin.port)
            .parse()
            .map_err(|e| format!("{e}"))?;
        let stream = match self.proxies.intercept(&uri) {
            None => self.direct(origin, uri).await?,
            // The proxy resolves the name, so that its form is all that can be judged here.
            Some(proxy) => {
                address::check_form(&origin.host, origin.port, &self.allow)
                    .map_err(|e| e.to_string())?;
                self.through(&proxy, uri).await?
            }
        };
        if !origin.tls {
            return Ok(Connected { io: Io::Plain(stream), http2: false });
        }
        let host = origin.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(|e| e.to_string())?;
        let tls = if http1_only { &self.tls_one } else { &self.tls };
        let stream = tls.connect(name, stream).await.map_err(|e| format!("TLS: {}", chain(&e)))?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Connected { io: Io::Tls(Box::new(stream)), http2 })
    }

    async fn direct(&self, origin: &Origin, uri: Uri) -> Result<TcpStream, String> {
        let host = origin.host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = host.parse() {
            address::check_ip(ip, &origin.host, origin.port, &self.allow)
                .map_err(|e| e.to_string())?;
        }
        let resolver = Checked { port: origin.port, allow: self.allow.clone() };
        let mut tcp = tuned(HttpConnector::new_with_resolver(resolver));
        tcp.call(uri).await.map(|io| io.into_inner()).map_err(|e| chain(&e))
    }

    async fn through(
        &self,
        proxy: &hyper_util::client::proxy::matcher::Intercept,
        uri: Uri,
    ) -> Result<TcpStream, String> {
        let via = proxy.uri().clone();
        // The proxy's address may be told; its password never is.
        let named = format!("through proxy {}", via.authority().map_or("", |a| a.as_str()));
        let fail = |e: &dyn std::error::Error| format!("{named}: {}", chain(e));
        let raw = proxy.raw_auth().map(|(user, pass)| (user.to_owned(), pass.to_owned()));
        match via.scheme_str() {
            Some("socks5" | "socks5h") => {
                let local_dns = via.scheme_str() == Some("socks5");
                let mut socks = SocksV5::new(via, self.tcp.clone()).local_dns(local_dns);
                if let Some((user, pass)) = raw {
                    socks = socks.with_auth(user, pass);
                }
                socks.call(uri).await.map(|io| io.into_inner()).map_err(|e| fail(&e))
            }
            Some("socks4" | "socks4a") => {
                let mut socks = SocksV4::new(via, self.tcp.clone());
                socks.call(uri).await.map(|io| io.into_inner()).map_err(|e| fail(&e))
            }
            Some("http") => {
                let mut tunnel = Tunnel::new(via, self.tcp.clone());
                if let Some(auth) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(auth.clone());
                }
                tunnel.call(uri).await.map(|io| io.into_inner()).map_err(|e| fail(&e))
            }
            other => Err(format!("{named}: {} proxies are not supported", other.unwrap_or("such"))),
        }
    }
}

fn tuned<R>(mut tcp: HttpConnector<R>) -> HttpConnector<R> {
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    tcp
}

/// The system's resolver, refusing addresses that no upstream may have.
#[derive(Clone)]
struct Checked {
    port: u16,
    allow: Arc<Allow>,
}

impl Service<Name> for Checked {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { port, allow } = self.clone();
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), port)).await?.collect();
            let check = |ip| address::check_ip(ip, name.as_str(), port, &allow);
            let allowed: Vec<_> =
                found.iter().copied().filter(|found| check(found.ip()).is_ok()).collect();
            match (allowed.is_empty(), found.first()) {
                (true, Some(first)) => {
                    let why = check(first.ip()).err().map_or(String::new(), |e| e.to_string());
                    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
                }
                _ => Ok(allowed.into_iter()),
            }
        })
    }
}

fn add_roots(roots: &mut RootCertStore, path: PathBuf) -> Result<(), TlsError> {
    let fail = |reason: String| TlsError { path: path.display().to_string(), reason };
    let certificates =
        CertificateDer::pem_file_iter(&path).map_err(|e| fail(format!("cannot be read: {e}")))?;
    let mut found = 0;
    for certificate in certificates {
        let certificate = certificate.map_err(|e| fail(format!("not PEM certificates: {e}")))?;
        // A bundle may hold certificates that no longer parse; the others count.
        found += usize::from(roots.add(certificate).is_ok());
    }
    match found {
        0 => Err(fail("holds no usable certificate".to_owned())),
        _ => Ok(()),
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_read(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_write(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_flush(cx),
            Self::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Self::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Self::Tls(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(io) => io.is_write_vectored(),
            Self::Tls(io) => io.is_write_vectored(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_outbound_proxy_is_not_asked_for_what_may_not_be_reached() {
        let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let via = format!("http://{}", proxy.local_addr().unwrap());
        let mut connector = Connector::from_env(Duration::from_secs(5), Allow::default()).unwrap();
        connector.proxies = Matcher::builder().all(via).build();
        let asked = async |host: &str| {
            let origin = Origin { tls: true, host: host.to_owned(), port: 443 };
            let told = connector.connect(&origin, host, true).await;
            told.err().map(|fault| fault.message).unwrap()
        };
        for host in ["169.254.169.254", "[::ffff:a9fe:a9fe]", "10.0.0.1", "relay.internal"] {
            let told = asked(host).await;
            assert!(!told.contains("through proxy") && told.contains(host), "{told}");
        }
        // Others are, and this one refuses.
        let (told, _) = tokio::join!(asked("api.example"), async {
            drop(proxy.accept().await.unwrap());
        });
        assert!(told.contains("through proxy"), "{told}");
    }

    /// What a name stands for is known when it is connected to, and not before: `localhost` in
    /// place of a name that somebody has just pointed at an inside address.
    #[tokio::test]
    async fn what_a_name_resolves_to_is_judged_when_it_is_connected_to() {
        let found = async |allow: &[&str]| {
            let allow: Vec<_> = allow.iter().map(|entry| (*entry).to_owned()).collect();
            let mut resolver =
                Checked { port: 8443, allow: Arc::new(Allow::parse(&allow).unwrap()) };
            let found = resolver.call("localhost".parse().unwrap()).await;
            found.map(|found| found.collect::<Vec<_>>()).map_err(|e| e.kind())
        };
        assert_eq!(found(&[]).await, Err(io::ErrorKind::PermissionDenied));
        assert_eq!(
            found(&["10.0.0.0/8", "localhost:443"]).await,
            Err(io::ErrorKind::PermissionDenied)
        );
        for allowed in ["localhost:8443", "127.0.0.0/8"] {
            let found = found(&[allowed]).await.unwrap();
            assert!(found.iter().any(|at| at.ip().is_loopback() && at.port() == 8443), "{found:?}");
        }
    }
}
