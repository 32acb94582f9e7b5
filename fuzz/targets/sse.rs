//! Server-sent events: any split gives the same frames, and no byte is lost.
#![no_main]

use glassway_shared::sse::Frames;
use libfuzzer_sys::fuzz_target;

type Read = (Vec<(Option<String>, String)>, Vec<u8>);

fn read<'p>(pieces: impl Iterator<Item = &'p [u8]>) -> Read {
    let (mut frames, mut events, mut raw) = (Frames::new(usize::MAX), Vec::new(), Vec::new());
    for piece in pieces {
        let each = |frame: glassway_shared::sse::Frame<'_>| {
            raw.extend_from_slice(frame.raw);
            if let Some(data) = frame.data {
                events.push((frame.event.map(Into::into), data.into()));
            }
        };
        frames.push(piece, each).expect("there is no limit");
    }
    raw.extend_from_slice(frames.rest());
    (events, raw)
}

fuzz_target!(|input: &[u8]| {
    let Some((size, body)) = input.split_first() else { return };
    let whole = read(std::iter::once(body));
    assert_eq!(whole.1, body);
    assert_eq!(read(body.chunks(usize::from(*size).max(1))), whole);
});
