//! Small grammars: what a client of the feed says, what the monitor says to the proxy, and the trace
//! that a request belongs to. No panic; what is understood is what was said.
#![no_main]

use glassway_monitor::{
    live::word::{Word, understand},
    otlp::span::Parent,
};
use glassway_shared::feed::LinkCommand;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match understand(text) {
        Ok(Word::Watch(id)) => {
            let again = understand(&format!("{{\"watch\":\"{id}\"}}"));
            assert!(matches!(again, Ok(Word::Watch(same)) if same == id));
        }
        Ok(Word::ResumeAfter(cursor)) => assert!(cursor >= 0),
        Ok(_) => {}
        Err(why) => assert!(!why.is_empty()),
    }
    if let Ok(command) = serde_json::from_str::<LinkCommand>(text) {
        let again = serde_json::to_string(&command).expect("it is written");
        assert_eq!(serde_json::from_str::<LinkCommand>(&again).expect("it is read"), command);
    }
    if let Some(parent) = Parent::of(input) {
        assert!(parent.trace != [0; 16] && parent.span != [0; 8]);
    }
});
