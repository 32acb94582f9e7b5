//! A span of time: series by name, latencies, failures by kind, losses, and how it goes
//! right now. Everything comes from the totals; the newest example of a failure alone is
//! read from the record. Answers say which span they are about, since its edges are
//! moved to those of whole slots.

mod lists;
mod now;
mod shape;
mod table;

use std::sync::Arc;

use glassway_shared::store::{
    StoreError,
    read::Reader,
    stats::{self, Narrow, Span},
    tend::FINE_MINUTES,
    totals::Metric,
};
use jiff::Timestamp;
use poem::Result;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::Query,
    payload::{Json, PlainText},
};

use self::{
    lists::{failures, top_list},
    shape::{
        By, FailureReport, LatencyLine, LatencyReport, LossReport, Now, Order, SeriesReport, Table,
        TopReport,
    },
};
use super::{shape::Losses, this_minute};
use crate::{
    api::{Tag, shape::Time},
    app::App,
    error::Problem,
};

pub(in crate::api) struct Operations(pub(in crate::api) Arc<App>);

const DAY: i64 = 1440;

/// A table to keep.
#[derive(ApiResponse)]
enum Csv {
    /// Its lines end in CR LF, as RFC 4180 has it.
    #[oai(status = 200, content_type = "text/csv; charset=utf-8")]
    Table(PlainText<String>, #[oai(header = "content-disposition")] String),
}

#[OpenApi(tag = "Tag::Statistics")]
impl Operations {
    /// How it goes now
    ///
    /// Rates of the last one to two minutes, shares and latencies of the last five, money
    /// of the last sixty, and the last hour minute by minute.
    #[oai(path = "/api/stats/now", method = "get", operation_id = "readStatsNow")]
    async fn now(&self) -> Result<Json<Now>> {
        let in_flight = self.0.live.status().in_flight;
        let read = move |reader: &Reader| now::now(reader, Timestamp::now(), in_flight);
        Ok(Json(self.0.read(read).await?))
    }

    /// Series by name
    ///
    /// The names with the largest sums each get a line, the others one together. Counted
    /// by when exchanges ended; slots in which nothing did are there too.
    #[expect(clippy::too_many_arguments, reason = "each is a query parameter of the contract")]
    #[oai(path = "/api/stats/series", method = "get", operation_id = "readStatsSeries")]
    async fn series(
        &self,
        /// What lines are told apart by.
        by: Query<By>,
        /// From then on; a day before `until` where it is left out.
        since: Query<Option<Time>>,
        /// Up to then; now where it is left out.
        until: Query<Option<Time>>,
        /// The reader's offset in minutes east of UTC, for where days begin.
        #[oai(default = "zero", validator(minimum(value = "-840"), maximum(value = "840")))]
        utc_offset: Query<i64>,
        /// Minutes in a slot: 1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720 or 1440; chosen
        /// by the span where it is left out.
        width: Query<Option<i64>>,
        /// What makes a name stand alone.
        #[oai(default = "calls")]
        order: Query<Order>,
        /// How many names stand alone.
        #[oai(default = "six", validator(minimum(value = "1"), maximum(value = "50")))]
        top: Query<u64>,
        /// Only this model, as clients named it; `*` stands for anything.
        model: Query<Option<String>>,
        /// Only this provider.
        provider: Query<Option<String>>,
        /// Only this key.
        key: Query<Option<String>>,
        /// Only this client token.
        client_token: Query<Option<String>>,
    ) -> Result<Json<SeriesReport>> {
        let span = span(since.0, until.0, utc_offset.0, width.0)?;
        let narrow = Narrow {
            model: model.0,
            provider: provider.0,
            key: key.0,
            client_token: client_token.0,
        };
        let (by, order, top) = (by.0.into(), order.0.into(), top.0 as usize);
        let read = move |reader: &Reader| {
            let ranking = stats::ranking(reader, span, by, order, top, &narrow)?;
            let series = stats::series(reader, span, by, &ranking, &narrow)?;
            Ok(SeriesReport::of(span, &ranking, &series))
        };
        Ok(Json(self.0.read(read).await?))
    }

