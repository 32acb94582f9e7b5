//! The command line of `glassway-proxy`; its man page and completions are made of it:
//! `xtask` takes this file in, which therefore needs nothing else of this crate.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// A transparent, recording reverse proxy for LLM APIs.
#[derive(Parser)]
#[command(name = "glassway-proxy", version)]
pub struct Arguments {
    /// Configuration file [default: ./config.toml if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Take the listening socket of the proxy that serves the same link; it ends its
    /// streams and then itself. Where none serves, start as usual
    #[arg(long)]
    pub take_over: bool,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What it does instead of serving.
#[derive(Subcommand)]
pub enum Command {
    /// Say what is wrong with configuration and database, and change nothing
    Check,
    /// Make a new private key and seal every stored key anew; a proxy that has the key from a file may run meanwhile
    Rekey,
    /// Ask the proxy that runs by this configuration whether all is well
    Health,
    /// Have a new process take over from the proxy that runs, and say whether it did
    Reload,
}
