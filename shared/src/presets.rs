//! Vendors as data: what a form fills in when somebody adds a provider. Built-in ones
//! are the files in `presets/`, the user's own are in the folder `providers.dir`; no
//! vendor has code.

use std::path::Path;

use serde::Deserialize;

/// What is known of a vendor before anybody has a key there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The file's name: short, fit for a path.
    #[serde(skip)]
    pub name: String,
    /// As people read it.
    pub label: String,
    /// `openai`, `anthropic` or `azure`.
    pub kind: String,
    /// `{…}` stands for what everybody has of their own.
    pub base_url: String,
    /// The vendor's documentation.
    #[serde(default)]
    pub docs_url: String,
    /// What a key looks like and where to get one.
    #[serde(default)]
    pub key_hint: String,
    /// Well-known names.
    #[serde(default)]
    pub models: Vec<String>,
    /// Azure's.
    #[serde(default)]
    pub api_version: Option<String>,
}

/// A file that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// Its name.
    pub file: String,
    /// Why.
    pub reason: String,
}

macro_rules! built_in {
    ($($file:literal),* $(,)?) => {
        &[$(($file, include_str!(concat!("../presets/", $file, ".json")))),*]
    };
}

const BUILT_IN: &[(&str, &str)] = built_in![
    "01-openai",
    "02-anthropic",
    "03-azure",
    "04-deepseek",
    "05-moonshot",
    "06-qwen",
    "07-zhipu",
    "08-siliconflow",
    "09-openrouter",
    "10-groq",
    "11-mistral",
    "12-gemini",
    "13-ollama",
    "14-vllm",
    "15-lmstudio",
];

/// More files than this in the user's folder are not looked at.
const MOST_FILES: usize = 500;
/// Bytes of one file.
const MOST_BYTES: u64 = 256 << 10;

/// Those that came with the program.
pub fn built_in() -> Vec<Preset> {
    let read = |(file, json): &(&str, &str)| {
        read(file, json).expect("the embedded presets are ours, and tested")
    };
    BUILT_IN.iter().map(read).collect()
}

/// All of them: the user's in place of built-in ones of the same name, else after
/// them. And the files that could not be used.
pub fn all(dir: &Path) -> (Vec<Preset>, Vec<Unusable>) {
    let mut presets = built_in();
    let mut unusable = Vec::new();
    for path in files(dir) {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match load(&path).and_then(|json| read(&stem, &json)) {
            Ok(preset) => match presets.iter_mut().find(|known| known.name == preset.name) {
                Some(known) => *known = preset,
                None => presets.push(preset),
            },
            Err(reason) => unusable.push(Unusable { file, reason }),
        }
    }
    (presets, unusable)
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .take(MOST_FILES)
        .collect();
    files.sort();
    files
}

fn load(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > MOST_BYTES {
        return Err(format!("larger than {} KiB", MOST_BYTES >> 10));
    }
    std::fs::read_to_string(path).map_err(|e| e.to_string())
}

fn read(stem: &str, json: &str) -> Result<Preset, String> {
    let name = stem.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches('-');
    let name = if name.is_empty() { stem } else { name };
    let mut preset: Preset = serde_json::from_str(json).map_err(|e| e.to_string())?;
    if !matches!(&preset.kind[..], "openai" | "anthropic" | "azure") {
        return Err(format!("kind: `{}` is not openai, anthropic or azure", preset.kind));
    }
    if !preset.base_url.starts_with("http") {
        return Err("base_url: must begin with https:// (or http://)".to_owned());
    }
    preset.name = name.to_owned();
    Ok(preset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_ones_are_whole() {
        let presets = built_in();
        assert_eq!(presets.len(), 15);
        for preset in &presets {
            assert!(!preset.docs_url.is_empty() && !preset.key_hint.is_empty(), "{}", preset.name);
            assert!(preset.base_url.contains('{') || url::Url::parse(&preset.base_url).is_ok());
        }
        assert_eq!(presets[0].name, "openai");
    }

    #[test]
    fn a_folder_of_ones_own_adds_and_replaces_and_says_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write(
            "relay.json",
            r#"{"label":"Relay","kind":"openai","base_url":"https://r.example/v1"}"#,
        );
        write("groq.json", r#"{"label":"Ours","kind":"openai","base_url":"https://g.example"}"#);
        write("typo.json", r#"{"label":"x","kind":"openai","base_uri":"https://x"}"#);
        write("kind.json", r#"{"label":"x","kind":"other","base_url":"https://x"}"#);
        write("notes.txt", "not looked at");
        let (presets, unusable) = all(dir.path());
        assert_eq!(presets.len(), 16);
        assert_eq!(presets.iter().find(|p| p.name == "groq").unwrap().label, "Ours");
        assert_eq!(presets[15].name, "relay");
        let files: Vec<_> = unusable.iter().map(|bad| &bad.file[..]).collect();
        assert_eq!(files, ["kind.json", "typo.json"]);
        assert!(unusable[1].reason.contains("base_uri"), "{}", unusable[1].reason);
    }

    #[test]
    fn no_folder_is_no_problem() {
        let (presets, unusable) = all(Path::new("/nowhere/at/all"));
        assert_eq!((presets.len(), unusable.len()), (15, 0));
    }
}
