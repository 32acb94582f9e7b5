//! What a wrong command line is told: one line, as a wrong configuration is. The parser of
//! arguments writes several, for a person who has the terminal to themselves; a log or a
//! unit's status has room for one.

/// What is wrong, out of a message of the parser: its first paragraph, and where to read on.
pub fn one_line(message: &str) -> String {
    let first = message.split("\n\n").next().unwrap_or_default();
    let words: Vec<_> = first.trim_start_matches("error: ").split_whitespace().collect();
    format!("{}; see --help", words.join(" "))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Arguments {
        #[arg(long)]
        days: Option<u32>,
        file: String,
    }

    fn refused(arguments: &[&str]) -> String {
        let all = [&["program"], arguments].concat();
        one_line(&Arguments::try_parse_from(all).unwrap_err().to_string())
    }

    #[test]
    fn the_line_names_what_is_wrong() {
        assert_eq!(refused(&["a", "--dys"]), "unexpected argument '--dys' found; see --help");
        let missing = "the following required arguments were not provided: <FILE>; see --help";
        assert_eq!(refused(&[]), missing);
        let wrong = refused(&["a", "--days", "few"]);
        assert!(wrong.contains("'few'") && wrong.contains("--days"), "{wrong}");
    }
}
