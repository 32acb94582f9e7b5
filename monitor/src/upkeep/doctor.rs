//! `doctor`: what an operator would look at by hand, in lines that say what to do.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::Path,
};

use glassway_shared::{
    config::Config,
    store::{
        migrate,
        read::Reader,
        settings::setting,
        tend::{Limits, Said},
        upkeep::{Examined, Thorough, examine},
    },
};
use jiff::Timestamp;
use serde::Serialize;

use super::{Failure, absent, bytes};

/// One thing that was looked at.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    state: State,
    /// A sentence.
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Fine,
    /// Worth knowing.
    Note,
    Wrong,
}

#[derive(Default)]
struct Report(Vec<Finding>);

impl Report {
    fn say(&mut self, state: State, text: impl Into<String>) {
        self.0.push(Finding { state, text: text.into() });
    }
}

/// Looks at everything and says it; fails where something is wrong.
pub(super) fn run(config: &Config, thorough: Thorough, json: bool) -> Result<(), Failure> {
    let mut report = Report::default();
    look(config, thorough, &mut report);
    let wrong = report.0.iter().filter(|finding| finding.state == State::Wrong).count();
    if json {
        let all = serde_json::json!({ "sound": wrong == 0, "findings": report.0 });
        println!("{all}");
    } else {
        for Finding { state, text } in &report.0 {
            let mark = match state {
                State::Fine => "fine ",
                State::Note => "note ",
                State::Wrong => "WRONG",
            };
            println!("{mark}  {text}");
        }
    }
    match wrong {
        0 => Ok(()),
        1 => Err(Failure(1, "1 thing is wrong, see above".to_owned())),
        many => Err(Failure(1, format!("{many} things are wrong, see above"))),
    }
}

fn look(config: &Config, thorough: Thorough, report: &mut Report) {
    let path = &config.database.path;
    if !path.exists() {
        return report.say(State::Wrong, absent(path));
    }
    match migrate::due(path) {
        Ok(0) => {}
        Ok(due) => report.say(State::Note, format!("{due} migration(s) are due at the next start")),
        Err(e) => return report.say(State::Wrong, e.to_string()),
    }
    files(config, report);
    services(config, report);
    let limits = limits(config);
    match examine(path, limits, Timestamp::now().as_microsecond(), thorough) {
        Err(e) => report.say(State::Wrong, format!("{}: {e}", path.display())),
        Ok(found) => contents(&found, limits, report),
    }
    space(config, limits, report);
}

/// Who may read what.
fn files(config: &Config, report: &mut Report) {
    let database = &config.database.path;
    let key = config.private_key_file();
    for (path, allowed) in
        [(database.as_path(), 0o600), (config.data_dir(), 0o700), (key.as_path(), 0o600)]
    {
        let Ok(meta) = fs::metadata(path) else { continue };
        let mode = meta.permissions().mode() & 0o777;
        if mode & !allowed != 0 {
            let shown = path.display();
            report.say(
                State::Wrong,
                format!("{shown}: others can get at it (mode {mode:o}); chmod {allowed:o} {shown}"),
            );
        }
    }
}

fn services(config: &Config, report: &mut Report) {
    match UnixStream::connect(&config.proxy.link) {
        Ok(_) => report.say(State::Fine, "the proxy is running"),
        Err(_) => {
            let link = config.proxy.link.display();
            report.say(State::Note, format!("the proxy does not answer on {link}"));
        }
    }
    let Ok(flights) = fs::read_dir(config.flight_dir()) else { return };
    let flights = flights.flatten().count();
    if flights > 1 {
        report.say(
            State::Note,
            format!(
                "{flights} flight files: the next start of the proxy records what a killed one left"
            ),
        );
    }
}

/// What counts: settings over the configuration.
fn limits(config: &Config) -> Limits {
    let configured = Limits::configured(&config.record);
    let Ok(reader) = Reader::open(&config.database.path) else { return configured };
    let said = Said::of(|name| {
        setting(&reader, name).ok().flatten().and_then(|json| serde_json::from_str(&json).ok())
    });
    said.over(configured)
}

fn contents(found: &Examined, limits: Limits, report: &mut Report) {
    for wrong in &found.wrong {
        report.say(State::Wrong, format!("the database is damaged: {wrong}"));
    }
    if !found.wrong.is_empty() {
        let text = "stop both services and restore a backup (glassway-monitor restore FILE); the \
                    damaged file is kept beside it";
        return report.say(State::Note, text);
    }
    report.say(State::Fine, "every page of the database can be read and is in order");
    let date = |us| Timestamp::from_microsecond(us).map(|at| at.strftime("%F %T UTC").to_string());
    let span = match found.span {
        Some((oldest, newest)) => format!(
            ", from {} to {}",
            date(oldest).unwrap_or_default(),
            date(newest).unwrap_or_default()
        ),
        None => String::new(),
    };
    let text = format!("{} exchanges, {} of them pinned{span}", found.exchanges, found.pinned);
    report.say(State::Fine, text);
    let days = |age: Option<std::time::Duration>| match age {
        Some(age) => format!("{:.1} days", age.as_secs_f64() / 86_400.0),
        None => "any age".to_owned(),
    };
    let fate = found.fate;
    report.say(
        State::Fine,
        format!(
            "kept: {} exchanges, {}, bodies {}, {} on disk",
            match limits.max_exchanges {
                0 => "any number of".to_owned(),
                cap => format!("at most {cap}"),
            },
            days(limits.max_age),
            limits.max_body_age.map_or("as long".to_owned(), |age| days(Some(age))),
            match limits.max_disk_bytes {
                0 => "any size".to_owned(),
                cap => bytes(cap),
            },
        ),
    );
    report.say(
        State::Fine,
        format!(
            "retention will remove {} exchanges now, {} within a day if it goes on like the last \
             one, and the bodies of {} more",
            fate.rows_now, fate.rows_in_a_day, fate.bodies_now
        ),
    );
    if fate.bytes_over > 0 {
        let text = format!("{} over the disk budget: the oldest bodies go", bytes(fate.bytes_over));
        report.say(State::Note, text);
    }
    if found.lost != (0, 0) {
        let (bodies, rows) = found.lost;
        report.say(
            State::Note,
            format!(
                "{bodies} bodies and {rows} records were not kept, ever: recording could not keep \
                 up, or the disk was full"
            ),
        );
    }
}

/// What there is, and what the disk has left.
fn space(config: &Config, limits: Limits, report: &mut Report) {
    let path = &config.database.path;
    let size = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.len());
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let (file, log) = (size(path), size(Path::new(&log)));
    let shown = path.display();
    report.say(State::Fine, format!("{shown}: {}, and a log of {}", bytes(file), bytes(log)));
    if log > 1 << 30 {
        let text = "the log is large: something reads the database for very long, or the disk is \
                    too slow";
        report.say(State::Note, text);
    }
    let Ok(disk) = rustix::fs::statvfs(config.data_dir()) else { return };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let grows = match limits.max_disk_bytes {
        0 => 0,
        most => most.saturating_sub(file),
    };
    if free < 256 << 20 {
        let text = format!("only {} are free on the disk: make room", bytes(free));
        report.say(State::Wrong, text);
    } else if grows > free {
        report.say(
            State::Note,
            format!(
                "{} are free on the disk, but the budget (record.max_disk_bytes) lets the database \
                 grow by {}: lower it",
                bytes(free),
                bytes(grows)
            ),
        );
    } else {
        report.say(State::Fine, format!("{} are free on the disk", bytes(free)));
    }
}
