//! An OpenAI responses client over an upstream that has chat completions only.
//!
//! `request` reads the parameters; `tools` the tools; `input` the items; `object` writes a response object,
//! `items` those of a stream; `response` and `stream` are the way back. Nothing is stored: what
//! needs the server's memory is refused.

pub(super) mod request;
pub(super) mod response;
pub(super) mod stream;

mod input;
mod items;
mod object;
mod tools;

/// Marks `encrypted_content` that we wrote: signed thinking, for upstreams that want it
/// back.
const SEALED: &str = "glassway1.";