    /// Top list
    ///
    /// Sums of a span by name, largest first, and what the others come to.
    #[expect(clippy::too_many_arguments, reason = "each is a query parameter of the contract")]
    #[oai(path = "/api/stats/top", method = "get", operation_id = "readStatsTop")]
    async fn top(
        &self,
        /// What is listed.
        by: Query<By>,
        /// From then on; a day before `until` where it is left out.
        since: Query<Option<Time>>,
        /// Up to then; now where it is left out.
        until: Query<Option<Time>>,
        /// The reader's offset in minutes east of UTC, for where days begin.
        #[oai(default = "zero", validator(minimum(value = "-840"), maximum(value = "840")))]
        utc_offset: Query<i64>,
        /// What comes first.
        #[oai(default = "calls")]
        order: Query<Order>,
        /// Names at most.
        #[oai(default = "ten", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<u64>,
        /// Only this model, as clients named it; `*` stands for anything.
        model: Query<Option<String>>,
        /// Only this provider.
        provider: Query<Option<String>>,
        /// Only this key.
        key: Query<Option<String>>,
        /// Only this client token.
        client_token: Query<Option<String>>,
    ) -> Result<Json<TopReport>> {
        let span = span(since.0, until.0, utc_offset.0, None)?;
        let narrow = Narrow {
            model: model.0,
            provider: provider.0,
            key: key.0,
            client_token: client_token.0,
        };
        let (by, order, limit) = (by.0, order.0.into(), limit.0 as usize);
        let app = self.0.clone();
        let read = move |reader: &Reader| top_list(&app, reader, span, (by, order), limit, &narrow);
        Ok(Json(self.0.read(read).await?))
    }

    /// Latencies over time
    ///
    /// Percentiles are read off logarithmic buckets: at most 9 % off.
    #[oai(path = "/api/stats/latency", method = "get", operation_id = "readStatsLatency")]
    async fn latency(
        &self,
        /// From then on; a day before `until` where it is left out.
        since: Query<Option<Time>>,
        /// Up to then; now where it is left out.
        until: Query<Option<Time>>,
        /// The reader's offset in minutes east of UTC, for where days begin.
        #[oai(default = "zero", validator(minimum(value = "-840"), maximum(value = "840")))]
        utc_offset: Query<i64>,
        /// Minutes in a slot, as for the series.
        width: Query<Option<i64>>,
        /// Only this model, as clients named it; `*` stands for anything.
        model: Query<Option<String>>,
    ) -> Result<Json<LatencyReport>> {
        let span = span(since.0, until.0, utc_offset.0, width.0)?;
        let read = move |reader: &Reader| {
            let line = |metric| -> Result<LatencyLine, StoreError> {
                Ok(LatencyLine::of(&stats::spread(reader, span, metric, model.0.as_deref())?))
            };
            Ok(LatencyReport {
                span: span.into(),
                duration_ms: line(Metric::Duration)?,
                ttfb_ms: line(Metric::FirstByte)?,
                first_token_ms: line(Metric::FirstToken)?,
            })
        };
        Ok(Json(self.0.read(read).await?))
    }

    /// Failures by kind
    ///
    /// Most frequent first, each with its newest example.
    #[oai(path = "/api/stats/errors", method = "get", operation_id = "readStatsErrors")]
    async fn errors(
        &self,
        /// From then on; a day before `until` where it is left out.
        since: Query<Option<Time>>,
        /// Up to then; now where it is left out.
        until: Query<Option<Time>>,
        /// The reader's offset in minutes east of UTC, for where days begin.
        #[oai(default = "zero", validator(minimum(value = "-840"), maximum(value = "840")))]
        utc_offset: Query<i64>,
    ) -> Result<Json<FailureReport>> {
        let span = span(since.0, until.0, utc_offset.0, None)?;
        Ok(Json(self.0.read(move |reader: &Reader| failures(reader, span)).await?))
    }

