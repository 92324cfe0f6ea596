//! Whether a score foretells an outcome: `evaluate()`.

use crate::ask::study::{self, Bands, Study};
use crate::error::{OrRaise, Refusal};
use crate::pg;
use evaluation::statistics::{lift, rate, wilson};
use evaluation::tally::{Count, Tally};
use pgrx::JsonB;
use pgrx::datum::Date;
use scoring::configuration::Configuration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Category (`None`: all persons), persons, outcomes, rate, its limits, lift, AUC and the share of the top tenth.
pub type Evaluated = (Option<String>, i64, i64, Option<f64>, Option<f64>, Option<f64>, Option<f64>, Option<f64>, Option<f64>);

/// What the persons of a node give; those of several nodes are added up.
#[derive(Serialize, Deserialize)]
struct Part {
    /// Reference day, score, persons, outcomes.
    counts: Vec<(usize, i64, u64, u64)>,
    by_category: HashMap<String, (u64, u64)>,
    bands: Bands,
}

/// `_evaluation_part(text, text)`.
pub fn part(assumption: &str, question: &str) -> Option<JsonB> {
    let question = study::read(question, "a question about an outcome");
    let study = Study::new(study::read(assumption, "an assumed configuration"), &question)?;
    let mut tally = Tally::default();
    let mut by_category: HashMap<String, Count> = HashMap::new();
    let mut bands = study.bands();
    let mut noted: HashSet<*const Configuration> = HashSet::new();
    study.each(|case| {
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
    let part = Part {
        counts: tally.counts().map(|(day, score, count)| (day, score, count.persons, count.outcomes)).collect(),
        by_category: by_category.into_iter().map(|(category, count)| (category, (count.persons, count.outcomes))).collect(),
        bands,
    };
    Some(JsonB(serde_json::to_value(part).expect("numbers and names")))
}

/// `_evaluate(jsonb)`, of the parts of all nodes: a row for each category, the highest first, and one for all.
pub fn evaluate(parts: JsonB) -> Vec<Evaluated> {
    let parts: Vec<Part> =
        serde_json::from_value(parts.0).map_err(|e| Refusal::unreadable("a part of an evaluation", &e)).or_raise();
    if parts.is_empty() {
        return Vec::new();
    }
    let mut tally = Tally::default();
    let mut by_category: HashMap<String, Count> = HashMap::new();
    let mut bands = Bands::default();
    for part in parts {
        for (day, score, persons, outcomes) in part.counts {
            tally.add_counts(day, score, Count { persons, outcomes });
        }
        for (category, (persons, outcomes)) in part.by_category {
            by_category.entry(category).or_default().merge(Count { persons, outcomes });
        }
        bands.join(part.bands);
    }
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
