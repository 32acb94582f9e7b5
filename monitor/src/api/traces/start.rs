//! Beginning traces: whom to ask, judged; rows made, one per run and target; their
//! requests sent on. A key typed in is sealed inside the change that makes its row.

mod whom;

use std::{sync::Arc, time::Duration};

use glassway_shared::{
    secret::{self, BROUGHT, PublicKey},
    store::{
        traces,
        traces::{Status, Trace},
    },
};
use jiff::Timestamp;
use poem_openapi::Object;
use rusqlite::Connection;
use url::Url;

use self::whom::{Asked, Whom, best, group, whom};
use crate::{
    api::{
        fields::label,
        pool::Pool,
        providers::shape::Kind,
        seal::{self, Sealer, Target},
    },
    app::App,
    error::Problem,
    trace::{
        ask,
        known::{MOST_TRACES, new_name},
        run,
    },
};

/// Traces begun at once.
const MOST_RUNS: usize = 60;
/// Traces that wait for their turn.
const MOST_PENDING: usize = 500;
/// A trace takes seconds.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// A trace to begin: `group_id`, `group_ids`, `provider_id`, or `base_url` and
/// `key_value`.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(super) struct TraceInput {
    /// A relay station's group, which is a key.
    group_id: Option<i64>,
    /// Several of them, each traced `repeat` times, to be compared.
    #[oai(validator(max_items = 20))]
    group_ids: Option<Vec<i64>>,
    /// A relay station: its best key that may be used for the model.
    provider_id: Option<i64>,
    /// An address that nobody added, with `key_value`.
    #[oai(validator(max_length = 2000))]
    base_url: Option<String>,
    /// Sealed at once, used for this trace, gone with it; no answer ever shows it.
    #[oai(write_only, validator(max_length = 20000))]
    key_value: Option<String>,
    /// What the typed-in address speaks; `openai` where nothing is said.
    kind: Option<Kind>,
    /// Asked for.
    #[oai(validator(max_length = 300))]
    model: String,
    /// What is asked about the image; left out: to read it.
    #[oai(validator(max_length = 8000))]
    prompt: Option<String>,
    /// Images in the request, each with an address of its own; 1 where nothing is said.
    #[oai(validator(minimum(value = "1"), maximum(value = "8")))]
    images: Option<u32>,
    /// Runs of each target, one after the other; 1 where nothing is said.
    #[oai(validator(minimum(value = "1"), maximum(value = "20")))]
    repeat: Option<u32>,
}

/// Begins them; gives the first one's id.
pub(super) async fn start(
    app: &Arc<App>,
    input: TraceInput,
) -> Result<(i64, Option<String>), Problem> {
    let images = input.images.unwrap_or(1);
    let repeat = input.repeat.unwrap_or(1) as usize;
    let model = label("model", &input.model)?;
    let prompt = input.prompt.as_deref().map(str::trim).filter(|prompt| !prompt.is_empty());
    let prompt = prompt.map_or_else(|| ask::prompt(images), str::to_owned);
    let whom = whom(app, input)?;
    if let Whom::Groups(groups) = &whom
        && groups.len() * repeat > MOST_RUNS
    {
        let message = format!("together that is more than {MOST_RUNS} traces at once");
        return Err(Problem::field("repeat", message));
    }
    let public = match whom {
        Whom::Typed { .. } => Some(seal::public_key(app).await?),
        _ => None,
    };
    let plan =
        Plan { model, prompt, images, repeat, image_base: app.traces.image_base(&app.config) };
    let typed = public.is_some();
    let within = app.clone();
    let add = move |connection: &Connection| plan.add(&within, connection, whom, public);
    let (made, warning) = match typed {
        // The key pair may just have been changed: the proxy takes that in first.
        true => app.change(add).await?,
        false => (app.write_noted(add).await?, None),
    };
    app.traces.known.forget(&made.surplus);
    for (name, id, images) in &made.names {
        app.traces.known.add(name, *id, *images);
    }
    for ids in made.targets {
        tokio::spawn(run::run(app.clone(), ids));
    }
    Ok((made.first, warning))
}

struct Plan {
    model: String,
    prompt: String,
    images: u32,
    repeat: usize,
    image_base: String,
}

/// Rows that were made.
struct Made {
    first: i64,
    /// Name, row, images of each.
    names: Vec<(String, i64, u32)>,
    /// Rows of each target.
    targets: Vec<Vec<i64>>,
    /// Old ones that went.
    surplus: Vec<i64>,
}

impl Plan {
    fn add(
        self,
        app: &App,
        connection: &Connection,
        whom: Whom,
        public: Option<PublicKey>,
    ) -> Result<Made, Problem> {
        let pool = Pool::read(app, connection)?;
        let mut typed = None;
        let all = match whom {
            Whom::Groups(ids) => {
                let found = ids.into_iter().map(|id| group(app, connection, &pool, id));
                found.collect::<Result<Vec<_>, _>>()?
            }
            Whom::Provider(id) => vec![best(app, connection, &pool, id, &self.model)?],
            Whom::Typed { base_url, kind, credential } => {
                let url: Url = base_url.parse().map_err(|_| Problem::internal())?;
                let provider = url.host_str().unwrap_or_default().to_owned();
                let origin = secret::origin(&url);
                let target = Target { provider_id: BROUGHT, kind: kind.clone(), origin };
                let public = public.ok_or_else(Problem::internal)?;
                typed = Some((Sealer::new(connection, public)?, credential, target));
                let (key_id, provider_id, key) = (None, None, String::new());
                vec![Asked { key_id, provider_id, provider, key, base_url, kind }]
            }
        };
        if traces::pending(connection)? + all.len() * self.repeat > MOST_PENDING {
            let message = format!(
                "more than {MOST_PENDING} traces would wait for their turn; wait for some of them, \
                 or delete them"
            );
            return Err(Problem::too_many(message, RETRY_AFTER));
        }
        let mut made = Made { first: 0, names: vec![], targets: vec![], surplus: vec![] };
        let mut series = None;
        for asked in all {
            let mut ids = Vec::new();
            for _ in 0..self.repeat {
                let trace = self.row(&asked);
                let seal = |id| {
                    let (sealer, credential, target) = typed.as_ref()?;
                    let sealed = sealer.seal(credential, id, target);
                    Some(traces::Sealed { bytes: sealed.bytes, origin: sealed.origin })
                };
                let id = traces::insert(connection, &trace, series, seal)?;
                series = series.or(Some(id));
                made.names.push((trace.trace_id, id, self.images));
                ids.push(id);
            }
            made.targets.push(ids);
        }
        made.first = series.unwrap_or_default();
        made.surplus =
            traces::surplus(connection, MOST_TRACES)?.into_iter().map(|(id, _)| id).collect();
        traces::delete(connection, &made.surplus)?;
        Ok(made)
    }

    fn row(&self, asked: &Asked) -> Trace {
        Trace {
            id: 0,
            trace_id: new_name(),
            series: 0,
            key_id: asked.key_id,
            provider_id: asked.provider_id,
            provider: asked.provider.clone(),
            key: asked.key.clone(),
            base_url: asked.base_url.clone(),
            kind: asked.kind.clone(),
            sealed: None,
            model: self.model.clone(),
            prompt: self.prompt.clone(),
            images: self.images,
            image_base: self.image_base.clone(),
            status: Status::Pending,
            error: None,
            created_at: Timestamp::now().as_microsecond(),
            started_at: None,
            ended_at: None,
            request_id: None,
            answer: None,
            said: None,
        }
    }
}
