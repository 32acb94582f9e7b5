//! What the fake vendor says, in the language it was asked in.

const ENGLISH: [&str; 4] = [
    "Backpressure means that whoever produces data goes no faster than whoever consumes it. \
     In a proxy the two are joined: while the client does not read, the proxy does not read \
     from the upstream either, so a slow reader costs a few kilobytes and not the whole answer.\n\n\
     Three things make it work:\n\n1. Every buffer has a bound.\n2. Reading waits for writing.\n\
     3. Nothing copies the body to the side without counting what it holds.",
    "The test fails because the fixture listens on a fixed port. Two runs at once collide, and \
     the second one gets `EADDRINUSE`. Let the system pick the port and ask the listener for it:\n\n\
     ```rust\nlet listener = TcpListener::bind(\"127.0.0.1:0\")?;\nlet addr = listener.local_addr()?;\n```\n\n\
     I have changed `tests/server.rs` and the three tests that used the constant. All 41 tests pass now.",
    "Here is a short summary of the meeting.\n\n- **Decided:** the release moves to Thursday so that \
     the migration can be tried on a copy first.\n- **Open:** who watches the dashboards on the weekend.\n\
     - **Next:** Ana writes the rollback steps; Ben measures the write stalls again with 16 KB pages.",
    "It is 21 °C and mostly sunny in Lisbon at the moment, with a light wind from the north-west. \
     The evening stays dry, so the terrace is a safe choice.",
];

const CHINESE: [&str; 4] = [
    "背压的意思是：生产数据的一方不会比消费的一方更快。代理把两端连在一起，客户端不读，\
     代理也就不从上游读，所以一个慢客户端只占几千字节内存，而不是整个回答。\n\n要做到这一点：\n\n\
     1. 每个缓冲区都有上限；\n2. 读要等写；\n3. 旁路复制正文时必须计数。",
    "北京今天晴，气温 18 到 26 摄氏度，北风二级，空气质量良好。傍晚适合散步，记得带一件薄外套。",
    "狐狸跳过了懒狗，然后停下来回头看了一眼。它发现那只狗根本没有醒，于是悄悄走回来，\
     把掉在地上的苹果叼走了。故事的寓意：安静的人往往先得到苹果。",
    "我看了这段代码，问题在于重试没有检查请求是否已经被上游处理。建议只在连接尚未发送任何字节时重试，\
     其余情况把错误原样返回给调用方，避免重复计费。",
];

/// An answer to a question: the same one for the same question.
pub fn answer(question: &str) -> &'static str {
    let texts = if question.chars().any(is_chinese) { &CHINESE } else { &ENGLISH };
    let sum: usize = question.bytes().map(usize::from).sum();
    texts[sum % texts.len()]
}

/// A text in pieces about as large as a vendor's tokens.
pub fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    for c in text.chars() {
        let fresh = match tokens.last() {
            None => true,
            Some(last) => is_chinese(c) && last.chars().count() >= 2 || c == ' ',
        };
        if fresh {
            tokens.push(String::new());
        }
        if let Some(last) = tokens.last_mut() {
            last.push(c);
        }
    }
    tokens
}

fn is_chinese(c: char) -> bool {
    ('\u{3000}'..='\u{9fff}').contains(&c) || ('\u{ff00}'..='\u{ffef}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_join_to_the_text_they_were_cut_from() {
        for text in ENGLISH.iter().chain(&CHINESE) {
            let tokens = tokens(text);
            assert_eq!(tokens.concat(), *text);
            assert!(tokens.len() > 10);
        }
    }

    #[test]
    fn a_question_is_answered_in_its_language() {
        assert!(answer("今天天气怎么样？").chars().any(is_chinese));
        assert!(!answer("What about the weather?").chars().any(is_chinese));
    }
}
