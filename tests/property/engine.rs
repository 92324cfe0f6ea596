//! The engine alone, for the property test: reads one case a line as JSON, writes what the engine makes of it.
//!
//! Days are days since 2000-01-01, as in the engine. Which activities match which rules, and which rules' filters the
//! person satisfies, is for PostgreSQL to say and stands in the case.

use scoring::activity::{Activity, Adjustment, History};
use scoring::calendar::Day;
use scoring::configuration::Configuration;
use scoring::course::course;
use scoring::derive::{derive, score_at};
use scoring::explain::{Facts, explain};
use scoring::person::{Person, Standpoint};
use scoring::record::Record;
use scoring::rule::Rule;
use scoring::shortcut;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::io::{BufRead, Write};

#[derive(Deserialize)]
struct Case {
    tenant: Option<String>,
    rules: Vec<Box<RawValue>>,
    categories: Box<RawValue>,
    scorecards: Box<RawValue>,
    kind: String,
    status: Option<String>,
    since: i32,
    active: bool,
    fits: Vec<i32>,
    activities: Vec<CaseActivity>,
    adjustments: Vec<CaseAdjustment>,
    scored_on: i32,
    reach: i32,
    days: Vec<i32>,
    until: i32,
}

#[derive(Deserialize)]
struct CaseActivity {
    activity_id: i64,
    occurred_at: i64,
    day: i32,
    matching: Vec<i32>,
}

#[derive(Deserialize)]
struct CaseAdjustment {
    adjustment_id: i64,
    points: i32,
    from_day: i32,
    until_day: Option<i32>,
    scorecard: String,
}

/// Words are no part of the comparison.
struct NoWords;

impl Facts for NoWords {
    fn activity_type(&self, _: i64) -> &str {
        "call"
    }

    fn meets_condition(&self, _: i64, _: &Rule) -> bool {
        true
    }

    fn adjustment(&self, _: i64) -> String {
        String::new()
    }
}

fn history<'r>(case: &Case, configuration: &'r Configuration, without: Option<i64>) -> History<'r> {
    let activities = case.activities.iter().filter(|activity| Some(activity.activity_id) != without);
    History {
        activities: activities
            .map(|activity| Activity {
                activity_id: activity.activity_id,
                occurred_at: activity.occurred_at,
                day: Day(activity.day),
                matching: activity.matching.iter().filter_map(|&id| configuration.rule(id)).collect::<Vec<_>>().into(),
            })
            .collect(),
        adjustments: case
            .adjustments
            .iter()
            .map(|adjustment| Adjustment {
                adjustment_id: adjustment.adjustment_id,
                points: adjustment.points,
                from_day: Day(adjustment.from_day),
                until_day: adjustment.until_day.map(Day),
                card: configuration.cards.place(&adjustment.scorecard).unwrap(),
            })
            .collect(),
    }
}

/// Scores by the names of their scorecards.
fn named(configuration: &Configuration, scores: &[i64]) -> Value {
    scores.iter().zip(0..).map(|(&score, place)| (configuration.cards.name(place).to_owned(), json!(score))).collect()
}

fn told(record: &Record) -> Value {
    json!([record.rule_id, record.activity_id, record.points, record.counts_from.0, record.counts_until.map(|day| day.0)])
}

