//! All persons with all that is registered on them, from whole tables as one snapshot shows them, for what
//! is asked of everybody: an index scan for each would take many times as long.

use crate::configure::config::Config;
use crate::configure::rulebook::Rulebook;
use crate::pg::spill::{self, Spilled};
use crate::pg::{self, LocalDays, scan};
use crate::score::matching::Matching;
use scoring::activity::{Activity, Adjustment, History};
use scoring::calendar::Day;
use scoring::person::{Person, Standpoint};
use scoring::rule::{Rule, RuleKind};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::ops::Range;

type Fast = foldhash::fast::RandomState;

/// What a person takes in memory without what is registered on it, in bytes: its row, its place, its latest instant, and what
/// `differing.rs` keeps of it.
const BYTES: usize = size_of::<PersonRow>() + 40;

/// Of the memory for maintenance, this part is for what is registered on the persons; more of it waits in temporary files.
const FOR_ACTIVITIES: usize = 8;

/// Hands over the persons in parts, as many at a time as the memory for maintenance holds: a test whether a person's
/// id is in the part. What belongs to nobody is in one of the parts, too.
pub fn each_part(config: &Config, mut take: impl FnMut(&dyn Fn(i64) -> bool)) {
    let memory = pg::maintenance_memory();
    let at_a_time = ((memory - memory / FOR_ACTIVITIES) / BYTES).max(10_000);
    let mut ids = Vec::new();
    config.tables.each_person(|person| ids.push(person.person_id));
    ids.sort_unstable();
    let mut bounds: Vec<i64> = ids.chunks(at_a_time).map(|chunk| chunk[0]).collect();
    if let Some(first) = bounds.first_mut() {
        *first = i64::MIN;
    } else {
        bounds.push(i64::MIN);
    }
    drop(ids);
    for (nth, &from) in bounds.iter().enumerate() {
        let until = bounds.get(nth + 1).copied();
        take(&|id: i64| id >= from && until.is_none_or(|until| id < until));
    }
}

/// A person's row.
pub struct PersonRow {
    pub person_id: i64,
    tenant: Option<Name>,
    kind: Name,
    status: Option<Name>,
    pub category: Option<Name>,
    since: Day,
    is_active: bool,
    /// The place of the rules whose `person_filter` is true.
    fits: u32,
    pub score: i64,
    pub last_activity_at: Option<i64>,
    scored_through: Option<Day>,
    pub penalised: bool,
}

impl PersonRow {
    /// The days for which its records are looked at, as they are stored.
    pub fn standpoint(&self, scored_on: Day) -> Standpoint {
        Standpoint::through(scored_on, self.scored_through)
    }
}

/// Finds the place of a person by its id.
pub enum Places {
    /// One place for each number between the first id and the last.
    Dense(i64, Vec<u32>),
    Sparse(HashMap<i64, u32, Fast>),
}

const NOBODY: u32 = u32::MAX;

impl Places {
    /// Of persons in the order of these ids.
    pub fn of(ids: impl ExactSizeIterator<Item = i64> + Clone) -> Places {
        let (Some(first), Some(last)) = (ids.clone().min(), ids.clone().max()) else { return Places::Dense(0, Vec::new()) };
        match usize::try_from(last.abs_diff(first)) {
            Ok(width) if width / 4 <= ids.len() => {
                let mut places = vec![NOBODY; width + 1];
                for (place, id) in ids.enumerate() {
                    places[id.abs_diff(first) as usize] = place as u32;
                }
                Places::Dense(first, places)
            }
            _ => Places::Sparse(ids.zip(0..).collect()),
        }
    }

