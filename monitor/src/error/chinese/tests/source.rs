//! The sentences that a source file refuses with: string literals with a space in what
//! makes a refusal.

/// Where a refusal, or the sentence for one, begins.
const BEGINS: &[&str] = &[
    "Problem::field(",
    "Problem::conflict(",
    "Problem::not_found(",
    "Problem::unauthorized(",
    "Problem::unavailable(",
    "Problem::too_many(",
    "Problem::new(",
    "Self::unavailable(",
    "#[error(",
    "fixed(",
    "refuse(",
    "Err(\"",
    "Err(format!(",
    "Err(refuse(",
    "let message =",
    "let several =",
    "let why =",
    "let odd =",
    "let bad =",
    "Some(format!(\"no ",
    "const MOVED: &str =",
];

/// The sentences of a file, as they are written.
pub fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for begin in BEGINS {
        for (at, _) in text.match_indices(begin) {
            // A log line's message is nobody's answer.
            let statement = statement(&text[at..]);
            found.extend(literals(statement).into_iter().filter(|literal| said(literal)));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Up to the end of the statement or of what is in parentheses.
fn statement(text: &str) -> &str {
    let (mut depth, mut quoted, mut escaped) = (0i32, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' | '{' | '[' if !quoted => depth += 1,
            ')' | '}' | ']' if !quoted => {
                depth -= 1;
                if depth <= 0 && !text[at + 1..].starts_with('.') {
                    return &text[..=at];
                }
            }
            ';' if !quoted && depth == 0 => return &text[..at],
            _ => {}
        }
    }
    text
}

fn literals(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut parts = text.char_indices().peekable();
    while let Some((_, c)) = parts.next() {
        if c != '"' {
            continue;
        }
        let mut literal = String::new();
        while let Some((_, c)) = parts.next() {
            match c {
                '"' => break,
                '\\' => match parts.next() {
                    // A line that goes on.
                    Some((_, '\n')) => {
                        while parts.peek().is_some_and(|(_, c)| c.is_whitespace()) {
                            parts.next();
                        }
                    }
                    Some((_, c)) => literal.push(c),
                    None => {}
                },
                c => literal.push(c),
            }
        }
        found.push(literal);
    }
    found
}

/// Words, not a name, a header, a list's joint or a query.
fn said(literal: &str) -> bool {
    let words = literal.split(' ').filter(|word| word.chars().any(char::is_alphabetic)).count();
    words > 1 && !literal.contains("SELECT") && !literal.contains("realm=")
}

/// The sentence with something in its holes.
pub fn filled(sentence: &str) -> String {
    let mut out = String::new();
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        out.push('7');
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    out + rest
}
