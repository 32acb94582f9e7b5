//! What a verdict says of traces that turned out one way or another.

use super::*;

fn trace(answer: &str) -> Trace {
    Trace {
        id: 1,
        trace_id: "aa".into(),
        series: 1,
        key_id: Some(1),
        provider_id: Some(1),
        provider: "relay".into(),
        key: "vip".into(),
        base_url: "https://relay.example".into(),
        kind: "openai".into(),
        sealed: None,
        model: "gpt-4o".into(),
        prompt: "x".repeat(160),
        images: 1,
        image_base: "https://me.example".into(),
        status: Status::Done,
        error: None,
        created_at: 0,
        started_at: Some(1_000_000),
        ended_at: Some(5_000_000),
        request_id: None,
        answer: Some(answer.into()),
        said: None,
    }
}

fn hit(id: i64, ip: &str, agent: &str, at: i64, code: &str) -> Hit {
    Hit {
        id,
        trace: 1,
        image: 1,
        at,
        method: "GET".into(),
        ip: ip.into(),
        peer: ip.into(),
        port: 1,
        forwarded: vec![],
        version: "HTTP/1.1".into(),
        user_agent: Some(agent.into()),
        headers: vec![],
        code: (!code.is_empty()).then(|| code.into()),
    }
}

fn answer(trace: &Trace) -> Answer {
    Answer::of(trace.answer.as_deref().unwrap_or_default())
}

fn all(trace: &Trace, said: &Said, hits: &[Hit]) -> Vec<Observation> {
    let known = Fetchers::read(std::path::Path::new("/nowhere"));
    observe(trace, &answer(trace), said, hits, &known)
}

fn of(kind: Kind, trace: &Trace, said: &Said, hits: &[Hit]) -> (&'static str, Weight) {
    let all = all(trace, said, hits);
    let found = all.iter().find(|one| one.kind == kind).expect("it was looked at");
    (found.finding, found.weight)
}

#[test]
fn whose_copy_was_read_is_proof_and_a_silent_relay_proves_nothing() {
    let (relay, vendor) = (
        hit(1, "192.0.2.1", "Go-http-client/1.1", 2_000_000, "KXMTAHLV"),
        hit(2, "20.171.206.9", "OpenAI Image Downloader", 3_000_000, "ZZYXTAEF"),
    );
    let said = Said::default();
    let seen = trace("ZZYXTAEF");
    let hits = [relay, vendor];
    assert_eq!(of(Kind::Code, &seen, &said, &hits), ("read", Weight::Proof));
    let code = &all(&seen, &said, &hits)[0].values;
    assert_eq!((&code["hits"], &code["addresses"]), (&json!([2]), &json!(["20.171.206.9"])));
    assert_eq!(saw_image(&seen, &answer(&seen), &hits), Some(true));
    assert_eq!(of(Kind::Fetches, &seen, &said, &hits), ("several", Weight::Proof));
    assert_eq!(of(Kind::Fetchers, &seen, &said, &hits), ("vendor_network", Weight::Sign));

    let blind = trace("I cannot open links.");
    assert_eq!(of(Kind::Code, &blind, &said, &hits), ("not_read", Weight::Sign));
    assert_eq!(saw_image(&blind, &answer(&blind), &hits), Some(false));
    assert_eq!(of(Kind::Code, &blind, &said, &[]), ("never_fetched", Weight::Nothing));
    assert_eq!(of(Kind::Fetches, &blind, &said, &[]), ("none", Weight::Nothing));
    assert_eq!(of(Kind::Code, &trace("ZZYXTAEH"), &said, &hits), ("nearly", Weight::Sign));

    let late = [hit(3, "192.0.2.1", "x", 6_000_000, "KXMTAHLV")];
    assert_eq!(of(Kind::Fetches, &blind, &said, &late), ("late", Weight::Proof));
}

