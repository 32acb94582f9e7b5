//! What every request passes before a handler sees it, in this order: the Host it was
//! sent to, its credential, its Origin, its query's names, its body's size. And what
//! every answer gets: headers that keep a browser from being used against us.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use glassway_shared::{config::Config, networks::Networks};
use poem::{
    Body, Endpoint, Request, Response,
    endpoint::BoxEndpoint,
    http::{HeaderValue, Method, StatusCode, header},
};
use serde_json::Value;

use crate::{
    api::{Service, price_list, spec::Table},
    app::App,
    audit::{self, Auditor},
    auth::{self, Client, Scraper, Who},
    compress,
    docs::Docs,
    error::{Problem, chinese},
    trace::{forwarded::Trusted, images},
    ui,
};

/// No JSON this API takes is larger,
const MAX_BODY: usize = 1 << 20;
/// save for conversations, which carry their images along.
const MAX_CHAT: usize = 32 << 20;
/// What is looked at of a state before and after it is changed: an exchange with its bodies is no
/// larger as a rule.
const MAX_STATE: usize = 64 << 20;
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const PUBLIC: &[&str] = &["/healthz", "/api/health", "/token"];

/// Everything behind one listener.
pub struct Gate {
    app: Arc<App>,
    api: BoxEndpoint<'static, Response>,
    table: Table,
    docs: Docs,
    hosts: Vec<String>,
    trusted: Trusted,
    scraper: Scraper,
    allowed: Networks,
    auditor: Auditor,
}

impl Gate {
    /// In front of the API.
    pub fn new(app: Arc<App>) -> Self {
        let Service { endpoint, table, specification } = crate::api::service(&app);
        Self {
            api: endpoint,
            table,
            docs: Docs::new(&specification),
            hosts: hosts(&app.config),
            trusted: Trusted::of(&app.config),
            scraper: Scraper::new(&app.config.monitor.metrics_token),
            allowed: Networks::of(&app.config.monitor.allowed_clients),
            auditor: Auditor::default(),
            app,
        }
    }

    /// Answers one request, whatever it is.
    pub async fn serve(&self, request: Request, peer: SocketAddr) -> Response {
        let ui = !is_api(request.uri().path());
        let gzip = request.header("accept-encoding").is_some_and(|v| v.contains("gzip"))
            && *request.method() == Method::GET;
        let chinese = chinese::asked(&request).then(|| request.uri().path().to_owned());
        let mut response = match self.pass(request, peer).await {
            Ok(response) => response,
            Err(error) => Problem::render(error),
        };
        if let Some(path) = chinese {
            response = chinese::speak(&path, response).await;
        }
        protect(&mut response, ui);
        if gzip { compress::pack(response).await } else { response }
    }

