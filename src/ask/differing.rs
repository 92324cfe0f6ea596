//! Who differs from what is derived: everybody is derived anew, from whole tables as one snapshot
//! shows them, and held against what is stored. `sql/verify.sql` then says what differs, and
//! `sql/rescore.sql` mends it.

use crate::score::calendar::Day;
use crate::configure::config;
use crate::score::derive::{self, Activity, Adjustment};
use crate::score::matching::Matching;
use crate::pg::{self, LocalDays};
use crate::score::scoring::{self, Person, Record, Rule};
use foldhash::quality::RandomState;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

/// What a person takes in memory with ten activities, in bytes.
const BYTES: usize = 512;

/// A person as it is stored.
struct Stored {
    person_id: i64,
    /// Places in `names`.
    kind: u32,
    status: Option<u32>,
    category: Option<u32>,
    since: i64,
    score: i64,
    last_activity_at: Option<i64>,
    scored_through: Option<Day>,
    penalised: bool,
    due_on: Option<Day>,
    /// How many score records there are, and the XOR of their fingerprints: comparing these needs
    /// no join of all records with all. What is derived has no two equal records, so for as many
    /// that differ the XOR is the same once in 2^64, and the fingerprint is another in each call.
    records: u32,
    fingerprint: u64,
    /// Something is beyond the calendar: that is for SQL to judge.
    is_odd: bool,
}

/// An activity that may matter.
struct Registered {
    person: u32,
    matching: u32,
    day: Day,
    occurred_at: i64,
    activity_id: i64,
}

/// Finds the place of a person by its id.
enum Places {
    /// One place for each number between the first id and the last.
    Dense(i64, Vec<u32>),
    Sparse(HashMap<i64, u32, foldhash::fast::RandomState>),
}

const NOBODY: u32 = u32::MAX;

impl Places {
    fn of(persons: &[Stored]) -> Places {
        let ids = || persons.iter().map(|person| person.person_id);
        let (Some(first), Some(last)) = (ids().min(), ids().max()) else { return Places::Dense(0, Vec::new()) };
        match usize::try_from(last.abs_diff(first)) {
            Ok(width) if width / 4 <= persons.len() => {
                let mut places = vec![NOBODY; width + 1];
                for (place, id) in ids().enumerate() {
                    places[id.abs_diff(first) as usize] = place as u32;
                }
                Places::Dense(first, places)
            }
            _ => Places::Sparse(ids().zip(0..).collect()),
        }
    }

    fn get(&self, person_id: i64) -> Option<usize> {
        let place = match self {
            Places::Dense(first, places) => {
                usize::try_from(i128::from(person_id) - i128::from(*first)).ok().and_then(|at| places.get(at).copied())?
            }
            Places::Sparse(places) => *places.get(&person_id)?,
        };
        (place != NOBODY).then_some(place as usize)
    }
}

/// Words that come again and again, each once.
#[derive(Default)]
struct Names {
    names: Vec<String>,
    places: HashMap<String, u32, foldhash::fast::RandomState>,
}

impl Names {
    fn place(&mut self, name: &str) -> u32 {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        let place = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }

    fn name(&self, place: u32) -> &str {
        &self.names[place as usize]
    }
}

/// `_differing(boolean)`: the persons of whom anything stored is not what is derived. What only needs
/// to be a bound (the day on which the night must look again, whether a penalty is to be cleared)
/// must be the tightest one only if `exact`.
pub fn differing(exact: bool) -> HashSet<i64> {
    let config = config::as_seen();
    config.tables.check_may_read();
    let mut differing = HashSet::new();

    // As many at a time as the memory for maintenance holds.
    let at_a_time = (pg::maintenance_memory() / BYTES).max(10_000);
    let mut ids = Vec::new();
    config.tables.each_person(|person| ids.push(person.person_id));
    ids.sort_unstable();
    let mut bounds: Vec<i64> = ids.chunks(at_a_time).map(|chunk| chunk[0]).collect();
    // What belongs to nobody is found in one of the parts.
    if let Some(first) = bounds.first_mut() {
        *first = i64::MIN;
    } else {
        bounds.push(i64::MIN);
    }
    drop(ids);
    for (nth, &from) in bounds.iter().enumerate() {
        let until = bounds.get(nth + 1).copied();
        let is_in = |id: i64| id >= from && until.is_none_or(|until| id < until);
        differing_among(&config, exact, is_in, &mut differing);
    }
    differing
}

