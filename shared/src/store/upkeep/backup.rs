//! A copy of the database while both processes go on using it: one snapshot, so that
//! whatever was committed before it began is there whole and nothing of what came after.
//!
//! With bodies it is SQLite's own `VACUUM INTO`. Without, the tables are copied one by one
//! into a database of the same schema, and what was said is left behind: bodies, WebSocket
//! messages, what attempts said, the playground's conversations, what traces asked and
//! were answered, and the sentences of errors, which upstreams write; their codes stay.
//! Headers stay, as they were recorded: redacted.

use std::{fs, path::Path};

use rusqlite::Connection;

use super::{folder, open, sync};
use crate::store::{
    StoreError,
    bodies::Form,
    migrate::{self, beside, private_file},
};

/// Whether a copy holds what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// All of it.
    With,
    /// Only who asked whom for what, when, and what it cost.
    Without,
}

/// Tables whose rows are what was said, or are made from it again.
const LEFT_OUT: [&str; 5] = ["chunks", "chunk_data", "chats", "chat_messages", "chat_turns"];

/// Writes the copy to a file that must not be there yet; says how many bytes it has. A
/// copy that fails leaves nothing behind.
pub fn backup(database: &Path, to: &Path, bodies: Bodies) -> Result<u64, StoreError> {
    let io = |source| StoreError::Io { path: to.to_owned(), source };
    if to.exists() {
        return Err(io(std::io::ErrorKind::AlreadyExists.into()));
    }
    if !database.exists() {
        return Err(StoreError::Io {
            path: database.to_owned(),
            source: std::io::ErrorKind::NotFound.into(),
        });
    }
    let due = migrate::due(database)?;
    let part = beside(to, ".part");
    let _ = fs::remove_file(&part);
    // Before anything is in it, so that it is nobody else's at any time.
    private_file(&part).map_err(io)?;
    let copied = match bodies {
        Bodies::With => whole(database, &part),
        Bodies::Without if due > 0 => Err(StoreError::Behind { path: database.to_owned(), due }),
        Bodies::Without => figures(database, &part),
    };
    let done = copied.and_then(|()| {
        sync(&part)?;
        fs::rename(&part, to).map_err(io)?;
        sync(folder(to))?;
        Ok(fs::metadata(to).map_err(io)?.len())
    });
    if done.is_err() {
        let _ = fs::remove_file(&part);
    }
    done
}

fn whole(database: &Path, part: &Path) -> Result<(), StoreError> {
    let connection = open(database)?;
    connection.execute("VACUUM INTO ?1", [part.to_string_lossy()])?;
    Ok(())
}

fn figures(database: &Path, part: &Path) -> Result<(), StoreError> {
    let mut copy = open(part)?;
    copy.execute_batch(migrate::LAYOUT)?;
    copy.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF;",
    )?;
    migrate::make_schema(&mut copy, part)?;
    copy.execute("ATTACH ?1 AS source", [database.to_string_lossy()])?;
    // One transaction: the first read begins the snapshot and the commit ends it.
    let transaction = copy.transaction()?;
    for table in tables(&transaction)? {
        transaction.execute(&format!("DELETE FROM main.{table}"), [])?;
        if LEFT_OUT.contains(&&table[..]) {
            continue;
        }
        let columns = columns(&transaction, &table)?;
        let taken: Vec<_> = columns.iter().map(|column| taken(&table, column)).collect();
        transaction.execute(
            &format!(
                "INSERT INTO main.{table} ({}) SELECT {} FROM source.{table}",
                columns.join(", "),
                taken.join(", ")
            ),
            [],
        )?;
    }
    transaction.execute_batch(
        "DELETE FROM main.sqlite_sequence;
         INSERT INTO main.sqlite_sequence SELECT * FROM source.sqlite_sequence
             WHERE name NOT IN ('chats', 'chat_messages', 'chat_turns');
         -- Rows are indexed anew, by what is left of them.
         DELETE FROM main.progress WHERE name IN ('search', 'bodies');
         INSERT INTO main.progress (name, at)
             SELECT 'bodies', coalesce(max(seq), 0) FROM main.exchanges;",
    )?;
    transaction.commit()?;
    copy.execute_batch("DETACH source")?;
    Ok(())
}

/// Every table of ours; those of the search index are its own.
fn tables(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut find = connection.prepare(
        "SELECT name FROM main.sqlite_schema
         WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'search%'",
    )?;
    let names = find.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

fn columns(connection: &Connection, table: &str) -> Result<Vec<String>, StoreError> {
    let mut find = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let names = find.query_map([table], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// Attempts as they are, without the sentences of their errors.
const TRIES: &str = "CASE WHEN json_valid(tries) THEN (
    SELECT json_group_array(CASE json_type(value, '$.error.message')
        WHEN 'text' THEN json_set(value, '$.error.message', '') ELSE json(value) END)
    FROM json_each(tries)) END";

/// What a column is copied as.
fn taken(table: &str, column: &str) -> String {
    match (table, column) {
        ("contents", "request_body" | "response_body" | "marks" | "messages" | "attempts")
        | ("traces", "answer" | "said") => "NULL".to_owned(),
        ("traces", "prompt") => "''".to_owned(),
        ("traces", "error") | ("exchanges", "error_message") => {
            format!("CASE WHEN {column} IS NULL THEN NULL ELSE '' END")
        }
        ("contents", "tries") => TRIES.to_owned(),
        ("contents", "request_form" | "response_form") => {
            let body = column.replace("form", "body");
            let gone = Form::EXPIRED.column();
            format!("CASE WHEN {body} IS NULL THEN {column} ELSE {gone} END")
        }
        _ => column.to_owned(),
    }
}
