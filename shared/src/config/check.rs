//! What a configuration may not say although each value has the right type.

use std::net::SocketAddr;

use ipnet::IpNet;
use url::Url;

use super::{ClientAccess, Config, MIN_DISK_BYTES, is_loopback};
use crate::{logging::Filter, networks::Networks, redaction};

/// The first contradiction: its key and what to do.
pub(super) fn check(config: &Config) -> Result<(), (&'static str, String)> {
    let proxy = &config.proxy;
    openness(config)?;
    Filter::parse(&config.log.level).map_err(|message| ("log.level", message))?;
    base_url("upstream.base_url", &config.upstream.base_url)?;
    base_url("upstream.anthropic_base_url", &config.upstream.anthropic_base_url)?;
    for entry in &config.upstream.allow {
        if entry.parse::<IpNet>().is_err() && !is_host_port(entry) {
            return Err((
                "upstream.allow",
                format!("`{entry}` is neither a network (10.0.0.0/8) nor host:port"),
            ));
        }
    }
    for (key, value) in [
        ("proxy.max_connections", proxy.max_connections as u64),
        ("proxy.managed_bytes", proxy.managed_bytes),
        ("record.queue_bytes", config.record.queue_bytes),
    ] {
        if value == 0 {
            return Err((key, "must be more than 0".to_owned()));
        }
    }
    if (1..MIN_DISK_BYTES).contains(&config.record.max_disk_bytes) {
        return Err((
            "record.max_disk_bytes",
            format!("at least {MIN_DISK_BYTES} (64 MiB); 0 means no cap"),
        ));
    }
    if proxy.threads > 256 {
        return Err(("proxy.threads", "at most 256; 0 chooses by the machine".to_owned()));
    }
    if proxy.max_header_bytes < 8192 {
        return Err(("proxy.max_header_bytes", "at least 8192".to_owned()));
    }
    for (key, networks) in [
        ("monitor.trusted_proxies", &config.monitor.trusted_proxies),
        ("monitor.allowed_clients", &config.monitor.allowed_clients),
        ("proxy.allowed_clients", &proxy.allowed_clients),
        ("record.metadata_only_clients", &config.record.metadata_only_clients),
    ] {
        Networks::parse(networks).map_err(|message| (key, message))?;
    }
    for (keys, cert, key) in [
        (["proxy.tls_cert", "proxy.tls_key"], &proxy.tls_cert, &proxy.tls_key),
        (
            ["monitor.tls_cert", "monitor.tls_key"],
            &config.monitor.tls_cert,
            &config.monitor.tls_key,
        ),
    ] {
        let [cert, key] = [cert, key].map(|path| !path.as_os_str().is_empty());
        if cert != key {
            let (missing, other) = if cert { (keys[1], keys[0]) } else { (keys[0], keys[1]) };
            return Err((missing, format!("is missing: TLS needs it beside {other}")));
        }
    }
    let token = &config.monitor.metrics_token;
    let fits = token.len() >= 16 && token.bytes().all(|b| b.is_ascii_graphic());
    if !token.is_empty() && !fits {
        let what = "must have 16 characters or more, ASCII without spaces; empty: none";
        return Err(("monitor.metrics_token", what.to_owned()));
    }
    let endpoint = &config.otlp.endpoint;
    if !endpoint.is_empty() {
        let url =
            Url::parse(endpoint).map_err(|e| ("otlp.endpoint", format!("`{endpoint}`: {e}")))?;
        base_url("otlp.endpoint", &url)?;
    }
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let header = |line: &String| {
        line.split_once(':').is_some_and(|(name, value)| {
            let (name, value) = (name.trim(), value.trim());
            let fits = value.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
            !name.is_empty() && name.bytes().all(token) && fits
        })
    };
    // A header may hold a credential, so that it is not repeated.
    if let Some(at) = config.otlp.headers.iter().position(|line| !header(line)) {
        let what = format!("the header number {} is not `name: value`", at + 1);
        return Err(("otlp.headers", what));
    }
    redaction::paths(&config.record.redact_json).map_err(|m| ("record.redact_json", m))?;
    redaction::patterns(&config.record.redact_patterns)
        .map_err(|m| ("record.redact_patterns", m))?;
    let public = &config.monitor.public_url;
    if !public.is_empty() {
        let url =
            Url::parse(public).map_err(|e| ("monitor.public_url", format!("`{public}`: {e}")))?;
        base_url("monitor.public_url", &url)?;
    }
    let trace = &config.monitor.trace_listen;
    if !trace.is_empty() && trace.parse::<SocketAddr>().is_err() {
        return Err(("monitor.trace_listen", format!("`{trace}` is not address:port")));
    }
    Ok(())
}

/// Nobody offers the whole network a way in by accident.
pub(super) fn openness(config: &Config) -> Result<(), (&'static str, String)> {
    let proxy = &config.proxy;
    let open = proxy.client_access == ClientAccess::Open && !proxy.allow_open;
    if !open || is_loopback(proxy.listen.ip()) {
        return Ok(());
    }
    Err((
        "proxy.allow_open",
        format!(
            "{} can be reached from other machines and client_access is \"open\": \
             set client_access = \"token\", or allow_open = true if everyone there may use it",
            proxy.listen
        ),
    ))
}

fn base_url(key: &'static str, url: &Url) -> Result<(), (&'static str, String)> {
    let fail = |message: &str| Err((key, format!("`{url}` {message}")));
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return fail("must be http:// or https:// and name a host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return fail("must not hold a user or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return fail("must end with its path: no ? and no #");
    }
    Ok(())
}

fn is_host_port(entry: &str) -> bool {
    entry
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}
