//! A person, as rules see it.

use crate::calendar::Day;

/// A person, as rules see it.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    pub kind: &'a str,
    /// The present status.
    pub status: Option<&'a str>,
    /// The day since when the person is known.
    pub since: Day,
    /// Of a person who is not active nothing counts.
    pub is_active: bool,
    /// The rules, by id, whose `person_filter` is true for the person's present attributes.
    pub fits: &'a [i32],
    /// The person does not want to be followed on the website: no silence there is penalised.
    pub is_unseen: bool,
}

/// The days for which a person's records are looked at. Between two runs what has happened since the
/// last one counts already, while the passing of days waits for the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standpoint {
    /// The day for which scores stand: by it windows end and penalties fall due.
    pub scored_on: Day,
    /// The day through which records that have begun count, and displace others.
    pub reach: Day,
}

impl Standpoint {
    /// A single day, as after a run.
    pub fn on(day: Day) -> Standpoint {
        Standpoint { scored_on: day, reach: day }
    }

    /// Of a person whose stored score has in it what has begun through a later day than that for which scores stand.
    pub fn through(scored_on: Day, scored_through: Option<Day>) -> Standpoint {
        Standpoint { scored_on, reach: scored_through.map_or(scored_on, |day| day.max(scored_on)) }
    }
}
