//! What all that is registered on one person gives: the same as `sql/derive.sql`, which is the
//! meaning, for a single person and without a query; the property test holds the two together.
//! Pure: no database is asked anything here.

use crate::score::calendar::{Day, Span, worth};
use crate::error::Refusal;
use crate::score::scoring::{Person, Record, Rule, out_of_range};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

/// An activity with the rules that match its type and attributes.
pub struct Activity<'r> {
    pub activity_id: i64,
    /// The instant, in microseconds since 2000-01-01 UTC.
    pub occurred_at: i64,
    pub day: Day,
    pub matching: Cow<'r, [&'r Rule]>,
}

/// A manual adjustment.
pub struct Adjustment {
    pub adjustment_id: i64,
    pub points: i32,
    pub from_day: Day,
    pub until_day: Option<Day>,
}

/// What follows for the person (`standing` of `sql/rescore.sql`).
#[derive(Debug, PartialEq)]
pub struct Standing {
    /// The records that count or will count.
    pub records: Vec<Record>,
    /// The sum of those that count.
    pub score: i64,
    pub last_activity_at: Option<i64>,
    /// Whether the present silence has brought a penalty.
    pub penalised: bool,
    /// A lower bound of the day on which anything but expiry and decay changes the score.
    pub due_on: Option<Day>,
}

/// Derives a person's standing from its activities, in any order. `since` is the day from which silence
/// counts, `silences` are the inactivity rules of which the person is not exempt, and
/// `scored_on` is the day for which scores stand.
///
/// # Errors
/// A refusal when the score leaves the range of bigint.
pub fn derive<'r>(
    person: &Person,
    since: Day,
    mut activities: Vec<Activity<'r>>,
    adjustments: &[Adjustment],
    silences: impl Iterator<Item = &'r Rule>,
    scored_on: Day,
) -> Result<Standing, Refusal> {
    newest_first(&mut activities);
    let Found { records, penalised, next_penalty } =
        find(person, since, &activities, adjustments, silences, scored_on, scored_on);
    let mut score = 0i128;
    let mut starts_on = None;
    for record in &records {
        score += i128::from(counted(record, person.reach, scored_on));
        if record.counts_from > person.reach {
            starts_on = earlier(starts_on, Some(record.counts_from));
        }
    }
    Ok(Standing {
        records,
        score: i64::try_from(score).map_err(|_| out_of_range())?,
        last_activity_at: activities.first().map(|activity| activity.occurred_at),
        penalised,
        due_on: if person.reach > scored_on { Some(scored_on) } else { earlier(next_penalty, starts_on) },
    })
}

/// The records that count on a day or later, with the penalties that fall due until another day
/// if nothing more is registered (`_derived` of `sql/derive.sql`). The arguments are those of
/// [`derive()`], with the days in place of its day.
pub fn course<'r>(
    person: &Person,
    since: Day,
    mut activities: Vec<Activity<'r>>,
    adjustments: &[Adjustment],
    silences: impl Iterator<Item = &'r Rule>,
    from_day: Day,
    until_day: Day,
) -> Vec<Record> {
    newest_first(&mut activities);
    find(person, since, &activities, adjustments, silences, from_day, until_day).records
}

/// The sum of what counts on a day.
pub fn score_on(records: &[Record], day: Day) -> i128 {
    let counts = |record: &&Record| record.counts_from <= day && record.counts_until.is_none_or(|end| end > day);
    records.iter().filter(counts).map(|r| i128::from(worth(r.points, r.counts_from, r.decays_until, day))).sum()
}

fn newest_first(activities: &mut [Activity]) {
    activities.sort_by_key(|activity| std::cmp::Reverse((activity.occurred_at, activity.activity_id)));
}

#[derive(Default)]
struct Found {
    records: Vec<Record>,
    penalised: bool,
    next_penalty: Option<Day>,
}

