//! Points and bands that foretell an outcome better: `suggest_points()` and `suggest_bands()`. Nothing is imported.

use crate::ask::study::{self, Question, Study};
use crate::configure::config::Assumption;
use crate::error::Refusal;
use crate::pg;
use evaluation::bands;
use evaluation::learn::{Lesson, Patterns, Sign};
use evaluation::statistics;
use evaluation::tally::{Count, Tally};
use evaluation::uncertainty::{self, Pair};
use pgrx::PgSqlErrorCode as Code;
use pgrx::datum::Date;
use pgrx::prelude::*;
use scoring::rule::Rule;
use std::collections::{HashMap, HashSet};

/// Fewer persons with the outcome teach nothing.
const FEWEST: usize = 40;

/// A rule gives so many points while it is learned what it should give: as fine as its parts are seen.
const UNIT: i32 = 10_000;

/// Of more persons on reference days than these some are left out.
const MOST_LEARNED: usize = 1_000_000;
const MOST_DRAWN: usize = 300_000;

/// What is suggested, and what it would have been worth.
pub struct Suggested {
    /// The points of each rule, by name, as JSON.
    pub points: String,
    pub auc_before: Option<f64>,
    pub auc_after: Option<f64>,
    pub gain: Option<(f64, f64)>,
    /// Persons and outcomes that it was learned from, and the last reference day of these.
    pub learned: Count,
    pub learned_until: Date,
    /// The first reference day that it was judged on, and persons and outcomes there.
    pub judged_from: Date,
    pub judged: Count,
}

