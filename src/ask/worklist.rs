//! Where a person comes from and where it goes if nothing more is registered, for lists of many
//! persons: derived from what is registered on each, without a query.

use crate::ask::known::known;
use crate::error::{OrRaise, Refusal};
use pgrx::PgSqlErrorCode as Code;
use scoring::course::course;
use scoring::derive::score_at;
use scoring::person::Standpoint;
use scoring::scorecard::MAIN;
use std::collections::HashMap;

/// A year ahead: what comes later is of no use to who works through a list today.
const DAYS_AHEAD: i32 = 365;

/// `_change(bigint, bigint, int)`: by how many points a person's score changed over so many days.
pub fn change(person_id: i64, score: i64, days: i32) -> Option<i64> {
    let known = known(person_id)?;
    let day = known.config().scored_on.plus(-days);
    let configuration = &known.rulebook().configuration;
    let before = score_at(configuration, &known.person(), &mut known.history(), day).map_err(Refusal::from).or_raise()[0];
    Some(i64::try_from(i128::from(score) - i128::from(before)).unwrap_or_else(|_| {
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
    let known = known(person_id?)?;
    let (configuration, person) = (&known.rulebook().configuration, known.person());
    if !person.is_active {
        return None;
    }
    let today = known.config().scored_on;
    let course = course(configuration, &person, &mut known.history(), today, today.plus(DAYS_AHEAD));
    let course = course.map_err(Refusal::from).or_raise();
    let turn = course.into_iter().skip(1).find_map(|(day, scores)| {
        let next = configuration.category(MAIN, person.kind, scores[0]);
        (next != category).then(|| format!("turns {} on {day}", next.unwrap_or("to no category")))
    });
    turn.or_else(|| category.map(|category| format!("stays {category}")))
}

/// `_last_activity(bigint, timestamptz)`: the type of a person's latest activity, which took place at an instant.
pub fn last_activity(person_id: Option<i64>, at: Option<i64>) -> Option<String> {
    let (person_id, at) = (person_id?, at?);
    let known = known(person_id)?;
    let visible = known.visible();
    let of_then = known.activities().iter().filter(|activity| activity.occurred_at == at);
    let latest =
        of_then.filter(|activity| visible.has_activity(activity.activity_id)).max_by_key(|activity| activity.activity_id);
    latest.map(|activity| activity.activity_type.clone())
}

/// What an adjustment is called beside rules.
const ADJUSTMENT: &str = "Adjustment";

/// `_top_rules(bigint)`: the two rules that give a person most, with the points as they stand. Where a part of the score is at
/// its limit more than that would not count: it is named instead of its rules.
pub fn top_rules(person_id: i64) -> Option<String> {
    let known = known(person_id)?;
    if !known.person().is_active {
        return None;
    }
    let at = Standpoint::through(known.config().scored_on, known.scored_through);
    let configuration = &known.rulebook().configuration;
    let cards = &configuration.cards;
    let mut points: HashMap<(u16, &str), i128> = HashMap::new();
    let visible = known.visible();
    for (stored_at, record) in known.records() {
        let is_shown = visible.has_record(stored_at) && visible.has_cause(record);
        if is_shown && cards.reaches(record.card, MAIN) {
            // One whose rule is gone counts until the next run.
            let name = record.rule_id.map_or(ADJUSTMENT, |id| configuration.rule(id).map_or("", |rule| rule.name.as_str()));
            *points.entry((record.card, name)).or_default() += i128::from(record.counted(at));
        }
    }
    let mut own = vec![0; cards.count()];
    points.iter().for_each(|((card, _), points)| own[usize::from(*card)] += points);
    // Parts come before what they are parts of.
    let mut capped = cards.limits(&own, MAIN);
    capped.retain(|limit| limit.card != MAIN && limit.change < 0);
    let mut given: HashMap<&str, i128> = HashMap::new();
    for ((card, name), points) in points {
        match capped.iter().rfind(|limit| cards.reaches(card, limit.card)) {
            Some(limit) => drop(given.insert(cards.name(limit.card), limit.limit.into())),
            None => *given.entry(name).or_default() += points,
        }
    }
    let mut given: Vec<(&str, i128)> = given.into_iter().filter(|(name, points)| *points > 0 && !name.is_empty()).collect();
    given.sort_by_key(|&(name, points)| (std::cmp::Reverse(points), name));
    let told: Vec<String> = given.iter().take(2).map(|(name, points)| format!("{name} {points}")).collect();
    (!told.is_empty()).then(|| told.join(", "))
}