/// Whether a new activity, the one with the highest id, gives by the shortcut what deriving the person anew gives:
/// `null` where the shortcut does not dare to say.
fn shortcut_agrees(case: &Case, configuration: &Configuration, person: &Person, at: Standpoint) -> Value {
    let Some(new) = case.activities.iter().max_by_key(|activity| activity.activity_id) else { return Value::Null };
    let before = derive(configuration, person, history(case, configuration, Some(new.activity_id)), at).unwrap();
    let after = derive(configuration, person, history(case, configuration, None), at).unwrap();
    let all = history(case, configuration, None).activities;
    let (news, others): (Vec<_>, Vec<_>) = all.iter().partition(|activity| activity.activity_id == new.activity_id);
    let last_day = others.iter().map(|activity| activity.day).chain([person.since]).max().unwrap();
    let is_penalised = before.is_penalised;
    let mut present = shortcut::Present { score: before.scores[0], at, last_day, is_penalised };
    let read = || before.records.clone();
    let instant = |id| all.iter().find(|activity| activity.activity_id == id).map(|activity| activity.occurred_at);
    let mut kept = shortcut::Kept::new(&read, &instant);
    match shortcut::score_activity(configuration, person, &mut present, news[0], &mut kept).unwrap() {
        Err(shortcut::Unclear) => Value::Null,
        Ok(()) => {
            let mut records = before.records.clone();
            records.retain(|record| !kept.displaced().contains(record));
            records.extend(kept.added());
            let sorted = |records: &[Record]| {
                let mut all: Vec<String> = records.iter().map(|record| told(record).to_string()).collect();
                all.sort();
                all
            };
            let others_stay = before.scores[1..] == after.scores[1..];
            let records_agree = sorted(&records) == sorted(&after.records);
            // The day that is noted stays as it was, which may be too early but not too late.
            let due_is_noted = after.due_on.is_none_or(|due| before.due_on.is_some_and(|noted| noted <= due));
            json!(present.score == after.scores[0] && others_stay && records_agree && due_is_noted)
        }
    }
}

fn answer(case: &Case) -> Value {
    let rules: Vec<Rule> = case.rules.iter().map(|row| Rule::from_row(row.get()).unwrap()).collect();
    let categories = serde_json::from_str(case.categories.get()).unwrap();
    let scorecards = serde_json::from_str(case.scorecards.get()).unwrap();
    let configuration = Configuration::new(case.tenant.as_deref(), rules, categories, scorecards).unwrap();
    let person = Person {
        kind: &case.kind,
        status: case.status.as_deref(),
        since: Day(case.since),
        is_active: case.active,
        fits: &case.fits,
        is_unseen: false,
    };
    let at = Standpoint::on(Day(case.scored_on));
    let later = Standpoint { scored_on: Day(case.scored_on), reach: Day(case.reach.max(case.scored_on)) };
    let standing = derive(&configuration, &person, history(case, &configuration, None), at).unwrap();
    let between = derive(&configuration, &person, history(case, &configuration, None), later).unwrap();
    let on_days: Vec<Value> = case
        .days
        .iter()
        .map(|&day| {
            let scores = score_at(&configuration, &person, &mut history(case, &configuration, None), Day(day)).unwrap();
            named(&configuration, &scores)
        })
        .collect();
    let mut anew = history(case, &configuration, None);
    let course = course(&configuration, &person, &mut anew, Day(case.scored_on), Day(case.until)).unwrap();
    let explained: Vec<i64> = (0..configuration.cards.count() as u16)
        .map(|card| {
            let mut history = history(case, &configuration, None);
            let lines = explain(&configuration, &person, &mut history, at, card, &NoWords);
            lines.iter().filter(|line| line.counts).map(|line| line.points.unwrap_or(0)).sum()
        })
        .collect();
    let categories: Value = standing
        .scores
        .iter()
        .zip(0..)
        .map(|(&score, card)| (configuration.cards.name(card).to_owned(), json!(configuration.category(card, &case.kind, score))))
        .collect();
    json!({
        "records": standing.records.iter().filter(|record| record.rule_id.is_some()).map(told).collect::<Vec<_>>(),
        "scores": named(&configuration, &standing.scores),
        "between": named(&configuration, &between.scores),
        "categories": categories,
        "on_days": on_days,
        "course": course.iter().map(|(day, scores)| json!([day.0, named(&configuration, scores)])).collect::<Vec<_>>(),
        "explained": named(&configuration, &explained),
        "due_on": standing.due_on.map(|day| day.0),
        "shortcut": shortcut_agrees(case, &configuration, &person, at),
        "shortcut_between": shortcut_agrees(case, &configuration, &person, later),
    })
}

fn main() {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let case: Case = serde_json::from_str(&line.unwrap()).unwrap();
        writeln!(out, "{}", answer(&case)).unwrap();
        out.flush().unwrap();
    }
}
