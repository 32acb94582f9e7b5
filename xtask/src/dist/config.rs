//! The configuration as an installed Glassway has it: `config.toml`, with the paths that the
//! systemd units use, so that a command typed by hand finds what the services have.

use anyhow::{Result, ensure};

/// What stands in `config.toml`, and what instead.
const PATHS: [(&str, &str); 3] = [
    (r#"path = "data/glassway.db"          "#, r#"path = "/var/lib/glassway/glassway.db""#),
    (r#"link = "data/glassway.sock"        "#, r#"link = "/run/glassway/glassway.sock""#),
    (
        r#"private_key = "data/glassway.key"  "#,
        r#"private_key = "/etc/glassway/credentials/private/key""#,
    ),
];

const NOTE: &str = "\
#
# This is the file of an installed Glassway. Where records and the socket between
# the services are, the units say as well, and win (systemctl cat glassway-proxy):
# the paths here are for commands that you type. To move them, change both.
";

/// The text of `/etc/glassway/config.toml`, made of that of the repository's.
pub fn installed(text: &str) -> Result<String> {
    let mut text = text.to_owned();
    for (here, installed) in PATHS {
        ensure!(text.matches(here).count() == 1, "config.toml has no line {here}");
        text = text.replace(here, installed);
    }
    let head = text.find("\n\n").map_or(0, |end| end + 1);
    text.insert_str(head, NOTE);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::tools::root;

    #[test]
    fn only_the_paths_of_the_state_are_others() {
        let ours = fs::read_to_string(root().join("config.toml")).unwrap();
        let installed = installed(&ours).unwrap();
        let mut expected: toml::Table = ours.parse().unwrap();
        let mut set = |section: &str, key: &str, path: &str| {
            expected[section][key] = toml::Value::from(path);
        };
        set("database", "path", "/var/lib/glassway/glassway.db");
        set("proxy", "link", "/run/glassway/glassway.sock");
        set("secrets", "private_key", "/etc/glassway/credentials/private/key");
        assert_eq!(installed.parse::<toml::Table>().unwrap(), expected);
        // As the units have them.
        for unit in ["proxy", "monitor"] {
            let unit = root().join(format!("systemd/glassway-{unit}.service"));
            let unit = fs::read_to_string(unit).unwrap();
            assert!(unit.contains("GLASSWAY_DATABASE__PATH=/var/lib/glassway/glassway.db\n"));
            assert!(unit.contains("GLASSWAY_PROXY__LINK=/run/glassway/glassway.sock\n"));
        }
        assert!(installed.starts_with("# Glassway's configuration"), "{installed}");
    }
}