    /// Losses over time
    #[oai(path = "/api/stats/losses", method = "get", operation_id = "readStatsLosses")]
    async fn losses(
        &self,
        /// From then on; a day before `until` where it is left out.
        since: Query<Option<Time>>,
        /// Up to then; now where it is left out.
        until: Query<Option<Time>>,
        /// The reader's offset in minutes east of UTC, for where days begin.
        #[oai(default = "zero", validator(minimum(value = "-840"), maximum(value = "840")))]
        utc_offset: Query<i64>,
    ) -> Result<Json<LossReport>> {
        let span = span(since.0, until.0, utc_offset.0, None)?;
        let slots = self.0.read(move |reader: &Reader| stats::losses(reader, span)).await?;
        let shed: Vec<_> = slots.iter().map(|lost| lost.bodies_shed.unsigned_abs()).collect();
        let lost: Vec<_> = slots.iter().map(|lost| lost.records_lost.unsigned_abs()).collect();
        let total = Losses { bodies_shed: shed.iter().sum(), records_lost: lost.iter().sum() };
        Ok(Json(LossReport { span: span.into(), total, bodies_shed: shed, records_lost: lost }))
    }

    /// A table as CSV
    ///
    /// One line per name, kind or slot, with its head. Text that a spreadsheet would take
    /// for a formula has an apostrophe before it.
    #[oai(path = "/api/stats/export.csv", method = "get", operation_id = "exportStatsCsv")]
    async fn export(
        &self,
        /// Which one.
        table: Query<Table>,
        /// From then on; a day before `until` where it is left out.
        since: Query<Option<Time>>,
        /// Up to then; now where it is left out.
        until: Query<Option<Time>>,
        /// The reader's offset in minutes east of UTC, for where days begin.
        #[oai(default = "zero", validator(minimum(value = "-840"), maximum(value = "840")))]
        utc_offset: Query<i64>,
        /// Minutes in a slot of the table by time, as for the series.
        width: Query<Option<i64>>,
        /// Whether it begins with a byte order mark, which spreadsheets want to tell UTF-8.
        #[oai(default)]
        bom: Query<bool>,
    ) -> Result<Csv> {
        let span = span(since.0, until.0, utc_offset.0, width.0)?;
        let (table, app) = (table.0, self.0.clone());
        let read = move |reader: &Reader| table::table(&app, reader, span, table);
        let mut text = if bom.0 { "\u{feff}".to_owned() } else { String::new() };
        text.push_str(&crate::api::csv::document(&self.0.read(read).await?));
        let name = format!("glassway-{}.csv", table.file());
        Ok(Csv::Table(PlainText(text), format!("attachment; filename=\"{name}\"")))
    }
}

/// The span that a query means; a refusal names the parameter to blame.
fn span(
    since: Option<Time>,
    until: Option<Time>,
    offset: i64,
    width: Option<i64>,
) -> Result<Span, Problem> {
    let minute = |moment: Timestamp| moment.as_second().div_euclid(60);
    // The minute that runs counts.
    let until = match until {
        Some(Time(moment)) => (moment.as_second() + 59).div_euclid(60),
        None => this_minute() + 1,
    };
    let since = since.map_or(until - DAY, |Time(moment)| minute(moment));
    if until <= since {
        return Err(Problem::field("until", "must lie after `since`"));
    }
    // A day of grace: the writer prunes by its own clock.
    let fine_since = this_minute() - FINE_MINUTES + DAY;
    Span::new(since, until, offset, width, fine_since)
        .map_err(|said| Problem::field(if width.is_some() { "width" } else { "since" }, said))
}

fn zero() -> i64 {
    0
}

fn six() -> u64 {
    6
}

fn ten() -> u64 {
    10
}

fn calls() -> Order {
    Order::Calls
}
