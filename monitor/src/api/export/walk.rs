//! Recorded exchanges one after the other, newest first, read page by page.

use std::{collections::VecDeque, sync::Arc};

use glassway_shared::{
    id::ExchangeId,
    model::Exchange,
    store::{exchanges, filter::Filter},
};

use crate::{app::App, error::Problem};

const PAGE: usize = 500;

pub(super) struct Walk {
    app: Arc<App>,
    filter: Filter,
    before: Option<ExchangeId>,
    /// Still to be read.
    left: usize,
    page: VecDeque<Exchange>,
}

impl Walk {
    /// The newest that match.
    pub(super) fn newest(app: &Arc<App>, filter: Filter, limit: usize) -> Self {
        Self { app: app.clone(), filter, before: None, left: limit, page: VecDeque::new() }
    }

    /// Only this one, which must be there.
    pub(super) async fn one(app: &Arc<App>, id: ExchangeId) -> Result<Self, Problem> {
        let found = app.read(move |reader| exchanges::find(reader, id)).await?;
        let Some(found) = found else {
            return Err(Problem::not_found(format!("exchange {id} is not recorded")));
        };
        Ok(Self { page: [found.exchange].into(), ..Self::newest(app, Filter::default(), 0) })
    }

    pub(super) async fn next(&mut self) -> Result<Option<Exchange>, Problem> {
        if self.page.is_empty() && self.left > 0 {
            let (filter, before, size) = (self.filter.clone(), self.before, self.left.min(PAGE));
            let read = move |reader: &_| exchanges::page(reader, &filter, before, size);
            let found = self.app.read(read).await?;
            self.left = if found.len() < size { 0 } else { self.left - found.len() };
            self.before = found.last().map(|committed| committed.exchange.id);
            self.page.extend(found.into_iter().map(|committed| committed.exchange));
        }
        Ok(self.page.pop_front())
    }
}
