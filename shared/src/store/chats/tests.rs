//! What is asked is kept, once; what is deleted is gone.

use serde_json::json;

use super::*;
use crate::store::migrate::open_writer;

fn database() -> (tempfile::TempDir, Connection) {
    let dir = tempfile::tempdir().unwrap();
    let connection = open_writer(&dir.path().join("glassway.db")).unwrap();
    (dir, connection)
}

fn question(chat: Option<i64>, at: i64, messages: &[&str]) -> Question {
    Question {
        chat,
        title: messages[0].to_owned(),
        at,
        model: "gpt-4o".to_owned(),
        provider: None,
        key_id: None,
        parameters: json!({"temperature": 0.5}),
        messages: messages.iter().map(|text| json!({"role": "user", "content": text})).collect(),
        words: messages.last().unwrap().to_string(),
        exchange: ExchangeId::new(),
    }
}

/// Asks; gives conversation and turn.
fn kept(db: &Connection, question: &Question) -> (i64, i64) {
    match ask(db, question).unwrap() {
        Asked::Kept { chat, turn } => (chat, turn),
        refused => panic!("{refused:?}"),
    }
}

fn said(text: &str) -> Answer {
    Answer {
        message: Some(json!({"role": "assistant", "content": text})),
        words: text.to_owned(),
        status: Some(200),
        ..Answer::default()
    }
}

#[test]
fn a_message_that_is_sent_again_is_stored_once_and_an_answer_keeps_its_turn() {
    let (_dir, db) = database();
    let (chat, first) = kept(&db, &question(None, 1, &["hello"]));
    end(&db, first, State::Done, &said("hi")).unwrap();
    let mut next = question(Some(chat), 2, &["hello"]);
    next.messages.push(json!({"role": "assistant", "content": "hi"}));
    next.messages.push(json!({"content": "and?", "role": "user"}));
    let (same, second) = kept(&db, &next);
    assert_eq!(same, chat);
    let shown = conversation(&db, chat).unwrap().unwrap();
    assert_eq!(shown.messages.len(), 3);
    assert_eq!(shown.turns[0].message, Some(shown.turns[1].messages[1]));
    assert_eq!(shown.turns[1].state, State::Running);
    assert_eq!(interrupt(&db).unwrap(), 1);
    assert_eq!(turn(&db, second).unwrap().unwrap().state, State::Interrupted);
    assert_eq!(messages(&db, &shown.turns[1].messages).unwrap(), next.messages);
    assert_eq!(ask(&db, &question(Some(99), 3, &["x"])).unwrap(), Asked::Missing);
}

#[test]
fn words_are_found_in_questions_answers_and_titles_and_a_percent_sign_is_one() {
    let (_dir, db) = database();
    let (fox, turn) = kept(&db, &question(None, 1, &["狐狸 at 100% speed"]));
    end(&db, turn, State::Done, &said("it jumps")).unwrap();
    let (dog, _) = kept(&db, &question(None, 2, &["dogs"]));
    rename(&db, dog, "Canines").unwrap();
    let found = |q: &str| {
        let page = conversations(&db, Some(q), None, 10).unwrap();
        assert_eq!(page.total, page.items.len() as u64, "{q}");
        page.items.iter().map(|c| c.id).collect::<Vec<_>>()
    };
    assert_eq!(found("狐狸"), [fox]);
    assert_eq!(found("JUMPS"), [fox]);
    assert_eq!(found("100%"), [fox]);
    assert!(found("1%0").is_empty());
    assert!(found("o_t").is_empty());
    assert_eq!(found("canines"), [dog]);
    assert_eq!(found(""), [dog, fox]);
    assert_eq!(turns(&db, Some("jumps"), None, 10).unwrap().items[0].id, turn);
    assert_eq!(conversations(&db, None, Some((2, dog)), 10).unwrap().items[0].id, fox);
}

