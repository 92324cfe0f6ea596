//! What each rule adds to what a score foretells, with its own length of time and with others: `evaluate_rules()`.

use crate::ask::study::{self, Counts, Question, Remarks, Study};
use crate::configure::config::Assumption;
use evaluation::statistics::{lift, rate};
use evaluation::tally::{Count, Moves, Tally};
use evaluation::verdict::Verdict;
use scoring::calendar::Interval;
use scoring::rule::{Rule, RuleKind};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Rule, length of time, persons, outcomes and rate with it and without it, lift, AUC with it and without it, verdict.
pub struct EvaluatedRule {
    pub rule: String,
    pub length: Option<Interval>,
    pub with: Count,
    pub without: Count,
    pub rate_with: Option<f64>,
    pub rate_without: Option<f64>,
    pub lift: Option<f64>,
    pub auc: Option<f64>,
    pub auc_without: Option<f64>,
    pub verdict: &'static str,
}

/// A line of the result: a rule by its name, as it is or with another length of time.
struct Line {
    name: String,
    length: Option<Interval>,
    points: i64,
    /// The line of the rule as it is, for one with another length.
    as_it_is: Option<usize>,
    with: Count,
    moves: Moves,
}

/// Of a line the persons and outcomes with it, and by reference day and score how many persons and outcomes it moves.
type LinePart = (u64, u64, Vec<(usize, i64, i64, i64)>);

/// What the persons of a node give; those of several nodes are added up.
#[derive(Serialize, Deserialize)]
struct Part {
    remarks: Remarks,
    counts: Counts,
    lines: Vec<LinePart>,
}

/// The length of time that is tried: how long a record counts, how long silence must last, or in which time so many must lie.
fn length(rule: &Rule) -> Option<Interval> {
    match rule.kind {
        RuleKind::Activity | RuleKind::Profile => rule.relevant_for,
        RuleKind::Inactivity => rule.inactive_for,
        RuleKind::Frequency => rule.within,
    }
}

fn with_length(rule: &Rule, length: Interval) -> Rule {
    let length = Some(length);
    match rule.kind {
        RuleKind::Activity | RuleKind::Profile => Rule { relevant_for: length, ..rule.clone() },
        RuleKind::Inactivity => Rule { inactive_for: length, ..rule.clone() },
        RuleKind::Frequency => Rule { within: length, ..rule.clone() },
    }
}

/// The lines, each rule before the same one with other lengths, and the line of each rule by id.
fn lines(assumption: &mut Assumption, question: &Question) -> (Vec<Line>, HashMap<i32, usize>) {
    let mut lines: Vec<Line> = Vec::new();
    let mut by_rule: HashMap<i32, usize> = HashMap::new();
    let mut places: HashMap<(String, Option<Interval>), usize> = HashMap::new();
    let rules: Vec<Rule> = study::rules_of(assumption, question).into_iter().cloned().collect();
    for rule in &rules {
        let mut line = |tried: Option<Interval>, as_it_is: Option<usize>| {
            *places.entry((rule.name.clone(), tried)).or_insert_with(|| {
                let length = tried.or(length(rule));
                let points = rule.points.into();
                let (name, with, moves) = (rule.name.clone(), Count::default(), Moves::default());
                lines.push(Line { name, length, points, as_it_is, with, moves });
                lines.len() - 1
            })
        };
        let own = line(None, None);
        by_rule.insert(rule.rule_id, own);
        for &tried in &question.windows {
            if length(rule) != Some(tried) {
                line(Some(tried), Some(own));
            }
        }
    }
    for (number, &tried) in question.windows.iter().enumerate() {
        // A tenant's rule that is switched off stands in the place of everybody's here, too.
        let other = |rule: &Rule| {
            let is_line = places.contains_key(&(rule.name.clone(), Some(tried)));
            (is_line && !study::is_beside(rule)).then(|| with_length(rule, tried))
        };
        let named: HashMap<i32, String> = assumption.rules.iter().map(|rule| (rule.rule_id, rule.name.clone())).collect();
        for (id, of) in study::put_beside(assumption, number, other) {
            if let Some(&line) = named.get(&of).and_then(|name| places.get(&(name.clone(), Some(tried)))) {
                by_rule.insert(id, line);
            }
        }
    }
    (lines, by_rule)
}

