//! The monitor on a real listener, over a database that a real writer fills, with a
//! scripted proxy at the other end of the link.

mod feed;
mod openapi;
mod proxy;
mod requests;
mod session;
mod start;
mod stats;
