//! The clients of the demo: an agent that works through a task with tools, a
//! person who asks in Chinese, and the odd calls every day brings.

use std::{net::SocketAddr, thread, time::Duration};

use glassway_tests::wire::Wire;
use serde_json::{Value, json};

/// What a call sends.
struct Call {
    path: &'static str,
    agent: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: Value,
}

const OPENAI: &[(&str, &str)] = &[("Authorization", "Bearer sk-demo-not-a-real-key-0001")];
const ANTHROPIC: &[(&str, &str)] =
    &[("x-api-key", "sk-ant-demo-not-a-real-key-0001"), ("anthropic-version", "2023-06-01")];
const PYTHON: &str = "OpenAI/Python 3.51.0";
const NODE: &str = "OpenAI/JS 7.55.0";

/// Makes every kind of call once; gives how many that were.
pub fn once(proxy: SocketAddr) -> usize {
    let mut calls = agent();
    calls.extend(chinese());
    calls.extend(odd());
    for call in &calls {
        call.make(proxy);
    }
    calls.len()
}

/// Works like a few people do, until the program ends.
pub fn forever(proxy: SocketAddr) {
    let at_work = |calls: fn() -> Vec<Call>, pause: u64| {
        thread::spawn(move || {
            loop {
                for call in calls() {
                    call.make(proxy);
                    thread::sleep(Duration::from_secs(pause));
                }
            }
        });
    };
    at_work(agent, 2);
    at_work(chinese, 6);
    at_work(odd, 9);
}

impl Call {
    /// Sends it and reads the answer to its end, whatever that is.
    fn make(&self, proxy: SocketAddr) {
        let body = self.body.to_string();
        let mut head = format!(
            "POST {} HTTP/1.1\r\nHost: {proxy}\r\nUser-Agent: {}\r\nContent-Type: application/json\r\n",
            self.path, self.agent
        );
        for (name, value) in self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len()));
        let Ok(stream) = std::net::TcpStream::connect(proxy) else {
            return; // Glassway is stopping.
        };
        let mut client = Wire::new(stream);
        if client.try_send(head + &body).is_ok() {
            client.drain(usize::MAX, || {});
        }
    }
}

fn chat(agent: &'static str, model: &str, messages: Value, more: Value) -> Call {
    let mut body = json!({"model": model, "messages": messages, "stream": true,
                          "stream_options": {"include_usage": true}});
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    Call { path: "/v1/chat/completions", agent, headers: OPENAI, body }
}

/// A coding agent: the whole history with every turn, as agents do.
fn agent() -> Vec<Call> {
    let tool = |name: &str, what: &str, properties: Value| {
        json!({"type": "function", "function": {"name": name, "description": what,
               "parameters": {"type": "object", "properties": properties}}})
    };
    let read = tool(
        "read_file",
        "Read lines of a file in the workspace.",
        json!({"path": {"type": "string"}, "from": {"type": "integer"}, "to": {"type": "integer"}}),
    );
    let run = tool(
        "run_command",
        "Run a shell command in the workspace.",
        json!({"command": {"type": "string"}, "timeout_s": {"type": "integer"}}),
    );
    let source = "use std::net::TcpListener;\n\nconst PORT: u16 = 4000;\n\n#[test]\nfn answers_ping() {\n    \
                  let server = Server::start((\"127.0.0.1\", PORT));\n    assert_eq!(server.ask(\"ping\"), \"pong\");\n}\n";
    let failure = "running 41 tests\ntest answers_ping ... FAILED\n\nAddrInUse: Address already in use (os error 98)\n\n\
                   test result: FAILED. 40 passed; 1 failed; 0 ignored";
    let called = |id: &str, name: &str, arguments: &str| {
        json!({"role": "assistant", "content": null, "tool_calls": [{"id": id, "type": "function",
               "function": {"name": name, "arguments": arguments}}]})
    };
    let answered =
        |id: &str, text: &str| json!({"role": "tool", "tool_call_id": id, "content": text});
    let history = [
        json!({"role": "system", "content": "You are a careful coding agent. Read before you change, \
               run the tests after you changed, and say what you did in a few sentences."}),
        json!({"role": "user", "content": "tests/server.rs fails now and then on CI. Find out why and mend it."}),
        called("call_1", "read_file", r#"{"path":"tests/server.rs","from":1,"to":120}"#),
        answered("call_1", source),
        called(
            "call_2",
            "run_command",
            r#"{"command":"cargo test --package server","timeout_s":120}"#,
        ),
        answered("call_2", failure),
        json!({"role": "assistant", "content": "Two runs at once collide on port 4000. I let the system pick one."}),
        json!({"role": "user", "content": "Good. Summarise it for the pull request."}),
    ];
    [(2, Some(&read)), (4, Some(&run)), (6, None), (8, None)]
        .into_iter()
        .map(|(turns, tool)| {
            let more = tool.map_or_else(|| json!({}), |tool| json!({"tools": [tool]}));
            chat(NODE, "gpt-5.2", json!(history[..turns]), more)
        })
        .collect()
}

/// Somebody who asks in Chinese.
fn chinese() -> Vec<Call> {
    let system = json!({"role": "system", "content": "你是一名耐心的助手，用简体中文简洁作答。"});
    [
        "用几句话解释一下什么是背压（backpressure）。",
        "北京今天天气怎么样？适合出门散步吗？",
        "讲一个关于狐狸的小故事。",
    ]
    .into_iter()
    .map(|question| {
        let messages = json!([system, {"role": "user", "content": question}]);
        chat(PYTHON, "deepseek-chat", messages, json!({"temperature": 0.7}))
    })
    .collect()
}

/// What else happens: another vendor, embeddings, stalls and failures.
fn odd() -> Vec<Call> {
    let ask = |text: &str| json!([{"role": "user", "content": text}]);
    let anthropic = |stream: bool| Call {
        path: "/v1/messages",
        agent: "Anthropic/Python 2.10.0",
        headers: ANTHROPIC,
        body: json!({"model": "claude-sonnet-5-5", "max_tokens": 1024, "stream": stream,
                     "system": "Answer briefly.", "messages": ask("What was decided in the meeting?")}),
    };
    vec![
        anthropic(true),
        Call {
            path: "/v1/embeddings",
            agent: PYTHON,
            headers: OPENAI,
            body: json!({"model": "text-embedding-3-small",
                         "input": ["a see-through gateway", "一个透明的网关"]}),
        },
        chat(PYTHON, "gpt-4o", ask("What's the weather in Lisbon?"), json!({})),
        chat(PYTHON, "gpt-4o-slow", ask("Explain backpressure to a newcomer."), json!({})),
        chat(
            NODE,
            "gpt-4o-mini",
            ask("Summarise the meeting notes."),
            json!({"stream": false, "stream_options": null}),
        ),
        chat(NODE, "gpt-4o-busy", ask("Once more, please."), json!({})),
        Call {
            path: "/v1/responses",
            agent: NODE,
            headers: OPENAI,
            body: json!({"model": "gpt-5.2", "stream": true, "input": "Why does this test fail on CI?"}),
        },
        chat(PYTHON, "gpt-4o-cut", ask("Tell me a long story."), json!({})),
        anthropic(false),
    ]
}
