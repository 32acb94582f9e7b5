//! Routes: a client's model name → providers, in order, with what the model is called
//! there. Without a route a model goes to every provider with a key that lists it or
//! lists none.

use std::sync::Arc;

use glassway_shared::store::{
    providers::{self, BUILT_IN},
    roster, routes,
};
use jiff::Timestamp;
use poem::Result;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::{MaybeUndefined, ParseFromJSON, ToJSON},
};
use rusqlite::Connection;

use super::{
    Tag,
    answer::{Changed, Created, Deleted, page, twenty},
    fields::{label, set, set_or_clear},
    input::Body,
    settings::Strategy,
    shape::Time,
};
use crate::{app::App, error::Problem};

pub(super) struct Operations(pub(super) Arc<App>);

/// Where a route leads.
#[derive(Object)]
struct Candidate {
    provider_id: i64,
    /// The provider's name.
    provider: String,
    /// What the model is called there; `null`: as the client calls it.
    upstream_model: Option<String>,
    /// Higher goes first.
    priority: i64,
    /// Among candidates of one priority.
    weight: u32,
}

/// A route.
#[derive(Object)]
struct Route {
    id: i64,
    /// A name, or a pattern with `*`.
    model: String,
    candidates: Vec<Candidate>,
    /// `null`: the setting.
    strategy: Option<Strategy>,
    created_at: Time,
}

/// One page of routes, newest first.
#[derive(Object)]
struct RoutePage {
    items: Vec<Route>,
    /// For `cursor`; `null` on the last page.
    next: Option<String>,
    total: u64,
}

/// Where a route is to lead.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct CandidateInput {
    /// The built-in provider where nothing is said.
    provider_id: Option<i64>,
    /// What the model is called there; left out: as the client calls it.
    #[oai(validator(max_length = 300))]
    upstream_model: Option<String>,
    /// Higher goes first.
    #[oai(validator(minimum(value = "-1000000"), maximum(value = "1000000")))]
    priority: Option<i64>,
    /// Among candidates of one priority.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000")))]
    weight: Option<u32>,
}

/// What may be said of a route; what is left out stays as it is. A new one needs
/// `model` and `candidates`.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct RouteInput {
    /// A name, or a pattern with `*`.
    #[oai(validator(max_length = 300))]
    model: MaybeUndefined<String>,
    #[oai(validator(max_items = 100))]
    candidates: MaybeUndefined<Vec<CandidateInput>>,
    /// `null`: the setting.
    strategy: MaybeUndefined<Strategy>,
}

