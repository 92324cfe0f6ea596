//! One person with all that is registered on it, as the active snapshot shows it and as the caller may see it.

use crate::configure::config::{self, Config};
use crate::configure::rulebook::Rulebook;
use crate::pg;
use crate::pg::person::{FoundPerson, Persons};
use crate::score::history::{self, Seen};
use scoring::activity::History;
use scoring::person::Person;

/// A person about whom somebody asks.
pub struct One<'a, 'c> {
    pub person: Person<'a>,
    pub rulebook: &'c Rulebook,
    pub history: History<'c>,
    pub persons: &'a Persons<'c>,
    pub found: &'a FoundPerson,
}

/// Answers with what is known of a person; `None` when there is no such person, or none that the caller may see.
pub fn ask<T>(config: &Config, person_id: i64, answer: impl FnOnce(One) -> T) -> Option<T> {
    config.tables.check_may_read();
    if !config.tables.may_see(person_id) {
        return None;
    }
    let persons = config.tables.persons_to_read();
    let found = persons.seen(person_id)?;
    let stored = config.tables.history_seen(person_id);
    let seen = Seen::of(config, &persons, &found, || stored.has_refused());
    let person = seen.person(&persons, &found);
    let history = history::history(config, seen.rulebook, &stored);
    Some(answer(One { person, rulebook: seen.rulebook, history, persons: &persons, found: &found }))
}

/// `_is_seen(bigint)`: whether row-level security hides no persons from the role of the session, or not this one.
pub fn is_seen(person_id: Option<i64>) -> bool {
    let config = config::for_reading();
    pg::as_session_role(|| config.tables.sees_all() || person_id.is_some_and(|id| config.tables.may_see(id)))
}

/// `_sees_all()`: whether it hides no persons from that role.
pub fn sees_all() -> bool {
    let config = config::for_reading();
    pg::as_session_role(|| config.tables.sees_all())
}
