//! The patterns of names as the database knows them.

/// Our `*` pattern as SQLite's GLOB, whose other special characters mean themselves.
pub(in crate::store) fn glob(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    for c in pattern.chars() {
        match c {
            '?' => out.push_str("[?]"),
            '[' => out.push_str("[[]"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wildcard::matches;

    #[rstest::rstest]
    #[case("gpt-4o", "gpt-4o", true)]
    #[case("gpt-4o", "gpt-4o-mini", false)]
    #[case("gpt-4o*", "gpt-4o-mini", true)]
    #[case("*mini", "gpt-4o-mini", true)]
    #[case("*4*mini", "gpt-4o-mini", true)]
    #[case("*4*maxi", "gpt-4o-mini", false)]
    #[case("a*a", "a", false)]
    #[case("*", "", true)]
    #[case("[a-z]?", "[a-z]?", true)]
    #[case("[a-z]?", "bc", false)]
    fn a_star_stands_for_anything_in_memory_and_in_sql(
        #[case] pattern: &str,
        #[case] text: &str,
        #[case] fits: bool,
    ) {
        assert_eq!(matches(pattern, text), fits);
        let db = rusqlite::Connection::open_in_memory().unwrap();
        let sql: bool =
            db.query_row("SELECT ?1 GLOB ?2", [text, &glob(pattern)], |row| row.get(0)).unwrap();
        assert_eq!(sql, fits);
    }
}
