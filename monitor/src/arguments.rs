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
    /// Ask the monitor that runs by this configuration whether all is well.
    Health,
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
    /// For the whole database.
    #[command(flatten)]
    Upkeep(Upkeep),
}

/// What is done to the database as a whole.
#[derive(Subcommand)]
pub enum Upkeep {
    /// Copy the database while it is used; the copy is consistent.
    Backup {
        /// Where to; must not be there yet.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Leave out what was said: bodies, messages, the playground's conversations.
        #[arg(long)]
        without_bodies: bool,
    },
    /// Put a backup in the database's place; both services must be stopped.
    Restore {
        /// What `backup` wrote.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Give free space back to the file system; whole where both services are stopped.
    Vacuum,
    /// Look whether all is sound, what it takes and what retention will remove; change nothing.
    Doctor {
        /// Indexes against tables and bodies against their pieces, too; may take minutes.
        #[arg(long)]
        full: bool,
        /// One JSON object instead of lines.
        #[arg(long)]
        json: bool,
    },
}
