//! Scores of past days from what was known then: from activities dated up to the day alone.

use scoring::activity::History;
use scoring::calendar::Day;
use scoring::configuration::Configuration;
use scoring::derive;
use scoring::person::Person;
use scoring::record::Record;

/// Hands over, for each of some days, records of which those that count on it are the ones of what was known on it; the
/// days come in order.
///
/// What comes later changes nothing of what counts on a day, as records are displaced and penalties cleared on the day of what
/// displaces or clears them. The one exception are rules with `excused_by_planned`, which look ahead; so all days share one
/// derivation, unless such a rule applies to the person.
pub fn each_day<'r>(
    configuration: &'r Configuration,
    person: &Person,
    history: &mut History<'r>,
    days: &[Day],
    mut take: impl FnMut(usize, &[Record]),
) {
    let (Some(&first), Some(&last)) = (days.first(), days.last()) else { return };
    if !configuration.rules.iter().any(|rule| rule.excused_by_planned && rule.applies_to(person)) {
        let records = derive::records_between(configuration, person, history, first, last);
        (0..days.len()).for_each(|nth| take(nth, &records));
        return;
    }
    for (nth, &day) in days.iter().enumerate() {
        take(nth, &derive::records_between(configuration, person, &mut until(history, day), day, day));
    }
}

/// What of a history is dated up to a day; adjustments are, by their own days.
fn until<'r>(history: &History<'r>, day: Day) -> History<'r> {
    History {
        activities: history.activities.iter().filter(|activity| activity.day <= day).cloned().collect(),
        adjustments: history.adjustments.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use scoring::activity::{Activity, Adjustment};
    use scoring::calendar::Interval;
    use scoring::rule::{Decay, Rule, RuleKind};

    fn days(days: i32) -> Option<Interval> {
        Some(Interval::of_days(days))
    }

    fn rules() -> Vec<Rule> {
        let rule = |rule_id, points| Rule { rule_id, points, name: rule_id.to_string(), ..Rule::default() };
        let silence = |rule_id| Rule { kind: RuleKind::Inactivity, inactive_for: days(9), ..rule(rule_id, -3) };
        vec![
            Rule { relevant_for: days(20), max_counted: Some(2), ..rule(1, 10) },
            Rule { relevant_for: days(30), decay: Decay::Linear, max_per_day: Some(1), ..rule(2, 7) },
            Rule { decay: Decay::Halving, half_life: days(7), ..rule(3, 9) },
            Rule { repeat_every: days(5), max_repeats: Some(3), ..silence(4) },
            Rule { repeat_every: days(4), relevant_for: days(15), ..silence(5) },
            Rule { kind: RuleKind::Frequency, at_least: Some(3), within: days(8), ..rule(6, 20) },
            Rule { kind: RuleKind::Profile, relevant_for: days(40), decay: Decay::Linear, ..rule(7, 5) },
            Rule { excused_by_planned: true, person_kinds: Some(vec![Some("planner".into())]), ..silence(8) },
        ]
    }

    proptest! {
        /// Each day's scores are those of a history that ends on it, whoever derives them.
        #[test]
        fn nothing_later_is_looked_at(on in proptest::collection::vec(0i32..120, 0..25), plans: bool, since in 0i32..60) {
            let configuration = Configuration::new(None, rules(), vec![], vec![]).unwrap();
            let matching: Vec<&Rule> = configuration.rules.iter().filter(|rule| rule.kind != RuleKind::Profile).collect();
            let activity = |(nth, &day): (usize, &i32)| Activity {
                activity_id: nth as i64,
                occurred_at: i64::from(day) * 86_400_000_000,
                day: Day(day),
                matching: matching.clone().into(),
            };
            let adjustment = Adjustment { adjustment_id: 1, points: 100, from_day: Day(40), until_day: Some(Day(70)), card: 0 };
            let mut history = History { activities: on.iter().enumerate().map(activity).collect(), adjustments: vec![adjustment] };
            let kind = if plans { "planner" } else { "candidate" };
            let person = Person { kind, status: None, since: Day(since), is_active: true, fits: &[], is_unseen: false };
            let asked: Vec<Day> = (0..10).map(|n| Day(60 + n * 6)).collect();
            let expected: Vec<i64> = asked.iter().map(|&day| {
                let mut known = history.clone();
                known.activities.retain(|activity| activity.day <= day);
                derive::score_at(&configuration, &person, &mut known, day).unwrap()[0]
            }).collect();
            let mut scores = Vec::new();
            each_day(&configuration, &person, &mut history, &asked, |nth, records| {
                scores.push(derive::scores_on(&configuration, records, asked[nth]).unwrap()[0]);
            });
            prop_assert_eq!(scores, expected);
        }
    }
}
