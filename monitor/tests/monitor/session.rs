//! Who may come in, and from where.

use serde_json::json;

use crate::start::{Answer, KEY, Running, start, start_with};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn sign_in(monitor: &Running, key: &str) -> Answer {
    let body = json!({"api_key": key}).to_string();
    monitor.ask("POST", "/token", &[JSON], &body).await
}

fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_key_signs_in_by_json_and_by_form() {
    let monitor = start().await;
    let answer = sign_in(&monitor, KEY).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["token_type"], "bearer");
    assert_eq!(answer.json()["expires_in"], 30 * 86_400);
    let set = answer.header("set-cookie");
    for part in ["glassway_session=", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure"), "{set}");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let body = format!("grant_type=password&username=admin&password={KEY}");
    assert_eq!(monitor.ask("POST", "/token", &[form], &body).await.status, 200);

    let wrong = sign_in(&monitor, "gwadmin-wrong").await;
    wrong.refused(401);
    assert!(wrong.header("www-authenticate").starts_with("Bearer"));
    let odd = monitor.ask("POST", "/token", &[JSON], r#"{"api_key":"x","admin":true}"#).await;
    assert!(odd.refused(400).contains("admin"));
    monitor.ask("POST", "/token", &[("content-type", "text/plain")], "x").await.refused(415);
}

#[tokio::test]
async fn a_session_outlives_a_restart_and_ends_when_signed_out() {
    let monitor = start().await;
    let answer = sign_in(&monitor, KEY).await;
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let cookie = cookie(&answer);
    let monitor = monitor.restart().await;
    for header in [("authorization", &bearer[..]), ("cookie", &cookie[..])] {
        let answer = monitor.ask("GET", "/api/session", &[header], "").await;
        assert_eq!(answer.status, 200, "{header:?}");
        assert_eq!(answer.json()["signed_in"], true);
        assert!(answer.json()["expires_at"].is_string());
    }
    let out = monitor.ask("DELETE", "/api/session", &[("cookie", &cookie)], "").await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    monitor.ask("GET", "/api/session", &[("authorization", &bearer)], "").await.refused(401);
}

#[tokio::test]
async fn everything_but_the_page_and_health_needs_a_credential() {
    let monitor = start().await;
    for path in ["/api/requests", "/api/nothing", "/metrics", "/openapi.json", "/docs", "/api/feed"]
    {
        let answer = monitor.ask("GET", path, &[], "").await;
        answer.refused(401);
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    for path in ["/healthz", "/api/health", "/"] {
        assert_eq!(monitor.ask("GET", path, &[], "").await.status, 200, "{path}");
    }
    monitor.ask("GET", "/nothing", &[], "").await.refused(404);
    monitor.get("/api/nothing").await.refused(404);
}

/// A monitor behind a proxy that says for whom it speaks.
async fn started_behind() -> Running {
    start_with(|config| config.monitor.trusted_proxies = vec!["127.0.0.1".into()]).await
}

/// Asks from an address, by a key at the sign-in or as bearer.
async fn from(monitor: &Running, address: &str, key: &str, by_bearer: bool) -> Answer {
    let from = ("x-forwarded-for", address);
    if by_bearer {
        let bearer = format!("Bearer {key}");
        return monitor.ask("GET", "/api/keys", &[from, ("authorization", &bearer)], "").await;
    }
    let body = json!({"api_key": key}).to_string();
    monitor.ask("POST", "/token", &[from, JSON], &body).await
}

#[rstest::rstest]
#[case::at_the_sign_in(false, 10)]
#[case::as_bearers(true, 60)]
#[tokio::test]
async fn beyond_the_limit_no_key_is_looked_at_and_nobody_else_is_locked_out(
    #[case] by_bearer: bool,
    #[case] most: usize,
) {
    let monitor = started_behind().await;
    // The right key is known by now: a guess would cost next to nothing.
    let signed = from(&monitor, "10.0.0.9", KEY, false).await;
    let session = signed.json()["access_token"].as_str().unwrap().to_owned();
    let mut looked_at = 0;
    for n in 0..most + 5 {
        let answer = from(&monitor, "10.0.0.1", &format!("gwadmin-guess-{n}"), by_bearer).await;
        looked_at += usize::from(answer.status == 401);
    }
    assert_eq!(looked_at, most);
    let limited = from(&monitor, "10.0.0.1", KEY, by_bearer).await;
    limited.refused(429);
    assert!((1..=60).contains(&limited.header("retry-after").parse::<u32>().unwrap()));
    // The other way in is as it was, and so are sessions, and everybody elsewhere.
    assert_eq!(from(&monitor, "10.0.0.1", KEY, !by_bearer).await.status, 200);
    assert_eq!(from(&monitor, "10.0.0.1", &session, true).await.status, 200);
    assert_eq!(from(&monitor, "10.0.0.2", KEY, by_bearer).await.status, 200);
    assert_eq!(from(&monitor, "10.0.0.9", KEY, by_bearer).await.status, 200);
}

#[tokio::test]
async fn guesses_at_once_are_no_more_than_one_by_one() {
    let monitor = started_behind().await;
    for known in [false, true] {
        let keys: Vec<_> = (0..40).map(|n| format!("gwadmin-guess-{n}")).collect();
        let address = format!("10.1.0.{}", u8::from(known));
        let all = keys.iter().map(|key| from(&monitor, &address, key, false));
        let all = futures_util::future::join_all(all).await;
        assert_eq!(all.iter().filter(|answer| answer.status == 401).count(), 10);
        assert_eq!(from(&monitor, "10.0.0.9", KEY, false).await.status, 200);
    }
}

#[tokio::test]
async fn programs_with_the_right_key_and_with_an_old_one_are_never_slowed() {
    let monitor = started_behind().await;
    for _ in 0..100 {
        from(&monitor, "10.0.0.1", "gwadmin-of-last-year", true).await.refused(401);
        assert_eq!(from(&monitor, "10.0.0.1", KEY, true).await.status, 200);
    }
}

#[tokio::test]
async fn another_name_for_this_address_is_refused_before_anything_else() {
    let monitor = start_with(|config| {
        config.monitor.allowed_hosts = vec!["glassway.lan".into()];
        config.monitor.public_url = "https://glassway.example/base".into();
    })
    .await;
    for bad in ["evil.example", "localhost.evil.example", "evil.example:8081", ""] {
        monitor.ask("GET", "/healthz", &[("host", bad)], "").await.refused(421);
    }
    for good in [
        "localhost",
        "localhost:8081",
        "127.0.0.1",
        "[::1]:8081",
        "glassway.lan:80",
        "glassway.example",
    ] {
        assert_eq!(
            monitor.ask("GET", "/healthz", &[("host", good)], "").await.status,
            200,
            "{good}"
        );
    }
    let set = sign_in(&monitor, KEY).await;
    assert!(set.header("set-cookie").contains("; Secure"));
}

#[tokio::test]
async fn a_page_elsewhere_cannot_use_the_cookie() {
    let monitor = start().await;
    let cookie = cookie(&sign_in(&monitor, KEY).await);
    let change = |headers: Vec<(&'static str, String)>| {
        let monitor = &monitor;
        let cookie = cookie.clone();
        async move {
            let mut all = vec![("cookie", &cookie[..]), JSON];
            all.extend(headers.iter().map(|(name, value)| (*name, &value[..])));
            monitor.ask("PUT", "/api/settings", &all, r#"{"max_attempts":4}"#).await
        }
    };
    let own = format!("http://{}", monitor.address);
    assert_eq!(change(vec![("origin", own.clone())]).await.status, 200);
    assert_eq!(change(vec![]).await.status, 200);
    change(vec![("origin", "http://evil.example".into())]).await.refused(403);
    change(vec![("origin", "null".into())]).await.refused(403);
    change(vec![("sec-fetch-site", "cross-site".into())]).await.refused(403);
    let foreign = [("cookie", &cookie[..]), ("origin", "https://evil.example")];
    monitor.ask("GET", "/api/requests", &foreign, "").await.refused(403);
    let feed = |origin: String| {
        let (monitor, cookie) = (&monitor, &cookie);
        async move { monitor.feed_with(&[("cookie", cookie), ("origin", &origin)]).await.err() }
    };
    assert_eq!(feed("http://evil.example".into()).await, Some(403));
    assert_eq!(feed(own).await, None);
}

#[tokio::test]
async fn settings_change_by_any_subset_and_say_what_they_do_not_know() {
    let monitor = start().await;
    let bearer = format!("Bearer {KEY}");
    let put = |body: &'static str| {
        let (monitor, bearer) = (&monitor, &bearer);
        async move {
            monitor.ask("PUT", "/api/settings", &[("authorization", bearer), JSON], body).await
        }
    };
    let changed = put(r#"{"strategy":"least_busy"}"#).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.json()["strategy"], "least_busy");
    assert_eq!(changed.json()["max_attempts"], 3);
    assert_eq!(put(r#"{"max_attempts":5}"#).await.json()["strategy"], "least_busy");
    assert!(put(r#"{"max_atempts":5}"#).await.refused(400).contains("max_atempts"));
    put(r#"{"max_attempts":0}"#).await.refused(400);
    put(r#"{"strategy":null}"#).await.refused(400);
    put(r#"{"strategy":"best"}"#).await.refused(400);
    put("[]").await.refused(400);
    let big = format!("{{\"strategy\":\"{}\"}}", "x".repeat(2 << 20));
    let headers = [("authorization", &bearer[..]), JSON];
    monitor.ask("PUT", "/api/settings", &headers, &big).await.refused(413);
    let answer = monitor.ask("POST", "/api/settings", &headers, "{}").await;
    answer.refused(405);
    assert_eq!(answer.header("allow"), "GET, PUT, HEAD");
}
