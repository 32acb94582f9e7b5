//! The disk budget, and giving space back to the file system.
//!
//! The budget is for what the database's pages hold. Past it the oldest bodies go until
//! a twentieth of the budget is free again, by the share of the record that they are, and
//! only when their chunks are gone, too, is it looked at anew; where no body is left that
//! may go, the oldest rows do. The write-ahead log (64 MB at most, as a rule) comes on top.

use std::time::Instant;

use super::{HOLD, Limits, oldest};
use crate::store::{StoreError, free, write::Writer};

/// Of the budget, in percent, that is filled after something went.
const FILLED: u64 = 95;
/// Free pages worth giving back, and what share of the file is.
const MANY: u64 = 4_096;
const SOME: u64 = 256;
const SHARE: u64 = 8;
/// Pages given back in one slice.
const PAGES: u32 = 32;

/// What the budget wants gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Want {
    /// Bodies of rows up to this one.
    pub(super) bodies_to: i64,
    /// Rows up to this one.
    pub(super) rows_to: i64,
    /// Chunks that nobody needs, now.
    pub(super) clean: bool,
}

/// How far the other work has come.
pub(super) struct Standing {
    /// The newest row without bodies.
    pub(super) stripped: i64,
    /// The row before which none has bodies.
    pub(super) freed: i64,
    /// The row before which no chunk is kept for nothing; `None` in the middle of a walk.
    pub(super) swept: Option<i64>,
    /// The search index holds much that was deleted.
    pub(super) unmerged: bool,
}

/// Whether the budget holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pressure {
    /// As far as is known.
    #[default]
    Easy,
    /// What was let go of before this row is being cleaned up; then it is measured anew.
    Cleaning { before: i64 },
    /// Something has to go.
    Wanting(Want),
}

/// Pages.
struct Pages {
    size: u64,
    all: u64,
    free: u64,
}

impl Pages {
    fn of(writer: &Writer) -> Result<Self, StoreError> {
        let number = |pragma: &str| -> Result<u64, StoreError> {
            let mut find = writer.connection.prepare_cached(pragma)?;
            Ok(find.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
        };
        Ok(Self {
            size: number("PRAGMA page_size")?,
            all: number("PRAGMA page_count")?,
            free: number("PRAGMA freelist_count")?,
        })
    }
}

impl Pressure {
    /// Looks whether something must go.
    pub(super) fn look(
        &mut self,
        writer: &Writer,
        limits: Limits,
        standing: &Standing,
    ) -> Result<Want, StoreError> {
        let oldest = match limits.max_disk_bytes {
            0 => None,
            _ => oldest(writer)?,
        };
        // Without a budget, or with nothing that could go, there is nothing to want.
        let Some(oldest) = oldest else {
            *self = Self::Easy;
            return Ok(Want::default());
        };
        // What has no bodies any more, or is gone itself.
        let stripped = standing.stripped.max(oldest - 1);
        let cleaning =
            |before| standing.swept.is_none_or(|swept| swept < before) || standing.unmerged;
        let next = match *self {
            Self::Wanting(want) if stripped < want.bodies_to || oldest <= want.rows_to => *self,
            Self::Wanting(_) => Self::Cleaning { before: standing.freed },
            Self::Cleaning { before } if cleaning(before) => *self,
            Self::Easy | Self::Cleaning { .. } => {
                let pages = Pages::of(writer)?;
                let used = (pages.all - pages.free) * pages.size;
                match (used > limits.max_disk_bytes, *self) {
                    (false, _) => Self::Easy,
                    (true, Self::Easy) if cleaning(standing.freed) => {
                        Self::Cleaning { before: standing.freed }
                    }
                    (true, _) => Self::Wanting(wanted(
                        used,
                        limits.max_disk_bytes,
                        (oldest, stripped, writer.cursor()?),
                    )),
                }
            }
        };
        *self = next;
        Ok(match next {
            Self::Easy => Want::default(),
            Self::Cleaning { .. } => Want { clean: true, ..Want::default() },
            Self::Wanting(want) => want,
        })
    }
}

/// Pure: which rows lose their bodies, or go.
fn wanted(used: u64, most: u64, (oldest, stripped, newest): (i64, i64, i64)) -> Want {
    let share = |rows: i64| {
        let over = used - most / 100 * FILLED;
        let share = u128::from(rows.unsigned_abs()) * u128::from(over) / u128::from(used);
        i64::try_from(share).unwrap_or(i64::MAX).clamp(1, rows.max(1))
    };
    let bodies_from = stripped.max(oldest - 1);
    match newest - bodies_from {
        ..=0 => Want { rows_to: oldest - 1 + share(newest - oldest + 1), ..Want::default() },
        rows => Want { bodies_to: bodies_from + share(rows), ..Want::default() },
    }
}

/// Gives freed pages back, a few at a time, once there are enough to matter or the file
/// is larger than it may be.
pub(super) fn give_back(writer: &mut Writer, limits: Limits) -> Result<bool, StoreError> {
    let pages = Pages::of(writer)?;
    let is_much = pages.free >= MANY || (pages.free >= SOME && pages.free * SHARE >= pages.all);
    let is_over = limits.max_disk_bytes > 0 && pages.all * pages.size > limits.max_disk_bytes;
    if pages.free == 0 || !(is_much || is_over) {
        return Ok(false);
    }
    let began = Instant::now();
    free::give_back(&writer.connection, PAGES, || began.elapsed() < HOLD)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(200, (1, 0, 100), (52, 0))]
    #[case(200, (101, 0, 200), (152, 0))]
    #[case(200, (1, 60, 100), (81, 0))]
    #[case(101, (1, 0, 3), (1, 0))]
    #[case(200, (1, 100, 100), (0, 52))]
    #[case(200, (7, 100, 7), (0, 7))]
    fn bodies_go_by_their_share_then_rows(
        #[case] used: u64,
        #[case] rows: (i64, i64, i64),
        #[case] (bodies_to, rows_to): (i64, i64),
    ) {
        let expected = Want { bodies_to, rows_to, clean: false };
        assert_eq!(wanted(used, 100, rows), expected);
    }
}
