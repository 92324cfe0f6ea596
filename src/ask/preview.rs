//! What a changed configuration would do: `preview()`, `preview_persons()` and `test_config()`. The engine goes by the
//! assumed configuration, over the persons that there are or those that its tests describe.

use crate::ask::one::OneByOne;
use crate::ask::population::{self, Persons, Registered};
use crate::configure::config::{self, Assumption, Config};
use crate::error::{OrRaise, Refusal};
use crate::pg::{self, Jsonb};
use pgrx::PgSqlErrorCode as Code;
use pgrx::datum::Date;
use scoring::activity::{Activity, History};
use scoring::calendar::Day;
use scoring::derive;
use scoring::person::Person;
use scoring::rule::Rule;
use scoring::scorecard::MAIN;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// What is asked: whose scores on which scorecard on which day.
pub struct Question<'q> {
    pub on_day: Date,
    /// The tenant whose configuration is assumed; `None`: everybody's.
    pub tenant: Option<&'q str>,
    pub scorecard: &'q str,
}

/// Score and category of a person, as they are stored and as they would be.
pub struct Previewed<'p> {
    pub person_id: i64,
    pub kind: &'p str,
    pub tenant: Option<&'p str>,
    pub score_before: Option<i64>,
    pub category_before: Option<&'p str>,
    pub score_after: i64,
    pub category_after: Option<&'p str>,
}

fn assumed(assumption: &str) -> Config {
    let assumption: Assumption =
        serde_json::from_str(assumption).map_err(|e| Refusal::unreadable("an assumed configuration", &e)).or_raise();
    config::assumed(assumption)
}

/// `_preview_persons(text, date, text, text)`: hands over the active persons whom it concerns, of those that the caller
/// may see.
pub fn preview_persons(assumption: &str, question: &Question, mut take: impl FnMut(&Previewed)) {
    let config = assumed(assumption);
    config.tables.check_may_read();
    let Some(card) = config.cards.place(question.scorecard) else { return };
    let on_day = Day(question.on_day.to_pg_epoch_days());
    if let Some(ids) = question.tenant.and_then(|tenant| few_of(&config, tenant)) {
        let persons = OneByOne::of(&config);
        ids.into_iter().for_each(|person_id| preview_one(&persons, person_id, card, on_day, &mut take));
        return;
    }
    let visible = config.tables.visible();
    population::each_part(&config, |is_in| {
        let persons = Persons::read_those(&config, &|row| {
            is_in(row.person_id)
                && row.is_active
                && question.tenant.is_none_or(|tenant| row.tenant == Some(tenant))
                && visible.as_ref().is_none_or(|visible| visible.contains(&row.person_id))
        });
        let mut others: HashMap<usize, (i64, Option<String>)> = HashMap::new();
        if card != MAIN {
            config.tables.each_other_score(|person_id, of, score, category| {
                if of == card
                    && let Some(place) = persons.place(person_id)
                {
                    others.insert(place, (score, category.map(str::to_owned)));
                }
            });
        }
        let registered = Registered::read_for(&config, &persons, on_day, |_| {});
        registered.each(|place, person, rulebook, mut history| {
            pg::check_for_interrupts();
            let configuration = &rulebook.configuration;
            let scores = derive::score_at(configuration, person, &mut history, on_day).map_err(Refusal::from).or_raise();
            let score_after = scores[card as usize];
            let row = persons.row(place);
            let (score_before, category_before) = match others.get(&place) {
                _ if card == MAIN => (Some(row.score), persons.name(row.category)),
                Some((score, category)) => (Some(*score), category.as_deref()),
                None => (None, None),
            };
            take(&Previewed {
                person_id: row.person_id,
                kind: person.kind,
                tenant: persons.tenant(place),
                score_before,
                category_before,
                score_after,
                category_after: configuration.category(card, person.kind, score_after),
            });
        });
    });
}

/// The persons of a tenant whom the caller may see; `None` if they are so large a part of all that whole tables are read
/// faster.
fn few_of(config: &Config, tenant: &str) -> Option<Vec<i64>> {
    let ids = config.tables.of_tenant(tenant);
    (!config.tables.persons_to_read().is_most(ids.len())).then_some(ids)
}

/// The same for one person, found by indexes.
fn preview_one(persons: &OneByOne, person_id: i64, card: u16, on_day: Day, take: &mut impl FnMut(&Previewed)) {
    pg::check_for_interrupts();
    persons.ask(person_id, |one| {
        if !one.person.is_active {
            return;
        }
        let configuration = &one.rulebook.configuration;
        let scores = derive::score_at(configuration, &one.person, &mut one.history(), on_day).map_err(Refusal::from).or_raise();
        let score_after = scores[card as usize];
        let stored = one.persons.stored(one.found);
        let others = if card == MAIN { Vec::new() } else { one.stored.other_scores() };
        let (score_before, category_before) = match others.iter().find(|(of, ..)| *of == card) {
            _ if card == MAIN => (Some(stored.score), stored.category),
            Some((_, score, category)) => (Some(*score), category.as_deref()),
            None => (None, None),
        };
        take(&Previewed {
            person_id,
            kind: one.person.kind,
            tenant: one.persons.tenant(one.found),
            score_before,
            category_before,
            score_after,
            category_after: configuration.category(card, one.person.kind, score_after),
        });
    });
}