    pub fn get(&self, person_id: i64) -> Option<usize> {
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
pub struct Names {
    names: Vec<String>,
    known: HashMap<String, Name, Fast>,
}

/// One of them: its place, counted from 1.
pub type Name = NonZeroU32;

impl Names {
    pub fn keep(&mut self, name: &str) -> Name {
        if let Some(&known) = self.known.get(name) {
            return known;
        }
        self.names.push(name.to_owned());
        let name_of = NonZeroU32::MIN.saturating_add(self.names.len() as u32 - 1);
        self.known.insert(name.to_owned(), name_of);
        name_of
    }

    pub fn text(&self, name: Name) -> &str {
        &self.names[name.get() as usize - 1]
    }

    /// The text of a name, if there is one.
    pub fn name(&self, name: Option<Name>) -> Option<&str> {
        name.map(|name| self.text(name))
    }
}

/// The rows of some persons, in the order of their ids.
pub struct Persons<'c> {
    rows: Vec<PersonRow>,
    places: Places,
    names: Names,
    /// The rules of each tenant's persons.
    rulebooks: HashMap<Option<Name>, &'c Rulebook, Fast>,
    /// Rules by id, each list once.
    fits: Vec<Vec<i32>>,
    /// Persons who do not want to be followed on the website, where a rule asks.
    refusals: HashSet<i64>,
}

impl<'c> Persons<'c> {
    /// Reads those that are in a part.
    pub fn read(config: &'c Config, is_in: &dyn Fn(i64) -> bool) -> Persons<'c> {
        Persons::read_those(config, &|row| is_in(row.person_id))
    }

    /// Reads those that are wanted.
    pub fn read_those(config: &'c Config, is_wanted: &dyn Fn(&scan::PersonRow) -> bool) -> Persons<'c> {
        let mut names = Names::default();
        let mut rows = Vec::new();
        let mut days = LocalDays::of(config.time_zone);
        let mut asks_consent = false;
        let mut rulebooks: HashMap<Option<Name>, &Rulebook, Fast> = HashMap::default();
        let mut fits: HashMap<Vec<i32>, u32, Fast> = HashMap::default();
        config.tables.each_person(|row| {
            if is_wanted(&row) {
                let tenant = row.tenant.map(|tenant| names.keep(tenant));
                let rulebook = *rulebooks.entry(tenant).or_insert_with(|| config.rulebook(row.tenant));
                asks_consent |= rulebook.configuration.looks_at.consent;
                let next = fits.len() as u32;
                rows.push(PersonRow {
                    person_id: row.person_id,
                    tenant,
                    kind: names.keep(row.kind),
                    status: row.status.map(|status| names.keep(status)),
                    category: row.category.map(|category| names.keep(category)),
                    since: days.day(row.since).unwrap_or_else(|| config.day(row.since)),
                    is_active: row.is_active,
                    fits: *fits.entry(rulebook.fitting(|| row.attributes.copy())).or_insert(next),
                    score: row.score,
                    last_activity_at: row.last_activity_at,
                    scored_through: row.scored_through,
                    penalised: row.penalised,
                });
            }
        });
        rows.sort_unstable_by_key(|person| person.person_id);
        let mut refusals = HashSet::new();
        if asks_consent {
            config.tables.each_refusal(|person_id| {
                refusals.insert(person_id);
            });
        }
        let mut fits: Vec<(Vec<i32>, u32)> = fits.into_iter().collect();
        fits.sort_unstable_by_key(|&(_, place)| place);
        Persons {
            places: Places::of(rows.iter().map(|person| person.person_id)),
            rows,
            names,
            rulebooks,
            fits: fits.into_iter().map(|(fits, _)| fits).collect(),
            refusals,
        }
    }

    pub fn count(&self) -> usize {
        self.rows.len()
    }

    pub fn place(&self, person_id: i64) -> Option<usize> {
        self.places.get(person_id)
    }

    pub fn row(&self, place: usize) -> &PersonRow {
        &self.rows[place]
    }

    pub fn name(&self, name: Option<Name>) -> Option<&str> {
        self.names.name(name)
    }

    pub fn tenant(&self, place: usize) -> Option<&str> {
        self.name(self.rows[place].tenant)
    }

    /// The rules for the person at a place.
    pub fn rulebook(&self, place: usize) -> &'c Rulebook {
        self.rulebooks[&self.rows[place].tenant]
    }

    /// A person as rules see it.
    pub fn person(&self, place: usize) -> Person<'_> {
        let row = &self.rows[place];
        Person {
            kind: self.names.text(row.kind),
            status: self.name(row.status),
            since: row.since,
            is_active: row.is_active,
            fits: &self.fits[row.fits as usize],
            is_unseen: self.refusals.contains(&row.person_id),
        }
    }
}

/// An activity that may matter.
#[derive(Clone, Copy)]
struct OneActivity {
    person: u32,
    matching: u32,
    day: Day,
    occurred_at: i64,
    activity_id: i64,
}

/// Activities of persons by their places: what is more than the memory for them is in temporary files, each of which has those of
/// as many persons.
struct Activities {
    near: Vec<OneActivity>,
    /// So many are near at most.
    limit: usize,
    away: Vec<Spilled<OneActivity>>,
    persons: usize,
    /// How many persons a file is for.
    width: usize,
}

/// In so many files they are.
const FILES: usize = 128;

impl Activities {
    /// Of so many persons.
    fn of(persons: usize) -> Activities {
        let memory = (pg::maintenance_memory() / FOR_ACTIVITIES).saturating_sub(FILES * spill::OPEN);
        let limit = (memory / size_of::<OneActivity>()).max(10_000);
        Activities { near: Vec::new(), limit, away: Vec::new(), persons, width: persons.div_ceil(FILES) }
    }

    fn push(&mut self, activity: OneActivity) {
        if self.away.is_empty() {
            self.near.push(activity);
            if self.near.len() >= self.limit {
                self.away.extend((0..self.persons.div_ceil(self.width)).map(|_| Spilled::new()));
                std::mem::take(&mut self.near).into_iter().for_each(|activity| self.push(activity));
            }
        } else {
            self.away[activity.person as usize / self.width].push(activity);
        }
    }

    /// Puts them in the order of their persons, when all are there.
    fn sort(&mut self) {
        self.near.sort_by_key(|activity| activity.person);
    }