/// `_rules_part(text, text)`.
pub fn part(assumption: &str, question: &str) -> Option<String> {
    let question: Question = study::read(question, "a question about an outcome");
    let mut assumption: Assumption = study::read(assumption, "an assumed configuration");
    let (mut lines, by_rule) = lines(&mut assumption, &question);
    let study = Study::new(assumption, &question)?;
    let mut others: Vec<Vec<usize>> = vec![Vec::new(); lines.len()];
    for (nth, line) in lines.iter().enumerate() {
        if let Some(of) = line.as_it_is {
            others[of].push(nth);
        }
    }
    let mut tally = Tally::default();
    // Of the person on the day: each line that gave something, on which scorecard, and how much.
    let mut given: Vec<(usize, u16, i64)> = Vec::new();
    let remarks = study.each(|case| {
        given.clear();
        for record in case.records.iter().filter(|record| record.counts_on(case.day)) {
            let Some(&line) = record.rule_id.and_then(|id| by_rule.get(&id)) else { continue };
            let points = record.worth_on(case.day);
            match given.iter_mut().find(|(known, _, _)| *known == line) {
                Some((_, _, sum)) => *sum += points,
                None => given.push((line, record.card, points)),
            }
        }
        let is_tried = |id: i32| by_rule.get(&id).is_some_and(|&line| lines[line].as_it_is.is_some());
        let mut own = case.own(|record| !record.rule_id.is_some_and(is_tried));
        let score = case.score(&own, study.card);
        tally.add(case.nth, score, case.is_positive);
        let points_of = |line: usize| given.iter().find(|(known, _, _)| *known == line).map_or(0, |(_, _, points)| *points);
        for (nth, &(line, card, points)) in given.iter().enumerate() {
            lines[line].with.add(case.is_positive);
            let of = lines[line].as_it_is.unwrap_or(line);
            let mut score_with = |change: i64| {
                own[card as usize] += i128::from(change);
                let score = case.score(&own, study.card);
                own[card as usize] -= i128::from(change);
                score
            };
            if line == of {
                let without = score_with(-points);
                lines[line].moves.add(case.nth, score, without, case.is_positive);
            }
            // Whichever line of a rule comes first, the other lengths are looked at once.
            if !given[..nth].iter().any(|(before, _, _)| lines[*before].as_it_is.unwrap_or(*before) == of) {
                for &other in &others[of] {
                    let instead = score_with(points_of(other) - points_of(of));
                    lines[other].moves.add(case.nth, score, instead, case.is_positive);
                }
            }
        }
    });
    let line = |line: &Line| {
        let moves = line.moves.changes().map(|(day, score, (persons, outcomes))| (day, score, persons, outcomes)).collect();
        (line.with.persons, line.with.outcomes, moves)
    };
    Some(study::written(&Part { remarks, counts: study::counts_of(&tally), lines: lines.iter().map(line).collect() }))
}

/// `_evaluate_rules(text, text, text[])`, of the parts of all nodes: a row for each rule, and for each length of time that it is
/// tried with.
pub fn evaluate_rules(assumption: &str, question: &str, parts: Vec<Option<String>>) -> Vec<EvaluatedRule> {
    let question: Question = study::read(question, "a question about an outcome");
    let parts: Vec<Part> = study::read_parts(parts);
    if parts.is_empty() {
        return Vec::new();
    }
    let (mut lines, _) = lines(&mut study::read(assumption, "an assumed configuration"), &question);
    let mut tally = Tally::default();
    let mut remarks = Remarks::default();
    for part in parts {
        study::add_counts(&mut tally, part.counts);
        for (line, (persons, outcomes, moves)) in lines.iter_mut().zip(part.lines) {
            line.with.merge(Count { persons, outcomes });
            moves.into_iter().for_each(|(day, score, persons, outcomes)| line.moves.add_changes(day, score, (persons, outcomes)));
        }
        remarks.join(part.remarks);
    }
    remarks.tell(&question);
    let whole = tally.whole();
    let auc = tally.auc();
    let moved: Vec<Option<f64>> = lines.iter().map(|line| line.moves.applied(&tally).auc()).collect();
    let row = |(nth, line): (usize, &Line)| {
        let without = Count { persons: whole.persons - line.with.persons, outcomes: whole.outcomes - line.with.outcomes };
        let (auc, auc_without) = match line.as_it_is {
            None => (auc, moved[nth]),
            Some(of) => (moved[nth], moved[of]),
        };
        let rate_with = rate(line.with.outcomes, line.with.persons);
        EvaluatedRule {
            rule: line.name.clone(),
            length: line.length,
            with: line.with,
            without,
            rate_with,
            rate_without: rate(without.outcomes, without.persons),
            lift: lift(rate_with, rate(whole.outcomes, whole.persons)),
            auc,
            auc_without,
            verdict: Verdict::of(line.with, without, auc, auc_without, line.points).name(),
        }
    };
    lines.iter().enumerate().map(row).collect()
}
