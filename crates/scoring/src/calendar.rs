//! Calendar arithmetic in whole local days, the same as PostgreSQL's for dates and intervals.

use chrono::{Days, Months, NaiveDate};
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use std::fmt;

/// Days from 1970-01-01, chrono's origin, to 2000-01-01, PostgreSQL's.
const POSTGRES_EPOCH: i32 = 10_957;

/// A local day, as PostgreSQL stores a `date`: days since 2000-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// The first and the last day of the years 1 to 9999: days between them are accepted from people,
    /// so that no length of time in a rule leaves the calendar.
    pub const FIRST: Day = Day(-730_119);
    pub const LAST: Day = Day(2_921_939);

    /// Whether it lies in the years 1 to 9999.
    pub fn is_within_calendar(self) -> bool {
        (Day::FIRST..=Day::LAST).contains(&self)
    }

    /// So many days later, or earlier if negative.
    pub fn plus(self, days: i32) -> Day {
        Day(self.0.saturating_add(days))
    }

    /// From a date as ISO 8601 writes it.
    pub fn from_iso(text: &str) -> Option<Day> {
        text.parse::<NaiveDate>().ok().map(Day::from_chrono)
    }

    fn to_chrono(self) -> Option<NaiveDate> {
        NaiveDate::from_epoch_days(self.0.checked_add(POSTGRES_EPOCH)?)
    }

    fn from_chrono(date: NaiveDate) -> Day {
        Day(date.to_epoch_days() - POSTGRES_EPOCH)
    }
}

impl fmt::Display for Day {
    /// As ISO 8601 has it.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.to_chrono() {
            Some(date) => write!(f, "{date}"),
            None => f.write_str("a day beyond the calendar"),
        }
    }
}

/// Whether a date is of a year with five digits or more.
fn is_beyond_calendar(date: &str) -> bool {
    let mut parts = date.split('-').map(|part| (part.len(), part.bytes().all(|c| c.is_ascii_digit())));
    matches!(
        (parts.next(), parts.next(), parts.next(), parts.next()),
        (Some((5.., true)), Some((2, true)), Some((2, true)), None)
    )
}

impl<'de> Deserialize<'de> for Day {
    /// From a number of days, or from a date as ISO 8601 writes it. An infinite date becomes a day
    /// beyond the calendar.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Day;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a day such as 2026-01-31")
            }

            fn visit_i64<E: de::Error>(self, days: i64) -> Result<Day, E> {
                i32::try_from(days).map(Day).map_err(|_| E::custom("the day is out of range"))
            }

            fn visit_u64<E: de::Error>(self, days: u64) -> Result<Day, E> {
                i32::try_from(days).map(Day).map_err(|_| E::custom("the day is out of range"))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Day, E> {
                match text {
                    "infinity" => Ok(Day(i32::MAX)),
                    "-infinity" => Ok(Day(i32::MIN)),
                    _ => match Day::from_iso(text) {
                        Some(day) => Ok(day),
                        // A date that PostgreSQL printed and chrono cannot read is before the year 1 or after 9999.
                        None if text.ends_with(" BC") => Ok(Day(i32::MIN)),
                        None if is_beyond_calendar(text) => Ok(Day(i32::MAX)),
                        None => Err(E::custom(format!("\"{text}\" is no day"))),
                    },
                }
            }
        }
        from.deserialize_any(Reader)
    }
}

impl JsonSchema for Day {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date"})
    }
}

/// A length of time as PostgreSQL's `interval` has it: months, days and microseconds. Rules take only
/// those of whole days, which [`Interval::check`] tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Interval {
    pub months: i32,
    pub days: i32,
    pub micros: i64,
}

/// Why an interval is no length of whole days.
#[derive(Debug, PartialEq)]
pub enum NoLength {
    /// It has hours, minutes or seconds.
    PartOfADay,
    /// It is zero, negative, or mixes signs.
    NotPositive,
    /// It is longer than [`Interval::LONGEST_YEARS`].
    TooLong,
}

impl Interval {
    /// No rule of the business looks further; calendars stay well within their types.
    pub const LONGEST_YEARS: i64 = 1000;

    /// So many days.
    pub const fn of_days(days: i32) -> Interval {
        Interval { months: 0, days, micros: 0 }
    }

    /// So many months.
    pub const fn of_months(months: i32) -> Interval {
        Interval { months, days: 0, micros: 0 }
    }

