//! Man pages and shell completions, made of the command lines that the binaries have.

use std::{fs, io::Write, path::Path};

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;
use flate2::{Compression, GzBuilder};

use crate::tools::root;

#[path = "../../../monitor/src/arguments.rs"]
#[allow(dead_code, reason = "only its shape is of interest here")]
mod monitor;
#[path = "../../../proxy/src/arguments.rs"]
#[allow(dead_code, reason = "only its shape is of interest here")]
mod proxy;

/// Writes `man/*.gz` and `completions/*` into `folder`.
pub fn write(folder: &Path) -> Result<()> {
    let (man, completions) = (folder.join("man"), folder.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    for command in [proxy::Arguments::command(), monitor::Arguments::command()] {
        page(&man, command.clone())?;
        for sub in command.get_subcommands() {
            let name: &'static str = format!("{}-{}", command.get_name(), sub.get_name()).leak();
            page(&man, sub.clone().name(name).version(env!("CARGO_PKG_VERSION")))?;
        }
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let name = command.get_name().to_owned();
            generate_to(shell, &mut command.clone(), name, &completions)?;
        }
    }
    let config = root().join("config.toml");
    let text = fs::read_to_string(&config).with_context(|| config.display().to_string())?;
    packed(&man.join("glassway-config.5.gz"), configuration(&text).as_bytes())
}

fn page(folder: &Path, command: clap::Command) -> Result<()> {
    let file = folder.join(format!("{}.1.gz", command.get_name()));
    let mut text = Vec::new();
    Man::new(command).manual("Glassway").render(&mut text)?;
    text.extend_from_slice(SEE_ALSO.as_bytes());
    packed(&file, &text)
}

const SEE_ALSO: &str = ".SH \"SEE ALSO\"
.BR glassway-proxy (1),
.BR glassway-monitor (1),
.BR glassway-config (5)
.br
/usr/share/doc/glassway
";

/// The man page of the configuration is the documented default itself.
fn configuration(toml: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let body: String = toml.lines().map(|line| verbatim(line) + "\n").collect();
    format!(
        ".TH glassway-config 5 \"\" \"glassway {version}\" \"Glassway\"\n\
         .SH NAME\n\
         glassway\\-config \\- what both processes of Glassway read at their start\n\
         .SH FILES\n\
         .I /etc/glassway/config.toml\n\
         .br\n\
         Without \\fB\\-\\-config\\fR, \\fIconfig.toml\\fR in the working directory.\n\
         .SH \"EVERY KEY WITH ITS DEFAULT\"\n\
         .nf\n{body}.fi\n{SEE_ALSO}"
    )
}

/// A line that troff leaves as it is.
fn verbatim(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if line.starts_with('.') { format!("\\&{line}") } else { line }
}

/// Without a time, so that the same text makes the same file.
fn packed(file: &Path, text: &[u8]) -> Result<()> {
    let out = fs::File::create(file).with_context(|| file.display().to_string())?;
    let mut gzip = GzBuilder::new().mtime(0).write(out, Compression::best());
    gzip.write_all(text)?;
    gzip.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_page_and_completions() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        for file in [
            "man/glassway-proxy.1.gz",
            "man/glassway-proxy-check.1.gz",
            "man/glassway-monitor.1.gz",
            "man/glassway-monitor-new-admin-key.1.gz",
            "man/glassway-config.5.gz",
            "completions/glassway-proxy.bash",
            "completions/_glassway-monitor",
            "completions/glassway-proxy.fish",
        ] {
            assert!(folder.path().join(file).metadata().unwrap().len() > 100, "{file}");
        }
    }

    #[test]
    fn troff_sees_no_request_in_the_configuration() {
        let page = configuration(".hidden = 'x'\nlisten = \"127.0.0.1:8080\"  # a-b\n");
        assert!(
            page.contains("\n\\&.hidden = \\(aqx\\(aq\nlisten = \"127.0.0.1:8080\"  # a\\-b\n")
        );
    }
}