#[test]
fn a_deleted_turn_takes_its_own_words_along_and_the_last_one_the_conversation() {
    let (_dir, db) = database();
    let (chat, first) = kept(&db, &question(None, 1, &["hello"]));
    end(&db, first, State::Done, &said("hi")).unwrap();
    let (_, second) = kept(&db, &question(Some(chat), 2, &["hello", "secret"]));
    assert!(delete_turn(&db, second).unwrap());
    assert!(!delete_turn(&db, second).unwrap());
    let left = conversation(&db, chat).unwrap().unwrap();
    assert_eq!(left.messages.len(), 2, "hello and hi");
    end(&db, second, State::Done, &said("late")).unwrap();
    assert!(delete_turn(&db, first).unwrap());
    assert!(conversation(&db, chat).unwrap().is_none());
    let count: i64 =
        db.query_row("SELECT count(*) FROM chat_messages", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 0);
    ask(&db, &question(None, 3, &["x"])).unwrap();
    assert_eq!(clear(&db).unwrap(), 1);
}

#[test]
fn the_conversations_unused_longest_go_first_by_number_and_by_size() {
    let (_dir, db) = database();
    let begin = |at: i64, size: usize| kept(&db, &question(None, at, &[&"x".repeat(size)])).0;
    let [old, used, big, last] = [begin(1, 10), begin(2, 10), begin(3, 9_000), begin(4, 10)];
    ask(&db, &question(Some(used), 5, &["again"])).unwrap();
    let left = || {
        let page = conversations(&db, None, None, 10).unwrap();
        page.items.iter().map(|c| c.id).collect::<Vec<_>>()
    };
    assert_eq!(left(), [used, last, big, old]);
    retain(&db, last, 3, MOST_BYTES).unwrap();
    assert_eq!(left(), [used, last, big]);
    retain(&db, last, 3, 5_000).unwrap();
    assert_eq!(left(), [used, last]);
    retain(&db, last, 1, 0).unwrap();
    assert_eq!(left(), [last], "what goes on stays, however large");
}

#[test]
fn a_turn_counts_whole_and_gives_its_bytes_back() {
    let (_dir, db) = database();
    let bytes = |chat: i64| -> i64 {
        db.query_row("SELECT bytes FROM chats WHERE id = ?1", [chat], |row| row.get(0)).unwrap()
    };
    let (chat, first) = kept(&db, &question(None, 1, &["hello"]));
    end(&db, first, State::Done, &said("hi")).unwrap();
    let before = bytes(chat);
    let (_, second) = kept(&db, &question(Some(chat), 2, &["hello", "again"]));
    let answer = Answer { reasoning: Some("r".repeat(1000)), ..said("well") };
    end(&db, second, State::Done, &answer).unwrap();
    settle(&db, second, &"f".repeat(500)).unwrap();
    settle(&db, second, &"f".repeat(500)).unwrap();
    let grown = bytes(chat) - before;
    assert!((1_500..2_000).contains(&grown), "{grown}");
    assert!(delete_turn(&db, second).unwrap());
    assert_eq!(bytes(chat), before);
}

#[test]
fn a_conversation_that_is_too_large_does_not_go_on_and_costs_no_other() {
    let (_dir, db) = database();
    let (other, _) = kept(&db, &question(None, 1, &["other"]));
    let (chat, _) = kept(&db, &question(None, 2, &["large"]));
    db.execute("UPDATE chats SET bytes = ?2 WHERE id = ?1", [chat, MOST_OF_ONE]).unwrap();
    assert_eq!(ask(&db, &question(Some(chat), 3, &["more"])).unwrap(), Asked::Full);
    db.execute("UPDATE chats SET bytes = ?2 WHERE id = ?1", [chat, MOST_OF_ONE - 1]).unwrap();
    retain(&db, chat, MOST, 10_000).unwrap();
    assert!(conversation(&db, other).unwrap().is_some());
}

#[test]
fn an_interrupted_turn_still_names_its_exchange() {
    let (_dir, db) = database();
    let asked = question(None, 1, &["hello"]);
    let (_, id) = kept(&db, &asked);
    assert!(unsettled(&db, 9).unwrap().is_empty(), "it runs");
    interrupt(&db).unwrap();
    assert_eq!(unsettled(&db, 9).unwrap(), [(id, asked.exchange)]);
    assert_eq!(turn(&db, id).unwrap().unwrap().exchange, Some(asked.exchange));
}
