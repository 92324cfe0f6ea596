//! What the passing of days changes: records that end or decay, silence that lasts. Who is concerned
//! is found by the indexes of what is stored; of nearly all of them the row alone tells what becomes of it.

use crate::configure::config;
use crate::error::{OrRaise, Refusal};
use crate::pg;
use crate::pg::person::{FoundPerson, Stored};
use crate::score::writer::{Change, Writer};
use pgrx::datum::Date;
use scoring::calendar::Day;
use scoring::record::Record;
use scoring::rule::RuleKind;
use scoring::scorecard::MAIN;
use scoring::shortcut::{self, Silence};
use std::collections::HashSet;

/// What a person goes through when days pass.
struct Passing {
    person_id: i64,
    /// What ends and decays, in points.
    points: i128,
    /// Whether any of its records ended.
    has_ended: bool,
    /// Whether silence may have brought something.
    is_due: bool,
    /// Whether the person must be derived anew.
    is_unclear: bool,
}

/// `_pass_days(date, date, bigint[])`: removes the records that have ended by a day, takes from persons what these
/// gave, what the decaying ones lost since another day, and what silence takes from those for whom
/// something is due. Those who are `left_out` are for others to derive. Returns the four counts of
/// `leadscore._outcome`, and who is to be derived anew.
pub fn pass_days(last_day: Date, today: Date, left_out: Vec<Option<i64>>) -> (Vec<i64>, Vec<i64>) {
    let config = config::current(pg::own_schema());
    let (last_day, today) = (Day(last_day.to_pg_epoch_days()), Day(today.to_pg_epoch_days()));
    pg::make_changes_visible();
    let adds_up = config.cards.stands_alone(MAIN);
    let unclear = |record: &Record| !adds_up || record.card != MAIN;

    let mut passings: Vec<Passing> = Vec::new();
    let removed = config.tables.remove_ended(today, |person_id, record| {
        let points = if record.counts_from <= last_day { -i128::from(record.worth_on(last_day)) } else { 0 };
        passings.push(Passing { person_id, points, has_ended: true, is_due: false, is_unclear: unclear(&record) });
    });
    // Whoever deals with a person stores the next day.
    config.tables.remove_dues(today, |person_id| {
        passings.push(Passing { person_id, points: 0, has_ended: false, is_due: true, is_unclear: false });
    });
    config.tables.each_decaying(|person_id, record| {
        if record.counts_from <= last_day && record.counts_until.is_none_or(|end| end > today) {
            let points = i128::from(record.worth_on(today)) - i128::from(record.worth_on(last_day));
            if points != 0 {
                passings.push(Passing { person_id, points, has_ended: false, is_due: false, is_unclear: unclear(&record) });
            }
        }
    });
    passings.sort_by_key(|passing| passing.person_id);
    passings.dedup_by(|later, kept| {
        let is_one = later.person_id == kept.person_id;
        if is_one {
            kept.points += later.points;
            kept.has_ended |= later.has_ended;
            kept.is_due |= later.is_due;
            kept.is_unclear |= later.is_unclear;
        }
        is_one
    });
    let left_out: HashSet<i64> = left_out.into_iter().flatten().collect();
    passings.retain(|passing| !left_out.contains(&passing.person_id));

    let mut left: Vec<i64> = passings.iter().filter(|passing| passing.is_unclear).map(|passing| passing.person_id).collect();
    passings.retain(|passing| !passing.is_unclear);
    let mut writer = Writer::open(&config, passings.iter().map(|passing| passing.person_id));
    writer.is_run = true;
    writer.pass_all(&passings, last_day, &mut left);
    // However the persons were read, changes are told in one order.
    writer.changes.sort_by_key(|change| change.person_id);
    left.extend(left_out);
    let mut outcome = writer.close();
    outcome.records_removed += removed;
    (outcome.counts(), left)
}

/// What silence takes, if it does.
fn penalties(silence: &Option<Silence>) -> &[Record] {
    silence.as_ref().map_or(&[], |silence| &silence.records)
}

impl Writer<'_> {
    /// Brings persons, whom nobody else scores meanwhile, through days; they come in the order of
    /// their ids. Those who are to be derived anew are `left`.
    fn pass_all(&mut self, passings: &[Passing], last_day: Day, left: &mut Vec<i64>) {
        let persons = self.config.tables.persons();
        if persons.is_most(passings.len()) {
            persons.each_current(|person_id, seen| {
                if let Ok(at) = passings.binary_search_by_key(&person_id, |passing| passing.person_id)
                    && !self.pass(seen, &passings[at], last_day)
                {
                    left.push(person_id);
                }
            });
        } else {
            for passing in passings {
                if let Some(seen) = self.look_at(passing.person_id)
                    && !self.pass(&seen, passing, last_day)
                {
                    left.push(passing.person_id);
                }
            }
        }
    }

    /// Brings a person who was looked at through days. `false`, and nothing is done, if it is to be
    /// derived anew.
    fn pass(&mut self, seen: &FoundPerson, passing: &Passing, last_day: Day) -> bool {
        let person_id = passing.person_id;
        let Some((new, mut silence)) = self.passed(seen, passing, last_day) else { return false };
        let changed = |silence: &Option<Silence>| Change {
            // A record that ended and gave nothing changes no score, and yet a record went.
            rows: passing.has_ended || !penalties(silence).is_empty(),
            scores: None,
        };
        if !self.try_store(person_id, seen, new, &changed(&silence), (&[], penalties(&silence)), || ()) {
            // Its row was changed otherwise since.
            let Some(locked) = self.find_and_lock(person_id) else { return true };
            let Some((new, anew)) = self.passed(&locked, passing, last_day) else { return false };
            silence = anew;
            self.store(person_id, &locked, new, &changed(&silence), (&[], penalties(&silence)));
        }
        self.dues.extend(silence.and_then(|silence| silence.due_on).map(|day| (person_id, day)));
        true
    }

    /// What becomes of a person in days; `None` if more has to be known than its row.
    fn passed<'p>(&self, seen: &'p FoundPerson, passing: &Passing, last_day: Day) -> Option<(Stored<'p>, Option<Silence>)> {
        let mut stored = self.persons().stored(seen);
        let mut points = passing.points;
        let silence = if passing.is_due { Some(self.silence(passing.person_id, seen, &stored, last_day)?) } else { None };
        if let Some(silence) = &silence {
            points += silence.records.iter().map(|record| i128::from(record.points)).sum::<i128>();
            stored.penalised = silence.is_penalised;
        }
        stored.score = Refusal::score(passing.person_id, i128::from(stored.score) + points).or_raise();
        Some((stored, silence))
    }

    /// What days of silence bring to a person for whom something is due; `None` if that may be
    /// something else, or if only its activities tell how long it is silent.
    fn silence(&self, person_id: i64, found: &FoundPerson, stored: &Stored, last_day: Day) -> Option<Silence> {
        let config = self.config;
        let since = self.persons().since(found);
        let touch = config.day(stored.last_activity_at.map_or(since, |last| last.max(since)));
        let seen = self.seen(person_id, found);
        let person = seen.person(self.persons(), found);
        let configuration = &seen.rulebook.configuration;
        let tells_all = person.is_active
            && touch <= last_day
            && stored.scored_through.is_none_or(|day| day <= last_day)
            && shortcut::silence_tells_all(configuration, &person)
            && self.history(person_id).adjustments().is_empty();
        let silences = configuration.of_kind(RuleKind::Inactivity).filter(|rule| rule.applies_to(&person));
        tells_all.then(|| shortcut::silence(touch, silences, last_day, config.scored_on))
    }
}