    async fn pass(&self, mut request: Request, peer: SocketAddr) -> poem::Result<Response> {
        let host = host(&request).unwrap_or_default();
        if !self.knows(&host) {
            return Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                format!("`{host}` is not a name of this server; add it to monitor.allowed_hosts"),
            )
            .into());
        }
        let client = Client(self.address(&request, peer.ip()));
        if !self.allowed.admit(client.0) {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                format!("{} is not one of monitor.allowed_clients", client.0),
            )
            .header(header::CONNECTION, "close")
            .into());
        }
        if request.uri().path() == images::PATH {
            return Ok(self.app.traces.images.serve(&request, peer));
        }
        one_segment_names(&mut request);
        let path = request.uri().path().to_owned();
        if !is_api(&path) {
            return Ok(ui::serve(&request)?);
        }
        let who = match PUBLIC.contains(&&path[..]) || self.scraper.may(&request) {
            // Who may know more is told more, and nobody is sent away.
            true if shows_credential(&request) && path == "/api/health" => {
                self.app.auth.check(&request, client).await.ok()
            }
            true => None,
            false => match self.app.auth.check(&request, client).await {
                Ok(who) => Some(who),
                Err(problem) => {
                    if auth::is_guess(&problem) {
                        self.auditor.wrong_key(&self.app, &request, client, &problem).await;
                    }
                    return Err(problem.into());
                }
            },
        };
        let deed = self.auditor.begin(&self.app, &self.table, &request, who, client);
        let Some(mut deed) = deed else {
            return self.answer(request, &path, &host, who, client).await;
        };
        let (mut states, fields) = (std::mem::take(&mut deed.states), deed.fields());
        if let Some((at, state)) = self.state(&states, fields, who, client).await {
            // What is there afterwards is looked for in the same place.
            states = vec![states.swap_remove(at)];
            deed.was(Some(state));
        }
        let answered = self.answer(request, &path, &host, who, client).await;
        let response = answered.unwrap_or_else(Problem::render);
        let now = match response.status().is_success() {
            true => self.state(&states, fields, who, client).await.map(|(_, state)| state),
            false => None,
        };
        Ok(deed.done(now, response).await)
    }

    /// The nearest of these addresses' answer, as whoever asks would get it, and which it was.
    async fn state(
        &self,
        states: &[String],
        fields: &[&str],
        who: Option<Who>,
        client: Client,
    ) -> Option<(usize, Value)> {
        for (at, path) in states.iter().enumerate() {
            let mut request = Request::builder().uri(path.parse().ok()?).finish();
            request.extensions_mut().insert(who?);
            request.extensions_mut().insert(client);
            if let Ok(response) = self.api.call(request).await
                && response.status() == StatusCode::OK
            {
                let bytes = response.into_body().into_bytes_limit(MAX_STATE).await.ok()?;
                return Some((at, audit::parsed(&bytes, fields)?));
            }
        }
        None
    }

    async fn answer(
        &self,
        mut request: Request,
        path: &str,
        host: &str,
        who: Option<Who>,
        client: Client,
    ) -> poem::Result<Response> {
        let by_cookie = matches!(who, Some(Who::Session { by_cookie: true, .. }));
        let upgrade = path == "/api/feed";
        let unsafe_method = !matches!(*request.method(), Method::GET | Method::HEAD);
        if by_cookie || upgrade || (unsafe_method && who.is_none()) {
            same_site(&request, host, &self.app.config)?;
        }
        if let Some(who) = who {
            request.extensions_mut().insert(who);
        }
        request.extensions_mut().insert(client);
        if let Some(answer) = self.docs.serve(&request)? {
            return Ok(answer);
        }
        self.known_query(path, &request)?;
        if unsafe_method {
            request = limited(request, most(path, &self.app.config)).await?;
        }
        match self.api.call(request).await {
            Err(e) if e.status() == StatusCode::METHOD_NOT_ALLOWED => {
                let allowed = self.table.allowed(path).unwrap_or_default();
                Err(not_allowed(&allowed).into())
            }
            result => result,
        }
    }

    fn knows(&self, host: &str) -> bool {
        let name = without_port(host).trim_start_matches('[').trim_end_matches(']');
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        name == "localhost"
            || name.ends_with(".localhost")
            || name.parse::<IpAddr>().is_ok()
            || self.hosts.iter().any(|known| *known == name || *known == host.to_ascii_lowercase())
    }

    /// Whether this peer speaks for others.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.holds(peer)
    }

    /// The peer, or whom a trusted proxy speaks for.
    fn address(&self, request: &Request, peer: IpAddr) -> IpAddr {
        let values = request.headers().get_all("x-forwarded-for").iter();
        self.trusted.chain(peer, values.filter_map(|value| value.to_str().ok())).client
    }

    fn known_query(&self, path: &str, request: &Request) -> Result<(), Problem> {
        let Some(known) = self.table.parameters(path, request.method().as_str()) else {
            return Ok(());
        };
        let query = request.uri().query().unwrap_or_default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split_once('=').map_or(pair, |(name, _)| name);
            if !known.iter().any(|k| k == name) {
                let known = match known.is_empty() {
                    true => "this address takes none".to_owned(),
                    false => format!("known are {}", known.join(", ")),
                };
                return Err(Problem::field(name, format!("unknown query parameter; {known}")));
            }
        }
        Ok(())
    }
}

fn shows_credential(request: &Request) -> bool {
    [header::AUTHORIZATION, header::COOKIE].iter().any(|name| request.headers().contains_key(name))
}

/// 405 with what would be allowed.
pub fn not_allowed(allowed: &str) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("this address takes {allowed}"))
        .header(header::ALLOW, allowed)
}

/// Names of models contain slashes, and clients rarely write them as `%2F`: what comes
/// after these is one name.
const NAMES_AFTER: &[&str] = &["/api/models/", "/api/prices/", "/api/traces/model/"];

fn one_segment_names(request: &mut Request) {
    let path = request.uri().path();
    let name = NAMES_AFTER.iter().find_map(|before| Some((before, path.strip_prefix(before)?)));
    let Some((before, name)) = name.filter(|(_, name)| name.contains('/')) else { return };
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let joined = format!("{before}{}{query}", name.replace('/', "%2F"));
    if let Ok(uri) = joined.parse() {
        *request.uri_mut() = uri;
    }
}

fn is_api(path: &str) -> bool {
    path.starts_with("/api/")
        || matches!(path, "/api" | "/token" | "/healthz" | "/metrics" | "/openapi.json")
        || path == "/docs"
        || path.starts_with("/docs/")
}

