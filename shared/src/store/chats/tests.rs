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
    let (chat, first) = ask(&db, &question(None, 1, &["hello"])).unwrap().unwrap();
    end(&db, first, State::Done, &said("hi")).unwrap();
    let mut next = question(Some(chat), 2, &["hello"]);
    next.messages.push(json!({"role": "assistant", "content": "hi"}));
    next.messages.push(json!({"content": "and?", "role": "user"}));
    let (same, second) = ask(&db, &next).unwrap().unwrap();
    assert_eq!(same, chat);
    let shown = conversation(&db, chat).unwrap().unwrap();
    assert_eq!(shown.messages.len(), 3);
    assert_eq!(shown.turns[0].message, Some(shown.turns[1].messages[1]));
    assert_eq!(shown.turns[1].state, State::Running);
    assert_eq!(interrupt(&db).unwrap(), 1);
    assert_eq!(turn(&db, second).unwrap().unwrap().state, State::Interrupted);
    assert_eq!(messages(&db, &shown.turns[1].messages).unwrap(), next.messages);
    assert!(ask(&db, &question(Some(99), 3, &["x"])).unwrap().is_none());
}

#[test]
fn words_are_found_in_questions_answers_and_titles_and_a_percent_sign_is_one() {
    let (_dir, db) = database();
    let (fox, turn) = ask(&db, &question(None, 1, &["狐狸 at 100% speed"])).unwrap().unwrap();
    end(&db, turn, State::Done, &said("it jumps")).unwrap();
    let (dog, _) = ask(&db, &question(None, 2, &["dogs"])).unwrap().unwrap();
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
    let (chat, first) = ask(&db, &question(None, 1, &["hello"])).unwrap().unwrap();
    end(&db, first, State::Done, &said("hi")).unwrap();
    let (_, second) = ask(&db, &question(Some(chat), 2, &["hello", "secret"])).unwrap().unwrap();
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
    let begin = |at: i64, size: usize| {
        ask(&db, &question(None, at, &[&"x".repeat(size)])).unwrap().unwrap().0
    };
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
