//! One GET of our own address, over TLS where it says so. Upstreams are never asked this
//! way: they are the proxy's.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use url::Url;

use super::TIMEOUT;
use crate::roots;

const MOST_BODY: usize = 1 << 20;

/// Why there is no answer.
pub(super) enum Failed {
    /// It spoke TLS, but not with a certificate that holds.
    Certificate(String),
    /// Anything before.
    Way(String),
}

/// Status and body of a GET.
pub(super) async fn get(
    url: &Url,
    addresses: &[SocketAddr],
    target: &str,
) -> Result<(u16, String), Failed> {
    let ask = async {
        let way = |e: std::io::Error| Failed::Way(e.to_string());
        let stream = TcpStream::connect(addresses).await.map_err(way)?;
        if url.scheme() != "https" {
            return over(stream, url, target).await;
        }
        let name = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name).map_err(|e| Failed::Way(e.to_string()))?;
        let stream = TlsConnector::from(roots::client()).connect(name, stream).await;
        over(stream.map_err(|e| Failed::Certificate(e.to_string()))?, url, target).await
    };
    let late = || Failed::Way(format!("no answer within {} seconds", TIMEOUT.as_secs()));
    tokio::time::timeout(TIMEOUT, ask).await.map_err(|_| late())?
}

async fn over(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    url: &Url,
    target: &str,
) -> Result<(u16, String), Failed> {
    let way = |e: hyper::Error| Failed::Way(e.to_string());
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(way)?;
    let driven = tokio::spawn(connection);
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let request = hyper::Request::get(target)
        .header("host", host)
        .header("user-agent", concat!("Glassway/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|e| Failed::Way(e.to_string()))?;
    let answer = sender.send_request(request).await.map_err(way)?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), MOST_BODY).collect().await;
    driven.abort();
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
