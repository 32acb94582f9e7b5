//! A stretch of time cut into equal slots: as many as a chart can show, on the edges
//! people expect. Pure; the reader's offset from UTC is passed in, so that a day is
//! the reader's.

use crate::store::totals::QUARTER;

/// Minutes that a slot may last.
pub const WIDTHS: &[i64] = &[1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440];
/// Slots that a span is cut into where nobody asked for a width.
const SLOTS: i64 = 75;
/// Slots that may be asked for.
const MOST_SLOTS: i64 = 2_500;
/// How long a span may be.
const MOST_DAYS: i64 = 400;

const DAY: i64 = 1440;

/// From the first minute of the first slot to the last minute of the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Unix minutes.
    pub first: i64,
    /// Minutes in a slot.
    pub width: i64,
    /// How many there are; at least one.
    pub slots: i64,
}

impl Span {
    /// The slots that hold everything from `since` to before `until` (unix minutes).
    /// `offset` is the reader's, in minutes east of UTC; without a `width` one is
    /// chosen. Sums by the minute are there from `fine_since` on, before it by the quarter
    /// of an hour. The error is a sentence for a person.
    pub fn new(
        since: i64,
        until: i64,
        offset: i64,
        width: Option<i64>,
        fine_since: i64,
    ) -> Result<Self, String> {
        if until <= since {
            return Err("the end must lie after the beginning".to_owned());
        }
        if until - since > MOST_DAYS * DAY {
            return Err(format!("at most {MOST_DAYS} days can be looked at together"));
        }
        let finest = if since < fine_since { QUARTER } else { 1 };
        let width = match width {
            Some(width) if !WIDTHS.contains(&width) => {
                let known: Vec<_> = WIDTHS.iter().map(i64::to_string).collect();
                return Err(format!("a slot lasts {} minutes", known.join(", ")));
            }
            Some(width) if width % finest != 0 => {
                return Err(format!("so long ago is told in slots of {QUARTER} minutes and more"));
            }
            Some(width) => width,
            None => {
                let enough = |width: &&i64| {
                    **width % finest == 0 && (until - since).div_euclid(**width) <= SLOTS
                };
                *WIDTHS.iter().find(enough).unwrap_or(&DAY)
            }
        };
        let first = since - (since + offset).rem_euclid(width);
        let slots = (until - first + width - 1).div_euclid(width);
        match slots <= MOST_SLOTS {
            true => Ok(Self { first, width, slots }),
            false => Err(format!(
                "slots of {width} minutes are too fine for this long; at most {MOST_SLOTS} fit"
            )),
        }
    }

    /// The first minute after it.
    pub fn end(&self) -> i64 {
        self.first + self.slots * self.width
    }

    /// Whether its edges lie on quarters of an hour, so that the coarser sums serve.
    fn coarse(&self) -> bool {
        self.first % QUARTER == 0 && self.width % QUARTER == 0
    }

    pub(super) fn totals(&self) -> &'static str {
        if self.coarse() { "quarter_totals" } else { "minute_totals" }
    }

    pub(super) fn latency(&self) -> &'static str {
        if self.coarse() { "quarter_latency" } else { "minute_latency" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60;
    /// A minute that is no edge of anything.
    const NOW: i64 = 20_000 * DAY + 13 * HOUR + 7;

    #[rstest::rstest]
    #[case(HOUR, 1)]
    #[case(6 * HOUR, 5)]
    #[case(DAY, 30)]
    #[case(7 * DAY, 180)]
    #[case(30 * DAY, 720)]
    #[case(90 * DAY, 1440)]
    #[case(400 * DAY, 1440)]
    fn a_chart_gets_as_many_slots_as_it_can_show(#[case] long: i64, #[case] width: i64) {
        let span = Span::new(NOW - long, NOW, 0, None, i64::MIN).unwrap();
        assert_eq!(span.width, width);
        assert!(span.first <= NOW - long && NOW - long - span.first < width);
        assert!(span.end() >= NOW && span.end() - NOW < width);
    }

    #[rstest::rstest]
    #[case(0)]
    #[case(8 * HOUR)]
    #[case(-5 * HOUR)]
    #[case(5 * HOUR + 45)]
    fn days_are_the_readers_and_the_coarse_sums_serve(#[case] offset: i64) {
        let span = Span::new(NOW - 90 * DAY, NOW, offset, None, i64::MIN).unwrap();
        assert_eq!((span.first + offset) % DAY, 0);
        assert_eq!(span.totals(), "quarter_totals");
    }

    #[test]
    fn fine_slots_ask_the_minutes() {
        let span = Span::new(NOW - HOUR, NOW, 0, None, i64::MIN).unwrap();
        assert_eq!((span.totals(), span.latency()), ("minute_totals", "minute_latency"));
    }

    #[test]
    fn long_ago_the_quarters_tell() {
        let since = NOW - 20 * DAY;
        let span = Span::new(since, since + HOUR, 0, None, NOW - 14 * DAY).unwrap();
        assert_eq!((span.width, span.totals()), (15, "quarter_totals"));
    }

    #[rstest::rstest]
    #[case(NOW, NOW, None)]
    #[case(NOW - 401 * DAY, NOW, None)]
    #[case(NOW - HOUR, NOW, Some(7))]
    #[case(NOW - 30 * DAY, NOW, Some(1))]
    #[case(NOW - 20 * DAY, NOW - 20 * DAY + HOUR, Some(10))]
    fn nonsense_is_refused_in_words(
        #[case] since: i64,
        #[case] until: i64,
        #[case] width: Option<i64>,
    ) {
        assert!(!Span::new(since, until, 0, width, NOW - 14 * DAY).unwrap_err().is_empty());
    }
}
