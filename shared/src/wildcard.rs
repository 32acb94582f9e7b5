//! Patterns of names: a `*` stands for any run of characters, all else for itself.

/// Whether `name` fits `pattern`.
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("gpt-4o", "gpt-4o", true)]
    #[case("gpt-4o", "gpt-4o-mini", false)]
    #[case("gpt-*", "gpt-4o-mini", true)]
    #[case("*", "", true)]
    #[case("*-mini", "gpt-4o-mini", true)]
    #[case("*-mini", "gpt-4o-mini-x", false)]
    #[case("a*b*c", "axxbyyc", true)]
    #[case("a*b*c", "ac", false)]
    #[case("a*a", "a", false)]
    #[case("org/*", "org/model/x", true)]
    fn patterns_match(#[case] pattern: &str, #[case] name: &str, #[case] expected: bool) {
        assert_eq!(matches(pattern, name), expected);
    }
}
