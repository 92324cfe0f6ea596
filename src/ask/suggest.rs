//! Points and bands that foretell an outcome better: `suggest_points()` and `suggest_bands()`. Nothing is imported.

use crate::ask::study::{self, Counts, Question, Remarks, Study};
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
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// Fewer persons with the outcome teach nothing.
const FEWEST: usize = 40;

/// A rule gives so many points while it is learned what it should give: as fine as its parts are seen.
const UNIT: i32 = 10_000;

/// Of more persons on reference days than these some are left out.
const MOST_LEARNED: usize = 1_000_000;
const MOST_DRAWN: usize = 300_000;

/// What is suggested.
pub struct Learned {
    /// The points of each rule, by name, as JSON.
    pub points: String,
    /// Persons and outcomes that it was learned from, and the last reference day of these.
    pub learned: Count,
    pub until: Date,
}

/// What it would have been worth.
pub struct Judged {
    pub auc_before: Option<f64>,
    pub auc_after: Option<f64>,
    pub gain: Option<(f64, f64)>,
    /// The first reference day that it was judged on, and persons and outcomes there.
    pub from: Date,
    pub judged: Count,
}

/// What each rule gave, as bits by the place of the rule, with persons and outcomes.
type Pattern = (Vec<(u16, u32)>, u64, u64);

/// The place of a person, the reference day, the score before and after, and whether it is positive.
type Drawn = (u32, u32, i64, i64, bool);

/// What can be learned from the persons of a node; those of several nodes are added up.
#[derive(Serialize, Deserialize)]
struct Lessons {
    remarks: Remarks,
    /// Of earlier days, and of later ones by which the strength of the penalty is chosen.
    earlier: Vec<Pattern>,
    later: Vec<Pattern>,
    /// How many persons have the outcome.
    with_outcome: usize,
}

/// What the persons of a node say about points; those of several nodes are added up.
#[derive(Serialize, Deserialize)]
struct Judgement {
    /// By the points of before, and by those that are suggested.
    before: Counts,
    after: Counts,
    /// The numbers of the persons that are drawn.
    persons: Vec<u64>,
    pairs: Vec<Drawn>,
}

