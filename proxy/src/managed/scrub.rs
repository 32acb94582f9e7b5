//! Takes a pooled key out of what its upstream answers: some relays repeat the key they
//! refuse. It leaves neither to clients nor into records. Pure.

use bytes::Bytes;
use glassway_shared::decode::{Encoding, decode};
use http::{HeaderMap, HeaderValue, header};

use crate::{redact, snapshot::Key};

/// Shorter ones are found in anything.
const SHORTEST: usize = 8;

/// An error's body as it can be read: decoded, since neither a key nor a code is found in
/// what is compressed. The headers follow.
pub(super) fn readable(headers: &mut HeaderMap, body: Bytes, limit: usize) -> Bytes {
    let encoding = headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
    let Some(encoding) = encoding.and_then(Encoding::named).filter(|_| !body.is_empty()) else {
        return body;
    };
    headers.remove(header::CONTENT_ENCODING);
    decode(&body, encoding, limit).bytes.into()
}

/// The body with the key masked.
pub(super) fn body(body: Bytes, key: &Key) -> Bytes {
    let secret = secret(key);
    if secret.len() < SHORTEST || memchr::memmem::find(&body, secret).is_none() {
        return body;
    }
    masked(&body, secret).into()
}

/// What is looked for where a good answer is kept or watched; empty where the key is too
/// short to be told from anything else.
///
/// Only there: a good answer's bytes go to the client as they came and while they come, so
/// a relay that repeats its key in one shows it to the client. Errors and headers, where
/// that happens in practice, are masked before they go.
pub(crate) fn findable(key: &Key) -> &[u8] {
    let secret = secret(key);
    if secret.len() < SHORTEST { &[] } else { secret }
}

/// Puts signs in the place of the secret; whether it was there. The text stays as long as
/// it was, so that nothing that counts bytes is wrong.
pub(crate) fn overwrite(text: &mut [u8], secret: &[u8]) -> bool {
    if secret.is_empty() {
        return false;
    }
    let found: Vec<usize> = memchr::memmem::find_iter(text, secret).collect();
    let any = !found.is_empty();
    for at in found {
        let shown = if secret.len() >= 20 { 4 } else { 0 };
        text[at..at + secret.len() - shown].fill(b'*');
    }
    any
}

/// How many bytes at the end may be the secret's beginning: not to be shown before it is
/// known how they go on.
pub(crate) fn begun(text: &[u8], secret: &[u8]) -> usize {
    let most = secret.len().saturating_sub(1).min(text.len());
    (1..=most).rev().find(|n| text.ends_with(&secret[..*n])).unwrap_or(0)
}

/// The headers with the key masked.
pub(super) fn headers(headers: &mut HeaderMap, key: &Key) {
    let secret = secret(key);
    if secret.len() < SHORTEST {
        return;
    }
    for value in headers.values_mut() {
        if memchr::memmem::find(value.as_bytes(), secret).is_some() {
            let clean =
                HeaderValue::from_maybe_shared(Bytes::from(masked(value.as_bytes(), secret)));
            *value = clean.unwrap_or_else(|_| HeaderValue::from_static(""));
        }
    }
}

fn secret(key: &Key) -> &[u8] {
    let value = key.credential.as_bytes();
    value.strip_prefix(b"Bearer ").unwrap_or(value)
}

fn masked(text: &[u8], secret: &[u8]) -> Vec<u8> {
    let mask = redact::mask_secret(&String::from_utf8_lossy(secret)).replace('…', "...");
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, secret) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(mask.as_bytes());
        rest = &rest[at + secret.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stays_as_long_as_it_was() {
        let mut text = *b"a sk-0123456789abcdefwxyz, sk-0123456789abcdefwxyz";
        assert!(overwrite(&mut text, b"sk-0123456789abcdefwxyz"));
        assert_eq!(&text, b"a *******************wxyz, *******************wxyz");
        assert!(!overwrite(&mut text, b"sk-0123456789abcdefwxyz"));
    }

    #[test]
    fn a_beginning_at_the_end_is_held_back() {
        for (text, held) in [("", 0), ("abc", 0), ("abcs", 1), ("sk-sk-", 3), ("sk-01", 0)] {
            assert_eq!(begun(text.as_bytes(), b"sk-0"), held, "{text}");
        }
        assert_eq!(begun(b"x sk-012", b"sk-0123456789"), 6);
    }

    #[test]
    fn every_occurrence_goes_and_every_other_byte_stays() {
        let secret = b"sk-0123456789abcdefwxyz";
        let text = b"\xffa sk-0123456789abcdefwxyz, sk-0123456789abcdefwxyz";
        assert_eq!(masked(text, secret), b"\xffa sk-...wxyz, sk-...wxyz");
        assert_eq!(masked(b"none", secret), b"none");
    }
}
