//! What is stored and is not what is derived: `verify()`, which names each difference of the persons that
//! `src/ask/differing.rs` finds.

use crate::ask::differing;
use crate::configure::config::{self, Config};
use crate::error::Refusal;
use crate::pg;
use crate::score::history::{self, Seen};
use pgrx::prelude::*;
use scoring::calendar::Day;
use scoring::derive::{self, Standing};
use scoring::person::Standpoint;
use scoring::record::{Fade, Record};
use scoring::scorecard::{MAIN, Scorecards};
use std::collections::{HashMap, HashSet};

/// A difference, in the words of `verify()`.
pub struct Difference {
    pub person_id: i64,
    pub item: String,
    pub rule_id: Option<i32>,
    pub activity_id: Option<i64>,
    pub stored: Option<String>,
    pub derived: Option<String>,
}

/// `_differences()`: hands over each difference of a person whom the caller may see and who does not wait to be scored.
pub fn differences(mut take: impl FnMut(Difference)) {
    let config = config::as_seen();
    // Nearly always nobody differs: what differs is looked for only where something does.
    let mut differing: Vec<i64> = differing::differing_by(&config, false).into_iter().collect();
    if differing.is_empty() {
        return;
    }
    let pending = pending(&config);
    let visible = config.tables.visible();
    differing.retain(|id| !pending.contains(id) && visible.as_ref().is_none_or(|visible| visible.contains(id)));
    let mut dues = HashMap::new();
    config.tables.each_due(|person_id, day| {
        dues.insert(person_id, day);
    });
    differing.sort_unstable();
    for person_id in differing {
        pg::check_for_interrupts();
        let of = Differing { config: &config, person_id, due_on: dues.get(&person_id).copied(), take: &mut take };
        of.name_all();
    }
}

/// Persons who wait to be scored: what is stored of them is not yet to be what is derived.
fn pending(config: &Config) -> HashSet<i64> {
    const PENDING: &str = "SELECT DISTINCT n.person_id FROM leadscore.pending n";
    pg::as_role(pg::owner_of(config.tables.state()), || {
        pg::in_own_settings(|| {
            Spi::connect(|client| {
                let rows = client.select(PENDING, None, &[])?;
                rows.map(|row| row.get::<i64>(1).map(Option::unwrap_or_default)).collect::<Result<_, pgrx::spi::Error>>()
            })
        })
    })
    .unwrap_or_else(|e| error!("leadscore: {e}"))
}

struct Differing<'a, T> {
    config: &'a Config,
    person_id: i64,
    due_on: Option<Day>,
    take: &'a mut T,
}

