//! What follows where less than the whole history tells it: a new activity, days that pass in
//! silence, rules that apply now or no longer. Each gives the same as [`crate::derive`], or says that more has to
//! be known.

use crate::activity::{Activity, newest_first};
use crate::calendar::Day;
use crate::configuration::Configuration;
use crate::derive::{self, Outcome};
use crate::person::{Person, Standpoint};
use crate::record::{Fade, Record, RecordKind, earlier};
use crate::refusal::Refusal;
use crate::rule::{Rule, RuleKind};
use crate::silence::{self, Penalty};
use std::collections::BTreeSet;

/// More has to be known: the person must be derived anew.
#[derive(Debug, PartialEq)]
pub struct Unclear;

/// A person as it stands, as far as a new activity concerns it.
#[derive(Debug, Clone, Copy)]
pub struct Present {
    /// The score on `main`.
    pub score: i64,
    pub at: Standpoint,
    /// The later of the days of `since` and of the last activity.
    pub last_day: Day,
    pub is_penalised: bool,
}

/// Scores one new activity by the rules that match its type and attributes: adds what it gives to
/// `records` and to the score, or says that this does not tell everything.
///
/// # Errors
/// A refusal when the score leaves the range of bigint.
pub fn score_activity<'r>(
    configuration: &Configuration,
    person: &Person,
    present: &mut Present,
    matching: impl Iterator<Item = &'r Rule>,
    activity_id: i64,
    day: Day,
    records: &mut Vec<Record>,
) -> Result<Result<(), Unclear>, Refusal> {
    let at = present.at;
    if day > at.reach {
        return Ok(Err(Unclear));
    }
    if !person.is_active {
        return Ok(Ok(()));
    }
    for rule in matching {
        if !rule.applies_to(person) {
            continue;
        }
        if !configuration.adds_up(rule) {
            return Ok(Err(Unclear));
        }
        match rule.kind {
            RuleKind::Inactivity => {
                let penalty_later = rule.inactive_for.and_then(|length| length.after(day)).is_none_or(|due| due > at.scored_on);
                if present.is_penalised || day < present.last_day || !penalty_later {
                    return Ok(Err(Unclear));
                }
                continue;
            }
            RuleKind::Frequency => return Ok(Err(Unclear)),
            RuleKind::Profile => continue,
            RuleKind::Activity => {}
        }
        if !rule.takes_effect_by(day) {
            continue;
        }
        // A halving record is due on days that must be noted.
        if rule.is_capped() || rule.half_life.is_some() {
            return Ok(Err(Unclear));
        }
        let window_end = rule.relevant_for.and_then(|length| length.after(day));
        if window_end.is_some_and(|end| end <= at.scored_on) {
            continue;
        }
        let record = Record {
            kind: RecordKind::Activity,
            rule_id: Some(rule.rule_id),
            activity_id: Some(activity_id),
            adjustment_id: None,
            card: rule.card,
            points: rule.points,
            counts_from: day,
            counts_until: window_end,
            fade: Fade::of(rule, window_end),
        };
        present.score = present.score.checked_add(record.counted(at)).ok_or_else(|| {
            Refusal::score_out_of_range().detail(format!("Activity {activity_id} would take the person's score beyond bigint."))
        })?;
        records.push(record);
    }
    Ok(Ok(()))
}

/// What days of silence bring.
#[derive(Debug, PartialEq)]
pub struct Silence {
    /// The penalties that count.
    pub records: Vec<Record>,
    /// Whether the silence has brought a penalty, in these days or before.
    pub is_penalised: bool,
    /// The day of the next penalty.
    pub due_on: Option<Day>,
}

/// What the days after `last_day`, until `today`, bring to a person whose silence lasts since
/// `touch`, a day not after `last_day`. `silences` are the inactivity rules that apply.
pub fn silence<'r>(touch: Day, silences: impl Iterator<Item = &'r Rule>, last_day: Day, today: Day) -> Silence {
    let mut found = Silence { records: Vec::new(), is_penalised: false, due_on: None };
    for rule in silences {
        let touches = BTreeSet::from([rule.no_earlier(touch)]);
        for penalty in silence::penalties(rule, &touches, today, today) {
            if penalty.due_on > today {
                found.due_on = earlier(found.due_on, Some(penalty.due_on));
                continue;
            }
            found.is_penalised = true;
            let lasts = |penalty: &Penalty| penalty.window_end.is_none_or(|end| end > today);
            if penalty.due_on > last_day && lasts(&penalty) {
                found.records.push(penalty.record(rule));
            }
        }
    }
    found
}

/// Whether the passing of days alone can be told from a person's row and the records that end: nothing else
/// than silence, which any activity ends, can be due.
pub fn silence_tells_all(configuration: &Configuration, person: &Person) -> bool {
    !configuration.looks_at.frequency
        && !configuration.looks_at.halving
        && configuration.rules.iter().filter(|rule| rule.applies_to(person)).all(|rule| match rule.kind {
            // It may begin to count on a day of its own.
            RuleKind::Profile => rule.no_earlier(person.since) <= person.since,
            RuleKind::Inactivity => rule.takes_all && !rule.online && configuration.adds_up(rule),
            _ => true,
        })
}

/// The records of some activity rules, none of them capped, that count or will count: what a status that
/// changes makes of a person, as far as these rules go.
pub fn activity_records(person: &Person, mut activities: Vec<Activity>, at: Standpoint) -> Vec<Record> {
    newest_first(&mut activities);
    let mut records = Vec::new();
    if person.is_active {
        derive::each_activity_outcome(person, &activities, |_, _, outcome| {
            if let Outcome::Candidate(candidate) = outcome
                && candidate.stands(at)
            {
                records.push(candidate.record);
            }
        });
    }
    records
}

/// The activity rules among those that apply before or after a change but not both, if the change of a status or of
/// what fits is all told by their records alone; [`Unclear`] if it is not.
///
/// # Errors
/// [`Unclear`] when a person must be derived anew.
pub fn rules_of_change(configuration: &Configuration, before: &Person, after: &Person) -> Result<Vec<i32>, Unclear> {
    if before.kind != after.kind || before.since != after.since || before.is_active != after.is_active {
        return Err(Unclear);
    }
    let changed: Vec<&Rule> =
        configuration.rules.iter().filter(|rule| rule.applies_to(before) != rule.applies_to(after)).collect();
    let is_simple = |rule: &&Rule| {
        rule.kind == RuleKind::Activity && !rule.is_capped() && rule.half_life.is_none() && configuration.adds_up(rule)
    };
    if changed.iter().all(is_simple) { Ok(changed.iter().map(|rule| rule.rule_id).collect()) } else { Err(Unclear) }
}
