//! Whether the wall clock may be believed about how old a record is. One that has jumped ahead, by
//! a wrong step of NTP or a hand's slip, would have retention delete all there is; so nothing goes
//! by its age until the clock has stood by what it says for a while, or has come back.

//!
//! A start believes its first clock, save where it is ahead of the newest record by more than a
//! day, as after a boot with a wrong clock; or where a process before it doubted the clock, which
//! is noted in the database.

use glassway_shared::store::{StoreError, tend::Limits, write::Writer};
use rustix::time::{ClockId, clock_gettime};

/// What a clock may be off by beside the one that never jumps.
const JUMP_US: i64 = 10 * 60 * 1_000_000;
/// How long it must stand by a jump ahead.
const PATIENCE_US: i64 = 3_600 * 1_000_000;
/// A start that comes so long after the newest record is no sign of a wrong clock.
const SILENCE_US: i64 = 24 * PATIENCE_US;

/// What is known of the clock.
#[derive(Debug, Default)]
pub(super) struct Age {
    /// When it was believed last: since boot, and what it said; microseconds.
    believed: Option<(i64, i64)>,
    /// Since when it is doubted, since boot.
    doubted: Option<i64>,
    /// What the database has been told of that.
    noted: bool,
}

impl Age {
    /// As the database knows it.
    pub(super) fn of(writer: &Writer, wall_us: i64) -> Result<Self, StoreError> {
        let noted = writer.clock_believed_us()?;
        let begun = began_at(noted, writer.newest_us()?, wall_us);
        let believed = Some((since_boot_us(), begun));
        Ok(Self { believed, doubted: None, noted: noted.is_some() })
    }

    /// The limits that hold now: without ages while the clock is doubted.
    pub(super) fn judge(&mut self, limits: Limits, writer: &mut Writer, wall_us: i64) -> Limits {
        let last = self.believed.map(|(_, wall)| wall);
        let believes = self.believes(wall_us, since_boot_us());
        if self.noted == believes {
            let note = if believes { None } else { last };
            match writer.put_clock_believed_us(note) {
                Ok(()) => self.noted = !believes,
                Err(e) => tracing::debug!(error = %e, "cannot note whether the clock is doubted"),
            }
        }
        if believes { limits } else { limits.without_ages() }
    }

    fn believes(&mut self, wall_us: i64, boot_us: i64) -> bool {
        let (boot, wall) = *self.believed.get_or_insert((boot_us, wall_us));
        let ahead_us = (wall_us - wall) - (boot_us - boot);
        // One that is set back makes records younger: nothing is lost by that.
        if ahead_us > JUMP_US {
            let since = *self.doubted.get_or_insert_with(|| {
                tracing::warn!(
                    minutes = ahead_us / 60_000_000,
                    "the clock has jumped ahead of when it was believed last: nothing is deleted \
                     by its age for an hour; check the machine's time"
                );
                boot_us
            });
            if boot_us - since < PATIENCE_US {
                return false;
            }
        }
        (self.believed, self.doubted) = (Some((boot_us, wall_us)), None);
        true
    }
}

/// Pure: what a start takes for the last time that the clock was believed.
fn began_at(noted: Option<i64>, newest: Option<i64>, wall_us: i64) -> i64 {
    let silent = newest.filter(|newest| wall_us - newest > SILENCE_US);
    noted.or(silent).unwrap_or(wall_us)
}

/// Goes on while the machine sleeps, and never jumps.
fn since_boot_us() -> i64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec * 1_000_000 + time.tv_nsec / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;
    const DAY: i64 = 24 * 60 * MINUTE;

    #[test]
    fn a_clock_that_runs_is_believed() {
        let mut age = Age::default();
        for minute in 0..10_000 {
            // Half a minute in a day is the worst that quartz does.
            assert!(age.believes(DAY + minute * MINUTE + minute * 20_000, minute * MINUTE));
        }
    }

    #[test]
    fn a_jump_ahead_is_doubted_for_an_hour_or_until_it_is_taken_back() {
        let mut age = Age::default();
        assert!(age.believes(DAY, 0));
        assert!(!age.believes(41 * DAY, MINUTE));
        assert!(!age.believes(41 * DAY + 59 * MINUTE, 60 * MINUTE));
        assert!(age.believes(41 * DAY + 61 * MINUTE, 62 * MINUTE), "it stands by it");
        assert!(!age.believes(90 * DAY, 63 * MINUTE));
        assert!(age.believes(41 * DAY + 63 * MINUTE, 64 * MINUTE), "it has come back");
        // The next jump is doubted for as long again.
        assert!(!age.believes(90 * DAY, 124 * MINUTE));
        assert!(!age.believes(90 * DAY + 30 * MINUTE, 154 * MINUTE));
    }

    #[test]
    fn a_start_believes_its_clock_save_after_doubt_or_long_silence() {
        assert_eq!(began_at(None, None, 41 * DAY), 41 * DAY);
        assert_eq!(began_at(None, Some(41 * DAY - 60 * MINUTE), 41 * DAY), 41 * DAY);
        assert_eq!(began_at(None, Some(DAY), 41 * DAY), DAY);
        assert_eq!(began_at(Some(DAY), Some(41 * DAY), 41 * DAY), DAY, "rows of a wrong time");
        assert_eq!(began_at(None, Some(90 * DAY), 41 * DAY), 41 * DAY, "it was set right");
    }

    #[test]
    fn a_jump_back_is_believed_at_once() {
        let mut age = Age::default();
        assert!(age.believes(41 * DAY, 0));
        assert!(age.believes(DAY, MINUTE));
        assert!(age.believes(DAY + MINUTE, 2 * MINUTE));
        assert!(!age.believes(41 * DAY, 3 * MINUTE));
    }
}
