//! WebSocket frames in passing: no panic, and the close frame is seen for any split.
#![no_main]

use glassway_proxy::websocket::observe::{Deflate, Observer};
use glassway_shared::model::Side;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [which, size, bytes @ ..] = input else { return };
    let mut headers = HeaderMap::new();
    if which & 1 == 1 {
        let offer = HeaderValue::from_static("permessage-deflate; client_no_context_takeover");
        headers.insert("sec-websocket-extensions", offer);
    }
    let deflate = Deflate::negotiated(&headers);
    let side = if which & 2 == 2 { Side::Request } else { Side::Response };
    let (mut whole, mut split) =
        (Observer::new(side, None, &deflate), Observer::new(side, None, &deflate));
    whole.see(bytes);
    bytes.chunks(usize::from(*size).max(1)).for_each(|piece| split.see(piece));
    assert_eq!(whole.closing(), split.closing());
});
