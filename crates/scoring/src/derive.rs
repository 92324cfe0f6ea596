//! The meaning of a score: what all that is registered on one person gives.

use crate::activity::{Activity, History, newest_first};
use crate::calendar::Day;
use crate::configuration::Configuration;
use crate::frequency;
use crate::person::{Person, Standpoint};
use crate::record::{Fade, Record, RecordKind, earlier};
use crate::refusal::Refusal;
use crate::rule::{Rule, RuleKind};
use crate::silence;
use std::collections::HashMap;

/// What follows for a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The records that count or will count.
    pub records: Vec<Record>,
    /// The score on each scorecard, by its place; `main`'s is the first.
    pub scores: Vec<i64>,
    /// The latest instant of an activity.
    pub last_activity_at: Option<i64>,
    /// Whether the present silence has brought a penalty, which activity would clear.
    pub is_penalised: bool,
    /// A lower bound of the day on which anything but expiry and linear decay changes a score.
    pub due_on: Option<Day>,
}

/// What can give points, on no particular day.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'r> {
    /// The record that it becomes where it stands.
    pub record: Record,
    /// `None` for an adjustment.
    pub rule: Option<&'r Rule>,
    /// The end of its own window.
    pub window_end: Option<Day>,
    /// The day on which newer records displace it, or activity clears it.
    pub displaced_on: Option<Day>,
    /// The day of the next touch after a penalty, whether or not that clears it.
    next_touch: Option<Day>,
}

impl Candidate<'_> {
    /// Whether it counts on the day for which scores stand, or will count later.
    pub fn stands(&self, at: Standpoint) -> bool {
        self.window_end.is_none_or(|end| end > at.scored_on)
            && self.displaced_on.is_none_or(|day| day > at.reach && day > self.record.counts_from)
    }

    /// Whether it is part of the score: penalties fall due by the day for which scores stand, other records have
    /// begun to count.
    pub fn counts(&self, at: Standpoint) -> bool {
        let by = if self.record.kind == RecordKind::Penalty { at.scored_on } else { at.reach };
        self.stands(at) && self.record.counts_from <= by
    }
}

/// What becomes of an activity by a rule that applies to the person and matches it.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'r> {
    Candidate(Candidate<'r>),
    /// It lies before `effective_from`.
    TooEarly,
    /// Newer ones of that day take its place (`max_per_day`).
    NotOfTheNewest,
}

/// Hands over what becomes of each activity by each activity rule that applies and matches. The activities
/// come newest first.
pub fn each_activity_outcome<'r>(
    person: &Person,
    activities: &[Activity<'r>],
    mut take: impl FnMut(&Activity<'r>, &'r Rule, Outcome<'r>),
) {
    // Of each capped rule the days of its records so far, the newest first.
    let mut newer: HashMap<i32, Vec<Day>> = HashMap::new();
    for activity in activities {
        let day = activity.day;
        for &rule in activity.matching.iter().filter(|rule| rule.kind == RuleKind::Activity && rule.applies_to(person)) {
            if !rule.takes_effect_by(day) {
                take(activity, rule, Outcome::TooEarly);
                continue;
            }
            let mut displaced_on = None;
            if rule.is_capped() {
                let limit = |most: Option<i32>| most.and_then(|most| usize::try_from(most).ok());
                let days = newer.entry(rule.rule_id).or_default();
                let on_that_day = days.iter().rev().take_while(|&&newer| newer == day);
                if limit(rule.max_per_day).is_some_and(|most| on_that_day.take(most).count() == most) {
                    take(activity, rule, Outcome::NotOfTheNewest);
                    continue;
                }
                displaced_on = limit(rule.max_counted).and_then(|most| days.len().checked_sub(most)).map(|nth| days[nth]);
                days.push(day);
            }
            let window_end = rule.relevant_for.and_then(|length| length.after(day));
            let record = Record {
                kind: RecordKind::Activity,
                rule_id: Some(rule.rule_id),
                activity_id: Some(activity.activity_id),
                adjustment_id: None,
                card: rule.card,
                points: rule.points,
                counts_from: day,
                counts_until: earlier(window_end, displaced_on),
                fade: Fade::of(rule, window_end),
            };
            take(
                activity,
                rule,
                Outcome::Candidate(Candidate { record, rule: Some(rule), window_end, displaced_on, next_touch: None }),
            );
        }
    }
}

/// The record of a profile rule that applies.
fn profile<'r>(rule: &'r Rule, since: Day) -> Candidate<'r> {
    let counts_from = rule.no_earlier(since);
    let window_end = rule.relevant_for.and_then(|length| length.after(counts_from));
    let record = Record {
        kind: RecordKind::Profile,
        rule_id: Some(rule.rule_id),
        activity_id: None,
        adjustment_id: None,
        card: rule.card,
        points: rule.points,
        counts_from,
        counts_until: window_end,
        fade: Fade::of(rule, window_end),
    };
    Candidate { record, rule: Some(rule), window_end, displaced_on: None, next_touch: None }
}