fn differing_among(config: &config::Config, exact: bool, is_in: impl Fn(i64) -> bool, differing: &mut HashSet<i64>) {
    let tables = &config.tables;
    let hasher = RandomState::default();
    let mut names = Names::default();
    let mut persons = Vec::new();
    tables.each_person(|row| {
        if is_in(row.person_id) {
            persons.push(Stored {
                person_id: row.person_id,
                kind: names.place(row.kind),
                status: row.status.map(|status| names.place(status)),
                category: row.category.map(|category| names.place(category)),
                since: row.since,
                score: row.score,
                last_activity_at: row.last_activity_at,
                scored_through: row.scored_through,
                penalised: row.penalised,
                due_on: None,
                records: 0,
                fingerprint: 0,
                is_odd: false,
            });
        }
    });
    persons.sort_unstable_by_key(|person| person.person_id);
    let places = Places::of(&persons);

    let mut orphans = |id: i64| {
        if is_in(id) {
            differing.insert(id);
        }
    };
    tables.each_record(|person_id, record| match places.get(person_id) {
        Some(place) => {
            persons[place].records += 1;
            persons[place].fingerprint ^= hasher.hash_one(record);
        }
        None => orphans(person_id),
    });
    tables.each_due(|person_id, day| {
        if let Some(place) = places.get(person_id) {
            persons[place].due_on = Some(day);
        }
    });
    let mut adjustments: HashMap<usize, Vec<Adjustment>> = HashMap::new();
    tables.each_adjustment(|person_id, adjustment| {
        if let Some(place) = places.get(person_id) {
            adjustments.entry(place).or_default().push(adjustment);
        }
    });
    let is_silence_online = config.rules().any(|rule| rule.online);
    let mut refusals = HashSet::new();
    if is_silence_online {
        tables.each_refusal(|person_id| {
            refusals.insert(person_id);
        });
    }

    let mut days = LocalDays::of(config.time_zone);
    let mut matching = Matching::new(config);
    let mut latest: Vec<Option<i64>> = vec![None; persons.len()];
    let mut activities: Vec<Registered> = Vec::new();
    tables.each_activity(|row| {
        let Some(place) = places.get(row.person_id) else { return orphans(row.person_id) };
        let Some(day) = days.day(row.occurred_at) else {
            persons[place].is_odd = true;
            return;
        };
        latest[place] = latest[place].max(Some(row.occurred_at));
        let set = matching.of(row.activity_type, row.attributes);
        if matching.set(set).iter().any(|rule| may_matter(rule, day, config.scored_on)) {
            activities.push(Registered {
                person: place as u32,
                matching: set,
                day,
                occurred_at: row.occurred_at,
                activity_id: row.activity_id,
            });
        }
    });
    activities.sort_by_key(|activity| activity.person);

    let mut rest = activities.as_slice();
    for (place, stored) in persons.iter().enumerate() {
        let (own, others) = rest.split_at(rest.iter().take_while(|activity| activity.person as usize == place).count());
        rest = others;
        let own = own.iter().map(|activity| Activity {
            activity_id: activity.activity_id,
            occurred_at: activity.occurred_at,
            day: activity.day,
            matching: Cow::Borrowed(matching.set(activity.matching)),
        });
        let of_person = adjustments.get(&place).map_or(&[][..], Vec::as_slice);
        let is_exempt = is_silence_online && refusals.contains(&stored.person_id);
        let kind = names.name(stored.kind);
        let person = Person {
            kind,
            status: stored.status.map(|status| names.name(status)),
            score: stored.score,
            reach: stored.scored_through.unwrap_or(config.scored_on).max(config.scored_on),
            last_day: config.scored_on,
            penalised: stored.penalised,
        };
        let silences = config.rules().filter(|rule| rule.inactivity && !(rule.online && is_exempt));
        let standing = days
            .day(stored.since)
            .and_then(|since| derive::derive(&person, since, own.collect(), of_person, silences, config.scored_on).ok());
        let is_same = standing.is_some_and(|standing| {
            let fingerprint = standing.records.iter().fold(0, |all, record: &Record| all ^ hasher.hash_one(record));
            let category = scoring::category(&config.bands, kind, standing.score);
            (standing.records.len(), fingerprint, standing.score) == (stored.records as usize, stored.fingerprint, stored.score)
                && category == stored.category.map(|category| names.name(category))
                && latest[place] == stored.last_activity_at
                && if exact {
                    (stored.penalised, stored.due_on) == (standing.penalised, standing.due_on)
                } else {
                    // The flag may be set where nothing is to be cleared any more, and the day may be early.
                    stored.penalised >= standing.penalised
                        && standing.due_on.is_none_or(|day| stored.due_on.is_some_and(|due_on| due_on <= day))
                }
        });
        if !is_same || stored.is_odd {
            differing.insert(stored.person_id);
        }
    }
}

/// Whether a rule may look at an activity for scores of a day: not when its window is over before.
fn may_matter(rule: &Rule, day: Day, scored_on: Day) -> bool {
    rule.inactivity || rule.relevant_for.and_then(|length| length.after(day)).is_none_or(|end| end > scored_on)
}
