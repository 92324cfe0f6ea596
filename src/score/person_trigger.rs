//! Triggers on persons: what the application may write, and whom a change concerns.

use crate::configure::config::{self, Config};
use crate::error::{OrRaise, Refusal};
use crate::pg;
use crate::score::rescore;
use crate::score::scoring::{self, Rule};
use pgrx::PgSqlErrorCode as Code;
use pgrx::datum::{Date, TimestampWithTimeZone};
use pgrx::prelude::*;
use std::cell::RefCell;

fn check(person: &PgHeapTuple<impl WhoAllocated>) -> Result<(), Refusal> {
    let id = || person.get_by_name::<i64>("person_id").ok().flatten().unwrap_or_default();
    let since = person.get_by_name::<TimestampWithTimeZone>("since").ok().flatten();
    if since.is_some_and(|since| !pg::is_within_calendar(since.into())) {
        return Err(Refusal::new(
            Code::ERRCODE_DATETIME_FIELD_OVERFLOW,
            format!("person {}: since is infinite or out of range", id()),
        )
        .detail("A person is known since one finite moment between the years 1 and 9999.")
        .hint("Correct since, or leave it out for the present moment."));
    }
    if person.get_by_name::<&str>("kind").ok().flatten() == Some("") {
        return Err(Refusal::new(Code::ERRCODE_CHECK_VIOLATION, format!("person {}: kind is empty", id()))
            .detail("A kind is a word such as candidate or contact, by which rules and categories know the person.")
            .hint("Give a kind that is not empty."));
    }
    Ok(())
}

/// `BEFORE INSERT OR UPDATE OF person_id, kind, since … FOR EACH ROW` on `leadscore.person`. What a
/// CHECK would say of kind, every UPDATE of a score would pay for.
pub fn person_arrives<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    let new = trigger.new().ok_or(PgTriggerError::NotTrigger)?;
    check(&new).or_raise();
    if let Some(old) = trigger.old() {
        let id = |person: &PgHeapTuple<_>| person.get_by_name::<i64>("person_id").ok().flatten();
        if id(&old) != id(&new) {
            Refusal::new(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                format!("person {}: person_id cannot change", id(&old).unwrap_or_default()),
            )
            .detail("It leads every key of what is registered on the person.")
            .hint("To join two persons use leadscore.merge_person(); for the application's own key use external_id.")
            .raise();
        }
        return Ok(Some(new.into_owned()));
    }
    let config = config::current(pg::schema_of(trigger.relid()?));
    let recorded = new.get_by_name::<TimestampWithTimeZone>("recorded_at").ok().flatten();
    if !config.live && recorded.is_none_or(|at| i64::from(at) != pg::now()) {
        // A restore brings the row with its score.
        return Ok(Some(new.into_owned()));
    }
    let kind = new.get_by_name::<String>("kind").ok().flatten().unwrap_or_default();
    let mut new = new.into_owned();
    let written = new
        .set_by_name("score", 0i64)
        .and_then(|()| new.set_by_name("category", scoring::category(&config.bands, &kind, 0).map(str::to_owned)))
        .and_then(|()| new.set_by_name("last_activity_at", None::<TimestampWithTimeZone>))
        .and_then(|()| new.set_by_name("scored_through", None::<Date>))
        .and_then(|()| new.set_by_name("penalised", false));
    if let Err(e) = written {
        error!("leadscore: a person's row cannot be completed: {e}");
    }
    Ok(Some(new))
}

/// `BEFORE … FOR EACH STATEMENT` on `leadscore.person` and on attached tables that are written back.
pub fn write_begins<'a>(_trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    pg::lock_as_writer(pg::table(pg::own_schema(), "state"));
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>)
}

/// A changed row, with the savepoint in which it changed.
struct Changed {
    savepoint: u32,
    person_id: i64,
    concerned: Concerned,
}

thread_local! {
    /// Persons whose row trigger fired and whose statement trigger has not yet.
    static CHANGED: RefCell<Vec<Changed>> = const { RefCell::new(Vec::new()) };
}

/// Forgets persons that were noted in a savepoint, or in one within it: it was rolled back.
pub fn forget_noted(savepoint: u32) {
    CHANGED.with_borrow_mut(|noted| noted.retain(|changed| changed.savepoint < savepoint));
}

/// What of a person a changed row concerns.
enum Concerned {
    Nothing,
    /// Activity rules that apply now and did not before, or the other way round; none is capped.
    Rules(Vec<i32>),
    Everything,
}

fn concerned<W: WhoAllocated>(config: &Config, old: &PgHeapTuple<W>, new: &PgHeapTuple<W>) -> Concerned {
    let since = |person: &PgHeapTuple<W>| person.get_by_name::<TimestampWithTimeZone>("since").ok().flatten().map(i64::from);
    let text = |person: &PgHeapTuple<W>, column| person.get_by_name::<String>(column).ok().flatten();
    if since(old) != since(new) || text(old, "kind") != text(new, "kind") {
        return Concerned::Everything;
    }
    let (before, after) = (text(old, "status"), text(new, "status"));
    let differ = |rule: &&Rule| rule.is_for_status(before.as_deref()) != rule.is_for_status(after.as_deref());
    let rules: Vec<&Rule> = config.rules().filter(differ).collect();
    if rules.is_empty() {
        Concerned::Nothing
    } else if rules.iter().any(|rule| rule.inactivity || rule.is_capped()) {
        Concerned::Everything
    } else {
        Concerned::Rules(rules.iter().map(|rule| rule.rule_id).collect())
    }
}

/// `AFTER UPDATE OF kind, status, since` on `leadscore.person`: for each row it notes whom, for
/// the statement it derives them anew as one set.
pub fn person_changed<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    if let (PgTriggerLevel::Row, Some(old), Some(new)) = (trigger.level(), trigger.old(), trigger.new()) {
        let config = config::current(pg::schema_of(trigger.relid()?));
        let concerned = concerned(&config, &old, &new);
        if let Ok(Some(person_id)) = new.get_by_name::<i64>("person_id")
            && !matches!(concerned, Concerned::Nothing)
        {
            CHANGED.with_borrow_mut(|noted| noted.push(Changed { savepoint: pg::current_savepoint(), person_id, concerned }));
        }
    } else {
        let changed = CHANGED.take();
        let mut by_rules = Vec::new();
        let mut everything = Vec::new();
        for Changed { person_id, concerned, .. } in changed {
            match concerned {
                Concerned::Rules(rules) => by_rules.push((person_id, rules)),
                _ => everything.push(person_id),
            }
        }
        if !everything.is_empty() {
            // Persons are locked in one order, so all of them together.
            everything.extend(by_rules.drain(..).map(|(person_id, _)| person_id));
            rescore::derive_anew(&config::current(pg::schema_of(trigger.relid()?)), everything);
        } else if !by_rules.is_empty() {
            rescore::derive_rules(&config::current(pg::schema_of(trigger.relid()?)), by_rules);
        }
    }
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>)
}