fn patterns(patterns: &Patterns) -> Vec<Pattern> {
    patterns.counts().map(|(key, count)| (key.to_vec(), count.persons, count.outcomes)).collect()
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

/// Of how many persons one is looked at, where so many persons are looked at on so many days, and at most so many together.
fn one_in(question: &Question, days: usize, most: usize) -> usize {
    let persons = usize::try_from(question.persons.unwrap_or(0)).unwrap_or(usize::MAX);
    persons.saturating_mul(days).div_ceil(most)
}

/// `_lesson_part(text, text)`: what each rule gave on each day, in units of its points.
pub fn lesson_part(assumption: &str, question: &str) -> Option<String> {
    let question: Question = study::read(question, "a question about an outcome");
    let mut assumption: Assumption = study::read(assumption, "an assumed configuration");
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
    for rule in &mut assumption.rules {
        if learned_ids.contains_key(&rule.rule_id) {
            rule.points = UNIT;
        }
    }
    let study = Study::new(assumption, &question)?.numbered();
    let until = study.days.learned();
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
    let one_in = one_in(&question, until, MOST_LEARNED);
    let (mut earlier, mut later) = (Patterns::default(), Patterns::default());
    let mut with_outcome: HashSet<i64> = HashSet::new();
    let mut units: Vec<(u16, f32)> = Vec::new();
    let remarks = study.each(|case| {
        if case.is_positive {
            with_outcome.insert(case.person_id);
        }
        if case.nth >= until || !uncertainty::is_drawn(case.number, one_in) {
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
        if case.nth < later_from { earlier.add(&units, case.is_positive) } else { later.add(&units, case.is_positive) }
    });
    let lessons = Lessons { remarks, earlier: patterns(&earlier), later: patterns(&later), with_outcome: with_outcome.len() };
    Some(study::written(&lessons))
}

/// `_learn_points(text, text, text[])`, of what can be learned on all nodes.
pub fn learn_points(assumption: &str, question: &str, parts: Vec<Option<String>>) -> Option<Learned> {
    let question: Question = study::read(question, "a question about an outcome");
    let rules = learned_rules(&study::read(assumption, "an assumed configuration"), &question);
    let parts: Vec<Lessons> = study::read_parts(parts);
    if parts.is_empty() {
        return None;
    }
    let days = question.days();
    let until = *days.days.get(days.learned().checked_sub(1)?)?;
    let one_in = one_in(&question, days.learned(), MOST_LEARNED);
    let (mut earlier, mut later, mut learned) = (Patterns::default(), Patterns::default(), Count::default());
    let (mut remarks, mut with_outcome) = (Remarks::default(), 0);
    for part in parts {
        for (patterns, of_part) in [(&mut earlier, part.earlier), (&mut later, part.later)] {
            for (key, persons, outcomes) in of_part {
                learned.merge(Count { persons, outcomes });
                patterns.add_counts(key, Count { persons, outcomes });
            }
        }
        remarks.join(part.remarks);
        with_outcome += part.with_outcome;
    }
    remarks.tell(&question);
    if with_outcome < FEWEST {
        refuse_too_few(&question, with_outcome);
    }
    if learned.outcomes == 0 {
        refuse_too_few(&question, 0);
    }
    if one_in > 1 {
        notice!("{}: learned from one person in {one_in}", question.purpose);
    }
    let keeps = question.keep_signs.unwrap_or(true);
    let signs: Vec<Sign> = rules.iter().map(|rule| if keeps { Sign::of(rule.points.into()) } else { Sign::Either }).collect();
    let max_points = question.max_points.unwrap_or(20).clamp(1, 1000);
    let lesson = Lesson { earlier, later, signs: &signs, max_points, interrupted: &|| pg::check_for_interrupts() };
    let points: serde_json::Map<String, serde_json::Value> =
        rules.iter().zip(lesson.points()).map(|(rule, points)| (rule.name.clone(), points.into())).collect();
    Some(Learned { points: serde_json::Value::Object(points).to_string(), learned, until: pg::date(until) })
}

/// `_judgement_part(text, text)`: both points side by side, on days of which nothing was learned.
pub fn judgement_part(assumption: &str, question: &str) -> Option<String> {
    let question: Question = study::read(question, "a question about an outcome");
    let mut assumption: Assumption = study::read(assumption, "an assumed configuration");
    let rules = learned_rules(&assumption, &question);
    let suggested: HashMap<i32, i32> =
        rules.iter().filter_map(|rule| question.points.get(&rule.name).map(|&points| (rule.rule_id, points))).collect();
    let names: HashSet<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    let beside = study::put_beside(&mut assumption, 0, |rule| {
        let points = suggested.get(&rule.rule_id).copied().unwrap_or(rule.points);
        names.contains(rule.name.as_str()).then(|| Rule { points, ..rule.clone() })
    });
    let replaced: HashSet<i32> = beside.values().copied().collect();
    let judged_from = question.days().first_judged();
    let study = Study::new(assumption, &question)?.numbered().silent_from(judged_from);
    let one_in = one_in(&question, study.days.days.len(), MOST_DRAWN);
    let (mut before, mut after) = (Tally::default(), Tally::default());
    let mut pairs: Vec<Drawn> = Vec::new();
    let mut persons: Vec<u64> = Vec::new();
    let mut drawn: Option<i64> = None;
    study.each(|case| {
        let score_before = case.score(&case.own(|record| record.rule_id.is_none_or(|id| !beside.contains_key(&id))), study.card);
        let score_after = case.score(&case.own(|record| record.rule_id.is_none_or(|id| !replaced.contains(&id))), study.card);
        before.add(case.nth, score_before, case.is_positive);
        after.add(case.nth, score_after, case.is_positive);
        if uncertainty::is_drawn(case.number, one_in) {
            if drawn != Some(case.person_id) {
                drawn = Some(case.person_id);
                persons.push(case.number);
            }
            pairs.push((persons.len() as u32 - 1, case.nth as u32, score_before, score_after, case.is_positive));
        }
    });
    Some(study::written(&Judgement { before: study::counts_of(&before), after: study::counts_of(&after), persons, pairs }))
}

/// `_judge_points(text, text[])`, of what the persons of all nodes say.
pub fn judge_points(question: &str, parts: Vec<Option<String>>) -> Option<Judged> {
    let question: Question = study::read(question, "a question about an outcome");
    let parts: Vec<Judgement> = study::read_parts(parts);
    let days = question.days();
    let from = *days.days.get(days.first_judged())?;
    let (mut before, mut after) = (Tally::default(), Tally::default());
    let mut pairs: Vec<Pair> = Vec::new();
    let mut persons: Vec<u64> = Vec::new();
    for part in parts {
        study::add_counts(&mut before, part.before);
        study::add_counts(&mut after, part.after);
        let others = persons.len() as u32;
        let pair =
            |(person, day, before, after, is_positive): Drawn| Pair { person: others + person, day, before, after, is_positive };
        pairs.extend(part.pairs.into_iter().map(pair));
        persons.extend(part.persons);
    }
    let gain = uncertainty::gain(&pairs, &persons, &|| pg::check_for_interrupts());
    match gain {
        None => {
            notice!("{}: none of the judged days has an outcome, so nothing says what these points are worth", question.purpose)
        }
        Some((low, _)) if low <= 0.0 => {
            notice!("{}: the judged days do not show that these points foretell more than those of before", question.purpose);
        }
        Some(_) => {}
    }
    Some(Judged { auc_before: before.auc(), auc_after: after.auc(), gain, from: pg::date(from), judged: before.whole() })
}

/// `_wilson(bigint, bigint)`.
pub fn wilson(outcomes: Option<i64>, persons: Option<i64>) -> (Option<f64>, Option<f64>) {
    let number = |number: Option<i64>| u64::try_from(number.unwrap_or(0)).unwrap_or(0);
    statistics::wilson(number(outcomes), number(persons)).unzip()
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
