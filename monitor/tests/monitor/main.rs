//! The monitor on a real listener, over a database that a real writer fills, with a
//! scripted proxy at the other end of the link.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod chat;
mod feed;
mod gateway;
mod keys;
mod managed;
mod openapi;
mod proxy;
mod requests;
mod session;
mod settings;
mod spans;
mod start;
mod stats;
