//! What an operator does with the database from the command line: `backup`, `restore`,
//! `vacuum`, `doctor`. None of them needs the services to run; only `restore` needs them
//! stopped.

mod doctor;

use std::path::Path;

use glassway_shared::{
    config::Config,
    store::{
        StoreError, migrate,
        settings::Settings,
        upkeep::{self, Bodies, Thorough},
    },
};

use crate::{arguments::Upkeep, audit};

/// What a command that could not do its work says: an exit code and a line.
pub struct Failure(pub u8, pub String);

impl From<StoreError> for Failure {
    fn from(e: StoreError) -> Self {
        Self(1, e.to_string())
    }
}

/// Does one.
pub fn run(config: &Config, command: &Upkeep) -> Result<(), Failure> {
    match command {
        Upkeep::Backup { file, without_bodies } => backup(config, file, *without_bodies),
        Upkeep::Restore { file } => restore(config, file),
        Upkeep::Vacuum => vacuum(config),
        Upkeep::Doctor { full, json } => {
            let thorough = if *full { Thorough::Full } else { Thorough::Quick };
            doctor::run(config, thorough, *json)
        }
    }
}

fn backup(config: &Config, file: &Path, without_bodies: bool) -> Result<(), Failure> {
    there(config)?;
    if file.exists() {
        let line = format!("{}: is there already; name a file that is not", file.display());
        return Err(Failure(2, line));
    }
    let bodies = if without_bodies { Bodies::Without } else { Bodies::With };
    let written = upkeep::backup(&config.database.path, file, bodies)?;
    // Whoever took a copy has all that is in it. An older database is not touched for that:
    // opening it for writing would bring it up to date.
    if migrate::due(&config.database.path)? == 0 {
        audit::command(&mut Settings::open(&config.database.path)?, "backup")?;
    }
    println!("{}: {}", file.display(), bytes(written));
    println!(
        "Keys in it are sealed. To use them elsewhere keep {}, too, apart from this file.",
        config.private_key_file().display()
    );
    Ok(())
}

fn restore(config: &Config, file: &Path) -> Result<(), Failure> {
    let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let done = upkeep::restore(&config.database.path, file, &stamp)?;
    if done.due == 0 {
        audit::command(&mut Settings::open(&config.database.path)?, "restore")?;
    }
    let path = config.database.path.display();
    println!("{path}: restored, {} exchanges", done.exchanges);
    if let Some(kept) = done.kept {
        println!("What was there is {}; delete it when all is well.", kept.display());
    }
    if done.due > 0 {
        println!("The next start does {} migration(s).", done.due);
    }
    Ok(())
}

fn vacuum(config: &Config) -> Result<(), Failure> {
    there(config)?;
    let done = upkeep::vacuum(&config.database.path)?;
    if migrate::due(&config.database.path)? == 0 {
        audit::command(&mut Settings::open(&config.database.path)?, "vacuum")?;
    }
    let (path, before, after) =
        (config.database.path.display(), bytes(done.before), bytes(done.after));
    println!("{path}: {before} before, {after} now");
    if !done.whole {
        println!(
            "The services are running, so only free pages were given back. With both stopped \
             the file is rewritten whole and may become smaller still."
        );
    }
    Ok(())
}

/// For a command that works on what is recorded: it never makes a database where none is.
pub fn there(config: &Config) -> Result<(), Failure> {
    let path = &config.database.path;
    if path.exists() { Ok(()) } else { Err(Failure(1, absent(path))) }
}

fn absent(path: &Path) -> String {
    format!(
        "{}: there is no database; nothing was recorded yet, or the services record elsewhere: \
         database.path must be theirs (or GLASSWAY_DATABASE__PATH)",
        path.display()
    )
}

/// For people.
fn bytes(n: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{n} B"),
        _ => format!("{value:.1} {}", units[unit]),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_are_for_people() {
        assert_eq!(
            [0, 999, 1_000, 20_000_000_000].map(super::bytes),
            ["0 B", "999 B", "1.0 kB", "20.0 GB"]
        );
    }
}