fn hosts(config: &Config) -> Vec<String> {
    let public = config.monitor.public_url.split_once("://").map(|(_, rest)| rest);
    let public = public.map(|rest| without_port(rest.split('/').next().unwrap_or_default()));
    let allowed = config.monitor.allowed_hosts.iter().map(|host| &host[..]);
    allowed.chain(public).map(str::to_ascii_lowercase).collect()
}

/// Where the client believes it is: the target's authority, else the Host header.
fn host(request: &Request) -> Option<String> {
    match request.original_uri().authority() {
        Some(authority) => Some(authority.as_str().to_owned()),
        None => request.header(header::HOST.as_str()).map(str::to_owned),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // Not the inside of an IPv6 address.
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => {
            if name.contains(':') && !name.ends_with(']') {
                host
            } else {
                name
            }
        }
        _ => host,
    }
}

/// A page elsewhere must not act with a person's cookie. A client that is no browser
/// sends neither header.
fn same_site(request: &Request, host: &str, config: &Config) -> Result<(), Problem> {
    let refuse = |what: &str| {
        Err(Problem::new(StatusCode::FORBIDDEN, format!("refused: it comes from {what}")))
    };
    match request.headers().get(header::ORIGIN).map(|v| v.to_str().unwrap_or("?")) {
        Some(origin) => {
            let public = config.monitor.public_url.trim_end_matches('/');
            let at = origin.split_once("://").map(|(_, at)| at);
            let same = at.is_some_and(|at| at.eq_ignore_ascii_case(host))
                || (!public.is_empty()
                    && public.len() >= origin.len()
                    && public.is_char_boundary(origin.len())
                    && public[..origin.len()].eq_ignore_ascii_case(origin)
                    && matches!(public.as_bytes().get(origin.len()), None | Some(b'/')));
            if same { Ok(()) } else { refuse("another page") }
        }
        None => match request.header("sec-fetch-site") {
            None | Some("same-origin" | "none") => Ok(()),
            Some(_) => refuse("another site"),
        },
    }
}

/// The most bytes of a body: what is sent again may be as large as what is kept.
fn most(path: &str, config: &Config) -> usize {
    let kept = usize::try_from(config.record.max_body_bytes).unwrap_or(usize::MAX);
    match path {
        "/api/chat" => return MAX_CHAT,
        price_list::PATH => return price_list::MAX_LIST,
        _ => {}
    }
    match path.starts_with("/api/request/") && path.ends_with("/replay") {
        // As text inside JSON it takes more.
        true => MAX_BODY.max(kept.saturating_mul(2)),
        false => MAX_BODY,
    }
}

/// Reads the body up to the limit, so that no extractor can be made to read more.
async fn limited(mut request: Request, most: usize) -> Result<Request, Problem> {
    let body = request.take_body().into_bytes_limit(most);
    match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(bytes)) => {
            request.set_body(Body::from(bytes));
            Ok(request)
        }
        Ok(Err(poem::error::ReadBodyError::PayloadTooLarge)) => {
            let message = format!("no body here is larger than {} MiB", most >> 20);
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message)
                .header(header::CONNECTION, "close"))
        }
        Ok(Err(e)) => {
            Err(Problem::new(StatusCode::BAD_REQUEST, format!("the body broke off: {e}"))
                .header(header::CONNECTION, "close"))
        }
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come")
            .header(header::CONNECTION, "close")),
    }
}

/// What no page of ours needs, and so none may ask for.
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), display-capture=(), \
     geolocation=(), gyroscope=(), microphone=(), midi=(), payment=(), usb=()";

/// Headers of every answer; a handler's own stay.
fn protect(response: &mut Response, ui: bool) {
    let headers = response.headers_mut();
    let mut put = |name: header::HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(header::REFERRER_POLICY, "no-referrer");
    put(header::X_FRAME_OPTIONS, "DENY");
    put(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    put(header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    put(header::HeaderName::from_static("permissions-policy"), PERMISSIONS);
    // The page has its own.
    put(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    if !ui {
        put(header::CACHE_CONTROL, "no-store");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("a.example", "a.example")]
    #[case("a.example:8081", "a.example")]
    #[case("127.0.0.1:1", "127.0.0.1")]
    #[case("[::1]:8081", "[::1]")]
    #[case("[::1]", "[::1]")]
    #[case("::1", "::1")]
    fn ports_are_cut_off_hosts(#[case] host: &str, #[case] name: &str) {
        assert_eq!(without_port(host), name);
    }
}
