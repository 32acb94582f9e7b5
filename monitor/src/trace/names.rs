//! What the owner of an address calls it: reverse DNS, asked only when a person wants it,
//! since the question leaves the machine. One question over UDP to the system's resolver
//! (RFC 1035); std resolves names to addresses, but not back.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use rand::Rng;
use tokio::net::UdpSocket;

const TIMEOUT: Duration = Duration::from_secs(3);
const PTR: u16 = 12;
/// Pointers followed in one name.
const MOST_JUMPS: usize = 16;

/// The resolver that the system uses.
pub fn resolver() -> SocketAddr {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let named = text.lines().find_map(|line| line.strip_prefix("nameserver")?.trim().parse().ok());
    SocketAddr::new(named.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), 53)
}

/// The name; `None` where there is none, or no answer.
pub async fn find(ip: IpAddr, resolver: SocketAddr) -> Option<String> {
    tokio::time::timeout(TIMEOUT, ask(ip, resolver)).await.ok()?.ok()?
}

async fn ask(ip: IpAddr, resolver: SocketAddr) -> io::Result<Option<String>> {
    let any = if resolver.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(resolver).await?;
    let id: u16 = rand::rng().random();
    socket.send(&question(id, ip)).await?;
    let mut answer = [0; 1500];
    loop {
        let length = socket.recv(&mut answer).await?;
        // Another id is another's answer, or somebody's guess.
        if let Some(answered) = read(&answer[..length], id) {
            return Ok(answered);
        }
    }
}

/// `9.2.0.192.in-addr.arpa`, or nibbles under `ip6.arpa`.
fn reversed(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(v6) => {
            let nibbles = v6.octets().into_iter().rev();
            let nibbles = nibbles.map(|byte| format!("{:x}.{:x}.", byte & 15, byte >> 4));
            format!("{}ip6.arpa", nibbles.collect::<String>())
        }
    }
}

fn question(id: u16, ip: IpAddr) -> Vec<u8> {
    let mut packet = id.to_be_bytes().to_vec();
    // Recursion desired; one question.
    packet.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in reversed(ip).split('.') {
        packet.push(u8::try_from(label.len()).unwrap_or(63));
        packet.extend(label.as_bytes());
    }
    packet.push(0);
    packet.extend(PTR.to_be_bytes());
    packet.extend(1u16.to_be_bytes());
    packet
}

/// The first name in an answer to this question; `None`: it is none.
fn read(packet: &[u8], id: u16) -> Option<Option<String>> {
    let number =
        |at: usize| packet.get(at..at + 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
    if number(0)? != id || packet.get(2)? & 0x80 == 0 {
        return None;
    }
    let (questions, answers) = (number(4)?, number(6)?);
    let mut at = 12;
    let parse = || {
        for _ in 0..questions {
            at = name(packet, at)?.1 + 4;
        }
        for _ in 0..answers {
            let after = name(packet, at)?.1;
            let (kind, length) = (number(after)?, usize::from(number(after + 8)?));
            if kind == PTR {
                return Some(name(packet, after + 10)?.0);
            }
            at = after + 10 + length;
        }
        None
    };
    Some({ parse }())
}

/// A name and where it ends; printable ASCII only.
fn name(packet: &[u8], from: usize) -> Option<(String, usize)> {
    let (mut at, mut end, mut jumps) = (from, None, 0);
    let mut labels: Vec<String> = Vec::new();
    loop {
        let length = usize::from(*packet.get(at)?);
        if length & 0xc0 == 0xc0 {
            let low = usize::from(*packet.get(at + 1)?);
            end = end.or(Some(at + 2));
            at = (length & 0x3f) << 8 | low;
            jumps += 1;
            if jumps > MOST_JUMPS {
                return None;
            }
            continue;
        }
        if length == 0 {
            return Some((labels.join("."), end.unwrap_or(at + 1)));
        }
        let label = packet.get(at + 1..at + 1 + length)?;
        if labels.len() > 40 || !label.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        labels.push(String::from_utf8_lossy(label).into_owned());
        at += 1 + length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_asked_for_backwards() {
        let of = |ip: &str| reversed(ip.parse().unwrap());
        assert_eq!(of("192.0.2.9"), "9.2.0.192.in-addr.arpa");
        assert_eq!(of("::ffff:192.0.2.9"), "9.2.0.192.in-addr.arpa");
        assert_eq!(
            of("2001:db8::1"),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        );
    }

    #[tokio::test]
    async fn a_resolver_is_asked_and_others_answers_are_not_taken() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let answering = tokio::spawn(async move {
            let mut packet = [0; 512];
            let (length, from) = server.recv_from(&mut packet).await.unwrap();
            let mut answer = packet[..length].to_vec();
            answer[2] |= 0x80;
            answer[7] = 1;
            answer.extend([0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60, 0, 14]);
            answer.extend(b"\x05relay\x07example\0");
            let mut wrong = answer.clone();
            wrong[0] ^= 1;
            server.send_to(&wrong, from).await.unwrap();
            server.send_to(&answer, from).await.unwrap();
        });
        let found = find("192.0.2.9".parse().unwrap(), address).await;
        assert_eq!(found.as_deref(), Some("relay.example"));
        answering.await.unwrap();
    }

    #[test]
    fn damage_neither_loops_nor_panics() {
        let mut looping = question(7, [192, 0, 2, 9].into());
        looping[2] |= 0x80;
        looping[7] = 1;
        let at = looping.len();
        looping.extend([0xc0, u8::try_from(at).unwrap(), 0, 12, 0, 1, 0, 0, 0, 0, 0, 2]);
        assert_eq!(read(&looping, 7), Some(None));
        for length in 0..looping.len() {
            let _ = read(&looping[..length], 7);
        }
    }
}
