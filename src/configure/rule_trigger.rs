//! Triggers on the configuration: a rule without a meaning is refused, and every change is told
//! to all backends.

use crate::configure::config;
use crate::configure::rule::{Interval, RuleRow};
use crate::error::{OrRaise, Refusal};
use crate::pg;
use pgrx::PgSqlErrorCode as Code;
use pgrx::datum::{Date, DatumWithOid, Interval as PgInterval, TimestampWithTimeZone};
use pgrx::prelude::*;

fn row(new: &PgHeapTuple<impl WhoAllocated>) -> RuleRow {
    let text = |column: &str| new.get_by_name::<String>(column).ok().flatten();
    let list = |column: &str| {
        let array = new.get_by_name::<pgrx::Array<&str>>(column).ok().flatten();
        array.map(|array| array.iter().map(|member| member.map(str::to_owned)).collect())
    };
    let number = |column: &str| new.get_by_name::<i32>(column).ok().flatten();
    let interval = |column: &str| {
        new.get_by_name::<PgInterval>(column).ok().flatten().map(|i| Interval {
            months: i.months(),
            days: i.days(),
            micros: i.micros(),
        })
    };
    RuleRow {
        name: text("name").unwrap_or_default(),
        kind: text("kind").unwrap_or_default(),
        activity_types: list("activity_types"),
        condition: new.get_by_name::<pg::JsonText>("condition").ok().flatten().map(|json| json.0),
        person_kinds: list("person_kinds"),
        statuses: list("statuses"),
        relevant_for: interval("relevant_for"),
        decay: text("decay").unwrap_or_default(),
        max_per_day: number("max_per_day"),
        max_counted: number("max_counted"),
        inactive_for: interval("inactive_for"),
        repeat_every: interval("repeat_every"),
        max_repeats: number("max_repeats"),
        effective_from_is_finite: new
            .get_by_name::<Date>("effective_from")
            .ok()
            .flatten()
            .map(|day| scoring::calendar::Day(day.to_pg_epoch_days()).is_within_calendar()),
    }
}

/// The first activity type of the rule that does not exist.
fn unknown_type(types: &Option<Vec<Option<String>>>) -> Option<String> {
    let types: Vec<String> = types.iter().flatten().flatten().cloned().collect();
    pg::in_own_settings(|| {
        Spi::get_one_with_args::<String>(
            "SELECT min(u.name) FROM unnest($1) u(name)
             WHERE NOT EXISTS (SELECT FROM leadscore.activity_type t WHERE t.activity_type = u.name)",
            &[DatumWithOid::from(types)],
        )
    })
    .unwrap_or_else(|e| error!("leadscore: {e}"))
}

fn refuse_unknown_type(rule: &RuleRow, name: &str) -> Refusal {
    Refusal::new(Code::ERRCODE_FOREIGN_KEY_VIOLATION, format!("rule \"{}\": activity type \"{name}\" does not exist", rule.name))
        .detail("A rule that waits for an activity which cannot be registered would never apply.")
        .hint(format!("INSERT INTO leadscore.activity_type (activity_type) VALUES ('{}');", name.replace('\'', "''")))
}

/// `BEFORE INSERT OR UPDATE … FOR EACH ROW` on `leadscore.rule`.
pub fn check_rule<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    let new = trigger.new().ok_or(PgTriggerError::NotTrigger)?;
    let rule = row(&new);
    rule.check().or_raise();
    // What was stored once can be restored, and its activity types may follow.
    let created = new.get_by_name::<TimestampWithTimeZone>("created_at").ok().flatten();
    let restored = trigger.old().is_none()
        && created.is_some_and(|at| i64::from(at) != pg::now())
        && !config::current(pg::schema_of(trigger.relid()?)).live;
    if !restored {
        rule.check_new().or_raise();
        if let Some(name) = rule.activity_types.as_ref().and_then(|_| unknown_type(&rule.activity_types)) {
            refuse_unknown_type(&rule, &name).raise();
        }
    }
    Ok(Some(new))
}

/// Raises what the trigger would raise for a row that is not to be stored; `known` are the
/// activity types that there would be.
pub fn check_assumed_rule(rule: &PgHeapTuple<impl WhoAllocated>, known: &[String]) {
    let rule = row(rule);
    rule.check().and_then(|()| rule.check_new()).or_raise();
    if let Some(name) = rule.activity_types.iter().flatten().flatten().find(|name| !known.contains(name)) {
        refuse_unknown_type(&rule, name).raise();
    }
}

/// Tells all backends, at commit, to read the configuration again.
pub fn forget_configuration() {
    let state = Spi::get_one::<pg_sys::Oid>("SELECT 'leadscore.state'::pg_catalog.regclass::pg_catalog.oid");
    if let Ok(Some(state)) = state {
        pg::invalidate(state);
    }
}
