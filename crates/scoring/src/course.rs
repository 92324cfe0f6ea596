//! The course of a score: on which days it changes, and to what, if nothing more is registered.

use crate::activity::History;
use crate::calendar::Day;
use crate::configuration::Configuration;
use crate::derive::{records_between, sums};
use crate::person::Person;
use crate::record::Record;
use crate::refusal::Refusal;
use std::collections::BTreeMap;

/// The scores on a day and on each day until another, both included, on which any of them changes. A person
/// who is not active has 0 on all of them.
///
/// # Errors
/// A refusal when a score leaves the range of bigint.
pub fn course<'r>(
    configuration: &'r Configuration,
    person: &Person,
    history: &mut History<'r>,
    from_day: Day,
    until_day: Day,
) -> Result<Vec<(Day, Vec<i64>)>, Refusal> {
    if !person.is_active {
        return Ok(vec![(from_day, vec![0; configuration.cards.count()])]);
    }
    let records = records_between(configuration, person, history, from_day, until_day);
    course_of(configuration, &records, from_day, until_day)
}

/// The same of records that are known.
///
/// # Errors
/// A refusal when a score leaves the range of bigint.
pub fn course_of(
    configuration: &Configuration,
    records: &[Record],
    from_day: Day,
    until_day: Day,
) -> Result<Vec<(Day, Vec<i64>)>, Refusal> {
    // By day and scorecard, by how many points the records of their own change.
    let mut changes: BTreeMap<Day, Vec<(u16, i64)>> = BTreeMap::new();
    for record in records {
        let mut change = |day: Day, points: i64| changes.entry(day).or_default().push((record.card, points));
        if record.counts_from > from_day && record.counts_from <= until_day {
            change(record.counts_from, record.points_on(record.counts_from));
        }
        let start = record.counts_from.max(from_day);
        let mut worth = record.points_on(start);
        for day in record.fading_days(start, until_day) {
            let now = record.worth_on(day);
            if now != worth {
                change(day, now - worth);
                worth = now;
            }
        }
        if let Some(end) = record.counts_until
            && end > from_day
            && end <= until_day
            && end > record.counts_from
        {
            change(end, -worth);
        }
    }
    let mut own = sums(configuration, records, |record| record.points_on(from_day));
    let mut course = vec![(from_day, configuration.cards.scores(&own)?)];
    for (day, changes) in changes {
        for (card, points) in changes {
            if let Some(sum) = own.get_mut(card as usize) {
                *sum += i128::from(points);
            }
        }
        let scores = configuration.cards.scores(&own)?;
        if course.last().is_some_and(|(_, before)| *before != scores) {
            course.push((day, scores));
        }
    }
    Ok(course)
}
