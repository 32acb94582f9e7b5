//! What a verdict consists of, as it is shown; the words say what each can prove.

use poem_openapi::{Enum, Object, types::Any};
use serde_json::Value;

use crate::trace::verdict;

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", rename = "ObservationKind")]
enum Kinds {
    /// `read`: the answer holds a code, so a model saw the very copy that the named
    /// fetchers got. `read_beyond`: that of a copy which was fetched after the record was
    /// full, by nobody knows whom. `nearly`: all but one or two letters. `not_read`: the image was
    /// fetched, but the answer shows none of it; a model that cannot see, or a relay that
    /// fetches for itself. `never_fetched`: says nothing.
    Code,
    /// `none`: proves nothing; a relay may fetch later, pass the image on in other ways or
    /// drop it. `one`, `several`: these addresses had the request's image address, so they
    /// are on its way; not who else is. `late`: only after the answer.
    Fetches,
    /// `vendor_network`: an address that the vendor published. `vendor_name`: only calls
    /// itself so. `software`, `unknown`: nobody in particular.
    Fetchers,
    /// `same`, `snapshot`, `other`, `unsaid`: the answer's word, which whoever passes it on
    /// can write.
    Model,
    /// `known`, `unknown`, `unsaid`: the shape of the answer's id, which names who made it
    /// or who imitates them.
    Id,
    /// `openai`, `other`, `absent`: many genuine answers have none.
    Fingerprint,
    /// `gateway`, `vendor`, `gateway_and_vendor`, `cdn`, `none`: headers that name whom the
    /// answer passed; what is not there may have been taken away.
    Headers,
    /// `fits`, `text_only`: fewer than an image would cost, `much_more`, `unsaid`.
    Tokens,
    /// `measured`: a figure to compare with others.
    Latency,
}

/// How much an observation weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", rename = "ObservationWeight")]
enum Weight {
    /// It cannot be otherwise.
    Proof,
    /// It points somewhere, and could be made up.
    Sign,
    /// It says nothing either way.
    Nothing,
}

/// One observation. Nothing is summed up: each can prove something else.
#[derive(Clone, Debug, Object)]
pub(super) struct Observation {
    kind: Kinds,
    /// How it turned out: a word of its kind.
    finding: String,
    weight: Weight,
    /// Its figures.
    values: Any<Value>,
}

impl Observation {
    pub(super) fn of(seen: verdict::Observation) -> Self {
        Self {
            kind: match seen.kind {
                verdict::Kind::Code => Kinds::Code,
                verdict::Kind::Fetches => Kinds::Fetches,
                verdict::Kind::Fetchers => Kinds::Fetchers,
                verdict::Kind::Model => Kinds::Model,
                verdict::Kind::Id => Kinds::Id,
                verdict::Kind::Fingerprint => Kinds::Fingerprint,
                verdict::Kind::Headers => Kinds::Headers,
                verdict::Kind::Tokens => Kinds::Tokens,
                verdict::Kind::Latency => Kinds::Latency,
            },
            finding: seen.finding.to_owned(),
            weight: match seen.weight {
                verdict::Weight::Proof => Weight::Proof,
                verdict::Weight::Sign => Weight::Sign,
                verdict::Weight::Nothing => Weight::Nothing,
            },
            values: Any(Value::Object(seen.values)),
        }
    }
}