/// The activities that match a rule, in the order in which they are given.
pub fn matching<'a, 'r>(rule: &Rule, activities: &'a [Activity<'r>]) -> Vec<&'a Activity<'r>> {
    activities.iter().filter(|activity| activity.matches(rule)).collect()
}

/// Hands over all that can give points on a day or later, with the penalties that fall due until another day
/// if nothing more is registered, and of each silence that lasts the first one after it. The activities come
/// newest first.
pub fn each_candidate<'r>(
    configuration: &'r Configuration,
    person: &Person,
    history: &History<'r>,
    from_day: Day,
    until_day: Day,
    mut take: impl FnMut(Candidate<'r>),
) {
    let activities = &history.activities;
    each_activity_outcome(person, activities, |_, _, outcome| {
        if let Outcome::Candidate(candidate) = outcome {
            take(candidate);
        }
    });
    for rule in configuration.rules.iter().filter(|rule| rule.kind != RuleKind::Activity && rule.applies_to(person)) {
        match rule.kind {
            RuleKind::Activity => {}
            RuleKind::Inactivity => {
                let days = activities.iter().filter(|activity| activity.matches(rule)).map(|activity| activity.day);
                for penalty in silence::penalties(rule, &silence::touches(rule, person.since, days), from_day, until_day) {
                    take(Candidate {
                        record: penalty.record(rule),
                        rule: Some(rule),
                        window_end: penalty.window_end,
                        displaced_on: penalty.cleared_on(),
                        next_touch: penalty.next_touch,
                    });
                }
            }
            RuleKind::Frequency => {
                let records = frequency::records(rule, &matching(rule, activities));
                for (nth, &record) in records.iter().enumerate() {
                    // Between two runs one that is over and one that has begun would both stand.
                    let displaced_on = records.get(nth + 1).map(|next| next.counts_from);
                    let window_end = record.counts_until;
                    take(Candidate { record, rule: Some(rule), window_end, displaced_on, next_touch: None });
                }
            }
            RuleKind::Profile => take(profile(rule, person.since)),
        }
    }
    for adjustment in &history.adjustments {
        let record = Record {
            kind: RecordKind::Adjustment,
            rule_id: None,
            activity_id: None,
            adjustment_id: Some(adjustment.adjustment_id),
            card: adjustment.card,
            points: adjustment.points,
            counts_from: adjustment.from_day,
            counts_until: adjustment.until_day,
            fade: Fade::None,
        };
        take(Candidate { record, rule: None, window_end: adjustment.until_day, displaced_on: None, next_touch: None });
    }
}

/// The sum of what records add, by scorecard.
pub fn sums(configuration: &Configuration, records: &[Record], points: impl Fn(&Record) -> i64) -> Vec<i128> {
    let mut sums = vec![0i128; configuration.cards.count()];
    for record in records {
        // A stored record of a scorecard that is gone adds to none.
        if let Some(sum) = sums.get_mut(record.card as usize) {
            *sum += i128::from(points(record));
        }
    }
    sums
}

/// The scores on a day of records that are known to count on it or later.
///
/// # Errors
/// A refusal when a score leaves the range of bigint.
pub fn scores_on(configuration: &Configuration, records: &[Record], day: Day) -> Result<Vec<i64>, Refusal> {
    configuration.cards.scores(&sums(configuration, records, |record| record.points_on(day)))
}

/// Derives a person's standing from all that is registered on it, in any order.
///
/// # Errors
/// A refusal when a score leaves the range of bigint.
pub fn derive<'r>(
    configuration: &'r Configuration,
    person: &Person,
    mut history: History<'r>,
    at: Standpoint,
) -> Result<Standing, Refusal> {
    newest_first(&mut history.activities);
    let last_activity_at = history.activities.first().map(|activity| activity.occurred_at);
    if !person.is_active {
        let scores = vec![0; configuration.cards.count()];
        return Ok(Standing { records: Vec::new(), scores, last_activity_at, is_penalised: false, due_on: None });
    }
    let mut records = Vec::new();
    let mut is_penalised = false;
    let mut due_on = None;
    each_candidate(configuration, person, &history, at.scored_on, at.scored_on, |candidate| {
        let record = candidate.record;
        if record.kind == RecordKind::Penalty {
            if record.counts_from > at.scored_on {
                due_on = earlier(due_on, Some(record.counts_from));
                return;
            }
            is_penalised |= candidate.next_touch.is_none_or(|day| day > at.reach);
        }
        if candidate.stands(at) {
            records.push(record);
        }
    });
    for record in &records {
        if record.counts_from > at.reach {
            due_on = earlier(due_on, Some(record.counts_from));
        } else {
            due_on = earlier(due_on, record.next_halving(at.scored_on));
        }
    }
    let scores = configuration.cards.scores(&sums(configuration, &records, |record| record.counted(at)))?;
    let due_on = if at.reach > at.scored_on { Some(at.scored_on) } else { due_on };
    Ok(Standing { records, scores, last_activity_at, is_penalised, due_on })
}

