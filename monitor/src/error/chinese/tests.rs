//! Every sentence that this crate refuses with has an entry, and names and values come
//! through.

use std::{collections::BTreeSet, path::Path};

use super::{TABLE, chinese};

mod source;

#[track_caller]
fn says(english: &str, expected: &str) {
    assert_eq!(chinese(english).as_deref(), Some(expected), "{english}");
}

#[test]
fn names_and_values_come_through() {
    says("there is no key 7", "没有密钥 7");
    says("this key is already there as `a b` (key 12)", "此密钥已存在，名为 `a b`（密钥 12）");
    says(
        "the key is longer than any key (8,192 characters)",
        "密钥超出了密钥可能的长度（8,192 个字符）",
    );
    says(
        "the provider is in use by 9 key(s) (a, b, c, d, e, and 4 more) and 1 route(s) (x); delete or move them first",
        "供应商正被 9 个密钥（a, b, c, d, e 等，另有 4 个）和 1 条路由（x）使用，请先删除或移走",
    );
    says(
        "10.0.0.1 is a private address: if that is meant, add allow = [\"10.0.0.1:443\"] under [upstream] in config.toml and restart",
        "10.0.0.1是内网地址：若确有此意，请在 config.toml 的 [upstream] 下加入 allow = [\"10.0.0.1:443\"] 并重启",
    );
    says("no body here is larger than 16 MiB", "此处的正文不能超过 16 MiB");
    says("the provider answered 502", "供应商返回 502");
    assert_eq!(chinese("401: Incorrect API key provided"), None, "others' words stay theirs");
}

#[test]
fn the_table_is_pairs_whose_holes_agree() {
    let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len() % 2, 0);
    let mut seen = BTreeSet::new();
    for pair in lines.chunks(2) {
        let chinese = |text: &str| text.contains(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        assert_eq!((chinese(pair[0]), chinese(pair[1])), (false, true), "{pair:?}");
        assert!(seen.insert(pair[0]), "twice: {}", pair[0]);
        let holes = |text: &str| text.matches("{}").count() + text.matches("{!}").count();
        assert_eq!(holes(pair[0]), holes(pair[1]), "{}", pair[0]);
    }
}

/// Not said to a page: what the live feed tells the programs that follow it, what is told
/// on the command line, and a sentence put together of two (`must be {an} {integer}`),
/// whose results have entries.
const ELSEWHERE: &[&str] = &[
    "src/api/feed.rs: ",
    "src/auth/key.rs: {place}: the admin key",
    "src/api/chat/body.rs: Who says it.",
    "src/api/input.rs: must be {article} {expected}",
    "src/trace/fetchers.rs: is larger than 4 MiB",
    "shared/src/address.rs: `{0}` is neither a network",
];

/// What a person can be told stands in string literals; the sentences among them are
/// those with a space that are no log line, no header, no SQL.
#[test]
fn every_refusal_has_its_chinese() {
    let mut missing = Vec::new();
    for folder in ["src/api", "src/auth", "src/trace"] {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut missing);
    }
    let ours = ["src/api.rs", "src/auth.rs", "src/chat.rs", "src/error.rs", "src/gate.rs"];
    let shared = ["address.rs", "prices/list.rs", "store/filter.rs"];
    let shared = shared.map(|file| format!("../shared/src/{file}"));
    for file in ours.into_iter().map(str::to_owned).chain(shared) {
        file_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file), &mut missing);
    }
    assert!(
        missing.is_empty(),
        "no Chinese in src/error/zh-CN.txt (with its names as {{}}) for:\n{}",
        missing.join("\n")
    );
}

fn read(folder: &Path, missing: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => read(&path, missing),
            false => file_of(&path, missing),
        }
    }
}

fn file_of(path: &Path, missing: &mut Vec<String>) {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    for sentence in source::sentences(text) {
        if chinese(&source::filled(&sentence)).is_none() {
            let found = format!("{}: {sentence}", path.display());
            if !ELSEWHERE.iter().any(|elsewhere| found.contains(elsewhere)) {
                missing.push(found);
            }
        }
    }
}
