//! Full-text search that finds Chinese: before text goes to FTS5's unicode61, runs
//! of CJK characters become overlapping pairs plus the last single character, and
//! are cut from other scripts at the border. A query becomes phrases of the same
//! pairs. A fifth of the cost of trigrams, and two-character words are found.

/// Text as FTS5 is to index it.
pub fn prepare(text: &str, out: &mut String) {
    out.reserve(text.len() * 2);
    let mut run: Option<char> = None;
    for c in text.chars() {
        if is_cjk(c) {
            match run {
                // The pair with the character before.
                Some(previous) => out.extend([previous, c, ' ']),
                None => out.push(' '),
            }
            run = Some(c);
        } else {
            if let Some(last) = run.take() {
                out.extend([last, ' ']);
            }
            out.push(if c == '\0' { ' ' } else { c });
        }
    }
    if let Some(last) = run {
        out.push(last);
    }
}

/// The MATCH expression for what a person typed: every word must occur, Latin
/// words also as the beginning of a longer one. `None` where nothing can be found
/// by text.
pub fn phrase(query: &str) -> Option<String> {
    let mut terms = Vec::new();
    for word in query.split_whitespace() {
        let mut rest = word;
        while let Some(first) = rest.chars().next() {
            let cjk = is_cjk(first);
            let end = rest.find(|c| is_cjk(c) != cjk).unwrap_or(rest.len());
            let (run, tail) = rest.split_at(end);
            rest = tail;
            terms.extend(if cjk { cjk_term(run) } else { latin_term(run) });
        }
    }
    (!terms.is_empty()).then(|| terms.join(" "))
}

/// `你好吗` → `"你好 好吗"`; one character finds the pairs that begin with it.
fn cjk_term(run: &str) -> Option<String> {
    let chars: Vec<char> = run.chars().collect();
    match chars.len() {
        0 => None,
        1 => Some(format!("\"{}\" *", chars[0])),
        _ => {
            let pairs: Vec<String> = chars.windows(2).map(|pair| pair.iter().collect()).collect();
            Some(format!("\"{}\"", pairs.join(" ")))
        }
    }
}

fn latin_term(run: &str) -> Option<String> {
    if !run.chars().any(char::is_alphanumeric) {
        return None;
    }
    Some(format!("\"{}\" *", run.replace('"', "\"\"").replace('\0', " ")))
}

/// Scripts written without spaces between words.
pub fn is_cjk(c: char) -> bool {
    matches!(c,
        '\u{2E80}'..='\u{2FDF}'     // radicals
        | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{30FF}'   // kana
        | '\u{3100}'..='\u{312F}'   // bopomofo
        | '\u{31A0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}'   // ideographs
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7AF}'   // hangul
        | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    fn finds(text: &str, query: &str) -> bool {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE VIRTUAL TABLE s USING fts5 (text, content='', contentless_delete=1,
                 tokenize=\"unicode61 remove_diacritics 2\")",
        )
        .unwrap();
        let mut prepared = String::new();
        prepare(text, &mut prepared);
        db.execute("INSERT INTO s (rowid, text) VALUES (1, ?1)", [prepared]).unwrap();
        let Some(query) = phrase(query) else { return false };
        db.query_row("SELECT count(*) FROM s WHERE s MATCH ?1", [query], |r| r.get::<_, i64>(0))
            .unwrap()
            > 0
    }

    #[rstest::rstest]
    #[case("敏捷的棕色狐狸跳过懒狗", "狐狸", true)]
    #[case("敏捷的棕色狐狸跳过懒狗", "棕色狐狸", true)]
    #[case("敏捷的棕色狐狸跳过懒狗", "狗", true)]
    #[case("敏捷的棕色狐狸跳过懒狗", "敏", true)]
    #[case("敏捷的棕色狐狸跳过懒狗", "狐狗", false)]
    #[case("敏捷的棕色狐狸跳过懒狗", "狐狸 懒狗", true)]
    #[case("用GPT模型回答", "GPT", true)]
    #[case("用GPT模型回答", "gpt模型", true)]
    #[case("the quick brown fox", "quick fox", true)]
    #[case("the quick brown fox", "qui", true)]
    #[case("the quick brown fox", "\"brown\" OR NOT (", false)]
    #[case("model gpt-4o-mini", "gpt-4o", true)]
    #[case("Crème brûlée", "creme", true)]
    #[case("ひらがなカタカナ", "がなカタ", true)]
    #[case("anything", "* - ()", false)]
    fn finds_words(#[case] text: &str, #[case] query: &str, #[case] expected: bool) {
        assert_eq!(finds(text, query), expected);
    }

    proptest::proptest! {
        #[test]
        fn no_query_is_a_syntax_error(query: String) {
            finds("text 文本", &query);
        }
    }
}
