//! A relay station's groups: keys under the name they have there, each with a list of
//! models of its own.

use std::{collections::BTreeSet, sync::Arc};

use glassway_shared::store::providers;
use poem::{Result, http::StatusCode};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{
    Tag,
    answer::{Changed, Created, Deleted, twenty},
    input::Body,
    keys::{
        self, Filter, KeyPage, ask,
        shape::{Key, KeyDetail, KeyInput},
        write,
    },
};
use crate::{app::App, error::Problem};

pub(super) struct Operations(pub(super) Arc<App>);

/// What a key's provider said it serves.
#[derive(Object)]
#[oai(rename = "GroupModels")]
struct ModelList {
    models: Vec<String>,
    /// Of them, those that it did not say before.
    added: Vec<String>,
    /// Those that it said before and no longer.
    removed: Vec<String>,
}

#[OpenApi(tag = "Tag::Keys")]
impl Operations {
    /// List a relay station's groups
    #[oai(path = "/api/proxies/:id/groups", method = "get", operation_id = "listRelayGroups")]
    async fn list_of_relay(
        &self,
        id: Path<i64>,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<KeyPage>> {
        let id = id.0;
        let found = self.0.read(move |reader| reader.with(|c| providers::find(c, id))).await?;
        found.ok_or_else(|| super::providers::missing(id))?;
        let filter = Filter::provider(Some(id));
        Ok(Json(self.keys().page(filter, limit.0, cursor.0).await?))
    }

    /// List all groups
    #[oai(path = "/api/groups", method = "get", operation_id = "listGroups")]
    async fn list_groups(
        &self,
        /// Only this relay station's.
        provider_id: Query<Option<i64>>,
        /// Items on the page.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<KeyPage>> {
        let filter = Filter::provider(provider_id.0);
        Ok(Json(self.keys().page(filter, limit.0, cursor.0).await?))
    }

    /// Add a group
    #[oai(path = "/api/groups", method = "post", operation_id = "addGroup")]
    async fn add_group(&self, body: Body<KeyInput>) -> Result<Created<Key>> {
        let (key, warning) = write::add(&self.0, body.0).await?;
        Ok(Created::Done(Json(key), warning))
    }

    /// Read a group
    #[oai(path = "/api/groups/:id", method = "get", operation_id = "readGroup")]
    async fn read_group(&self, id: Path<i64>) -> Result<Json<KeyDetail>> {
        Ok(Json(self.keys().detail(id.0).await?))
    }

    /// Change a group
    #[oai(path = "/api/groups/:id", method = "put", operation_id = "changeGroup")]
    async fn change_group(&self, id: Path<i64>, body: Body<KeyInput>) -> Result<Changed<Key>> {
        let (key, warning) = write::change(&self.0, id.0, body.0).await?;
        Ok(Changed::Done(Json(key), warning))
    }

    /// Delete a group
    #[oai(path = "/api/groups/:id", method = "delete", operation_id = "deleteGroup")]
    async fn delete_group(&self, id: Path<i64>) -> Result<Deleted> {
        Ok(self.keys().remove(id.0).await?)
    }

    /// Fetch a group's models
    #[oai(
        path = "/api/groups/:id/refresh-models",
        method = "post",
        operation_id = "refreshGroupModels"
    )]
    async fn refresh_models(&self, id: Path<i64>) -> Result<Json<ModelList>> {
        let before: BTreeSet<String> =
            self.keys().detail(id.0).await?.model_list.into_iter().collect();
        let kind = self.keys().kind(id.0).await?;
        let listed = ask::list(&self.0, id.0, &kind, "probe").await?;
        let models = listed.models.map_err(|error| {
            Problem::new(
                StatusCode::BAD_GATEWAY,
                format!("the models could not be fetched: {error}"),
            )
        })?;
        Ok(Json(ModelList {
            added: models.difference(&before).cloned().collect(),
            removed: before.difference(&models).cloned().collect(),
            models: models.into_iter().collect(),
        }))
    }
}

impl Operations {
    fn keys(&self) -> keys::Operations {
        keys::Operations(self.0.clone())
    }
}
