//! Glassway as its users meet it: both programs started whole, upstreams scripted. A module
//! a concern; one program for all of them, since linking it once takes a fiftieth of
//! linking each.

#![allow(clippy::unwrap_used, reason = "what cannot be had fails the test")]

mod admin_guard;
mod api;
mod audit;
mod chat;
mod connections;
mod conversations;
mod dialects;
mod discretion;
mod durability;
mod encodings;
mod failures;
mod faults;
mod feed;
mod fixtures;
mod forwarding;
mod found;
mod framing;
mod gateway;
mod health;
mod hop_by_hop;
mod large_bodies;
mod listeners;
mod log_levels;
mod malformed;
mod managed;
mod managed_answers;
mod managed_attempts;
mod managed_figures;
mod managed_load;
mod managed_providers;
mod managed_secrets;
mod managed_signals;
mod managed_usage;
mod managed_waits;
mod metrics;
mod notify;
mod otlp;
mod pins;
mod realtime;
mod recording;
mod redaction;
mod rekey;
mod reload;
mod replay;
mod restarts;
mod services;
mod slow_clients;
mod soak;
mod startup;
mod tls;
mod trace;
mod trace_ends;
mod trace_guard;
mod upkeep;
mod websocket;
