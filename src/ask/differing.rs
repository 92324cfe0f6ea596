//! Who differs from what is derived: everybody is derived anew, from whole tables as one snapshot
//! shows them, and held against what is stored. `src/ask/verify.rs` then says what differs, and
//! `src/score/rescore.rs` mends it.

use crate::ask::population::{self, Registered};
use crate::configure::config::{self, Config};
use crate::pg;
use foldhash::quality::RandomState;
use scoring::derive;
use scoring::record::Record;
use scoring::scorecard::MAIN;
use std::collections::HashSet;
use std::hash::BuildHasher;

/// `_differing(boolean)`: the persons of whom anything stored is not what is derived. What only needs
/// to be a bound (the day on which the night must look again, whether a penalty is to be cleared)
/// must be the tightest one only if `exact`.
pub fn differing(exact: bool) -> HashSet<i64> {
    differing_by(&config::as_seen(), exact)
}

/// The same by a configuration.
pub fn differing_by(config: &Config, exact: bool) -> HashSet<i64> {
    config.tables.check_may_read();
    let mut differing = HashSet::new();
    population::each_part(config, |is_in| differing_among(config, exact, &is_in, &mut differing));
    differing
}

/// What is stored of a person besides its row.
#[derive(Clone, Default)]
struct Stored {
    due_on: Option<scoring::calendar::Day>,
    /// How many score records and other scores there are together, and the XOR of their fingerprints: comparing these
    /// needs no join of all records with all. What is derived has no two equal ones, so for as many
    /// that differ the XOR is the same once in 2^64, and the fingerprint is another in each call.
    count: u32,
    fingerprint: u64,
}

fn differing_among(config: &Config, exact: bool, is_in: &dyn Fn(i64) -> bool, differing: &mut HashSet<i64>) {
    let tables = &config.tables;
    let hasher = RandomState::default();
    let persons = population::Persons::read(config, is_in);
    let mut stored = vec![Stored::default(); persons.count()];
    let mut orphans = |id: i64| {
        if is_in(id) {
            differing.insert(id);
        }
    };
    tables.each_record(|person_id, record| match persons.place(person_id) {
        Some(place) => {
            stored[place].count += 1;
            stored[place].fingerprint ^= hasher.hash_one(record);
        }
        None => orphans(person_id),
    });
    tables.each_due(|person_id, day| {
        if let Some(place) = persons.place(person_id) {
            stored[place].due_on = Some(day);
        }
    });
    tables.each_other_score(|person_id, card, score, category| match persons.place(person_id) {
        Some(place) => {
            stored[place].count += 1;
            stored[place].fingerprint ^= hasher.hash_one((card, score, category));
        }
        None => orphans(person_id),
    });
    let registered = Registered::read(config, &persons, orphans);

    registered.each(|place, person, rulebook, history| {
        let row = persons.row(place);
        let stored = &stored[place];
        let standing = derive::derive(&rulebook.configuration, person, history, row.standpoint(config.scored_on)).ok();
        let is_same = standing.is_some_and(|standing| {
            let configuration = &rulebook.configuration;
            let category =
                |card: u16, score: i64| person.is_active.then(|| configuration.category(card, person.kind, score)).flatten();
            let of_records = standing.records.iter().fold(0, |all, record: &Record| all ^ hasher.hash_one(record));
            let fingerprint = configuration.cards.others().fold(of_records, |all, (card, _)| {
                let score = standing.scores[card as usize];
                all ^ hasher.hash_one((card, score, category(card, score)))
            });
            let score = standing.scores[MAIN as usize];
            standing.records.len() + configuration.cards.count() - 1 == stored.count as usize
                && (fingerprint, score) == (stored.fingerprint, row.score)
                && category(MAIN, score) == persons.name(row.category)
                && registered.latest(place) == row.last_activity_at
                && if exact {
                    (row.penalised, stored.due_on) == (standing.is_penalised, standing.due_on)
                } else {
                    // The flag may be set where nothing is to be cleared any more, and the day may be early.
                    row.penalised >= standing.is_penalised
                        && standing.due_on.is_none_or(|day| stored.due_on.is_some_and(|due_on| due_on <= day))
                }
        });
        if !is_same {
            differing.insert(row.person_id);
        }
        pg::check_for_interrupts();
    });
}