impl Found {
    /// Adds the penalties of an inactivity rule for a person who was touched on these days.
    fn penalise(&mut self, rule: &Rule, touches: &BTreeSet<Day>, reach: Day, scored_on: Day, until_day: Day) {
        for penalty in penalties(rule, touches, scored_on, until_day) {
            let ended_by = penalty.next_touch.filter(|&day| day <= reach);
            if penalty.due_on > until_day {
                self.next_penalty = earlier(self.next_penalty, Some(penalty.due_on));
                continue;
            }
            self.penalised |= penalty.due_on <= scored_on && ended_by.is_none();
            let window_end = rule.relevant_for.and_then(|length| length.after(penalty.due_on));
            let displaced_on = if rule.relevant_for.is_none() { penalty.next_touch } else { None };
            if window_end.is_none_or(|end| end > scored_on) && displaced_on.is_none_or(|day| day > reach) {
                self.records.push(Record {
                    activity_id: None,
                    rule_id: Some(rule.rule_id),
                    adjustment_id: None,
                    points: rule.points,
                    counts_from: penalty.due_on,
                    counts_until: earlier(window_end, displaced_on),
                    decays_until: None,
                });
            }
        }
    }
}

/// The day of a touch as a rule sees it, which looks at nothing before it takes effect.
fn touched_on(rule: &Rule, day: Day) -> Day {
    rule.effective_from.map_or(day, |first| first.max(day))
}

/// What days of silence bring.
#[derive(Debug, PartialEq)]
pub struct Silence {
    /// The penalties that count.
    pub records: Vec<Record>,
    /// Whether the silence has brought a penalty, in these days or before.
    pub penalised: bool,
    /// The day of the next penalty.
    pub due_on: Option<Day>,
}

/// What the days after `last_day`, until `today`, bring to a person whose silence lasts since
/// `touch`, a day not after `last_day`. `silences` are the inactivity rules that apply.
pub fn silence<'r>(touch: Day, silences: impl Iterator<Item = &'r Rule>, last_day: Day, today: Day) -> Silence {
    let mut found = Found::default();
    for rule in silences {
        found.penalise(rule, &BTreeSet::from([touched_on(rule, touch)]), today, today, today);
    }
    found.records.retain(|record| record.counts_from > last_day);
    Silence { records: found.records, penalised: found.penalised, due_on: found.next_penalty }
}

/// The activities come newest first; penalties are those due by `until_day`.
fn find<'r>(
    person: &Person,
    since: Day,
    activities: &[Activity<'r>],
    adjustments: &[Adjustment],
    silences: impl Iterator<Item = &'r Rule>,
    scored_on: Day,
    until_day: Day,
) -> Found {
    let mut found = Found { records: activity_records(person, activities, scored_on), ..Found::default() };
    for rule in silences.filter(|rule| rule.applies_to(person)) {
        let days =
            activities.iter().filter(|activity| activity.matching.iter().any(|r| r.rule_id == rule.rule_id)).map(|a| a.day);
        let touches = days.chain([since]).map(|day| touched_on(rule, day)).collect();
        found.penalise(rule, &touches, person.reach, scored_on, until_day);
    }
    found.records.extend(adjustments.iter().filter(|a| a.until_day.is_none_or(|end| end > scored_on)).map(|adjustment| Record {
        activity_id: None,
        rule_id: None,
        adjustment_id: Some(adjustment.adjustment_id),
        points: adjustment.points,
        counts_from: adjustment.from_day,
        counts_until: adjustment.until_day,
        decays_until: None,
    }));
    found
}

/// What a record adds to the score of a person who stands for `scored_on` and reaches `reach`.
pub fn counted(record: &Record, reach: Day, scored_on: Day) -> i64 {
    if record.counts_from > reach {
        return 0;
    }
    worth(record.points, record.counts_from, record.decays_until, record.counts_from.max(scored_on))
}

fn earlier(a: Option<Day>, b: Option<Day>) -> Option<Day> {
    a.into_iter().chain(b).min()
}

