//! The specification is what other programs are generated from: it changes only
//! together with the committed snapshot.

use crate::start::start;

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

#[tokio::test]
async fn the_specification_is_the_committed_one() {
    let answer = start().await.get("/openapi.json").await;
    assert_eq!(answer.status, 200);
    let served = String::from_utf8(answer.body.to_vec()).unwrap();
    if std::env::var_os("UPDATE_SNAPSHOT").is_some() {
        std::fs::write(SNAPSHOT, &served).unwrap();
    }
    let committed = std::fs::read_to_string(SNAPSHOT).unwrap_or_default();
    let differs = served.lines().zip(committed.lines()).position(|(a, b)| a != b);
    let line = match differs {
        None if served == committed => return,
        at => at.unwrap_or_else(|| served.lines().count().min(committed.lines().count())),
    };
    let show = |text: &str| text.lines().nth(line).unwrap_or("(end)").trim().to_owned();
    panic!(
        "the API is no longer the one of monitor/openapi.json; first difference in line {}:\n  \
         committed: {}\n  served:    {}\nIf that is meant, run\n  \
         UPDATE_SNAPSHOT=1 cargo test -p glassway-monitor specification\n\
         commit the file, and generate the UI's types again",
        line + 1,
        show(&committed),
        show(&served),
    );
}

#[tokio::test]
async fn the_reference_page_needs_no_other_host() {
    let monitor = start().await;
    let page = monitor.get("/docs").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(!html.contains("http://") && !html.contains("https://"));
    for script in ["/docs/redoc.js", "/docs/start.js"] {
        assert!(html.contains(script));
        assert_eq!(monitor.get(script).await.status, 200);
    }
}
