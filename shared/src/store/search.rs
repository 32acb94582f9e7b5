//! Full-text search that finds Chinese: before text goes to FTS5's unicode61, runs
//! of CJK characters become overlapping pairs plus the last single character, and
//! are cut from other scripts at the border. A query becomes phrases of the same
//! pairs. A fifth of the cost of trigrams, and two-character words are found.
//!
//! What stands between two spaces is indexed once per exchange, since no query tells where
//! or how often it stood: a third less to write, and what the index says of a word that is
//! everywhere stays short.

use std::{collections::HashSet, hash::BuildHasher};

/// Text that is smaller has not so many different words that they need to be counted.
const FEW: usize = 48 * 1024;

/// The words of an exchange, as FTS5 is to index them.
#[derive(Debug, Default)]
pub struct Words<'a> {
    /// Each once, prepared.
    pub prepared: String,
    seen: HashSet<&'a str>,
    /// Hashes of single words, where they are counted.
    counted: HashSet<u64>,
}

impl<'a> Words<'a> {
    /// Adds those of a text. Once there are `most` different ones only those are added that
    /// were there before.
    pub fn add(&mut self, text: &'a str, most: usize) {
        let is_counted = !self.counted.is_empty() || self.prepared.len() + text.len() >= FEW;
        for between_spaces in text.split_whitespace() {
            let word = between_spaces.trim_matches(|c: char| !c.is_alphanumeric());
            if word.is_empty() || !self.seen.insert(word) {
                continue;
            }
            if is_counted {
                self.add_counted(word, most);
            } else {
                prepare(word, &mut self.prepared);
            }
            self.prepared.push(' ');
        }
    }

    fn add_counted(&mut self, word: &str, most: usize) {
        let mut prepared = String::new();
        prepare(word, &mut prepared);
        for part in prepared.split_inclusive(|c: char| !c.is_alphanumeric()) {
            let word = part.trim_end_matches(|c: char| !c.is_alphanumeric());
            let hash = self.counted.hasher().hash_one(word);
            if word.is_empty() || self.counted.contains(&hash) {
                self.prepared.push_str(part);
            } else if self.counted.len() < most {
                self.counted.insert(hash);
                self.prepared.push_str(part);
            }
        }
    }
}

/// Text as FTS5 is to index it.
fn prepare(text: &str, out: &mut String) {
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
        let mut words = Words::default();
        words.add(text, usize::MAX);
        db.execute("INSERT INTO s (rowid, text) VALUES (1, ?1)", [words.prepared]).unwrap();
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
    #[case("o claude-3 (claude-3), gpt claude-3-opus", "claude-3-opus", true)]
    fn finds_words(#[case] text: &str, #[case] query: &str, #[case] expected: bool) {
        assert_eq!(finds(text, query), expected);
    }

    #[test]
    fn words_are_added_once() {
        let mut words = Words::default();
        words.add("the (fox), the fox. - The 狐狸 狐狸", usize::MAX);
        words.add("fox the end", usize::MAX);
        assert_eq!(words.prepared, "the fox The  狐狸 狸 end ");
    }

    #[test]
    fn of_very_many_words_the_first_are_found_and_what_repeats_them() {
        let mut words = Words::default();
        let ids: String = (0..20_000).map(|n| format!("id{n} ")).collect();
        let list = format!("{{\"a\":[{}]}}", ids.replace(' ', ","));
        words.add(&list, 1_000);
        words.add("id7-id8 newer", 1_000);
        words.add("answer", 1_001);
        let all: Vec<_> = words.prepared.split(|c: char| !c.is_alphanumeric()).collect();
        assert!(all.contains(&"id998") && !all.contains(&"id999"));
        assert!(words.prepared.ends_with("id7-id8  answer "), "{:?}", &all[all.len() - 9..]);
    }

    proptest::proptest! {
        #[test]
        fn no_query_is_a_syntax_error(query: String) {
            finds("text 文本", &query);
        }
    }
}