#[OpenApi(tag = "Tag::Routes")]
impl Operations {
    /// List routes
    #[oai(path = "/api/routes", method = "get", operation_id = "listRoutes")]
    async fn list(
        &self,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<RoutePage>> {
        let read = |connection: &Connection| {
            let all = routes::all(connection)?;
            Ok((all, providers::all(connection)?))
        };
        let (all, providers) = self.0.read(move |reader| reader.with(read)).await?;
        let page = page(all, limit.0, cursor.0.as_deref(), |route| route.id.to_string())?;
        let items = page.items.into_iter().map(|route| shown(route, &providers));
        Ok(Json(RoutePage { items: items.collect(), next: page.next, total: page.total }))
    }

    /// Add a route
    #[oai(path = "/api/routes", method = "post", operation_id = "addRoute")]
    async fn add(&self, body: Body<RouteInput>) -> Result<Created<Route>> {
        let input = body.0;
        let now = Timestamp::now().as_second();
        let add = move |connection: &Connection| {
            let mut route = routes::Route {
                id: 0,
                model: String::new(),
                candidates: vec![],
                strategy: None,
                created_at: now,
            };
            let providers = providers::all(connection)?;
            input.apply(&mut route, &providers)?;
            unused(connection, &route)?;
            let id = routes::insert(connection, &route)?;
            Ok(shown(routes::Route { id, ..route }, &providers))
        };
        let (route, warning) = self.0.change(add).await?;
        Ok(Created::Done(Json(route), warning))
    }

    /// Read a route
    #[oai(path = "/api/routes/:id", method = "get", operation_id = "readRoute")]
    async fn read(&self, id: Path<i64>) -> Result<Json<Route>> {
        let id = id.0;
        let read = move |connection: &Connection| {
            Ok((routes::find(connection, id)?, providers::all(connection)?))
        };
        let (route, providers) = self.0.read(move |reader| reader.with(read)).await?;
        Ok(Json(shown(route.ok_or_else(|| missing(id))?, &providers)))
    }

    /// Change a route
    ///
    /// What is left out stays as it is; `candidates` are replaced as a whole.
    #[oai(path = "/api/routes/:id", method = "put", operation_id = "changeRoute")]
    async fn change(&self, id: Path<i64>, body: Body<RouteInput>) -> Result<Changed<Route>> {
        let (id, input) = (id.0, body.0);
        let change = move |connection: &Connection| {
            let mut route = routes::find(connection, id)?.ok_or_else(|| missing(id))?;
            let providers = providers::all(connection)?;
            input.apply(&mut route, &providers)?;
            unused(connection, &route)?;
            routes::update(connection, &route)?;
            Ok(shown(route, &providers))
        };
        let (route, warning) = self.0.change(change).await?;
        Ok(Changed::Done(Json(route), warning))
    }

    /// Delete a route
    #[oai(path = "/api/routes/:id", method = "delete", operation_id = "deleteRoute")]
    async fn delete(&self, id: Path<i64>) -> Result<Deleted> {
        let id = id.0;
        let delete = move |connection: &Connection| match routes::delete(connection, id)? {
            true => Ok(()),
            false => Err(missing(id)),
        };
        let ((), warning) = self.0.change(delete).await?;
        Ok(Deleted::Done(warning))
    }
}

impl RouteInput {
    fn apply(
        self,
        route: &mut routes::Route,
        providers: &[providers::Provider],
    ) -> Result<(), Problem> {
        if let MaybeUndefined::Value(model) = &self.model {
            route.model = label("model", model)?;
        } else {
            set("model", self.model, &mut route.model)?;
        }
        if route.model.is_empty() {
            return Err(Problem::field("model", "is missing"));
        }
        if let MaybeUndefined::Value(candidates) = self.candidates {
            let read = candidates.into_iter().enumerate();
            route.candidates = read
                .map(|(n, candidate)| candidate.read(n, providers))
                .collect::<Result<_, _>>()?;
        } else {
            let mut none = vec![];
            set("candidates", self.candidates, &mut none)?;
        }
        if route.candidates.is_empty() {
            return Err(Problem::field("candidates", "must have at least one entry"));
        }
        let mut strategy = route.strategy.as_deref().and_then(strategy_of);
        set_or_clear(self.strategy, &mut strategy);
        route.strategy = strategy.and_then(|strategy| {
            strategy.to_json().and_then(|word| word.as_str().map(str::to_owned))
        });
        Ok(())
    }
}

impl CandidateInput {
    fn read(
        self,
        n: usize,
        providers: &[providers::Provider],
    ) -> Result<roster::Candidate, Problem> {
        let provider_id = self.provider_id.unwrap_or(BUILT_IN);
        if !providers.iter().any(|provider| provider.id == provider_id) {
            let field = format!("candidates[{n}].provider_id");
            return Err(Problem::field(&field, format!("there is no provider {provider_id}")));
        }
        let named = |name: String| label(&format!("candidates[{n}].upstream_model"), &name);
        Ok(roster::Candidate {
            provider_id,
            upstream_model: self.upstream_model.map(named).transpose()?,
            priority: self.priority.unwrap_or(0),
            weight: self.weight.unwrap_or(1),
        })
    }
}

fn strategy_of(word: &str) -> Option<Strategy> {
    Strategy::parse_from_json(Some(word.into())).ok()
}

fn missing(id: i64) -> Problem {
    Problem::not_found(format!("there is no route {id}"))
}

fn unused(connection: &Connection, route: &routes::Route) -> Result<(), Problem> {
    let same = |other: &routes::Route| other.id != route.id && other.model == route.model;
    match routes::all(connection)?.iter().find(|other| same(other)) {
        None => Ok(()),
        Some(other) => Err(Problem::conflict(
            "model",
            format!("`{}` already has a route (route {})", other.model, other.id),
        )),
    }
}

fn shown(route: routes::Route, providers: &[providers::Provider]) -> Route {
    let candidates = route.candidates.into_iter().map(|to| {
        let provider = providers.iter().find(|provider| provider.id == to.provider_id);
        Candidate {
            provider_id: to.provider_id,
            provider: provider.map(|provider| provider.name.clone()).unwrap_or_default(),
            upstream_model: to.upstream_model,
            priority: to.priority,
            weight: to.weight,
        }
    });
    Route {
        id: route.id,
        model: route.model,
        candidates: candidates.collect(),
        strategy: route.strategy.as_deref().and_then(strategy_of),
        created_at: Time(Timestamp::from_second(route.created_at).unwrap_or_default()),
    }
}
