//! The command line of `glassway-monitor`; its man page and completions are made of it:
//! `xtask` takes this file in, which therefore needs nothing else of this crate.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Admin and monitoring API, live feed and web UI of Glassway.
#[derive(Parser)]
#[command(name = "glassway-monitor", version)]
pub struct Arguments {
    /// The configuration; without it ./config.toml if it is there, else defaults.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What it does instead of serving.
#[derive(Subcommand)]
pub enum Command {
    /// Say what is wrong with configuration and database; change nothing.
    Check,
    /// Replace a lost admin key and end every session.
    NewAdminKey,
    /// Take a newer price list: litellm's model_prices_and_context_window.json.
    ImportPrices {
        /// The list.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// When the list was taken; without it, when the file was last changed.
        #[arg(long, value_name = "YYYY-MM-DD")]
        date: Option<jiff::civil::Date>,
    },
}