/// Whether a person is in a sample of one in so many: always the same ones, whatever their ids have in common.
fn is_drawn(person_id: i64, one_in: usize) -> bool {
    one_in <= 1 || ((person_id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).is_multiple_of(one_in as u64)
}

/// The rules whose points are learned: those in force for persons without rules of their own, or for the tenant.
fn learned_rules(assumption: &Assumption, question: &Question) -> Vec<Rule> {
    let tenant = question.tenant.as_deref();
    let own: HashSet<&str> = assumption
        .rules
        .iter()
        .filter(|rule| tenant.is_some() && rule.tenant.as_deref() == tenant)
        .map(|rule| rule.name.as_str())
        .collect();
    let is_learned = |rule: &&&Rule| match rule.tenant.as_deref() {
        None => !own.contains(rule.name.as_str()),
        of => of == tenant,
    };
    study::rules_of(assumption, question).iter().filter(is_learned).map(|rule| (*rule).clone()).collect()
}

fn refuse_too_few(question: &Question, outcomes: usize) -> ! {
    let are = if outcomes == 1 { "1 outcome is".to_owned() } else { format!("{outcomes} outcomes are") };
    Refusal::new(
        Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        format!("{}: {are} too few to learn points from", question.purpose),
    )
    .detail(format!("It takes {FEWEST} persons with the outcome on the reference days; from fewer, chance would be learned."))
    .hint("Name an earlier from_day, a longer horizon or an outcome that is more frequent.")
    .raise()
}

/// `_suggest_points(text, text)`.
pub fn suggest_points(assumption: &str, question: &str) -> Option<Suggested> {
    let question: Question = study::read(question, "a question about an outcome");
    let assumption: Assumption = study::read(assumption, "an assumed configuration");
    let rules = learned_rules(&assumption, &question);
    if rules.is_empty() {
        Refusal::new(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("{}: no rule gives points to this score", question.purpose),
        )
        .detail("Points are suggested for the rules that there are.")
        .hint("Begin with SELECT leadscore.load_preset('recruitment'); or rules of your own.")
        .raise();
    }
    let learned_ids: HashMap<i32, u16> = rules.iter().zip(0..).map(|(rule, nth)| (rule.rule_id, nth)).collect();

    // What each rule gave on each day, in units of its points.
    let mut in_units = assumption.clone();
    for rule in &mut in_units.rules {
        if learned_ids.contains_key(&rule.rule_id) {
            rule.points = UNIT;
        }
    }
    let study = Study::new(in_units, &question)?;
    let (until, judged_from) = (study.days.learned(), study.days.first_judged());
    if until == 0 {
        let days = study.days.days.len();
        Refusal::new(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("{}: there is no reference day to learn from", question.purpose),
        )
        .detail(format!(
            "The latest fifth of the reference days is for judging, and earlier ones are learned from if their horizon is over by then; there {}.",
            if days == 1 { "is 1 reference day".into() } else { format!("are {days} reference days") }
        ))
        .hint("Name an earlier from_day, a shorter every or a shorter horizon.")
        .raise();
    }
    // By the latest fifth of the days that are learned from, the strength of the penalty is chosen.
    let later_from = if until > 1 { until - until.div_ceil(5) } else { until };
    let mut persons = 0;
    study.config.tables.each_person(|_| persons += 1);
    let one_in = (persons * until).div_ceil(MOST_LEARNED);
    let (mut earlier, mut later, mut learned) = (Patterns::default(), Patterns::default(), Count::default());
    let mut with_outcome: HashSet<i64> = HashSet::new();
    let mut units: Vec<(u16, f32)> = Vec::new();
    study.each(|case| {
        if case.is_positive {
            with_outcome.insert(case.person_id);
        }
        if case.nth >= until || !is_drawn(case.person_id, one_in) {
            return;
        }
        units.clear();
        for record in case.records.iter().filter(|record| record.counts_on(case.day)) {
            let Some(&rule) = record.rule_id.and_then(|id| learned_ids.get(&id)) else { continue };
            let worth = record.worth_on(case.day) as f32 / UNIT as f32;
            match units.iter_mut().find(|(known, _)| *known == rule) {
                Some((_, sum)) => *sum += worth,
                None => units.push((rule, worth)),
            }
        }
        units.retain(|(_, worth)| *worth != 0.0);
        units.sort_unstable_by_key(|(rule, _)| *rule);
        learned.add(case.is_positive);
        if case.nth < later_from { earlier.add(&units, case.is_positive) } else { later.add(&units, case.is_positive) }
    });
    if with_outcome.len() < FEWEST {
        refuse_too_few(&question, with_outcome.len());
    }
    if learned.outcomes == 0 {
        refuse_too_few(&question, 0);
    }
    if one_in > 1 {
        notice!("{}: learned from one person in {one_in}", question.purpose);
    }
    let day = |nth: usize| pg::date(study.days.days[nth]);
    let (learned_until, judged_from_day) = (day(until - 1), day(judged_from));
    let keeps = question.keep_signs.unwrap_or(true);
    let signs: Vec<Sign> = rules.iter().map(|rule| if keeps { Sign::of(rule.points.into()) } else { Sign::Either }).collect();
    let max_points = question.max_points.unwrap_or(20).clamp(1, 1000);
    let lesson = Lesson { earlier, later, signs: &signs, max_points, interrupted: &|| pg::check_for_interrupts() };
    let points = lesson.points();
    drop(lesson);

    // Both points side by side, on days of which nothing was learned.
    let suggested: HashMap<i32, i32> = rules.iter().zip(&points).map(|(rule, &points)| (rule.rule_id, points as i32)).collect();
    let names: HashSet<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    let mut both = assumption;
    let beside = study::put_beside(&mut both, 0, |rule| {
        let points = suggested.get(&rule.rule_id).copied().unwrap_or(rule.points);
        names.contains(rule.name.as_str()).then(|| Rule { points, ..rule.clone() })
    });
    let replaced: HashSet<i32> = beside.values().copied().collect();
    let study = Study::new(both, &question)?.silent_from(judged_from);
    let one_in = (persons * study.days.days.len()).div_ceil(MOST_DRAWN);
    let (mut before, mut after) = (Tally::default(), Tally::default());
    let mut pairs: Vec<Pair> = Vec::new();
    let mut drawn: Option<i64> = None;
    let mut number = 0u32;
    study.each(|case| {
        let score_before = case.score(&case.own(|record| record.rule_id.is_none_or(|id| !beside.contains_key(&id))), study.card);
        let score_after = case.score(&case.own(|record| record.rule_id.is_none_or(|id| !replaced.contains(&id))), study.card);
        before.add(case.nth, score_before, case.is_positive);
        after.add(case.nth, score_after, case.is_positive);
        if is_drawn(case.person_id, one_in) {
            if drawn != Some(case.person_id) {
                number += u32::from(drawn.is_some());
                drawn = Some(case.person_id);
            }
            pairs.push(Pair {
                person: number,
                day: case.nth as u32,
                before: score_before,
                after: score_after,
                is_positive: case.is_positive,
            });
        }
    });
    let gain = uncertainty::gain(&pairs, number as usize + 1, &|| pg::check_for_interrupts());
    match gain {
        None => {
            notice!("{}: none of the judged days has an outcome, so nothing says what these points are worth", question.purpose)
        }
        Some((low, _)) if low <= 0.0 => {
            notice!("{}: the judged days do not show that these points foretell more than those of before", question.purpose);
        }
        Some(_) => {}
    }
    let points: serde_json::Map<String, serde_json::Value> =
        rules.iter().zip(points).map(|(rule, points)| (rule.name.clone(), points.into())).collect();
    Some(Suggested {
        points: serde_json::Value::Object(points).to_string(),
        auc_before: before.auc(),
        auc_after: after.auc(),
        gain,
        learned,
        learned_until,
        judged_from: judged_from_day,
        judged: before.whole(),
    })
}

/// `_wilson(bigint, bigint)`.
pub fn wilson(outcomes: Option<i64>, persons: Option<i64>) -> (Option<f64>, Option<f64>) {
    let number = |number: Option<i64>| u64::try_from(number.unwrap_or(0)).unwrap_or(0);
    statistics::wilson(number(outcomes), number(persons)).unzip()
}

/// `_outcomes_by_score(text, text)`: of each score of a past day how many had it, and how many of them the outcome.
pub fn outcomes_by_score(assumption: &str, question: &str) -> Vec<(i64, i64, i64)> {
    let question: Question = study::read(question, "a question about an outcome");
    let Some(study) = Study::new(study::read(assumption, "an assumed configuration"), &question) else { return Vec::new() };
    let mut tally = Tally::default();
    study.each(|case| tally.add(case.nth, case.score(&case.own(|_| true), study.card), case.is_positive));
    tally.by_score().into_iter().map(|(score, count)| (score, count.persons as i64, count.outcomes as i64)).collect()
}

/// `_lowest_scores(bigint[], bigint[], bigint[])`: bands for so many each, of persons by score: the lowest score of each
/// (`None`: there is no such band) and how many are in it; then how many are left.
pub fn lowest_scores(
    scores: Vec<Option<i64>>,
    persons: Vec<Option<i64>>,
    rooms: Vec<Option<i64>>,
) -> Vec<(i32, Option<i64>, i64)> {
    let count = |number: Option<i64>| u64::try_from(number.unwrap_or(0)).unwrap_or(0);
    let by_score: Vec<(i64, u64)> =
        scores.into_iter().zip(persons).map(|(score, persons)| (score.unwrap_or(0), count(persons))).collect();
    let rooms: Vec<u64> = rooms.into_iter().map(count).collect();
    let (bands, left) = bands::lowest(&by_score, &rooms);
    let rows = bands.into_iter().zip(1..).map(|(band, nth)| (nth, band.min_score, band.persons.try_into().unwrap_or(i64::MAX)));
    rows.chain([(0, None, left.try_into().unwrap_or(i64::MAX))]).collect()
}