    /// Whether it is a positive length of whole days, weeks, months or years.
    ///
    /// # Errors
    /// Why it is not.
    pub fn check(self) -> Result<(), NoLength> {
        if self.micros != 0 {
            Err(NoLength::PartOfADay)
        } else if self.months < 0 || self.days < 0 || (self.months == 0 && self.days == 0) {
            Err(NoLength::NotPositive)
        } else if i64::from(self.months) * 31 + i64::from(self.days) > Self::LONGEST_YEARS * 372 {
            Err(NoLength::TooLong)
        } else {
            Ok(())
        }
    }

    /// The day so much later: months first, where a day that the month lacks becomes its last
    /// one (31 January + 1 month = 28 or 29 February), then days. `None` past the calendar's end.
    pub fn after(self, day: Day) -> Option<Day> {
        if self.months == 0 {
            return day.0.checked_add(self.days).map(Day);
        }
        day.to_chrono()?
            .checked_add_months(Months::new(self.months.unsigned_abs()))?
            .checked_add_days(Days::new(u64::from(self.days.unsigned_abs())))
            .map(Day::from_chrono)
    }

    /// So many times as long.
    pub fn times(self, count: i32) -> Interval {
        Interval { months: self.months.saturating_mul(count), days: self.days.saturating_mul(count), micros: self.micros }
    }

    /// From text: an ISO 8601 duration, as PostgreSQL prints an interval with `intervalstyle` = `iso_8601`,
    /// or numbers with units, such as `60 days`, `3 months` or `1 year 2 weeks`.
    pub fn parse(text: &str) -> Option<Interval> {
        let text = text.trim();
        if text.starts_with(['P', 'p']) { parse_iso(text) } else { parse_words(text) }
    }
}

impl fmt::Display for Interval {
    /// In words: years, months, days, such as `60 days`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut parts = Vec::new();
        for (count, unit) in [(self.months / 12, "year"), (self.months % 12, "month"), (self.days, "day")] {
            if count != 0 {
                parts.push(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
            }
        }
        if self.micros != 0 {
            parts.push(format!("{} seconds", self.micros as f64 / 1e6));
        }
        if parts.is_empty() {
            parts.push("0 days".into());
        }
        f.write_str(&parts.join(" "))
    }
}

/// Adds so many of a unit to an interval; fractions are for seconds alone.
fn add(to: &mut Interval, count: &str, unit: Unit) -> Option<()> {
    match unit {
        Unit::Months(each) => to.months = to.months.checked_add(count.parse::<i32>().ok()?.checked_mul(each)?)?,
        Unit::Days(each) => to.days = to.days.checked_add(count.parse::<i32>().ok()?.checked_mul(each)?)?,
        Unit::Micros(each) => to.micros = to.micros.checked_add((count.parse::<f64>().ok()? * each as f64).round() as i64)?,
    }
    Some(())
}

#[derive(Clone, Copy)]
enum Unit {
    Months(i32),
    Days(i32),
    Micros(i64),
}

const SECOND: i64 = 1_000_000;

fn parse_iso(text: &str) -> Option<Interval> {
    let mut interval = Interval::default();
    let mut in_time = false;
    let mut number = String::new();
    for c in text.chars().skip(1) {
        match c.to_ascii_uppercase() {
            'T' if number.is_empty() => in_time = true,
            '0'..='9' | '-' | '+' | '.' => number.push(c),
            unit => {
                let unit = match (unit, in_time) {
                    ('Y', false) => Unit::Months(12),
                    ('M', false) => Unit::Months(1),
                    ('W', false) => Unit::Days(7),
                    ('D', false) => Unit::Days(1),
                    ('H', true) => Unit::Micros(3600 * SECOND),
                    ('M', true) => Unit::Micros(60 * SECOND),
                    ('S', true) => Unit::Micros(SECOND),
                    _ => return None,
                };
                add(&mut interval, &number, unit)?;
                number.clear();
            }
        }
    }
    number.is_empty().then_some(interval)
}

