//! Glassway started whole, and everything a test, the demo or a measurement
//! puts around it.
//!
//! - [`glassway`]: both binaries on ports of their own and a folder of their own
//! - [`process`]: one child process whose lines are captured
//! - [`upstream`]: an upstream scripted on a raw socket, byte by byte
//! - [`llm`]: an upstream that behaves like a vendor, for people and real clients
//! - [`load`]: clients that ask until told to stop, and the rows of what they asked
//! - [`losses`]: whether rows and losses add up
//! - [`disk`]: a small disk of its own
//! - [`inject`]: system calls of a running process that fail or take long
//! - [`mixed`]: traffic as months bring it
//! - [`client`]: a client that sends exact bytes
//! - [`api`]: the monitor's API
//! - [`feed`]: the live feed
//! - [`refused`]: tests that a machine does not let run
//! - [`relay`]: a relay station that fetches images, from where and as often as it is told
//! - [`team`]: keys pasted, tokens given, and an upstream that tells keys apart
//! - [`wait`]: waiting for conditions, never for time
//!
//! A fixture that cannot do its work panics with what it saw: there is nobody
//! to hand an error to.

pub mod api;
pub mod client;
pub mod disk;
pub mod feed;
pub mod glassway;
pub mod inject;
pub mod llm;
pub mod load;
pub mod losses;
pub mod mixed;
pub mod process;
pub mod refused;
pub mod relay;
pub mod team;
pub mod upstream;
pub mod wait;
pub mod wire;

pub use client::Client;
pub use glassway::Glassway;
pub use upstream::Upstream;
pub use wait::{Gate, eventually};
