//! What a new activity means for its person, when that can be said by looking at the activity
//! and the person's row alone. It gives the same as `sql/derive.sql`, which is the meaning; the
//! property test holds the two together. Pure: no database is asked anything here.

use crate::score::calendar::{Day, Span, worth};
use crate::error::Refusal;
use pgrx::PgSqlErrorCode as Code;
use serde::Deserialize;

/// A rule that is enabled, as far as scoring needs to know it: what `sql/configuration.sql` says of it.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(Default))]
pub struct Rule {
    pub rule_id: i32,
    pub points: i32,
    pub person_kinds: Option<Vec<String>>,
    pub statuses: Option<Vec<String>>,
    /// Silence is penalised, instead of activity rewarded.
    pub inactivity: bool,
    /// Worth falls linearly over `relevant_for`.
    pub decays: bool,
    pub max_per_day: Option<usize>,
    pub max_counted: Option<usize>,
    pub relevant_for: Option<Span>,
    pub inactive_for: Option<Span>,
    pub repeat_every: Option<Span>,
    pub max_repeats: Option<i32>,
    pub effective_from: Option<Day>,
    /// Silence of what only the website sees, where not everybody may be seen.
    pub online: bool,
    /// It takes every activity, whatever its type and attributes.
    #[serde(skip)]
    pub takes_all: bool,
}

fn holds(set: &Option<Vec<String>>, value: Option<&str>) -> bool {
    match set {
        None => true,
        Some(set) => value.is_some_and(|value| set.iter().any(|member| member == value)),
    }
}

impl Rule {
    pub fn applies_to(&self, person: &Person) -> bool {
        holds(&self.person_kinds, Some(person.kind)) && self.is_for_status(person.status)
    }

    pub fn is_for_status(&self, status: Option<&str>) -> bool {
        holds(&self.statuses, status)
    }

    /// What it gives for one activity depends on others.
    pub fn is_capped(&self) -> bool {
        self.max_per_day.is_some() || self.max_counted.is_some()
    }
}

/// A person as it stands, locked.
#[derive(Debug)]
pub struct Person<'a> {
    pub kind: &'a str,
    pub status: Option<&'a str>,
    pub score: i64,
    /// The day through which records that have begun are counted.
    pub reach: Day,
    /// The later of the days of `since` and of the last activity.
    pub last_day: Day,
    pub penalised: bool,
}

/// A score record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Record {
    /// `None` for a penalty or an adjustment.
    pub activity_id: Option<i64>,
    /// `None` for an adjustment.
    pub rule_id: Option<i32>,
    pub adjustment_id: Option<i64>,
    pub points: i32,
    pub counts_from: Day,
    pub counts_until: Option<Day>,
    pub decays_until: Option<Day>,
}

/// The person must be derived anew: more than its row and the activity matters.
#[derive(Debug, PartialEq)]
pub struct Unclear;

/// Scores one new activity on `day` by the rules that match its type and attributes: adds what
/// it gives to `records` and to the person's score, or says that this does not tell everything.
/// `scored_on` is the day for which scores stand.
///
/// # Errors
/// A refusal when the score leaves the range of bigint.
pub fn score_activity<'r>(
    person: &mut Person,
    matching: impl Iterator<Item = &'r Rule>,
    activity_id: i64,
    day: Day,
    scored_on: Day,
    records: &mut Vec<Record>,
) -> Result<Result<(), Unclear>, Refusal> {
    if day > person.reach {
        return Ok(Err(Unclear));
    }
    for rule in matching {
        if !rule.applies_to(person) {
            continue;
        }
        if rule.inactivity {
            let penalty_later = rule.inactive_for.and_then(|length| length.after(day)).is_none_or(|due| due > scored_on);
            if person.penalised || day < person.last_day || !penalty_later {
                return Ok(Err(Unclear));
            }
            continue;
        }
        if rule.effective_from.is_some_and(|first| day < first) {
            continue;
        }
        if rule.is_capped() {
            return Ok(Err(Unclear));
        }
        let window_end = rule.relevant_for.and_then(|length| length.after(day));
        if window_end.is_some_and(|end| end <= scored_on) {
            continue;
        }
        let decays_until = if rule.decays { window_end } else { None };
        let points = worth(rule.points, day, decays_until, day.max(scored_on));
        person.score = person.score.checked_add(points).ok_or_else(|| {
            out_of_range().detail(format!("Activity {activity_id} would take the person's score beyond bigint."))
        })?;
        records.push(Record {
            activity_id: Some(activity_id),
            rule_id: Some(rule.rule_id),
            adjustment_id: None,
            points: rule.points,
            counts_from: day,
            counts_until: window_end,
            decays_until,
        });
    }
    Ok(Ok(()))
}

