//! Every shape in which vendors count, as their documents show it.

use super::*;

fn read(frames: &[&str]) -> Answered {
    let mut answered = Answered::default();
    frames.iter().for_each(|frame| answered.read(frame.as_bytes()));
    answered
}

fn usage(prompt: u64, completion: u64, cached: Option<u64>, reasoning: Option<u64>) -> Usage {
    Usage {
        prompt_tokens: Some(prompt),
        completion_tokens: Some(completion),
        cached_tokens: cached,
        reasoning_tokens: reasoning,
        source: UsageSource::Upstream,
    }
}

#[rstest::rstest]
#[case::chat(&[r#"{"model":"m","usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":3}}}"#], usage(10, 5, Some(4), Some(3)))]
#[case::completions(&[r#"{"model":"m","object":"text_completion","choices":[{"text":"x"}],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}"#], usage(5, 7, None, None))]
#[case::azure(&[r#"{"model":"m","choices":[],"prompt_filter_results":[{}]}"#, r#"{"model":"m","choices":[],"usage":{"completion_tokens":78,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":64,"rejected_prediction_tokens":0},"prompt_tokens":1210,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":1024},"total_tokens":1288}}"#], usage(1210, 78, Some(1024), Some(64)))]
#[case::responses(&[r#"{"model":"m","usage":{"input_tokens":10,"output_tokens":5,"input_tokens_details":{"cached_tokens":4},"output_tokens_details":{"reasoning_tokens":3}}}"#], usage(10, 5, Some(4), Some(3)))]
#[case::messages(&[r#"{"model":"m","type":"message","usage":{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":100,"cache_creation_input_tokens":7}}"#], usage(117, 5, Some(100), None))]
#[case::messages_split_only(&[r#"{"model":"m","usage":{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4}}}"#], usage(17, 5, Some(0), None))]
#[case::deepseek(&[r#"{"model":"m","usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":6}}"#], usage(10, 5, Some(4), None))]
#[case::chat_stream(&[r#"{"model":"m","usage":null,"choices":[]}"#, r#"{"model":"m","usage":{"prompt_tokens":1,"completion_tokens":2}}"#], usage(1, 2, None, None))]
#[case::messages_stream(&[r#"{"type":"message_start","message":{"model":"m","usage":{"input_tokens":9,"output_tokens":1,"cache_read_input_tokens":0,"cache_creation_input_tokens":0}}}"#, r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":15,"output_tokens_details":{"thinking_tokens":6}}}"#], usage(9, 15, Some(0), Some(6)))]
#[case::responses_stream(&[r#"{"type":"response.completed","response":{"model":"m","usage":{"input_tokens":2,"output_tokens":3}}}"#], usage(2, 3, None, None))]
#[case::odd_neighbours(&[r#"{"model":"m","message":"odd","usage":{"prompt_tokens":1,"completion_tokens":2}}"#], usage(1, 2, None, None))]
fn every_shape_is_read(#[case] frames: &[&str], #[case] expected: Usage) {
    let answered = read(frames);
    assert_eq!((answered.model.as_deref(), answered.usage()), (Some("m"), expected));
}

#[rstest::rstest]
#[case::sound_in_chat(
    r#"{"usage":{"prompt_tokens":30,"completion_tokens":90,"prompt_tokens_details":{"audio_tokens":20,"cached_tokens":0},"completion_tokens_details":{"audio_tokens":80,"text_tokens":10}}}"#,
    Counts { prompt: 30, completion: 90, audio_input: 20, audio_output: 80, ..Counts::default() }
)]
#[case::realtime(
    r#"{"type":"response.done","response":{"usage":{"total_tokens":275,"input_tokens":127,"output_tokens":148,"input_token_details":{"cached_tokens":64,"text_tokens":63,"audio_tokens":64,"cached_tokens_details":{"text_tokens":0,"audio_tokens":64}},"output_token_details":{"text_tokens":30,"audio_tokens":118}}}}"#,
    Counts { prompt: 127, completion: 148, cached: 64, audio_input: 64, audio_cached: 64, audio_output: 118, ..Counts::default() }
)]
#[case::images(
    r#"{"data":[],"usage":{"total_tokens":100,"input_tokens":50,"output_tokens":50,"input_tokens_details":{"text_tokens":10,"image_tokens":40},"output_tokens_details":{"image_tokens":50,"text_tokens":0}}}"#,
    Counts { prompt: 50, completion: 50, image_input: 40, image_output: 50, ..Counts::default() }
)]
#[case::transcription(
    r#"{"text":"x","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":4,"audio_tokens":10},"output_tokens":45,"total_tokens":59}}"#,
    Counts { prompt: 14, completion: 45, audio_input: 10, ..Counts::default() }
)]
#[case::writes_split_by_how_long(
    r#"{"usage":{"input_tokens":2048,"cache_read_input_tokens":1800,"cache_creation_input_tokens":248,"output_tokens":503,"cache_creation":{"ephemeral_5m_input_tokens":148,"ephemeral_1h_input_tokens":100}}}"#,
    Counts { prompt: 2048 + 1800 + 248, completion: 503, cached: 1800, written: 248, written_1h: 100, ..Counts::default() }
)]
#[case::openrouter(
    r#"{"usage":{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":10,"cache_write_tokens":20}}}"#,
    Counts { prompt: 100, completion: 1, cached: 10, written: 20, ..Counts::default() }
)]
fn every_kind_is_told(#[case] answer: &str, #[case] expected: Counts) {
    let answered = read(&[answer]);
    assert_eq!(answered.counts(&answered.usage()), Some(expected));
}

#[rstest::rstest]
#[case(&[r#"{"service_tier":"flex","usage":{"prompt_tokens":1}}"#], &["flex"])]
#[case(&[r#"{"type":"response.completed","response":{"service_tier":"priority","usage":{"input_tokens":1}}}"#], &["priority"])]
#[case(&[r#"{"usage":{"input_tokens":1,"service_tier":"standard","speed":"fast","inference_geo":"us"}}"#], &["standard", "fast", "us"])]
#[case(&[r#"{"service_tier":null,"usage":{"prompt_tokens":1}}"#], &[])]
fn how_it_was_served_is_told(#[case] frames: &[&str], #[case] expected: &[&str]) {
    assert_eq!(read(frames).ways().collect::<Vec<_>>(), expected);
}

#[test]
fn embeddings_have_no_completion_and_nothing_is_absent() {
    let embedding =
        read(&[r#"{"model":"e","usage":{"prompt_tokens":8,"total_tokens":8}}"#]).usage();
    assert_eq!((embedding.prompt_tokens, embedding.completion_tokens), (Some(8), None));
    for odd in ["<html>", "[]", "7", r#"{"usage":{"type":"duration","seconds":9}}"#] {
        assert_eq!(read(&[odd]).usage(), Usage::ABSENT, "{odd}");
    }
}