/// The records of activity rules (`_plain_record`, `_capped_record`) that count or will count. The activities
/// come newest first, as far as any of the rules is capped.
pub fn activity_records(person: &Person, activities: &[Activity], scored_on: Day) -> Vec<Record> {
    let mut records = Vec::new();
    // Of each capped rule the days of its records so far, the newest first.
    let mut newer: HashMap<i32, Vec<Day>> = HashMap::new();
    for activity in activities {
        let day = activity.day;
        for rule in activity.matching.iter().filter(|rule| !rule.inactivity && rule.applies_to(person)) {
            if rule.effective_from.is_some_and(|first| day < first) {
                continue;
            }
            let mut displaced_on = None;
            if rule.is_capped() {
                let days = newer.entry(rule.rule_id).or_default();
                let on_that_day = days.iter().rev().take_while(|&&newer| newer == day);
                if rule.max_per_day.is_some_and(|most| on_that_day.take(most).count() == most) {
                    continue;
                }
                displaced_on = rule.max_counted.and_then(|most| days.len().checked_sub(most)).map(|nth| days[nth]);
                days.push(day);
            }
            let window_end = rule.relevant_for.and_then(|length| length.after(day));
            if window_end.is_some_and(|end| end <= scored_on)
                || displaced_on.is_some_and(|displaced| displaced <= person.reach.max(day))
            {
                continue;
            }
            records.push(Record {
                activity_id: Some(activity.activity_id),
                rule_id: Some(rule.rule_id),
                adjustment_id: None,
                points: rule.points,
                counts_from: day,
                counts_until: earlier(window_end, displaced_on),
                decays_until: if rule.decays { window_end } else { None },
            });
        }
    }
    records
}

struct Penalty {
    due_on: Day,
    next_touch: Option<Day>,
}

