//! What attempts of one exchange said to their upstreams and were told by them, where
//! the client saw something else. Bounded however many attempts there are: so many are
//! kept, and the bodies of either direction together are cut where one body is.

use super::{Answer, State};
use crate::{capture::Capture, recorder::Recorder};

/// Attempts that are kept so; further ones are only named.
const MAX_SAID: usize = 100;

/// What one attempt said and was told.
pub struct Said {
    /// As [`Try::n`](glassway_shared::model::Try::n).
    pub n: u32,
    /// Where it is not what the client sent.
    pub request: Option<Sent>,
    /// Where it is not what the client gets.
    pub response: Option<Answer>,
}

/// A request as it went upstream.
pub struct Sent {
    /// The stored form, credentials redacted.
    pub headers: Vec<u8>,
    /// Kept once.
    pub body: SentBody,
}

/// The body of [`Sent`].
pub enum SentBody {
    /// The client's.
    Client,
    /// That of the last attempt that had one of its own.
    AsBefore,
    /// Its own.
    Own(Capture),
}

/// Bytes that are kept beside the client's two bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Of heads.
    pub heads: usize,
    /// Of bodies that were sent.
    pub sent: usize,
    /// Of bodies that came back.
    pub answered: usize,
}

impl State {
    /// Keeps a request; `body` where that is not the client's.
    pub fn keep_sent(
        &mut self,
        recorder: &Recorder,
        n: u32,
        headers: Vec<u8>,
        body: Option<&[u8]>,
    ) {
        if self.said.len() >= MAX_SAID {
            return;
        }
        let body = match body {
            None => SentBody::Client,
            Some(body) if self.last_own().is_some_and(|own| is_of(own, body)) => SentBody::AsBefore,
            Some(body) => {
                let mut own = recorder.capture_beside(self.kept_beside().sent);
                own.push(body, Some(body.len() as u64));
                SentBody::Own(own)
            }
        };
        self.said.push(Said { n, request: Some(Sent { headers, body }), response: None });
    }

    /// Keeps what attempt `n` was answered.
    pub fn keep_answered(&mut self, recorder: &Recorder, n: u32, mut answer: Answer, body: &[u8]) {
        answer.body = recorder.capture_beside(self.kept_beside().answered);
        answer.body.push(body, Some(body.len() as u64));
        if let Some(said) = self.said.last_mut().filter(|said| said.n == n) {
            said.response = Some(answer);
        }
    }

    /// A piece of what attempt `n` is answered while it goes on as something else.
    pub fn heard(&mut self, n: u32, piece: &[u8], at_us: u64) {
        let said = self.said.iter_mut().rev().find(|said| said.n == n);
        if let Some(answer) = said.and_then(|said| said.response.as_mut()) {
            answer.body.push(piece, None);
            answer.marks.push(piece.len(), at_us);
        }
    }

    /// Attempt `n` is made once more, in another way.
    pub fn forget_said(&mut self, n: u32) {
        self.said.retain(|said| said.n != n);
    }

    /// The upstream's own side of the answer, where the client was given another.
    pub fn upstream_answer(&self) -> Option<&Answer> {
        let n = self.attempts;
        self.said.iter().rev().find(|said| said.n == n)?.response.as_ref()
    }

    /// What attempt `n` was answered is what the client gets: kept there.
    pub fn forget_answered(&mut self, n: u32) {
        if let Some(said) = self.said.iter_mut().find(|said| said.n == n) {
            said.response = None;
        }
    }

    /// The body that [`SentBody::AsBefore`] means at attempt `n`.
    pub fn own_before(&self, n: u32) -> Option<&Capture> {
        self.owns().filter(|(of, _)| *of <= n).last().map(|(_, own)| own)
    }

    fn last_own(&self) -> Option<&Capture> {
        self.own_before(u32::MAX)
    }

    fn owns(&self) -> impl Iterator<Item = (u32, &Capture)> {
        self.said.iter().filter_map(|said| match &said.request.as_ref()?.body {
            SentBody::Own(own) => Some((said.n, own)),
            SentBody::Client | SentBody::AsBefore => None,
        })
    }

    /// How much is kept.
    pub fn kept_beside(&self) -> Kept {
        let mut kept = Kept::default();
        for said in &self.said {
            if let Some(sent) = &said.request {
                kept.heads += sent.headers.len();
            }
            if let Some(answer) = &said.response {
                kept.heads += answer.headers.len();
                kept.answered += answer.body.kept().len();
            }
        }
        kept.sent = self.owns().map(|(_, own)| own.kept().len()).sum();
        kept
    }

    /// Gives every body up, since memory is short.
    pub fn shed(&mut self) {
        self.request.shed();
        if let Some(answer) = &mut self.answer {
            answer.body.shed();
        }
        for said in &mut self.said {
            if let Some(Sent { body: SentBody::Own(body), .. }) = &mut said.request {
                body.shed();
            }
            if let Some(answer) = &mut said.response {
                answer.body.shed();
            }
        }
    }
}

/// Whether this is the copy of that body, as far as it was kept.
fn is_of(copy: &Capture, body: &[u8]) -> bool {
    copy.total() == body.len() as u64 && body.starts_with(copy.kept())
}
