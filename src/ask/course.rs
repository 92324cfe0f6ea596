//! The score of a person on any day, and its course.

use crate::ask::one;
use crate::configure::config;
use crate::error::{OrRaise, Refusal};
use crate::pg;
use pgrx::datum::Date;
use scoring::calendar::Day;
use scoring::course;
use scoring::derive;

fn day(date: Date) -> Day {
    Day(date.to_pg_epoch_days())
}

/// `_score_at(bigint, date, text)`: the score on a day; `None` where there is no such person or scorecard.
pub fn score_at(person_id: i64, on_day: Date, scorecard: &str) -> Option<i64> {
    let config = config::for_reading();
    let card = config.cards.place(scorecard)?;
    one::ask(&config, person_id, |one| {
        let scores = derive::score_at(&one.rulebook.configuration, &one.person, &mut one.history(), day(on_day));
        scores.map_err(Refusal::from).or_raise()[card as usize]
    })
}

/// `_course(bigint, date, date, text)`: score and category on a day, and on each day until another on which either changes.
pub fn course(person_id: i64, from_day: Date, until_day: Date, scorecard: &str) -> Vec<(Date, i64, Option<String>)> {
    let config = config::for_reading();
    let Some(card) = config.cards.place(scorecard) else { return Vec::new() };
    let rows = one::ask(&config, person_id, |one| {
        let configuration = &one.rulebook.configuration;
        let course = course::course(configuration, &one.person, &mut one.history(), day(from_day), day(until_day));
        let mut rows: Vec<(Day, i64, Option<String>)> = Vec::new();
        for (day, scores) in course.map_err(Refusal::from).or_raise() {
            let score = scores[card as usize];
            let category = if one.person.is_active { configuration.category(card, one.person.kind, score) } else { None };
            if rows.last().is_none_or(|(_, known, _)| *known != score) {
                rows.push((day, score, category.map(str::to_owned)));
            }
        }
        rows
    });
    rows.unwrap_or_default().into_iter().map(|(day, score, category)| (pg::date(day), score, category)).collect()
}
