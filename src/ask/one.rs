//! One person with all that is registered on it, as the active snapshot shows it and as the caller may see it.

use crate::configure::config::{self, Config};
use crate::configure::rulebook::Rulebook;
use crate::pg;
use crate::pg::history::{Histories, History as Stored};
use crate::pg::person::{FoundPerson, Persons};
use crate::score::history::{self, Seen};
use scoring::activity::History;
use scoring::person::Person;

/// A person about whom somebody asks.
pub struct One<'a, 'c> {
    pub person: Person<'a>,
    pub rulebook: &'c Rulebook,
    config: &'a Config,
    pub stored: &'a Stored<'c>,
    pub persons: &'a Persons<'c>,
    pub found: &'a FoundPerson,
}

impl<'c> One<'_, 'c> {
    /// All that is registered on the person.
    pub fn history(&self) -> History<'c> {
        history::history(self.config, self.rulebook, self.stored)
    }
}

/// Answers with what is known of a person; `None` when there is no such person, or none that the caller may see.
pub fn ask<T>(config: &Config, person_id: i64, answer: impl FnOnce(One) -> T) -> Option<T> {
    OneByOne::of(config).ask(person_id, answer)
}

/// For questions about one person after the other.
pub struct OneByOne<'c> {
    config: &'c Config,
    persons: Persons<'c>,
    histories: Histories<'c>,
}

impl<'c> OneByOne<'c> {
    pub fn of(config: &'c Config) -> OneByOne<'c> {
        config.tables.check_may_read();
        OneByOne { config, persons: config.tables.persons_to_read(), histories: config.tables.histories() }
    }

    /// The same as [`ask`].
    pub fn ask<T>(&self, person_id: i64, answer: impl FnOnce(One) -> T) -> Option<T> {
        let (config, persons) = (self.config, &self.persons);
        if !config.tables.may_see(person_id) {
            return None;
        }
        let found = persons.seen(person_id)?;
        let stored = self.histories.seen(person_id);
        let seen = Seen::of(config, persons, &found, || stored.has_refused());
        let person = seen.person(persons, &found);
        Some(answer(One { person, rulebook: seen.rulebook, config, stored: &stored, persons, found: &found }))
    }
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