#[test]
fn a_copy_beyond_the_record_was_seen_all_the_same() {
    let trace = trace("It says EFHKLMNT.");
    let answer = || answer(&trace).beyond(["EFHKLMNT".to_owned()].into_iter());
    assert_eq!(saw_image(&trace, &answer(), &[]), Some(true));
    let observed = of_code(&trace, &answer(), &[]);
    assert_eq!((observed.finding, observed.weight), ("read_beyond", Weight::Proof));
    assert_eq!(observed.values["hits"], json!([]));
}

#[test]
fn nothing_is_said_before_the_end() {
    let running = Trace { status: Status::Running, ..trace("") };
    assert!(all(&running, &Said::default(), &[]).is_empty());
    assert_eq!(saw_image(&running, &answer(&running), &[]), None);
    let failed = Trace { status: Status::Failed, ..trace("") };
    assert_eq!(saw_image(&failed, &answer(&failed), &[]), None);
    assert_eq!(all(&failed, &Said::default(), &[]).len(), 1, "only that nobody fetched");
}

#[rstest::rstest]
#[case(Some("gpt-4o"), "same", Weight::Nothing)]
#[case(Some("openai/gpt-4o"), "same", Weight::Nothing)]
#[case(Some("gpt-4o-2024-08-06"), "snapshot", Weight::Sign)]
#[case(Some("gpt-3.5-turbo"), "other", Weight::Sign)]
#[case(None, "unsaid", Weight::Nothing)]
fn models_are_compared(
    #[case] served: Option<&str>,
    #[case] finding: &'static str,
    #[case] weight: Weight,
) {
    let said = Said { model: served.map(str::to_owned), ..Said::default() };
    assert_eq!(of(Kind::Model, &trace("x"), &said, &[]), (finding, weight));
}

#[rstest::rstest]
#[case("chatcmpl-CEJ2NKLV5vrqrmcHJ8MuGem3fnYVV", "OpenAI")]
#[case("chatcmpl-0f8fad5b-d9cb-469f-a165-70867728950e", "vLLM, one-api and others")]
#[case("chatcmpl-0f8fad5bd9cb469fa16570867728950e", "vLLM, one-api and others")]
#[case("msg_bdrk_01abc", "Anthropic on AWS Bedrock")]
#[case("msg_01XFDUDYJgAACzvnptvVoYEL", "Anthropic")]
#[case("gen-1727282430-aaaa", "OpenRouter")]
fn ids_have_shapes(#[case] id: &str, #[case] name: &str) {
    let said = Said { id: Some(id.into()), ..Said::default() };
    let all = all(&trace("x"), &said, &[]);
    let found = all.iter().find(|one| one.kind == Kind::Id).unwrap();
    assert_eq!((found.finding, &found.values["name"]), ("known", &json!(name)));
}

#[rstest::rstest]
#[case(None, "unsaid")]
#[case(Some(44), "text_only")]
#[case(Some(300), "fits")]
#[case(Some(14_200), "fits")]
#[case(Some(60_000), "much_more")]
fn tokens_tell_whether_an_image_was_counted(
    #[case] counted: Option<u64>,
    #[case] finding: &'static str,
) {
    let said = Said { prompt_tokens: counted, ..Said::default() };
    assert_eq!(of(Kind::Tokens, &trace("x"), &said, &[]).0, finding);
}

#[test]
fn headers_name_gateways_and_vendors() {
    let said = |names: &[(&str, &str)]| Said {
        http_status: Some(200),
        headers: names.iter().map(|(n, v)| [(*n).to_owned(), (*v).to_owned()]).collect(),
        ..Said::default()
    };
    let finding = |names: &[(&str, &str)]| of(Kind::Headers, &trace("x"), &said(names), &[]).0;
    assert_eq!(finding(&[("x-new-api-version", "v1")]), "gateway");
    assert_eq!(finding(&[("server", "nginx/1.26")]), "gateway");
    assert_eq!(
        finding(&[("x-oneapi-request-id", "1"), ("openai-processing-ms", "9")]),
        "gateway_and_vendor"
    );
    assert_eq!(finding(&[("apim-request-id", "1")]), "vendor");
    assert_eq!(finding(&[("cf-ray", "1"), ("server", "cloudflare")]), "cdn");
    assert_eq!(finding(&[("content-type", "application/json")]), "none");
}
