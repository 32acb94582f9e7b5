//! Images for everybody, records for a trace's own fetches, floods held back.

use super::*;

fn images() -> (Images, mpsc::Receiver<Hit>, Arc<Known>) {
    let known = Arc::new(Known::default());
    let (sender, receiver) = mpsc::channel(4096);
    (Images::new(&Config::default(), known.clone(), sender, code::Beyond([7; 32])), receiver, known)
}

fn ask(images: &Images, method: Method, query: &str, peer: &str) -> Response {
    let request = Request::builder()
        .method(method)
        .uri_str(format!("{PATH}?{query}"))
        .header("user-agent", "Fetcher/1")
        .header("cookie", "secret")
        .header("x-forwarded-for", "6.6.6.6")
        .finish();
    images.serve(&request, peer.parse().unwrap())
}

#[tokio::test]
async fn a_trace_s_fetches_are_kept_with_codes_of_their_own_and_guesses_are_not() {
    let (images, mut hits, known) = images();
    known.add("aa", 7, 2);
    let first = ask(&images, Method::GET, "traceid=aa", "192.0.2.1:4711");
    assert_eq!(first.status(), 200);
    let first = first.into_body().into_vec().await.unwrap();
    let second = ask(&images, Method::GET, "x=1&traceid=aa-2&y", "[2001:db8::1]:9");
    assert_ne!(first, second.into_body().into_vec().await.unwrap());
    ask(&images, Method::HEAD, "traceid=aa", "192.0.2.1:4712");
    let hits: Vec<Hit> = std::iter::from_fn(|| hits.try_recv().ok()).collect();
    let told = |hit: &Hit| (hit.trace, hit.image, hit.method.clone(), hit.ip.clone(), hit.port);
    assert_eq!(
        hits.iter().map(told).collect::<Vec<_>>(),
        [
            (7, 1, "GET".to_owned(), "192.0.2.1".to_owned(), 4711),
            (7, 2, "GET".to_owned(), "2001:db8::1".to_owned(), 9),
            (7, 1, "HEAD".to_owned(), "192.0.2.1".to_owned(), 4712),
        ]
    );
    assert_ne!(hits[0].code, hits[1].code);
    assert!(hits[0].code.is_some() && hits[2].code.is_none());
    let header = |name: &str| hits[0].headers.iter().find(|[n, _]| n == name).map(|h| &h[1]);
    assert_eq!(header("cookie").unwrap(), "[redacted]");
    assert_eq!(header("x-forwarded-for").unwrap(), "6.6.6.6", "on record, not believed");
    for guess in ["traceid=ab", "traceid=", "", "traceid=aa-3", "other=aa"] {
        let answer = ask(&images, Method::GET, guess, "192.0.2.1:1");
        assert_eq!(answer.status(), 200);
        assert!(answer.into_body().into_vec().await.unwrap().starts_with(b"\x89PNG"));
    }
}

#[tokio::test]
async fn a_flood_of_guesses_is_held_back_and_hides_no_real_fetch() {
    let (images, mut hits, known) = images();
    known.add("aa", 7, 1);
    let peer = "192.0.2.1:1";
    let mut statuses = std::collections::HashMap::new();
    for n in 0..2000 {
        let answer = ask(&images, Method::GET, &format!("traceid={n}"), peer);
        *statuses.entry(answer.status().as_u16()).or_insert(0) += 1;
    }
    assert!(statuses[&200] < 200 && statuses[&429] > 1800, "{statuses:?}");
    assert_eq!(ask(&images, Method::GET, "traceid=aa", peer).status(), 200);
    assert_eq!(hits.recv().await.unwrap().trace, 7);
    assert!(hits.try_recv().is_err());
    // A flood of what is known: a bounded record, the rest is counted.
    for _ in 0..2000 {
        ask(&images, Method::GET, "traceid=aa", peer);
    }
    let kept = std::iter::from_fn(|| hits.try_recv().ok()).count();
    assert_eq!(kept, 19, "one address has twenty");
    assert_eq!(known.overflown(), [(7, 1981)]);
}

#[test]
fn only_reading_is_allowed() {
    let (images, ..) = images();
    assert_eq!(ask(&images, Method::POST, "traceid=x", "192.0.2.1:1").status(), 405);
}
