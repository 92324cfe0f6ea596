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
use crate::scorecard::MAIN;
use crate::silence::{self, Penalty};
use std::borrow::Cow;
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

impl Present {
    fn gain(&mut self, points: i128, activity: &Activity) -> Result<(), Refusal> {
        let sum = i128::from(self.score) + points;
        self.score = i64::try_from(sum).map_err(|_| {
            Refusal::score_out_of_range(sum)
                .detail(format!("Activity {} would take the person's score to {sum}, beyond bigint.", activity.activity_id))
        })?;
        Ok(())
    }
}

/// The records of a person that stand, read when a rule asks for them that lets only some count.
pub struct Kept<'l> {
    read: &'l dyn Fn() -> Vec<Record>,
    instant: &'l dyn Fn(i64) -> Option<i64>,
    /// As they were read, with what came of other new activities since.
    records: Option<Vec<Record>>,
    added: Vec<Record>,
    displaced: Vec<Record>,
}

impl<'l> Kept<'l> {
    /// `read` reads those that are stored, `instant` finds when an activity occurred.
    pub fn new(read: &'l dyn Fn() -> Vec<Record>, instant: &'l dyn Fn(i64) -> Option<i64>) -> Kept<'l> {
        Kept { read, instant, records: None, added: Vec::new(), displaced: Vec::new() }
    }

    /// What is to be stored.
    pub fn added(&self) -> &[Record] {
        &self.added
    }

    /// What is stored and stands no longer.
    pub fn displaced(&self) -> &[Record] {
        &self.displaced
    }

    fn of(&mut self, rule: &Rule) -> Vec<Record> {
        let added = &self.added;
        let records = self.records.get_or_insert_with(|| {
            let mut records = (self.read)();
            records.extend(added);
            records
        });
        let is_of = |record: &&Record| record.kind == RecordKind::Activity && record.rule_id == Some(rule.rule_id);
        records.iter().filter(is_of).copied().collect()
    }

    fn add(&mut self, record: Record) {
        self.added.push(record);
        if let Some(records) = &mut self.records {
            records.push(record);
        }
    }

    fn displace(&mut self, record: Record) {
        if let Some(records) = &mut self.records {
            records.retain(|kept| *kept != record);
        }
        match self.added.iter().position(|added| *added == record) {
            Some(place) => drop(self.added.remove(place)),
            None => self.displaced.push(record),
        }
    }

    /// What a capped rule gives for a new activity, and what it takes: records that stand by it alone, and those that stand
    /// no longer. A new activity brings none back that stands no longer, so that the others tell all.
    fn exchange<'r>(
        &mut self,
        person: &Person,
        rule: &'r Rule,
        new: &Activity<'r>,
        at: Standpoint,
    ) -> Result<(Vec<Record>, Vec<Record>), Unclear> {
        let mut kept = self.of(rule);
        if rule.max_counted.is_none() {
            kept.retain(|record| record.counts_from == new.day);
        }
        // They may be of another scorecard until the next run, if the rule was moved.
        if kept.len() > MOST_KEPT || kept.iter().any(|record| record.card != rule.card) {
            return Err(Unclear);
        }
        let activity = |activity_id: i64, occurred_at: i64, day: Day| Activity {
            activity_id,
            occurred_at,
            day,
            matching: Cow::Owned(vec![rule]),
        };
        let mut activities = vec![activity(new.activity_id, new.occurred_at, new.day)];
        for record in &kept {
            let known = record.activity_id.and_then(|id| Some((id, (self.instant)(id)?)));
            let (id, occurred_at) = known.ok_or(Unclear)?;
            activities.push(activity(id, occurred_at, record.counts_from));
        }
        let mut standing = activity_records(person, activities, at);
        let displaced = kept.iter().filter(|record| !standing.contains(record)).copied().collect();
        standing.retain(|record| !kept.contains(record));
        Ok((standing, displaced))
    }
}

/// Of more records than these, deriving the person anew is as quick.
const MOST_KEPT: usize = 1_000;