    /// Hands over those of some persons after the other, in the order of the persons: the places of these, and the activities.
    fn each(&self, mut take: impl FnMut(Range<usize>, &[OneActivity])) {
        if self.away.is_empty() {
            return take(0..self.persons, &self.near);
        }
        for (nth, file) in self.away.iter().enumerate() {
            let mut activities = file.read();
            activities.sort_by_key(|activity| activity.person);
            let from = nth * self.width;
            take(from..self.persons.min(from + self.width), &activities);
        }
    }
}

/// What is registered on some persons, as far as it can matter for scores of a day or later.
pub struct Registered<'c, 'p> {
    persons: &'p Persons<'c>,
    matching: Matching<'c>,
    activities: Activities,
    adjustments: HashMap<usize, Vec<Adjustment>>,
    /// By place; `i64::MIN`: no activity.
    latest: Vec<i64>,
}

impl<'c, 'p> Registered<'c, 'p> {
    /// Reads what matters for the day for which scores stand; activities of nobody are `orphans`.
    pub fn read(config: &'c Config, persons: &'p Persons<'c>, orphans: impl FnMut(i64)) -> Registered<'c, 'p> {
        Registered::read_for(config, persons, config.scored_on, orphans)
    }

    /// Reads what matters for a day or later ones.
    pub fn read_for(config: &'c Config, persons: &'p Persons<'c>, on_day: Day, orphans: impl FnMut(i64)) -> Registered<'c, 'p> {
        Registered::read_between(config, persons, (on_day, None), orphans, |_, _, _| {})
    }

    /// Reads what matters for a day and later ones, until another one, as known on that: nothing that is dated after it. Each
    /// activity of the persons, whatever its day, is shown first: the person's place, the row and its day.
    pub fn read_between(
        config: &'c Config,
        persons: &'p Persons<'c>,
        (from_day, until_day): (Day, Option<Day>),
        mut orphans: impl FnMut(i64),
        mut see: impl FnMut(usize, &scan::ActivityRow, Day),
    ) -> Registered<'c, 'p> {
        let mut adjustments: HashMap<usize, Vec<Adjustment>> = HashMap::new();
        config.tables.each_adjustment(|person_id, adjustment| {
            if let Some(place) = persons.place(person_id) {
                adjustments.entry(place).or_default().push(adjustment);
            }
        });
        let mut days = LocalDays::of(config.time_zone);
        let mut matching = Matching::new(config);
        let mut latest = vec![i64::MIN; persons.count()];
        let mut activities = Activities::of(persons.count());
        config.tables.each_activity(|row| {
            let Some(place) = persons.place(row.person_id) else { return orphans(row.person_id) };
            let day = days.day(row.occurred_at).unwrap_or_else(|| config.day(row.occurred_at));
            see(place, &row, day);
            latest[place] = latest[place].max(row.occurred_at);
            if until_day.is_some_and(|until_day| day > until_day) {
                return;
            }
            let set = matching.of(persons.rulebook(place), row.activity_type, row.attributes);
            if matching.set(set).iter().any(|rule| may_matter(rule, day, from_day)) {
                let (person, occurred_at, activity_id) = (place as u32, row.occurred_at, row.activity_id);
                activities.push(OneActivity { person, matching: set, day, occurred_at, activity_id });
            }
        });
        activities.sort();
        Registered { persons, matching, activities, adjustments, latest }
    }

    /// The latest instant of an activity of the person at a place.
    pub fn latest(&self, place: usize) -> Option<i64> {
        Some(self.latest[place]).filter(|&at| at != i64::MIN)
    }

    /// Hands over each person: its place, as rules see it, its rules, and all that is registered on it and may matter.
    pub fn each<'s>(&'s self, mut take: impl FnMut(usize, &Person, &'s Rulebook, History<'s>)) {
        self.activities.each(|places, mut rest| {
            for place in places {
                let (own, others) = rest.split_at(rest.iter().take_while(|activity| activity.person as usize == place).count());
                rest = others;
                let activities = own.iter().map(|activity| Activity {
                    activity_id: activity.activity_id,
                    occurred_at: activity.occurred_at,
                    day: activity.day,
                    matching: Cow::Borrowed(self.matching.set(activity.matching)),
                });
                let adjustments = self.adjustments.get(&place).cloned().unwrap_or_default();
                let history = History { activities: activities.collect(), adjustments };
                take(place, &self.persons.person(place), self.persons.rulebook(place), history);
            }
        });
    }
}

/// Whether a rule may look at an activity for scores of a day or later: not when its window is over before.
fn may_matter(rule: &Rule, day: Day, on_day: Day) -> bool {
    let length = match rule.kind {
        // An early one may have begun what still lasts.
        RuleKind::Inactivity | RuleKind::Frequency => None,
        RuleKind::Activity | RuleKind::Profile => rule.relevant_for,
    };
    length.and_then(|length| length.after(day)).is_none_or(|end| end > on_day)
}