/// The records that count on a day or later, with the penalties that fall due until another day if nothing
/// more is registered.
pub fn records_between<'r>(
    configuration: &'r Configuration,
    person: &Person,
    history: &mut History<'r>,
    from_day: Day,
    until_day: Day,
) -> Vec<Record> {
    let mut records = Vec::new();
    if person.is_active {
        newest_first(&mut history.activities);
        each_candidate(configuration, person, history, from_day, until_day, |candidate| {
            let record = candidate.record;
            let is_to_come = record.kind == RecordKind::Penalty && record.counts_from > until_day;
            if candidate.stands(Standpoint::on(from_day)) && !is_to_come {
                records.push(record);
            }
        });
    }
    records
}

/// The scores on a day, by scorecard.
///
/// # Errors
/// A refusal when a score leaves the range of bigint.
pub fn score_at<'r>(
    configuration: &'r Configuration,
    person: &Person,
    history: &mut History<'r>,
    day: Day,
) -> Result<Vec<i64>, Refusal> {
    if !person.is_active {
        return Ok(vec![0; configuration.cards.count()]);
    }
    scores_on(configuration, &records_between(configuration, person, history, day, day), day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Interval;
    use crate::rule::Decay;

    const TODAY: Day = Day(9000);

    fn days(days: i32) -> Option<Interval> {
        Some(Interval::of_days(days))
    }

    fn rule(rule_id: i32) -> Rule {
        Rule { rule_id, name: format!("rule {rule_id}"), points: 10, relevant_for: days(60), ..Rule::default() }
    }

    fn silence() -> Rule {
        Rule { kind: RuleKind::Inactivity, points: -4, relevant_for: None, inactive_for: days(30), ..rule(9) }
    }

    fn person(since: i32) -> Person<'static> {
        Person { kind: "candidate", status: Some("active"), since: Day(since), is_active: true, fits: &[], is_unseen: false }
    }

    fn configuration(rules: &[Rule]) -> Configuration {
        Configuration::new(None, rules.to_vec(), vec![], vec![]).unwrap()
    }

    /// Activities on these days, each matching all rules that take any; their ids count from 1.
    fn history<'r>(configuration: &'r Configuration, on: &[i32]) -> History<'r> {
        let matching: Vec<&Rule> = configuration.rules.iter().filter(|rule| rule.kind != RuleKind::Profile).collect();
        let activity = |(nth, &day): (usize, &i32)| Activity {
            activity_id: nth as i64 + 1,
            occurred_at: i64::from(day) * 86_400_000_000,
            day: Day(day),
            matching: matching.clone().into(),
        };
        History { activities: on.iter().enumerate().map(activity).collect(), adjustments: vec![] }
    }

    fn standing(rules: &[Rule], on: &[i32], since: i32) -> Standing {
        let configuration = configuration(rules);
        derive(&configuration, &person(since), history(&configuration, on), Standpoint::on(TODAY)).unwrap()
    }

    /// Activity, first day and the day after the last of each record.
    fn records(standing: &Standing) -> Vec<(Option<i64>, i32, Option<i32>)> {
        let mut records: Vec<_> =
            standing.records.iter().map(|r| (r.activity_id, r.counts_from.0, r.counts_until.map(|day| day.0))).collect();
        records.sort_unstable();
        records
    }

    #[test]
    fn windows_end_and_the_future_waits() {
        let standing = standing(&[rule(1)], &[8940, 8941, 9000, 9002], 8000);
        assert_eq!(records(&standing), [(Some(2), 8941, Some(9001)), (Some(3), 9000, Some(9060)), (Some(4), 9002, Some(9062))]);
        assert_eq!((standing.scores[0], standing.due_on), (20, Some(Day(9002))));
    }

    #[test]
    fn the_newest_of_a_day_remain() {
        let capped = Rule { max_per_day: Some(1), ..rule(1) };
        assert_eq!(
            records(&standing(&[capped], &[8990, 8990, 8991], 8000)),
            [(Some(2), 8990, Some(9050)), (Some(3), 8991, Some(9051))]
        );
    }

    #[test]
    fn newer_records_displace() {
        let capped = Rule { max_counted: Some(2), relevant_for: None, ..rule(1) };
        let standing = standing(&[capped], &[8990, 8995, 9000, 9004], 8000);
        // The one of 8995 counts until the second newer one, of 9004, starts.
        assert_eq!(records(&standing), [(Some(2), 8995, Some(9004)), (Some(3), 9000, None), (Some(4), 9004, None)]);
        assert_eq!(standing.scores[0], 20);
    }

    #[test]
    fn silence_is_penalised_until_activity_resumes() {
        let repeated = Rule { repeat_every: days(10), max_repeats: Some(3), ..silence() };
        let silent = standing(std::slice::from_ref(&repeated), &[], 8955);
        assert_eq!(records(&silent), [(None, 8985, None), (None, 8995, None)]);
        assert_eq!((silent.scores[0], silent.is_penalised, silent.due_on), (-8, true, Some(Day(9005))));
        let resumed = standing(&[repeated], &[8999], 8955);
        assert_eq!((records(&resumed), resumed.is_penalised, resumed.due_on), (vec![], false, Some(Day(9029))));
    }

    #[test]
    fn a_planned_activity_excuses_a_silence() {
        let excused = Rule { excused_by_planned: true, ..silence() };
        assert_eq!(standing(std::slice::from_ref(&excused), &[], 8955).scores, [-4]);
        assert_eq!(standing(std::slice::from_ref(&excused), &[9010], 8955).scores, [0]);
        assert_eq!(standing(&[silence()], &[9010], 8955).scores, [-4]);
        // Its own silence, from 9010, is to come.
        assert_eq!(standing(&[excused], &[9010], 8955).due_on, Some(Day(9040)));
    }

    #[test]
    fn a_penalty_with_a_window_stays_when_activity_resumes() {
        let windowed = Rule { relevant_for: days(20), ..silence() };
        let standing = standing(&[windowed], &[8999], 8955);
        assert_eq!((records(&standing), standing.is_penalised), (vec![(None, 8985, Some(9005))], false));
    }

    #[test]
    fn a_profile_counts_from_since_on() {
        let profile = Rule { kind: RuleKind::Profile, relevant_for: days(10), ..rule(3) };
        assert_eq!(records(&standing(std::slice::from_ref(&profile), &[8999], 8995)), [(None, 8995, Some(9005))]);
        assert_eq!(standing(std::slice::from_ref(&profile), &[], 8995).scores, [10]);
        assert_eq!(standing(std::slice::from_ref(&profile), &[], 8990).scores, [0]);
        let later = Rule { effective_from: Some(Day(9003)), ..profile };
        let standing = standing(&[later], &[], 8000);
        assert_eq!((standing.scores[0], standing.due_on), (0, Some(Day(9003))));
    }

    #[test]
    fn halving_records_are_due_when_they_halve() {
        let halving = Rule { decay: Decay::Halving, half_life: days(7), relevant_for: None, ..rule(1) };
        let standing = standing(&[halving], &[8992], 8000);
        assert_eq!((standing.scores[0], standing.due_on), (5, Some(Day(9006))));
    }

    #[test]
    fn what_happened_since_the_last_run_counts_at_once() {
        let configuration = configuration(&[rule(1)]);
        let at = Standpoint { scored_on: TODAY, reach: Day(9002) };
        let standing = derive(&configuration, &person(8000), history(&configuration, &[8941, 9002]), at).unwrap();
        // The one of 8941 ended on 9001, which the next run will see.
        assert_eq!((standing.scores[0], standing.due_on), (20, Some(TODAY)));
    }

    #[test]
    fn nothing_counts_for_who_is_not_active() {
        let configuration = configuration(&[rule(1), silence()]);
        let gone = Person { is_active: false, ..person(8000) };
        let standing = derive(&configuration, &gone, history(&configuration, &[8999]), Standpoint::on(TODAY)).unwrap();
        assert_eq!((standing.records.len(), standing.scores, standing.due_on), (0, vec![0], None));
        assert_eq!(standing.last_activity_at, Some(8999 * 86_400_000_000));
    }

    #[test]
    fn scores_stay_in_range() {
        let huge = Rule { points: i32::MAX, ..rule(1) };
        assert_eq!(standing(&[huge], &[9000; 3], 8000).scores, [3 * i64::from(i32::MAX)]);
    }
}