/// The penalties due until a day, and of the silence that lasts the first one due after it, that
/// can count on a day or later (`_penalty`).
fn penalties(rule: &Rule, touches: &BTreeSet<Day>, on_day: Day, until_day: Day) -> Vec<Penalty> {
    let mut penalties = Vec::new();
    let mut following = touches.iter().copied().skip(1);
    for &touch in touches {
        let next_touch = following.next();
        if rule.relevant_for.is_none() && next_touch.is_some_and(|next| next <= on_day) {
            continue;
        }
        let Some(first) = rule.inactive_for.and_then(|length| length.after(touch)) else { continue };
        let most = match rule.repeat_every {
            None => 1,
            Some(_) => rule.max_repeats.map_or(u32::MAX, |most| most.unsigned_abs()),
        };
        for nth in 0..most {
            let later = rule.repeat_every.unwrap_or(Span { months: 0, days: 0 });
            let Some(due_on) = (Span { months: later.months * nth, days: later.days * nth }).after(first) else { break };
            if next_touch.is_some_and(|next| due_on >= next) {
                break;
            }
            penalties.push(Penalty { due_on, next_touch });
            if due_on > until_day {
                break;
            }
        }
    }
    penalties
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Day = Day(9000);

    fn days(days: u32) -> Option<Span> {
        Some(Span { months: 0, days })
    }

    fn rule(rule_id: i32) -> Rule {
        Rule { rule_id, points: 10, relevant_for: days(60), ..Rule::default() }
    }

    fn silence() -> Rule {
        Rule { inactivity: true, points: -4, relevant_for: None, inactive_for: days(30), ..rule(9) }
    }

    fn person(reach: Day) -> Person<'static> {
        Person { kind: "candidate", status: Some("active"), score: 0, reach, last_day: TODAY, penalised: false }
    }

    /// Activities on these days, each matching the rule; their ids count from 1.
    fn activities<'r>(rule: &'r Rule, on: &[i32]) -> Vec<Activity<'r>> {
        let activity = |(nth, &day): (usize, &i32)| Activity {
            activity_id: nth as i64 + 1,
            occurred_at: i64::from(day) * 86_400_000_000,
            day: Day(day),
            matching: Cow::Owned(vec![rule]),
        };
        on.iter().enumerate().map(activity).collect()
    }

    fn standing(rule: &Rule, on: &[i32], since: i32) -> Standing {
        derive(&person(TODAY), Day(since), activities(rule, on), &[], [rule].into_iter().filter(|r| r.inactivity), TODAY).unwrap()
    }

    /// Activity, first day and last day but one of each record.
    fn records(standing: &Standing) -> Vec<(Option<i64>, i32, Option<i32>)> {
        let mut records: Vec<_> =
            standing.records.iter().map(|r| (r.activity_id, r.counts_from.0, r.counts_until.map(|day| day.0))).collect();
        records.sort_unstable();
        records
    }

    #[test]
    fn windows_end_and_the_future_waits() {
        let standing = standing(&rule(1), &[8940, 8941, 9000, 9002], 8000);
        assert_eq!(records(&standing), [(Some(2), 8941, Some(9001)), (Some(3), 9000, Some(9060)), (Some(4), 9002, Some(9062))]);
        assert_eq!((standing.score, standing.due_on), (20, Some(Day(9002))));
    }

    #[test]
    fn the_newest_of_a_day_remain() {
        let capped = Rule { max_per_day: Some(1), ..rule(1) };
        assert_eq!(
            records(&standing(&capped, &[8990, 8990, 8991], 8000)),
            [(Some(2), 8990, Some(9050)), (Some(3), 8991, Some(9051))]
        );
    }

    #[test]
    fn newer_records_displace() {
        let capped = Rule { max_counted: Some(2), relevant_for: None, ..rule(1) };
        let standing = standing(&capped, &[8990, 8995, 9000, 9004], 8000);
        // The one of 8995 counts until the second newer one, of 9004, starts.
        assert_eq!(records(&standing), [(Some(2), 8995, Some(9004)), (Some(3), 9000, None), (Some(4), 9004, None)]);
        assert_eq!(standing.score, 20);
    }

    #[test]
    fn silence_is_penalised_until_activity_resumes() {
        let repeated = Rule { repeat_every: days(10), max_repeats: Some(3), ..silence() };
        let standing = standing(&repeated, &[], 8955);
        assert_eq!(records(&standing), [(None, 8985, None), (None, 8995, None)]);
        assert_eq!((standing.score, standing.penalised, standing.due_on), (-8, true, Some(Day(9005))));
        let resumed = super::tests::standing(&repeated, &[8999], 8955);
        assert_eq!((records(&resumed), resumed.penalised, resumed.due_on), (vec![], false, Some(Day(9029))));
    }

    #[test]
    fn days_of_silence_bring_what_deriving_anew_would() {
        let rules = [
            Rule { repeat_every: days(10), max_repeats: Some(3), ..silence() },
            Rule { rule_id: 10, relevant_for: days(12), repeat_every: days(7), ..silence() },
            Rule { rule_id: 11, effective_from: Some(Day(8970)), ..silence() },
        ];
        let sorted = |mut records: Vec<Record>| {
            records.sort_by_key(|r| (r.rule_id, r.counts_from));
            records
        };
        let derived = |day| {
            let person = Person { last_day: day, ..person(day) };
            derive(&person, Day(8955), vec![], &[], rules.iter(), day).unwrap()
        };
        for (last_day, today) in [(8984, 8985), (8985, 8986), (8980, 9012), (8994, 9040), (9100, 9101)] {
            let (last_day, today) = (Day(last_day), Day(today));
            let (before, after) = (derived(last_day), derived(today));
            let passed = super::silence(Day(8955), rules.iter(), last_day, today);
            let mut records = before.records;
            records.retain(|record| record.counts_until.is_none_or(|end| end > today));
            records.extend(passed.records);
            assert_eq!(sorted(records), sorted(after.records), "from {last_day} to {today}");
            assert_eq!((passed.penalised, passed.due_on), (after.penalised, after.due_on), "from {last_day} to {today}");
        }
    }

    #[test]
    fn a_course_has_the_penalties_to_come() {
        let repeated = Rule { repeat_every: days(10), max_repeats: Some(3), ..silence() };
        let records = course(&person(TODAY), Day(8955), vec![], &[], [&repeated].into_iter(), TODAY, Day(9100));
        let scores = [8999, 9004, 9005, 9100].map(|day| score_on(&records, Day(day)));
        assert_eq!(scores, [-8, -8, -12, -12]);
    }

    #[test]
    fn a_penalty_with_a_window_stays_when_activity_resumes() {
        let windowed = Rule { relevant_for: days(20), ..silence() };
        let standing = standing(&windowed, &[8999], 8955);
        assert_eq!((records(&standing), standing.penalised), (vec![(None, 8985, Some(9005))], false));
    }

    #[test]
    fn scores_stay_in_range() {
        let huge = Rule { points: i32::MAX, ..rule(1) };
        assert_eq!(standing(&huge, &[9000; 3], 8000).score, 3 * i64::from(i32::MAX));
    }
}
