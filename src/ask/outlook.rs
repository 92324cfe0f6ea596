//! Where a person comes from and where it goes if nothing more is registered, for lists of many
//! persons: derived from what is registered on each, without a query.

use crate::score::calendar::Day;
use crate::configure::config::{self, Config};
use crate::score::derive;
use crate::error::Refusal;
use crate::score::registered::Registered;
use crate::score::scoring::{self, Person, Record};
use pgrx::PgSqlErrorCode as Code;
use std::collections::{BTreeSet, HashMap};

/// A year ahead: what comes later is of no use to who works through a list today.
const DAYS_AHEAD: i32 = 365;

/// The kind of a person, and its records that count on a day or later, with the penalties that
/// fall due until another.
fn course(config: &Config, person_id: i64, from_day: Day, until_day: Day) -> Option<(String, Vec<Record>)> {
    config.tables.check_may_read();
    let persons = config.tables.persons_to_read();
    let seen = persons.seen(person_id)?;
    let stored = persons.stored(&seen);
    let person = Person {
        kind: persons.kind(&seen),
        status: persons.status(&seen),
        score: stored.score,
        reach: from_day,
        last_day: from_day,
        penalised: stored.penalised,
    };
    let registered = Registered::on(config, &config.tables.history_seen(person_id), &person, persons.since(&seen)).ok()?;
    let Registered { since, activities, adjustments, silences } = registered;
    let records = derive::course(&person, since, activities, &adjustments, silences.into_iter(), from_day, until_day);
    Some((person.kind.to_owned(), records))
}

/// `_change(bigint, bigint, int)`: by how many points a person's score changed over so many days.
pub fn change(person_id: i64, score: i64, days: i32) -> Option<i64> {
    let config = config::for_reading();
    let day = Day(config.scored_on.0 - days);
    let (_, records) = course(&config, person_id, day, day)?;
    let change = i128::from(score) - derive::score_on(&records, day);
    Some(i64::try_from(change).unwrap_or_else(|_| {
        Refusal::new(
            Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            format!("the change of person {person_id}'s score is out of range"),
        )
        .raise()
    }))
}

/// `_outlook(bigint, text)`: the category to which a person turns next, and the day, if nothing
/// more is registered.
pub fn outlook(person_id: Option<i64>, category: Option<&str>) -> Option<String> {
    let person_id = person_id?;
    let config = config::for_reading();
    let today = config.scored_on;
    let until = Day(today.0 + DAYS_AHEAD);
    let (kind, records) = course(&config, person_id, today, until)?;
    let mut days = BTreeSet::new();
    for record in &records {
        if record.decays_until.is_some() {
            days.extend(record.counts_from.0..record.counts_until.map_or(until.0, |end| end.0).min(until.0 + 1));
        }
        days.insert(record.counts_from.0);
        days.extend(record.counts_until.map(|end| end.0));
    }
    for day in days.range(today.0 + 1..=until.0).map(|&day| Day(day)) {
        let score = i64::try_from(derive::score_on(&records, day)).map_err(|_| scoring::out_of_range());
        let next = scoring::category(&config.bands, &kind, score.unwrap_or_else(|refusal| refusal.raise()));
        if next != category {
            return Some(format!("turns {} on {day}", next.unwrap_or("to no category")));
        }
    }
    category.map(|category| format!("stays {category}"))
}

/// `_last_activity(bigint, timestamptz)`: the type of a person's latest activity, which took place at an instant.
pub fn last_activity(person_id: Option<i64>, at: Option<i64>) -> Option<String> {
    let (person_id, at) = (person_id?, at?);
    let config = config::for_reading();
    config.tables.check_may_read();
    let mut latest: Option<(i64, String)> = None;
    config.tables.history_seen(person_id).each_activity(|activity| {
        let id = activity.activity_id;
        if activity.occurred_at == at && latest.as_ref().is_none_or(|(known, _)| id > *known) {
            latest = Some((id, activity.activity_type.to_owned()));
        }
    });
    latest.map(|(_, activity_type)| activity_type)
}

/// What an adjustment is called beside rules.
const ADJUSTMENT: &str = "Adjustment";

/// `_top_rules(bigint)`: the two rules that give a person most, with the points as they stand.
pub fn top_rules(person_id: i64) -> Option<String> {
    let config = config::for_reading();
    config.tables.check_may_read();
    let persons = config.tables.persons_to_read();
    let seen = persons.seen(person_id)?;
    let reach = persons.stored(&seen).scored_through.max(Some(config.scored_on))?;
    let mut points: HashMap<&str, i128> = HashMap::new();
    for (_, record) in config.tables.history_seen(person_id).records() {
        let name = record.rule_id.and_then(|id| config.rule_name(id)).unwrap_or(ADJUSTMENT);
        *points.entry(name).or_default() += i128::from(derive::counted(&record, reach, config.scored_on));
    }
    let mut given: Vec<(&str, i128)> = points.into_iter().filter(|(_, points)| *points > 0).collect();
    given.sort_by_key(|&(name, points)| (std::cmp::Reverse(points), name));
    let told: Vec<String> = given.iter().take(2).map(|(name, points)| format!("{name} {points}")).collect();
    (!told.is_empty()).then(|| told.join(", "))
}
