//! The JSON reader takes what `serde_json` takes.
#![no_main]

use glassway_proxy::dialect::json::parse;
use libfuzzer_sys::fuzz_target;

/// An object with this key is something else to `serde_json` than it says.
const THEIR_OWN: &str = "$serde_json::private::";

fuzz_target!(|input: &[u8]| {
    if String::from_utf8_lossy(input).contains(THEIR_OWN) {
        return;
    }
    let theirs = serde_json::from_slice::<serde_json::Value>(input);
    match (parse(input), theirs) {
        (Ok(_), Ok(_)) | (Err(_), Err(_)) => {}
        (Err(ours), Ok(_)) => panic!("refused: {ours}"),
        (Ok(_), Err(theirs)) => {
            let said = theirs.to_string();
            let known = ["surrogate", "hex escape", "number out of range"];
            assert!(known.iter().any(|word| said.contains(word)), "{said}");
        }
    }
});
