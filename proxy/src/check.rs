//! `glassway-proxy check`: what is wrong with database and keys, in one line each.
//! Changes nothing.

use glassway_shared::{
    config::Config,
    store::{migrate, roster::RosterReader},
    tls::Tls,
};

use crate::{
    keyfile::KeyFile,
    snapshot::{Snapshot, Standing},
};

/// Most keys named in one line.
const NAMED: usize = 10;

/// Lines that say how things are, and lines that say what is wrong.
#[derive(Debug, Default)]
pub struct Report {
    /// For standard output.
    pub fine: Vec<String>,
    /// For standard error.
    pub wrong: Vec<String>,
}

/// Looks at everything.
pub fn check(config: &Config) -> Report {
    let path = config.database.path.display();
    let mut report = Report::default();
    let (cert, key) = (&config.proxy.tls_cert, &config.proxy.tls_key);
    if let Err(e) = Tls::open("proxy", cert, key, &[]) {
        report.wrong.push(e.to_string());
    }
    if !config.database.path.exists() {
        report.fine.push(format!("{path}: will be created"));
        return report;
    }
    match migrate::due(&config.database.path) {
        Ok(0) => {
            report.fine.push(format!("{path}: up to date"));
            if let Err(e) = keys(config, &mut report) {
                report.wrong.push(format!("{e:#}"));
            }
        }
        Ok(n) => report.fine.push(format!("{path}: {n} migrations are due at the next start")),
        Err(e) => report.wrong.push(e.to_string()),
    }
    report
}

fn keys(config: &Config, report: &mut Report) -> anyhow::Result<()> {
    let mut roster = RosterReader::open(&config.database.path)?.load(i64::MAX)?;
    // Those that are switched off by hand are to open again, too.
    roster.keys.iter_mut().for_each(|key| key.active = true);
    let file = KeyFile::find(config)?;
    let private = file.peek(roster.public_key.as_deref())?;
    let standing = Standing::default();
    let (_, unusable) = Snapshot::make(&roster, config, private.as_ref(), &standing);
    let all = roster.keys.len();
    if unusable.is_empty() {
        report.fine.push(format!("{all} keys, all of which can be opened"));
        return Ok(());
    }
    let name = |id: &i64| roster.keys.iter().find(|key| key.id == *id).map(|key| key.name.clone());
    let mut names: Vec<_> = unusable.iter().filter_map(|(id, _)| name(id)).take(NAMED).collect();
    if unusable.len() > NAMED {
        names.push("…".to_owned());
    }
    let count = unusable.len();
    let names = names.join(", ");
    report.wrong.push(match private {
        Some(_) => format!(
            "{count} of {all} keys cannot be opened, being sealed for another address or with \
             another private key: paste them again ({names})"
        ),
        None => format!(
            "{count} of {all} keys cannot be opened, as {} is missing: bring it back, or paste \
             them again ({names})",
            config.secrets.private_key.display()
        ),
    });
    Ok(())
}
