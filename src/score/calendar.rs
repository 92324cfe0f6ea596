//! Calendar arithmetic in whole local days, the same as PostgreSQL's for dates and intervals.

use chrono::{Days, Months, NaiveDate};
use serde::Deserialize;

/// Days from 1970-01-01, chrono's origin, to 2000-01-01, PostgreSQL's.
const POSTGRES_EPOCH: i32 = 10_957;

/// A local day, as PostgreSQL stores a `date`: days since 2000-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct Day(pub i32);

impl Day {
    fn to_chrono(self) -> Option<NaiveDate> {
        NaiveDate::from_epoch_days(self.0.checked_add(POSTGRES_EPOCH)?)
    }

    fn from_chrono(date: NaiveDate) -> Day {
        Day(date.to_epoch_days() - POSTGRES_EPOCH)
    }
}

impl std::fmt::Display for Day {
    /// As ISO 8601 has it.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self.to_chrono() {
            Some(date) => write!(f, "{date}"),
            None => f.write_str("a day beyond the calendar"),
        }
    }
}

/// A positive length of whole months and days, such as `60 days`, `2 weeks` or `1 year`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Span {
    pub months: u32,
    pub days: u32,
}

/// Why an interval is no [`Span`].
#[derive(Debug, PartialEq)]
pub enum NoSpan {
    /// It has hours, minutes or seconds.
    PartOfADay,
    /// It is zero, negative, or mixes signs.
    NotPositive,
    /// It is longer than [`Span::LONGEST_YEARS`].
    TooLong,
}

impl Span {
    /// No rule of the business looks further; calendars stay well within their types.
    pub const LONGEST_YEARS: i64 = 1000;

    /// From the fields of a PostgreSQL `interval`: months, days, and microseconds.
    pub fn new(months: i32, days: i32, micros: i64) -> Result<Span, NoSpan> {
        if micros != 0 {
            return Err(NoSpan::PartOfADay);
        }
        let (Ok(months), Ok(days)) = (u32::try_from(months), u32::try_from(days)) else {
            return Err(NoSpan::NotPositive);
        };
        if months == 0 && days == 0 {
            return Err(NoSpan::NotPositive);
        }
        if i64::from(months) * 31 + i64::from(days) > Self::LONGEST_YEARS * 372 {
            return Err(NoSpan::TooLong);
        }
        Ok(Span { months, days })
    }

    /// The day so much later: months first, where a day that the month lacks becomes its last
    /// one (31 January + 1 month = 28 or 29 February), then days. `None` past the calendar's end.
    pub fn after(self, day: Day) -> Option<Day> {
        day.to_chrono()?
            .checked_add_months(Months::new(self.months))?
            .checked_add_days(Days::new(u64::from(self.days)))
            .map(Day::from_chrono)
    }
}

/// What a record is worth on a day on which it counts, in points: all of them without
/// `decays_until`, else round(points × (e − D) / (e − d)), half away from zero, with d the
/// first day, e `decays_until` and D the day.
pub fn worth(points: i32, counts_from: Day, decays_until: Option<Day>, on_day: Day) -> i64 {
    let points = i64::from(points);
    let Some(end) = decays_until else { return points };
    let left = i64::from(end.0) - i64::from(on_day.0);
    let whole = i64::from(end.0) - i64::from(counts_from.0);
    points.signum() * ((2 * points.abs() * left + whole) / (2 * whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> Day {
        Day::from_chrono(NaiveDate::from_ymd_opt(year, month, day).unwrap())
    }

    #[test]
    fn days_count_from_the_year_2000() {
        assert_eq!(day(2000, 1, 1), Day(0));
        assert_eq!(day(2026, 3, 1), Day(9556));
    }

    #[test]
    fn months_end_on_the_last_day_that_is_there() {
        let month = Span::new(1, 0, 0).unwrap();
        assert_eq!(month.after(day(2026, 1, 31)), Some(day(2026, 2, 28)));
        assert_eq!(month.after(day(2028, 1, 31)), Some(day(2028, 2, 29)));
        assert_eq!(Span::new(12, 0, 0).unwrap().after(day(2028, 2, 29)), Some(day(2029, 2, 28)));
    }

    #[test]
    fn months_come_before_days() {
        assert_eq!(Span::new(1, 1, 0).unwrap().after(day(2026, 1, 31)), Some(day(2026, 3, 1)));
    }

    #[test]
    fn spans_are_whole_days_and_positive() {
        assert_eq!(Span::new(0, 0, 3_600_000_000), Err(NoSpan::PartOfADay));
        assert_eq!(Span::new(0, 0, 0), Err(NoSpan::NotPositive));
        assert_eq!(Span::new(1, -1, 0), Err(NoSpan::NotPositive));
        assert_eq!(Span::new(12 * 1001, 0, 0), Err(NoSpan::TooLong));
        assert_eq!(Span::new(12 * 1000, 0, 0), Ok(Span { months: 12_000, days: 0 }));
    }

    #[test]
    fn the_longest_span_from_the_last_day_is_within_the_calendar() {
        assert!(Span::new(12_000, 0, 0).unwrap().after(day(9999, 12, 31)).is_some());
    }

    #[test]
    fn decay_rounds_half_away_from_zero() {
        let (from, end) = (Day(0), Some(Day(4)));
        let points = |p| (0..4).map(|d| worth(p, from, end, Day(d))).collect::<Vec<_>>();
        assert_eq!(points(10), [10, 8, 5, 3]);
        assert_eq!(points(-10), [-10, -8, -5, -3]);
        assert_eq!(worth(7, from, None, Day(1000)), 7);
        assert_eq!(worth(i32::MAX, from, end, Day(0)), i64::from(i32::MAX));
        assert_eq!(worth(i32::MIN, from, end, Day(0)), i64::from(i32::MIN));
    }
}
