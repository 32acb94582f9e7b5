//! `glassway-proxy reload`: asks the proxy that serves to have another process take its
//! place, and says whether one did. What `systemctl reload` runs, which so fails where the
//! new process refuses its configuration.

use std::{
    io::{self, ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context, bail};

use super::absent;

/// Longer than two processes may take, one after the other.
const PATIENCE: Duration = Duration::from_secs(150);
/// Where the one that was asked has just handed over, or ends, the next one is asked.
const AGAIN: Duration = Duration::from_millis(50);
const TIMES: usize = 20;

/// Gives the id of the process that serves in its place.
pub fn reload(link: &Path) -> anyhow::Result<u64> {
    let mut ended = false;
    for _ in 0..TIMES {
        let Some((status, body)) = succeed(link)? else {
            ended = true;
            std::thread::sleep(AGAIN);
            continue;
        };
        ended = false;
        let said = || body["error"].as_str().unwrap_or("it does not say why").to_owned();
        match status {
            200 => return body["pid"].as_u64().context("the proxy answers nonsense"),
            409 => std::thread::sleep(AGAIN),
            404 | 405 => {
                bail!("the proxy that runs is too old to hand over when asked: restart it")
            }
            503 => bail!("the proxy that runs cannot hand over: {}", said()),
            _ => bail!("no new process took over, and the old one serves on: {}", said()),
        }
    }
    if ended {
        bail!("the proxy ends again and again before it answers; its log says why");
    }
    bail!("others hand over again and again; try once more when they have done")
}

/// Status and answer of `POST /succeed`; none where whoever was asked ended before it answered.
fn succeed(link: &Path) -> anyhow::Result<Option<(u16, serde_json::Value)>> {
    let at = || link.display().to_string();
    let stream = match UnixStream::connect(link) {
        Ok(stream) => stream,
        Err(e) if absent(&e) => bail!("no proxy runs at {}: start it", at()),
        Err(e) => return Err(e).with_context(at),
    };
    let answer = match exchange(stream) {
        Err(e) if !matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
            return Err(e).with_context(|| format!("no answer from the proxy at {}", at()));
        }
        Ok(answer) if !answer.is_empty() => answer,
        _ => return Ok(None),
    };
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let status = status.context("the proxy answers nonsense")?;
    Ok(Some((status, serde_json::from_str(body).unwrap_or_default())))
}

/// All that is said to it.
fn exchange(mut stream: UnixStream) -> io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = "POST /succeed HTTP/1.1\r\nHost: glassway\r\nContent-Length: 0\r\n";
    stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// What `reload` makes of these answers, one after the other.
    fn hears(answers: &[&str]) -> Result<u64, String> {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        let listener = UnixListener::bind(&link).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for answer in answers {
                    let (mut stream, _) = listener.accept().unwrap();
                    if answer.is_empty() {
                        // Unread, so that it is a reset.
                        continue;
                    }
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let mut byte = [0];
                        stream.read_exact(&mut byte).unwrap();
                        head.push(byte[0]);
                    }
                    stream.write_all(format!("HTTP/1.1 {answer}").as_bytes()).unwrap();
                }
            });
            reload(&link).map_err(|e| format!("{e:#}"))
        })
    }

    #[test]
    fn it_says_who_serves_or_why_nobody_new_does() {
        assert_eq!(hears(&["200 OK\r\n\r\n{\"pid\":7}"]), Ok(7));
        let moved = "409 Conflict\r\n\r\n{\"error\":\"process 7 serves already\"}";
        assert_eq!(hears(&[moved, "200 OK\r\n\r\n{\"pid\":8}"]), Ok(8));
        let refused = hears(&["500 X\r\n\r\n{\"error\":\"proxy.tls_cert: no such file\"}"]);
        assert!(refused.unwrap_err().ends_with("serves on: proxy.tls_cert: no such file"));
        assert!(hears(&["405 X\r\n\r\n{}"]).unwrap_err().contains("too old"));
        let stopping = hears(&["503 X\r\n\r\n{\"error\":\"it is stopping\"}"]).unwrap_err();
        assert!(stopping.ends_with("it is stopping"), "{stopping}");
        let gone = "";
        assert_eq!(hears(&[gone, "200 OK\r\n\r\n{\"pid\":8}"]), Ok(8));
        assert!(hears(&[gone; TIMES]).unwrap_err().contains("its log says why"));
        let nobody = reload(Path::new("/nowhere/link")).unwrap_err().to_string();
        assert!(nobody.contains("no proxy runs at /nowhere/link"), "{nobody}");
    }
}
