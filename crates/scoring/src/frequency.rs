//! Frequency: points while something happens often.

use crate::activity::Activity;
use crate::calendar::Day;
use crate::record::{Fade, Record, RecordKind};
use crate::rule::Rule;

/// The records of a frequency rule from the matching activities, which come newest first: one for each
/// longest run of days on which at least `at_least` of them lie within the time before, the day itself
/// included. A record's activity is the one that completed the number: the newest of its first day.
pub fn records(rule: &Rule, activities: &[&Activity]) -> Vec<Record> {
    let (Some(within), Some(at_least)) = (rule.within, rule.at_least) else { return Vec::new() };
    // Days on which the number in the window changes, and by how much.
    let mut changes: Vec<(Day, i32)> = Vec::with_capacity(2 * activities.len());
    for activity in activities.iter().filter(|activity| rule.takes_effect_by(activity.day)) {
        changes.push((activity.day, 1));
        changes.extend(within.after(activity.day).map(|end| (end, -1)));
    }
    changes.sort_unstable();
    let mut records: Vec<Record> = Vec::new();
    let mut count = 0;
    let mut is_often = false;
    for on_day in changes.chunk_by(|a, b| a.0 == b.0) {
        let day = on_day[0].0;
        count += on_day.iter().map(|(_, change)| change).sum::<i32>();
        let was_often = std::mem::replace(&mut is_often, count >= at_least);
        if is_often && !was_often {
            records.push(Record {
                kind: RecordKind::Frequency,
                rule_id: Some(rule.rule_id),
                activity_id: activities.iter().find(|activity| activity.day == day).map(|activity| activity.activity_id),
                adjustment_id: None,
                card: rule.card,
                points: rule.points,
                counts_from: day,
                counts_until: None,
                fade: Fade::None,
            });
        } else if was_often
            && !is_often
            && let Some(record) = records.last_mut()
        {
            record.counts_until = Some(day);
        }
    }
    records
}

/// How many matching activities lie in the window that a day ends.
pub fn number_on(rule: &Rule, activities: &[&Activity], day: Day) -> usize {
    let is_in = |activity: &&&Activity| {
        rule.takes_effect_by(activity.day)
            && activity.day <= day
            && rule.within.and_then(|within| within.after(activity.day)).is_some_and(|end| day < end)
    };
    activities.iter().filter(is_in).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::newest_first;
    use crate::calendar::Interval;
    use crate::rule::RuleKind;

    fn visits(at_least: i32, within: Interval, on: &[i32]) -> Vec<(i64, i32, Option<i32>)> {
        let rule = Rule { kind: RuleKind::Frequency, at_least: Some(at_least), within: Some(within), ..Rule::default() };
        let mut activities: Vec<Activity> = on
            .iter()
            .zip(1..)
            .map(|(&day, nth)| Activity {
                activity_id: nth,
                occurred_at: i64::from(day) * 100 + nth,
                day: Day(day),
                matching: (&[][..]).into(),
            })
            .collect();
        newest_first(&mut activities);
        let list: Vec<&Activity> = activities.iter().collect();
        let told =
            records(&rule, &list).into_iter().map(|r| (r.activity_id.unwrap(), r.counts_from.0, r.counts_until.map(|d| d.0)));
        told.collect()
    }

    #[test]
    fn points_from_the_third_until_two_are_left() {
        // Of 1, 3 and 5 the first leaves the window of 7 days on day 8.
        assert_eq!(visits(3, Interval::of_days(7), &[1, 3, 5]), [(3, 5, Some(8))]);
        assert_eq!(visits(3, Interval::of_days(7), &[1, 3]), []);
        // A fourth one on the day on which the first leaves keeps the run going.
        assert_eq!(visits(3, Interval::of_days(7), &[1, 3, 5, 8]), [(3, 5, Some(10))]);
        assert_eq!(visits(3, Interval::of_days(7), &[1, 3, 5, 9]), [(3, 5, Some(8)), (4, 9, Some(10))]);
    }

    #[test]
    fn several_on_a_day_count_each() {
        assert_eq!(visits(3, Interval::of_days(7), &[1, 1, 1, 1]), [(4, 1, Some(8))]);
        assert_eq!(visits(1, Interval::of_days(1), &[1, 2, 4]), [(1, 1, Some(3)), (3, 4, Some(5))]);
    }

    #[test]
    fn a_month_is_as_long_as_the_calendar_has_it() {
        let day = |text| Day::from_iso(text).unwrap().0;
        let run = visits(2, Interval::of_months(1), &[day("2026-01-31"), day("2026-02-10")]);
        assert_eq!(run, [(2, day("2026-02-10"), Some(day("2026-02-28")))]);
    }
}
