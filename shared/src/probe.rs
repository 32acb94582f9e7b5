//! `glassway-proxy health` and `glassway-monitor health`: asks the instance that runs by
//! the same configuration whether all is well, so that a container needs no curl.

mod tls;

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use crate::networks::Networks;

/// For each step of the question.
const PATIENCE: Duration = Duration::from_secs(3);
/// No answer to this question is longer.
const LONGEST: u64 = 64 << 10;

/// Asks whoever listens on this address, which the configuration's `key` names, and admits
/// connections from the networks `allowed`. What is well is one line, and what is not is
/// another.
pub fn ask(key: &str, listen: SocketAddr, tls: bool, allowed: &Networks) -> Result<String, String> {
    if listen.port() == 0 {
        return Err(format!("{key}: with port 0 nobody knows where it listens; give it a port"));
    }
    let at = reachable(listen);
    let scheme = if tls { "https" } else { "http" };
    let hint = match allowed.admit(at.ip()) {
        true => String::new(),
        false => format!("; allowed_clients leaves {} out, where this asks from", at.ip()),
    };
    let (status, body) =
        get(at, tls).map_err(|e| format!("{key}: no answer from {scheme}://{at}: {e}{hint}"))?;
    let word = |name: &str| {
        let value: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        match &value[name] {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(list) => {
                list.iter().filter_map(|v| v.as_str()).collect::<Vec<_>>().join(", ")
            }
            _ => String::new(),
        }
    };
    let said = match (word("status"), word("reasons")) {
        (status, _) if status.is_empty() => "no word that Glassway says".to_owned(),
        (status, reasons) if reasons.is_empty() => status,
        (status, reasons) => format!("{status}: {reasons}"),
    };
    match status {
        200 => Ok(said),
        status => Err(format!("{scheme}://{at} answers {status}: {said}{hint}")),
    }
}

/// Where a client on this machine finds a listener that takes every address.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn get(at: SocketAddr, tls: bool) -> std::io::Result<(u16, String)> {
    let stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let answer = match tls {
        true => converse(tls::over(stream)?, at)?,
        false => converse(stream, at)?,
    };
    let answer = String::from_utf8_lossy(&answer);
    let nonsense = || std::io::Error::other("that is not an answer in HTTP");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(nonsense)?;
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(nonsense)?;
    // Chunked or not, the object is what stands between the outermost braces.
    let object = body.find('{').zip(body.rfind('}')).and_then(|(from, to)| body.get(from..=to));
    Ok((status, object.unwrap_or_default().to_owned()))
}

fn converse(mut stream: impl Read + Write, at: SocketAddr) -> std::io::Result<Vec<u8>> {
    // In one write, not in the pieces of a format: whoever answers after the first of them
    // and closes would reset the connection, and the answer would be lost.
    let question = format!("GET /healthz HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes())?;
    stream.flush()?;
    let mut answer = Vec::new();
    match stream.take(LONGEST).read_to_end(&mut answer) {
        // A server that closes without TLS's own farewell has said all the same.
        Err(e) if e.kind() != std::io::ErrorKind::UnexpectedEof || answer.is_empty() => Err(e),
        _ => Ok(answer),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn all() -> Networks {
        Networks::default()
    }

    fn answering(answer: &'static str) -> Result<String, String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                seen.extend(byte);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(seen).unwrap()
        });
        let said = ask("proxy.listen", SocketAddr::from(([0, 0, 0, 0], port)), false, &all());
        assert!(server.join().unwrap().starts_with("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:"));
        said
    }

    #[test]
    fn well_degraded_and_failing() {
        let ok = answering("HTTP/1.1 200 OK\r\n\r\n{\"status\":\"ok\",\"reasons\":[]}");
        assert_eq!(ok.unwrap(), "ok");
        let body = "HTTP/1.1 200 OK\r\n\r\n{\"status\":\"degraded\",\"reasons\":[\"a\",\"b\"]}";
        assert_eq!(answering(body).unwrap(), "degraded: a, b");
        let chunked = "HTTP/1.1 503 X\r\ntransfer-encoding: chunked\r\n\r\n14\r\n{\"status\":\"failing\"}\r\n0\r\n\r\n";
        let error = answering(chunked).unwrap_err();
        assert!(error.ends_with("answers 503: failing"), "{error}");
        assert!(answering("SSH-2.0-x\r\n").unwrap_err().contains("not an answer in HTTP"));
    }

    #[test]
    fn nobody_there_is_said_with_the_key() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = ask("monitor.listen", SocketAddr::from(([127, 0, 0, 1], port)), false, &all())
            .unwrap_err();
        assert!(error.starts_with("monitor.listen: no answer from http://127.0.0.1:"), "{error}");
        let error = ask("monitor.listen", SocketAddr::from(([127, 0, 0, 1], 0)), false, &all())
            .unwrap_err();
        assert!(error.contains("port 0"), "{error}");
    }

    #[test]
    fn a_list_that_leaves_this_machine_out_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        // As a listener does with who is not on its list.
        let server = std::thread::spawn(move || drop(listener.accept().unwrap()));
        let office = Networks::parse(&["10.0.0.0/8".to_owned()]).unwrap();
        let error = ask("proxy.listen", at, false, &office).unwrap_err();
        server.join().unwrap();
        assert!(error.contains("allowed_clients leaves 127.0.0.1 out"), "{error}");
    }
}