impl<T: FnMut(Difference)> Differing<'_, T> {
    fn name_all(mut self) {
        let tables = &self.config.tables;
        let persons = tables.persons_to_read();
        let all_of = tables.history_seen(self.person_id);
        let records: Vec<Record> = all_of.records().into_iter().map(|(_, record)| record).collect();
        let others = all_of.other_scores();
        let Some(found) = persons.seen(self.person_id) else {
            all_of.each_activity(|row| {
                let stored = Some(row.activity_type.to_owned());
                self.name("activity without a person", None, Some(row.activity_id), stored, None);
            });
            self.name_records(&records, &[]);
            self.name_others(&others, &HashMap::new());
            return;
        };
        let seen = Seen::of(self.config, &persons, &found, || all_of.has_refused());
        let (person, row) = (seen.person(&persons, &found), persons.stored(&found));
        let configuration = &seen.rulebook.configuration;
        let at = Standpoint::through(self.config.scored_on, row.scored_through);
        let standing = match derive::derive(configuration, &person, history::history(self.config, seen.rulebook, &all_of), at) {
            Ok(standing) => standing,
            Err(refusal) => {
                let why = Refusal::from(refusal).message;
                return self.name("score", None, None, Some(row.score.to_string()), Some(why));
            }
        };
        let category = |card: u16| {
            let score = standing.scores[card as usize];
            person.is_active.then(|| configuration.category(card, person.kind, score)).flatten().map(str::to_owned)
        };
        self.name_records(&records, &standing.records);
        let score = standing.scores[MAIN as usize];
        if row.score != score {
            self.name("score", None, None, Some(row.score.to_string()), Some(score.to_string()));
        }
        if row.category != category(MAIN).as_deref() {
            self.name("category", None, None, row.category.map(str::to_owned), category(MAIN));
        }
        let derived = configuration.cards.others().map(|(card, _)| (card, (standing.scores[card as usize], category(card))));
        self.name_others(&others, &derived.collect());
        if row.last_activity_at != standing.last_activity_at {
            let [stored, derived] = [row.last_activity_at, standing.last_activity_at].map(|at| at.map(pg::timestamptz_text));
            self.name("last activity", None, None, stored, derived);
        }
        self.name_bounds(row.penalised, &standing);
    }

    fn name(
        &mut self,
        item: &str,
        rule_id: Option<i32>,
        activity_id: Option<i64>,
        stored: Option<String>,
        derived: Option<String>,
    ) {
        (self.take)(Difference { person_id: self.person_id, item: item.to_owned(), rule_id, activity_id, stored, derived });
    }

    /// Records that are stored and not derived, and the other way round; each as often as it is.
    fn name_records(&mut self, stored: &[Record], derived: &[Record]) {
        let mut surplus: HashMap<Record, i32> = HashMap::new();
        for record in stored {
            *surplus.entry(*record).or_default() += 1;
        }
        for record in derived {
            *surplus.entry(*record).or_default() -= 1;
        }
        for (record, count) in surplus {
            let line = Some(line(&self.config.cards, &record));
            for _ in 0..count.abs() {
                let (stored, derived) = if count > 0 { (line.clone(), None) } else { (None, line.clone()) };
                self.name("score record", record.rule_id, record.activity_id, stored, derived);
            }
        }
    }

    /// Scores and categories on other scorecards than `main`.
    fn name_others(&mut self, stored: &[(u16, i64, Option<String>)], derived: &HashMap<u16, (i64, Option<String>)>) {
        let stored: HashMap<u16, (i64, Option<String>)> =
            stored.iter().map(|(card, score, category)| (*card, (*score, category.clone()))).collect();
        let cards: HashSet<u16> = stored.keys().chain(derived.keys()).copied().collect();
        for card in cards {
            let (stored, derived) = (stored.get(&card), derived.get(&card));
            let on = match self.config.cards.name(card) {
                "" => "a scorecard that is gone".to_owned(),
                name => format!("scorecard {name}"),
            };
            let [stored_score, derived_score] = [stored, derived].map(|of| of.map(|(score, _)| score.to_string()));
            if stored_score != derived_score {
                self.name(&format!("score on {on}"), None, None, stored_score, derived_score);
            }
            let [stored_category, derived_category] = [stored, derived].map(|of| of.and_then(|(_, category)| category.clone()));
            if stored_category != derived_category {
                self.name(&format!("category on {on}"), None, None, stored_category, derived_category);
            }
        }
    }

    /// What only needs to be a bound: the flag may be set where nothing is to be cleared any more, and the due day may be
    /// early, but not the other way round.
    fn name_bounds(&mut self, is_penalised: bool, standing: &Standing) {
        if standing.is_penalised && !is_penalised {
            self.name("penalised", None, None, Some("false".into()), Some("true".into()));
        }
        if let Some(day) = standing.due_on
            && self.due_on.is_none_or(|due_on| due_on > day)
        {
            self.name("due day", None, None, self.due_on.map(|day| day.to_string()), Some(day.to_string()));
        }
    }
}

/// A score record as `verify()` shows it.
fn line(cards: &Scorecards, record: &Record) -> String {
    let until = record.counts_until.map_or("ever".into(), |day| day.to_string());
    let mut line = format!("{} points from {} until {until}", record.points, record.counts_from);
    match record.fade {
        Fade::None => {}
        Fade::Linear { until } => line += &format!(", falling to 0 on {until}"),
        Fade::Halving { half_life } => line += &format!(", halving every {half_life}"),
    }
    if record.card != MAIN {
        line += &format!(", on scorecard {}", cards.name(record.card));
    }
    line
}