fn parse_words(text: &str) -> Option<Interval> {
    let mut interval = Interval::default();
    let mut rest = text.trim_start_matches('@').trim_start();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let tail = tail.trim_start();
        let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let unit = match unit.to_ascii_lowercase().as_str() {
            "y" | "yr" | "yrs" | "year" | "years" => Unit::Months(12),
            "mon" | "mons" | "month" | "months" => Unit::Months(1),
            "w" | "week" | "weeks" => Unit::Days(7),
            "d" | "day" | "days" => Unit::Days(1),
            "h" | "hr" | "hrs" | "hour" | "hours" => Unit::Micros(3600 * SECOND),
            "m" | "min" | "mins" | "minute" | "minutes" => Unit::Micros(60 * SECOND),
            "s" | "sec" | "secs" | "second" | "seconds" => Unit::Micros(SECOND),
            _ => return None,
        };
        add(&mut interval, number, unit)?;
        rest = tail.trim_start();
    }
    Some(interval)
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Interval;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a length of time such as \"60 days\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Interval, E> {
                // Infinity, which PostgreSQL has since version 17, is longer than any rule looks.
                let infinite = text.trim_start_matches('-') == "infinity";
                let read =
                    if infinite { Some(Interval { months: i32::MAX, ..Interval::default() }) } else { Interval::parse(text) };
                read.ok_or_else(|| E::custom(format!("\"{text}\" is no length of time")))
            }
        }
        from.deserialize_str(Reader)
    }
}

impl JsonSchema for Interval {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Interval".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "description": "Whole days, weeks, months or years, such as 60 days"})
    }
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
        assert_eq!((day(1, 1, 1), day(9999, 12, 31)), (Day::FIRST, Day::LAST));
    }

    #[test]
    fn days_beyond_the_calendar_are_read() {
        let read = |text: &str| serde_json::from_value::<Day>(serde_json::json!(text)).map(|day| day.0).ok();
        assert_eq!(read("9999-12-31"), Some(Day::LAST.0));
        assert_eq!((read("10000-01-01"), read("infinity")), (Some(i32::MAX), Some(i32::MAX)));
        assert_eq!((read("0044-03-15 BC"), read("10000-01"), read("soon")), (Some(i32::MIN), None, None));
    }

    #[test]
    fn months_end_on_the_last_day_that_is_there() {
        let month = Interval::of_months(1);
        assert_eq!(month.after(day(2026, 1, 31)), Some(day(2026, 2, 28)));
        assert_eq!(month.after(day(2028, 1, 31)), Some(day(2028, 2, 29)));
        assert_eq!(Interval::of_months(12).after(day(2028, 2, 29)), Some(day(2029, 2, 28)));
    }

    #[test]
    fn months_come_before_days() {
        let length = Interval { months: 1, days: 1, micros: 0 };
        assert_eq!(length.after(day(2026, 1, 31)), Some(day(2026, 3, 1)));
    }

    #[test]
    fn lengths_are_whole_days_and_positive() {
        let interval = |months, days, micros| Interval { months, days, micros };
        assert_eq!(interval(0, 0, 3_600_000_000).check(), Err(NoLength::PartOfADay));
        assert_eq!(interval(0, 0, 0).check(), Err(NoLength::NotPositive));
        assert_eq!(interval(1, -1, 0).check(), Err(NoLength::NotPositive));
        assert_eq!(interval(12 * 1001, 0, 0).check(), Err(NoLength::TooLong));
        assert_eq!(interval(12 * 1000, 0, 0).check(), Ok(()));
    }

    #[test]
    fn the_longest_length_from_the_last_day_is_within_the_calendar() {
        assert!(Interval::of_months(12_000).after(Day::LAST).is_some());
    }

    #[test]
    fn lengths_are_read_as_postgresql_prints_them_and_as_people_write_them() {
        let read = |text| Interval::parse(text).map(|i| (i.months, i.days, i.micros));
        assert_eq!(read("P1Y2M3D"), Some((14, 3, 0)));
        assert_eq!(read("P60D"), Some((0, 60, 0)));
        assert_eq!(read("PT0S"), Some((0, 0, 0)));
        assert_eq!(read("P1DT1H30M"), Some((0, 1, 5_400_000_000)));
        assert_eq!(read("P-3D"), Some((0, -3, 0)));
        assert_eq!(read("60 days"), Some((0, 60, 0)));
        assert_eq!(read("1 year 2 mons 2 weeks"), Some((14, 14, 0)));
        assert_eq!(read("30d"), Some((0, 30, 0)));
        assert_eq!(read("36 hours"), Some((0, 0, 129_600_000_000)));
        for nonsense in ["", "sixty days", "60", "60 moons", "P6", "P1H", "1.5 days"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }
}