/// The refusal of a score beyond its type.
pub fn out_of_range() -> Refusal {
    Refusal::new(Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, "score out of range")
        .detail("A score is a bigint.")
        .hint("Lower the rules' points.")
}

/// A category's band of scores; an empty `band_kind` is for kinds that have none of their own.
#[derive(Debug, Deserialize)]
pub struct Band {
    pub band_kind: String,
    pub name: String,
    pub low: Option<i64>,
    pub high: Option<i64>,
}

/// The category in which a score of a person of this kind falls; `None` without categories.
pub fn category<'b>(bands: &'b [Band], kind: &str, score: i64) -> Option<&'b str> {
    let band_kind = if bands.iter().any(|band| band.band_kind == kind) { kind } else { "" };
    bands
        .iter()
        .find(|b| b.band_kind == band_kind && b.low.is_none_or(|low| score >= low) && b.high.is_none_or(|high| score < high))
        .map(|b| b.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Day = Day(9000);

    fn person() -> Person<'static> {
        Person { kind: "candidate", status: Some("active"), score: 5, reach: TODAY, last_day: Day(8990), penalised: false }
    }

    fn rule() -> Rule {
        Rule { rule_id: 1, points: 10, relevant_for: Some(Span { months: 0, days: 60 }), ..Rule::default() }
    }

    fn score(person: &mut Person, rule: Rule, day: Day) -> Result<Vec<Record>, Unclear> {
        let mut records = Vec::new();
        score_activity(person, [rule].iter(), 7, day, TODAY, &mut records).unwrap().map(|()| records)
    }

    #[test]
    fn a_plain_rule_gives_a_record_and_its_points() {
        let mut p = person();
        let records = score(&mut p, rule(), TODAY).unwrap();
        assert_eq!(p.score, 15);
        assert_eq!((records[0].counts_from, records[0].counts_until), (TODAY, Some(Day(9060))));
    }

    #[test]
    fn what_is_over_gives_nothing() {
        let mut p = person();
        assert_eq!(score(&mut p, rule(), Day(8940)), Ok(vec![]));
        assert_eq!(score(&mut p, rule(), Day(8941)).unwrap().len(), 1);
        assert_eq!(score(&mut p, Rule { effective_from: Some(TODAY), ..rule() }, Day(8999)), Ok(vec![]));
        assert_eq!(p.score, 15);
    }

    #[test]
    fn late_decay_gives_what_is_left() {
        let mut p = person();
        score(&mut p, Rule { decays: true, ..rule() }, Day(8970)).unwrap();
        assert_eq!(p.score, 10);
    }

    #[test]
    fn kind_and_status_decide() {
        let mut p = person();
        assert_eq!(score(&mut p, Rule { statuses: Some(vec!["placed".into()]), ..rule() }, TODAY), Ok(vec![]));
        assert_eq!(score(&mut p, Rule { person_kinds: Some(vec!["contact".into()]), ..rule() }, TODAY), Ok(vec![]));
        p.status = None;
        assert_eq!(score(&mut p, Rule { statuses: Some(vec!["active".into()]), ..rule() }, TODAY), Ok(vec![]));
    }

    #[test]
    fn what_needs_other_activities_is_unclear() {
        assert_eq!(score(&mut person(), Rule { max_counted: Some(1), ..rule() }, TODAY), Err(Unclear));
        assert_eq!(score(&mut person(), rule(), Day(9001)), Err(Unclear));
        let silence = || Rule { inactivity: true, inactive_for: Some(Span { months: 0, days: 30 }), ..rule() };
        assert_eq!(score(&mut person(), silence(), TODAY), Ok(vec![]));
        assert_eq!(score(&mut person(), silence(), Day(8989)), Err(Unclear));
        assert_eq!(score(&mut Person { last_day: Day(8000), ..person() }, silence(), Day(8970)), Err(Unclear));
        assert_eq!(score(&mut Person { penalised: true, ..person() }, silence(), TODAY), Err(Unclear));
    }

    #[test]
    fn scores_stay_in_range() {
        let mut p = Person { score: i64::MAX - 9, ..person() };
        let refused = score_activity(&mut p, [rule()].iter(), 7, TODAY, TODAY, &mut Vec::new());
        assert_eq!(refused.unwrap_err().message, "score out of range");
    }

    #[test]
    fn bands_have_no_gap() {
        let band = |kind: &str, name: &str, low, high| Band { band_kind: kind.into(), name: name.into(), low, high };
        let bands = [band("", "cold", None, Some(50)), band("", "warm", Some(50), None), band("contact", "known", None, None)];
        assert_eq!(category(&bands, "candidate", -10), Some("cold"));
        assert_eq!(category(&bands, "candidate", 50), Some("warm"));
        assert_eq!(category(&bands, "contact", 50), Some("known"));
        assert_eq!(category(&[], "contact", 50), None);
    }
}
