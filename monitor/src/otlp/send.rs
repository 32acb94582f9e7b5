//! One POST to the collector, over TLS where its address says so; and what an answer means.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use poem::http::header;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::roots;

const TIMEOUT: Duration = Duration::from_secs(10);
const MOST_ANSWER: usize = 64 << 10;
/// However long a collector asks us to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    /// It has them; its answer may refuse some.
    Taken(Bytes),
    /// It will never take these.
    Refused(String),
    /// They are too much for one request.
    TooLarge(String),
    /// Later, perhaps after so long.
    Later(String, Option<Duration>),
}

/// Where spans go.
pub struct Collector {
    url: Url,
    headers: Vec<(header::HeaderName, header::HeaderValue)>,
}

impl Collector {
    /// At an endpoint that was checked; one without a path gets OTLP's own.
    pub fn new(endpoint: &str, headers: &[String]) -> Option<Self> {
        let mut url = Url::parse(endpoint).ok()?;
        if url.path() == "/" {
            url.set_path("/v1/traces");
        }
        let headers = headers.iter().filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            let mut value = header::HeaderValue::from_str(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((header::HeaderName::from_bytes(name.trim().as_bytes()).ok()?, value))
        });
        Some(Self { headers: headers.collect(), url })
    }

    /// For logs.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Sends one request.
    pub async fn send(&self, body: Vec<u8>) -> Sent {
        match tokio::time::timeout(TIMEOUT, self.post(body)).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(why)) => Sent::Later(why, None),
            Err(_) => Sent::Later(format!("no answer in {} seconds", TIMEOUT.as_secs()), None),
        }
    }

    async fn post(&self, body: Vec<u8>) -> Result<Sent, String> {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = self.url.port_or_known_default().unwrap_or(80);
        let stream = TcpStream::connect((&host[..], port)).await.map_err(|e| e.to_string())?;
        if self.url.scheme() != "https" {
            return self.over(stream, body).await;
        }
        let name = ServerName::try_from(host).map_err(|e| e.to_string())?;
        let stream = TlsConnector::from(roots::client()).connect(name, stream).await;
        self.over(stream.map_err(|e| e.to_string())?, body).await
    }

    async fn over(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        body: Vec<u8>,
    ) -> Result<Sent, String> {
        let wrong = |e: hyper::Error| e.to_string();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(wrong)?;
        let driven = tokio::spawn(connection);
        let mut request = hyper::Request::post(&self.url[url::Position::BeforePath..])
            .header("host", &self.url[url::Position::BeforeHost..url::Position::AfterPort])
            .header("user-agent", concat!("Glassway/", env!("CARGO_PKG_VERSION")))
            .header("content-type", "application/x-protobuf");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|e| e.to_string())?;
        let answer = sender.send_request(request).await.map_err(wrong)?;
        let status = answer.status().as_u16();
        let wait = answer.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok());
        let wait = wait.and_then(|v| v.parse().ok()).map(Duration::from_secs);
        let body = Limited::new(answer.into_body(), MOST_ANSWER).collect().await;
        driven.abort();
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        Ok(meant(status, wait.map(|wait| wait.min(LONGEST_WAIT)), body))
    }
}

/// OTLP calls only some answers worth another try; an address or a credential that is
/// wrong is set right by people, and until then nothing is thrown away.
/// <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>
fn meant(status: u16, wait: Option<Duration>, body: Bytes) -> Sent {
    match status {
        200..=299 => Sent::Taken(body),
        400 | 422 => Sent::Refused(format!("it answers {status}")),
        413 => Sent::TooLarge(format!("it answers {status}")),
        status => Sent::Later(format!("it answers {status}"), wait),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("http://c:4318", "http://c:4318/v1/traces")]
    #[case("http://c:4318/", "http://c:4318/v1/traces")]
    #[case("https://c.example/otlp/v1/traces", "https://c.example/otlp/v1/traces")]
    fn an_endpoint_without_a_path_gets_the_usual_one(#[case] endpoint: &str, #[case] url: &str) {
        assert_eq!(Collector::new(endpoint, &[]).unwrap().url().as_str(), url);
    }

    #[test]
    fn only_what_is_hopeless_is_given_up() {
        let meant = |status| meant(status, None, Bytes::new());
        assert_eq!(meant(200), Sent::Taken(Bytes::new()));
        assert!(matches!(meant(400), Sent::Refused(_)));
        assert!(matches!(meant(413), Sent::TooLarge(_)));
        for status in [301, 401, 403, 404, 429, 500, 503] {
            assert!(matches!(meant(status), Sent::Later(..)), "{status}");
        }
    }
}
