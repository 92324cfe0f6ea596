//! Whether a score foretells an outcome: `evaluate()`.

use crate::ask::study::{self, Bands, Counts, Question, Remarks, Study};
use crate::pg;
use evaluation::statistics::{lift, rate, wilson};
use evaluation::tally::{Count, Tally};
use pgrx::datum::Date;
use scoring::configuration::Configuration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Category (`None`: all persons), persons, outcomes, rate, its limits, lift, AUC and the share of the top tenth.
pub type Evaluated = (Option<String>, i64, i64, Option<f64>, Option<f64>, Option<f64>, Option<f64>, Option<f64>, Option<f64>);

/// What the persons of a node give; those of several nodes are added up.
#[derive(Serialize, Deserialize)]
struct Part {
    remarks: Remarks,
    counts: Counts,
    by_category: HashMap<String, (u64, u64)>,
    bands: Bands,
}

/// `_evaluation_part(text, text)`.
pub fn part(assumption: &str, question: &str) -> Option<String> {
    let question = study::read(question, "a question about an outcome");
    let study = Study::new(study::read(assumption, "an assumed configuration"), &question)?;
    let mut tally = Tally::default();
    let mut by_category: HashMap<String, Count> = HashMap::new();
    let mut bands = study.bands();
    let mut noted: HashSet<*const Configuration> = HashSet::new();
    let remarks = study.each(|case| {
        if noted.insert(case.configuration) {
            bands.note(case.configuration, &study);
        }
        let score = case.score(&case.own(|_| true), study.card);
        tally.add(case.nth, score, case.is_positive);
        if let Some(category) = case.configuration.category(study.card, case.kind, score) {
            match by_category.get_mut(category) {
                Some(count) => count.add(case.is_positive),
                None => by_category.entry(category.to_owned()).or_default().add(case.is_positive),
            }
        }
    });
    Some(study::written(&Part {
        remarks,
        counts: study::counts_of(&tally),
        by_category: by_category.into_iter().map(|(category, count)| (category, (count.persons, count.outcomes))).collect(),
        bands,
    }))
}

/// What the persons of all nodes give, with a word about what is left out.
fn joined(question: &str, parts: Vec<Option<String>>) -> Option<(Tally, HashMap<String, Count>, Bands)> {
    let question: Question = study::read(question, "a question about an outcome");
    let parts: Vec<Part> = study::read_parts(parts);
    if parts.is_empty() {
        return None;
    }
    let mut remarks = Remarks::default();
    let mut tally = Tally::default();
    let mut by_category: HashMap<String, Count> = HashMap::new();
    let mut bands = Bands::default();
    for part in parts {
        study::add_counts(&mut tally, part.counts);
        for (category, (persons, outcomes)) in part.by_category {
            by_category.entry(category).or_default().merge(Count { persons, outcomes });
        }
        bands.join(part.bands);
        remarks.join(part.remarks);
    }
    remarks.tell(&question);
    Some((tally, by_category, bands))
}

/// `_outcomes_by_score(text, text[])`: of each score of a past day how many had it, and how many of them the outcome.
pub fn outcomes_by_score(question: &str, parts: Vec<Option<String>>) -> Vec<(i64, i64, i64)> {
    let Some((tally, _, _)) = joined(question, parts) else { return Vec::new() };
    tally.by_score().into_iter().map(|(score, count)| (score, count.persons as i64, count.outcomes as i64)).collect()
}

/// `_evaluate(text, text[])`, of the parts of all nodes: a row for each category, the highest first, and one for all.
pub fn evaluate(question: &str, parts: Vec<Option<String>>) -> Vec<Evaluated> {
    let Some((tally, by_category, bands)) = joined(question, parts) else { return Vec::new() };
    let whole = tally.whole();
    let row = |category: Option<&str>, count: Count| {
        let own = rate(count.outcomes, count.persons);
        let limits = wilson(count.outcomes, count.persons);
        (
            category.map(str::to_owned),
            count.persons as i64,
            count.outcomes as i64,
            own,
            limits.map(|(low, _)| low),
            limits.map(|(_, high)| high),
            lift(own, rate(whole.outcomes, whole.persons)),
            None,
            None,
        )
    };
    let mut rows: Vec<Evaluated> =
        bands.names().into_iter().map(|name| row(Some(name), by_category.get(name).copied().unwrap_or_default())).collect();
    let mut all = row(None, whole);
    (all.7, all.8) = (tally.auc(), tally.top_decile());
    rows.push(all);
    rows
}

/// `_outcome_course(text, text, bigint[])`: of some persons, or all, by reference day and category how many there were, and how
/// many of them had the outcome.
pub fn outcome_course(assumption: &str, question: &str, ids: Option<Vec<Option<i64>>>) -> Vec<(Date, Option<String>, i64, i64)> {
    let question = study::read(question, "a question about an outcome");
    let Some(study) = Study::new(study::read(assumption, "an assumed configuration"), &question) else { return Vec::new() };
    let study = study.silent_among(ids.map(|ids| ids.into_iter().flatten().collect()));
    let mut counts: BTreeMap<usize, HashMap<Option<String>, Count>> = BTreeMap::new();
    study.each(|case| {
        let category = case.configuration.category(study.card, case.kind, case.score(&case.own(|_| true), study.card));
        let of_day = counts.entry(case.nth).or_default();
        of_day.entry(category.map(str::to_owned)).or_default().add(case.is_positive);
    });
    let of_day = |(nth, by_category): (usize, HashMap<Option<String>, Count>)| {
        let day = study.days.days[nth];
        by_category
            .into_iter()
            .map(move |(category, count)| (pg::date(day), category, count.persons as i64, count.outcomes as i64))
    };
    counts.into_iter().flat_map(of_day).collect()
}
