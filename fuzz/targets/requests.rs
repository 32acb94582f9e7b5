//! Requests, answers and errors: no panic, JSON only.
#![no_main]

use bytes::Bytes;
use glassway_proxy::dialect::{
    self, Capabilities, Conversion, Fresh, Options, error, in_place, json, multipart,
};
use libfuzzer_sys::fuzz_target;

const ALL: [Conversion; 4] = [
    Conversion::ChatOverMessages,
    Conversion::MessagesOverChat,
    Conversion::ResponsesOverChat,
    Conversion::ResponsesOverMessages,
];

fuzz_target!(|input: &[u8]| {
    let [which, model, body @ ..] = input else { return };
    let conversion = ALL[usize::from(*which) % ALL.len()];
    let models = ["claude-3-5-haiku", "claude-haiku-4-5", "claude-opus-4-8", "gpt-4o", "gpt-5"];
    let model = models[usize::from(*model) % models.len()];
    let options =
        Options { model: Some(model), reasoning_content: *which > 127, ..Options::default() };
    if let Ok(made) = dialect::request(conversion, body, Capabilities::builtin(), &options) {
        json::parse(&made.body).expect("JSON is written");
        let fresh = Fresh { id: "0".to_owned(), created: 1 };
        if let Ok((answer, _)) = dialect::response(&made.context, &fresh, body) {
            json::parse(&answer).expect("JSON is written");
        }
    }
    let status = "500".parse().expect("it is a status");
    let error = error::convert(conversion, status, &Default::default(), body);
    json::parse(&error.body).expect("JSON is written");
    in_place::edit(&Bytes::copy_from_slice(body), Some(model), true);
    let _ = multipart::with_model(body, b"multipart/form-data; boundary=a", model);
});