/// Kind, category before and after, tenant, and how many persons.
type Moved = (String, Option<String>, Option<String>, Option<String>, i64);

/// `_preview(text, date, text, text)`: how many persons of each kind and tenant go from which category to which.
pub fn preview(assumption: &str, question: &Question) -> Vec<Moved> {
    type Key = (String, Option<String>, Option<String>, Option<String>);
    let mut moved: HashMap<Key, i64> = HashMap::new();
    // Neighbours are alike, more often than not.
    let mut latest: Option<(Key, i64)> = None;
    preview_persons(assumption, question, |person| {
        let is_same = |(kind, before, after, tenant): &Key| {
            (kind.as_str(), before.as_deref(), after.as_deref(), tenant.as_deref())
                == (person.kind, person.category_before, person.category_after, person.tenant)
        };
        match &mut latest {
            Some((key, count)) if is_same(key) => *count += 1,
            _ => {
                let owned = |text: Option<&str>| text.map(str::to_owned);
                let key =
                    (person.kind.to_owned(), owned(person.category_before), owned(person.category_after), owned(person.tenant));
                if let Some((key, count)) = latest.replace((key, 1)) {
                    *moved.entry(key).or_default() += count;
                }
            }
        }
    });
    if let Some((key, count)) = latest {
        *moved.entry(key).or_default() += count;
    }
    moved.into_iter().map(|((kind, before, after, tenant), count)| (kind, before, after, tenant, count)).collect()
}

/// A test that a configuration carries, its moments as instants in microseconds since 2000-01-01 UTC.
#[derive(Deserialize)]
struct Test {
    name: String,
    kind: String,
    status: Option<String>,
    since: i64,
    attributes: Option<Box<RawValue>>,
    active: Option<bool>,
    activities: Vec<TestActivity>,
    expect: Vec<Expectation>,
}

#[derive(Deserialize)]
struct TestActivity {
    activity_type: String,
    at: i64,
    attributes: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Expectation {
    on: Day,
    scorecard: String,
    score: i64,
    category: Option<String>,
}

/// Test, day, expected score, score, expected category, category, passed, and scorecard.
pub type Outcome = (String, Date, i64, i64, Option<String>, Option<String>, bool, String);

fn jsonb(written: &Option<Box<RawValue>>) -> Option<Jsonb> {
    written.as_ref().map(|value| Jsonb::parse(value.get()))
}

/// `_test_config(text, text, text)`: what an assumed configuration makes of the persons that tests describe, by
/// expectation; the tenant is whose persons they are.
pub fn test_config(assumption: &str, tests: &str, tenant: Option<&str>) -> Vec<Outcome> {
    let config = assumed(assumption);
    let tests: Vec<Test> = serde_json::from_str(tests).map_err(|e| Refusal::unreadable("the list of tests", &e)).or_raise();
    let rulebook = config.rulebook(tenant);
    let configuration = &rulebook.configuration;
    let mut outcomes = Vec::new();
    for test in &tests {
        let fits = rulebook.fitting(|| jsonb(&test.attributes));
        let person = Person {
            kind: &test.kind,
            status: test.status.as_deref(),
            since: config.day(test.since),
            is_active: test.active.unwrap_or(true),
            fits: &fits,
            is_unseen: false,
        };
        let activity = |(activity, activity_id): (&TestActivity, i64)| {
            let matching: Vec<&Rule> = rulebook.matching(&activity.activity_type, jsonb(&activity.attributes).as_ref()).collect();
            Activity { activity_id, occurred_at: activity.at, day: config.day(activity.at), matching: matching.into() }
        };
        let activities: Vec<Activity> = test.activities.iter().zip(1..).map(activity).collect();
        for expected in &test.expect {
            pg::check_for_interrupts();
            let Some(card) = config.cards.place(&expected.scorecard) else {
                Refusal::new(
                    Code::ERRCODE_UNDEFINED_OBJECT,
                    format!("test_config: scorecard '{}' does not exist", expected.scorecard),
                )
                .detail(format!("Test '{}' of the configuration expects a score on it.", test.name))
                .hint("Add it to scorecards of the configuration.")
                .raise()
            };
            let mut history = History { activities: activities.clone(), adjustments: Vec::new() };
            let scores = derive::score_at(configuration, &person, &mut history, expected.on).map_err(Refusal::from).or_raise();
            let score = scores[card as usize];
            let category = person.is_active.then(|| configuration.category(card, person.kind, score)).flatten();
            let passed = score == expected.score && (expected.category.is_none() || expected.category.as_deref() == category);
            outcomes.push((
                test.name.clone(),
                pg::date(expected.on),
                expected.score,
                score,
                expected.category.clone(),
                category.map(str::to_owned),
                passed,
                expected.scorecard.clone(),
            ));
        }
    }
    outcomes
}
