//! Who will fall to a lower category if nothing more is registered, when and to which: one pass over what is
//! stored finds the few for whom anything can change, and the course of each says the rest.

use crate::ask::one::OneByOne;
use crate::configure::config::{self, Config};
use crate::error::{OrRaise, Refusal};
use foldhash::fast::RandomState as Fast;
use scoring::calendar::Day;
use scoring::course::course;
use scoring::person::Standpoint;
use scoring::record::{Fade, Record};
use scoring::scorecard::MAIN;
use std::collections::HashMap;

/// A person who will fall.
pub struct Fall {
    pub person_id: i64,
    /// As it stands.
    pub score: i64,
    pub category: Option<String>,
    pub falls_on: Day,
    pub falls_to_score: i64,
    pub falls_to_category: Option<String>,
}

/// Where a person stands that is above the lowest category.
pub struct Above {
    pub score: i64,
    /// The lowest score of its category.
    pub floor: i64,
    /// The last day that the stored score has in it.
    pub reach: Day,
}

/// `_cooling(int, text)`: the persons that fall within so many days, of those that the caller may see.
pub fn cooling(within_days: i32, scorecard: &str) -> Vec<Fall> {
    let config = config::for_reading();
    config.tables.check_may_read();
    let Some(card) = config.cards.place(scorecard) else { return Vec::new() };
    let until = config.scored_on.plus(within_days);
    let above = above_the_lowest(&config, card);
    if above.is_empty() {
        return Vec::new();
    }
    let persons = OneByOne::of(&config);
    candidates(&config, card, until, &above)
        .into_iter()
        .filter_map(|person_id| fall(&config, &persons, card, person_id, &above[&person_id], until))
        .collect()
}

/// The active persons that can fall at all.
fn above_the_lowest(config: &Config, card: u16) -> HashMap<i64, Above, Fast> {
    let visible = config.tables.visible();
    let mut others: HashMap<i64, i64, Fast> = HashMap::default();
    if card != MAIN {
        config.tables.each_other_score(|person_id, of, score, _| {
            if of == card {
                others.insert(person_id, score);
            }
        });
    }
    let mut above = HashMap::default();
    config.tables.each_person(|row| {
        if !row.is_active || visible.as_ref().is_some_and(|visible| !visible.contains(&row.person_id)) {
            return;
        }
        let score = if card == MAIN { Some(row.score) } else { others.get(&row.person_id).copied() };
        let floor = |score: i64| config.rulebook(row.tenant).configuration.floor(card, row.kind, score);
        if let Some(score) = score
            && let Some(floor) = floor(score)
        {
            let reach = Standpoint::through(config.scored_on, row.scored_through).reach;
            above.insert(row.person_id, Above { score, floor, reach });
        }
    });
    above
}

/// Those who can lose enough until a day to fall.
fn candidates(config: &Config, card: u16, until: Day, above: &HashMap<i64, Above, Fast>) -> Vec<i64> {
    let mut losses: HashMap<i64, Loss, Fast> = HashMap::default();
    config.tables.each_record(|person_id, record| {
        if config.cards.reaches(record.card, card)
            && let Some(stands) = above.get(&person_id)
        {
            let at = Standpoint { scored_on: config.scored_on, reach: stands.reach };
            if let Some(loss) = Loss::by(&record, at, until) {
                losses.entry(person_id).or_default().add(loss);
            }
        }
    });
    config.tables.each_due(|person_id, day| {
        if day <= until && above.contains_key(&person_id) {
            losses.entry(person_id).or_default().add(Loss::Unknown);
        }
    });
    losses.retain(|person_id, loss| loss.is_enough(&above[person_id]));
    let mut candidates: Vec<i64> = losses.into_keys().collect();
    candidates.sort_unstable();
    candidates
}

/// What a person can lose by what is stored: records end or fade, or something falls due. What it gains meanwhile only
/// helps, whatever limits its score has.
#[derive(Clone, Copy)]
pub enum Loss {
    /// So many points at most.
    Points(i128),
    Unknown,
}

impl Default for Loss {
    fn default() -> Loss {
        Loss::Points(0)
    }
}

impl Loss {
    /// How much less a record can give until a day; `None` if it gives no less. One that is yet to start has a due day,
    /// which [`candidates`] looks at.
    pub fn by(record: &Record, at: Standpoint, until: Day) -> Option<Loss> {
        let can_go = record.counts_until.is_some_and(|day| day <= until) || record.fade != Fade::None;
        let points = record.points_on(at.scored_on).max(0);
        // Of what happened since the last run the score knows more than the records of that day.
        can_go.then(|| if at.reach > at.scored_on { Loss::Unknown } else { Loss::Points(points.into()) })
    }

    pub fn add(&mut self, other: Loss) {
        *self = match (*self, other) {
            (Loss::Points(one), Loss::Points(other)) => Loss::Points(one + other),
            _ => Loss::Unknown,
        };
    }

    /// Whether who stands there can fall by it.
    pub fn is_enough(&self, stands: &Above) -> bool {
        match *self {
            Loss::Points(points) => i128::from(stands.score) - points < i128::from(stands.floor),
            Loss::Unknown => true,
        }
    }
}

/// When and to which category one person falls, if it does until a day.
pub fn fall(config: &Config, persons: &OneByOne, card: u16, person_id: i64, stands: &Above, until: Day) -> Option<Fall> {
    persons.ask(person_id, |one| {
        let configuration = &one.rulebook.configuration;
        let days = course(configuration, &one.person, &mut one.history(), config.scored_on, until);
        let days = days.map_err(Refusal::from).or_raise();
        let is_below = |scores: &[i64]| scores[card as usize] < stands.floor;
        let (so_far, later) = days.split_at(days.partition_point(|(day, _)| *day <= stands.reach));
        // The stored score has the person's activities since the last run, but not what has ended since: a fall may lie
        // between the two, where no run has seen it.
        let unseen = so_far.iter().rev().take_while(|(_, scores)| is_below(scores)).last();
        let (falls_on, scores) = match unseen {
            Some((day, scores)) if *day > config.scored_on => (*day, scores),
            Some(_) if stands.reach > config.scored_on => (stands.reach, &so_far.last()?.1),
            _ => later.iter().find(|(_, scores)| is_below(scores)).map(|(day, scores)| (*day, scores))?,
        };
        let category = |score: i64| configuration.category(card, one.person.kind, score).map(str::to_owned);
        let falls_to_score = scores[card as usize];
        Some(Fall {
            person_id,
            score: stands.score,
            category: category(stands.score),
            falls_on,
            falls_to_score,
            falls_to_category: category(falls_to_score),
        })
    })?
}