/// Scores one new activity by the rules that match its type and attributes: adds what it gives to
/// what is kept and to the score, or says that this does not tell everything.
///
/// # Errors
/// A refusal when the score leaves the range of bigint.
pub fn score_activity<'r>(
    configuration: &Configuration,
    person: &Person,
    present: &mut Present,
    activity: &Activity<'r>,
    kept: &mut Kept,
) -> Result<Result<(), Unclear>, Refusal> {
    let (at, day) = (present.at, activity.day);
    if day > at.reach {
        return Ok(Err(Unclear));
    }
    if !person.is_active {
        return Ok(Ok(()));
    }
    for &rule in activity.matching.iter() {
        if !rule.applies_to(person) {
            continue;
        }
        if !configuration.adds_up(rule) {
            return Ok(Err(Unclear));
        }
        match rule.kind {
            RuleKind::Inactivity => {
                let penalty_later = rule.inactive_for.and_then(|length| length.after(day)).is_none_or(|due| due > at.scored_on);
                // An activity before the last one divides a silence that is over: its penalties are gone, unless the rule has a window
                // of its own or the last one is still to come.
                let is_over = present.last_day <= at.scored_on && rule.relevant_for.is_none();
                let tells_all = day >= present.last_day || is_over;
                if present.is_penalised || !tells_all || !penalty_later {
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
        if rule.half_life.is_some() {
            return Ok(Err(Unclear));
        }
        if rule.is_capped() {
            let (added, displaced) = match kept.exchange(person, rule, activity, at) {
                Ok(exchanged) => exchanged,
                Err(unclear) => return Ok(Err(unclear)),
            };
            let sum = |records: &[Record]| records.iter().map(|record| i128::from(record.counted(at))).sum::<i128>();
            present.gain(sum(&added) - sum(&displaced), activity)?;
            displaced.into_iter().for_each(|record| kept.displace(record));
            added.into_iter().for_each(|record| kept.add(record));
            continue;
        }
        let window_end = rule.relevant_for.and_then(|length| length.after(day));
        if window_end.is_some_and(|end| end <= at.scored_on) {
            continue;
        }
        let record = Record {
            kind: RecordKind::Activity,
            rule_id: Some(rule.rule_id),
            activity_id: Some(activity.activity_id),
            adjustment_id: None,
            card: rule.card,
            points: rule.points,
            counts_from: day,
            counts_until: window_end,
            fade: Fade::of(rule, window_end),
        };
        present.gain(record.counted(at).into(), activity)?;
        kept.add(record);
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
    let is_simple = changed.iter().all(|rule| gives_each_its_own(configuration, rule));
    if is_simple { Ok(changed.iter().map(|rule| rule.rule_id).collect()) } else { Err(Unclear) }
}

/// Whether a rule gives for each activity what no other activity has a part in, and its points simply add up.
fn gives_each_its_own(configuration: &Configuration, rule: &Rule) -> bool {
    rule.kind == RuleKind::Activity && !rule.is_capped() && rule.half_life.is_none() && configuration.adds_up(rule)
}

/// Whether an activity of a day that is gone, and was neither ahead nor the last one of its person, takes nothing with it but
/// these records, which are of its id. They are its own where each rule that matches it has one of that day at most: others are
/// of a rule that was another one, or of a row that has been given the same id.
pub fn takes_its_records_alone<'r>(
    configuration: &Configuration,
    person: &Person,
    day: Day,
    matching: impl Iterator<Item = &'r Rule>,
    records: &[Record],
) -> bool {
    let mut own = 0;
    for rule in matching {
        if rule.applies_to(person) && !gives_each_its_own(configuration, rule) {
            return false;
        }
        let is_own = |record: &&Record| {
            record.kind == RecordKind::Activity
                && record.rule_id == Some(rule.rule_id)
                && (record.card, record.counts_from) == (MAIN, day)
                && gives_each_its_own(configuration, rule)
        };
        match records.iter().filter(is_own).count() {
            0 => {}
            1 => own += 1,
            _ => return false,
        }
    }
    own == records.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::History;
    use crate::calendar::Interval;
    use crate::derive::{Standing, derive};
    use crate::explain::{Facts, explain, explain_what_counts};
    use crate::rule::Decay;
    use crate::scorecard::{Scorecard, Scorecards};
    use proptest::prelude::*;

    const TODAY: i32 = 9000;

    fn length(days: impl Strategy<Value = i32>) -> impl Strategy<Value = Interval> {
        days.prop_map(Interval::of_days)
    }

    prop_compose! {
        fn any_rule()(
            kind in prop_oneof![
                6 => Just(RuleKind::Activity), 2 => Just(RuleKind::Inactivity), 1 => Just(RuleKind::Profile), 1 => Just(RuleKind::Frequency),
            ],
            points in -9..=20i32,
            window in proptest::option::of(length(1..40)),
            fading in 0..6,
            max_per_day in proptest::option::weighted(0.3, 1..3i32),
            max_counted in proptest::option::weighted(0.3, 1..4i32),
            other in length(2..30),
            status in proptest::option::weighted(0.3, prop_oneof![Just("active"), Just("placed")]),
            effective_from in proptest::option::weighted(0.2, TODAY - 20..TODAY + 3),
            repeat_every in proptest::option::weighted(0.3, length(1..15)),
            excused_by_planned in proptest::bool::weighted(0.3),
        ) -> Rule {
            let is_activity = kind == RuleKind::Activity;
            let decay = match (fading, window) {
                (0, Some(_)) if is_activity => Decay::Linear,
                (1, _) if is_activity => Decay::Halving,
                _ => Decay::None,
            };
            Rule {
                kind,
                points,
                relevant_for: window,
                decay,
                half_life: (decay == Decay::Halving).then_some(other),
                max_per_day: max_per_day.filter(|_| is_activity),
                max_counted: max_counted.filter(|_| is_activity),
                inactive_for: (kind == RuleKind::Inactivity).then_some(other),
                repeat_every: repeat_every.filter(|_| kind == RuleKind::Inactivity),
                excused_by_planned: excused_by_planned && kind == RuleKind::Inactivity,
                at_least: (kind == RuleKind::Frequency).then_some(2),
                within: (kind == RuleKind::Frequency).then_some(other),
                statuses: status.map(|status| vec![Some(status.to_owned())]),
                effective_from: effective_from.map(Day),
                ..Rule::default()
            }
        }
    }

    /// Days and hours of activities, and which of the rules match: by the bits of a number.
    fn any_activities(latest: i32, count: usize) -> impl Strategy<Value = Vec<(i32, i64, u8)>> {
        // Days on which there are several, too.
        let day = prop_oneof![TODAY - 30..=latest, TODAY - 2..=latest];
        proptest::collection::vec((day, 0..24i64, any::<u8>()), 0..count)
    }

    fn configuration(rules: Vec<Rule>) -> Configuration {
        let numbered = |(nth, rule): (usize, Rule)| {
            let rule_id = nth as i32 + 1;
            Rule { rule_id, name: format!("rule {rule_id}"), takes_all: false, ..rule }
        };
        Configuration::new(None, rules.into_iter().enumerate().map(numbered).collect(), vec![], vec![]).expect("rules of main")
    }

    fn person(status: &str) -> Person<'_> {
        Person { kind: "candidate", status: Some(status), since: Day(TODAY - 45), is_active: true, fits: &[], is_unseen: false }
    }

    fn activities<'c>(configuration: &'c Configuration, on: &[(i32, i64, u8)], first_id: i64) -> Vec<Activity<'c>> {
        let activity = |(nth, &(day, hour, matches)): (usize, &(i32, i64, u8))| {
            let is_matched = |rule: &&Rule| rule.kind != RuleKind::Profile && matches & 1 << (rule.rule_id % 8) != 0;
            Activity {
                activity_id: first_id + nth as i64,
                occurred_at: (i64::from(day) * 24 + hour) * 3_600_000_000,
                day: Day(day),
                matching: Cow::Owned(configuration.rules.iter().filter(is_matched).collect()),
            }
        };
        on.iter().enumerate().map(activity).collect()
    }

    fn standing<'c>(configuration: &'c Configuration, person: &Person, activities: &[Activity<'c>], at: Standpoint) -> Standing {
        let history = History { activities: activities.to_vec(), adjustments: vec![] };
        derive(configuration, person, history, at).expect("small points")
    }

    fn sorted(mut records: Vec<Record>) -> Vec<Record> {
        records.sort_by_key(|record| (record.rule_id, record.activity_id, record.counts_from));
        records
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// New activities, in order of time, give what the whole history gives.
        #[test]
        fn new_activities_give_what_the_history_gives(
            rules in proptest::collection::vec(any_rule(), 1..5),
            before in any_activities(TODAY + 2, 10),
            new in any_activities(TODAY + 2, 4),
            ahead in 0..3,
            since in prop_oneof![Just(TODAY - 60), TODAY - 30..TODAY + 30],
        ) {
            let configuration = configuration(rules);
            let person = Person { since: Day(since), ..person("active") };
            let at = Standpoint { scored_on: Day(TODAY), reach: Day(TODAY + ahead) };
            let mut all = activities(&configuration, &before, 1);
            let mut new = activities(&configuration, &new, 100);
            new.sort_by_key(|activity| (activity.occurred_at, activity.activity_id));
            let stands = standing(&configuration, &person, &all, at);
            all.extend(new.iter().cloned());

            let read = || stands.records.clone();
            let instant = |id: i64| all.iter().find(|activity| activity.activity_id == id).map(|activity| activity.occurred_at);
            let mut kept = Kept::new(&read, &instant);
            let mut last_activity_at = stands.last_activity_at;
            let mut present =
                Present { score: stands.scores[0], at, last_day: person.since, is_penalised: stands.is_penalised };
            for activity in &new {
                let last = all.iter().filter(|one| Some(one.occurred_at) == last_activity_at).map(|one| one.day).max();
                present.last_day = last.map_or(person.since, |last| last.max(person.since));
                if score_activity(&configuration, &person, &mut present, activity, &mut kept).expect("small points").is_err() {
                    return Ok(());
                }
                last_activity_at = last_activity_at.max(Some(activity.occurred_at));
            }
            let mut records = stands.records.clone();
            records.retain(|record| !kept.displaced().contains(record));
            records.extend(kept.added());
            let derived = standing(&configuration, &person, &all, at);
            prop_assert_eq!(sorted(records), sorted(derived.records));
            prop_assert_eq!(present.score, derived.scores[0]);
            // What only needs to be a bound stays one.
            prop_assert!(stands.is_penalised >= derived.is_penalised);
            prop_assert!(derived.due_on.is_none_or(|day| stands.due_on.is_some_and(|due_on| due_on <= day)));
        }

        /// What counts can be explained alone: the lines are those of the whole explanation.
        #[test]
        fn what_counts_is_explained_alone(
            rules in proptest::collection::vec(any_rule(), 1..5),
            on in any_activities(TODAY + 2, 10),
            ahead in 0..3,
            is_active in proptest::bool::weighted(0.9),
        ) {
            struct Nothing;
            impl Facts for Nothing {
                fn activity_type(&self, _: i64) -> &str { "" }
                fn meets_condition(&self, _: i64, _: &Rule) -> bool { true }
                fn adjustment(&self, _: i64) -> String { String::new() }
            }
            let limit = |limit: i64| Scorecard { scorecard: "main".into(), part_of: None, min_score: Some(-limit), max_score: Some(limit) };
            let configuration = Configuration { cards: Scorecards::new(vec![limit(25)]).expect("limits"), ..configuration(rules) };
            let person = Person { is_active, ..person("active") };
            let at = Standpoint { scored_on: Day(TODAY), reach: Day(TODAY + ahead) };
            let mut history = History { activities: activities(&configuration, &on, 1), adjustments: vec![] };
            let mut all = explain(&configuration, &person, &mut history, at, MAIN, &Nothing);
            all.retain(|line| line.counts);
            prop_assert_eq!(explain_what_counts(&configuration, &person, &mut history, at, MAIN, &Nothing), all);
        }

        /// A status that changes takes and gives the records of some rules.
        #[test]
        fn a_status_gives_what_the_history_gives(
            rules in proptest::collection::vec(any_rule(), 1..5),
            on in any_activities(TODAY + 2, 10),
        ) {
            let configuration = configuration(rules);
            let (before, after) = (person("active"), person("placed"));
            let Ok(changed) = rules_of_change(&configuration, &before, &after) else { return Ok(()) };
            let at = Standpoint::on(Day(TODAY));
            let mut all = activities(&configuration, &on, 1);
            let mut records = standing(&configuration, &before, &all, at).records;
            let derived = standing(&configuration, &after, &all, at);
            for activity in &mut all {
                activity.matching.to_mut().retain(|rule| changed.contains(&rule.rule_id));
            }
            records.retain(|record| record.rule_id.is_none_or(|rule_id| !changed.contains(&rule_id)));
            records.extend(activity_records(&after, all, at));
            prop_assert_eq!(sorted(records), sorted(derived.records));
        }

        /// An activity that goes takes what the history without it lacks.
        #[test]
        fn an_activity_takes_what_the_history_lacks(
            rules in proptest::collection::vec(any_rule(), 1..5),
            on in any_activities(TODAY + 1, 10),
            nth in 0..10usize,
            ahead in 0..=2,
        ) {
            let configuration = configuration(rules);
            let person = person("active");
            let at = Standpoint { scored_on: Day(TODAY), reach: Day(TODAY + ahead) };
            let mut all = activities(&configuration, &on, 1);
            let stands = standing(&configuration, &person, &all, at);
            if nth >= all.len() {
                return Ok(());
            }
            let gone = all.swap_remove(nth);
            let (taken, left): (Vec<Record>, Vec<Record>) =
                stands.records.into_iter().partition(|record| record.activity_id == Some(gone.activity_id));
            let is_ahead = gone.day > at.reach || Some(gone.occurred_at) == stands.last_activity_at;
            if is_ahead || !takes_its_records_alone(&configuration, &person, gone.day, gone.matching.iter().copied(), &taken) {
                return Ok(());
            }
            let points: i128 = taken.iter().map(|record| i128::from(record.counted(at))).sum();
            let derived = standing(&configuration, &person, &all, at);
            prop_assert_eq!(i128::from(stands.scores[0]) - points, i128::from(derived.scores[0]));
            prop_assert_eq!(sorted(left), sorted(derived.records));
            prop_assert_eq!(
                (stands.last_activity_at, stands.is_penalised, stands.due_on),
                (derived.last_activity_at, derived.is_penalised, derived.due_on)
            );
        }

        /// Days that pass in silence bring what the history brings.
        #[test]
        fn days_of_silence_bring_what_the_history_brings(
            rules in proptest::collection::vec(any_rule(), 1..5),
            on in any_activities(TODAY, 10),
            passed in 1..20,
        ) {
            let mut configuration = configuration(rules);
            for rule in &mut configuration.rules {
                rule.takes_all = rule.kind == RuleKind::Inactivity;
            }
            let person = person("active");
            if !silence_tells_all(&configuration, &person) {
                return Ok(());
            }
            let mut all = activities(&configuration, &on, 1);
            for activity in &mut all {
                let silences = configuration.rules.iter().filter(|rule| rule.kind == RuleKind::Inactivity);
                activity.matching.to_mut().retain(|rule| rule.kind != RuleKind::Inactivity);
                activity.matching.to_mut().extend(silences);
            }
            let (last_day, today) = (Day(TODAY), Day(TODAY + passed));
            let before = standing(&configuration, &person, &all, Standpoint::on(last_day));
            let derived = standing(&configuration, &person, &all, Standpoint::on(today));
            let touch = all.iter().map(|activity| activity.day).max().map_or(person.since, |day| day.max(person.since));
            let silences = configuration.rules.iter().filter(|rule| rule.kind == RuleKind::Inactivity && rule.applies_to(&person));
            let brought = silence(touch, silences, last_day, today);
            let mut records = before.records;
            records.retain(|record| record.counts_until.is_none_or(|end| end > today));
            records.extend(&brought.records);
            prop_assert_eq!(sorted(records), sorted(derived.records));
            prop_assert_eq!(brought.is_penalised, derived.is_penalised);
        }
    }
}
