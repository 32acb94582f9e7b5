//! What a machine refuses a test: a tool that is missing, or may not do what it is for.

/// Says that a test passes by, and why; panics where `GLASSWAY_REQUIRE_FAULTS=1` says that
/// this machine has what every test needs.
pub fn passes_by(why: &str) {
    let required = std::env::var_os("GLASSWAY_REQUIRE_FAULTS").is_some_and(|value| value == "1");
    assert!(!required, "GLASSWAY_REQUIRE_FAULTS=1, and it cannot run here: {why}");
    eprintln!("skipped: {why}");
}
