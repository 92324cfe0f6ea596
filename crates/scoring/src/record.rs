//! Score records: points of one rule for one activity, one period without any, a frequency, a
//! profile, or of one manual adjustment, with the days on which they count.

use crate::calendar::{Day, Interval};
use crate::person::Standpoint;
use crate::rule::{Decay, Rule};

/// What a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    Activity,
    Penalty,
    Frequency,
    Profile,
    Adjustment,
}

impl RecordKind {
    const LETTERS: [(RecordKind, u8); 5] = [
        (RecordKind::Activity, b'a'),
        (RecordKind::Penalty, b'i'),
        (RecordKind::Frequency, b'f'),
        (RecordKind::Profile, b'p'),
        (RecordKind::Adjustment, b'm'),
    ];

    /// As `leadscore.score_record.kind` has it.
    pub fn letter(self) -> u8 {
        RecordKind::LETTERS[self as usize].1
    }

    /// From `leadscore.score_record.kind`.
    pub fn from_letter(letter: u8) -> Option<RecordKind> {
        RecordKind::LETTERS.iter().find(|(_, known)| *known == letter).map(|(kind, _)| *kind)
    }
}

/// How a record loses its worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fade {
    /// Not at all.
    None,
    /// Evenly, down to nothing on a day.
    Linear { until: Day },
    /// By half, again and again.
    Halving { half_life: Interval },
}

impl Fade {
    /// How records of a rule fade that count until `window_end`, if they ever end.
    pub fn of(rule: &Rule, window_end: Option<Day>) -> Fade {
        match (rule.decay, window_end, rule.half_life) {
            (Decay::Linear, Some(until), _) => Fade::Linear { until },
            (Decay::Halving, _, Some(half_life)) => Fade::Halving { half_life },
            _ => Fade::None,
        }
    }
}

/// A score record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Record {
    pub kind: RecordKind,
    /// `None` for an adjustment.
    pub rule_id: Option<i32>,
    /// The activity; of a frequency the one that completed it; `None` for a penalty, a profile or an adjustment.
    pub activity_id: Option<i64>,
    pub adjustment_id: Option<i64>,
    /// The place of its scorecard in the configuration.
    pub card: u16,
    /// Full points.
    pub points: i32,
    /// The first day on which it counts.
    pub counts_from: Day,
    /// The day on which it no longer counts; `None`: it counts for ever.
    pub counts_until: Option<Day>,
    pub fade: Fade,
}

/// The earlier of two ends, where `None` is an end that never comes.
pub fn earlier(a: Option<Day>, b: Option<Day>) -> Option<Day> {
    a.into_iter().chain(b).min()
}

/// Rounds numerator / denominator, both positive or zero, half up.
fn rounded(numerator: i64, denominator: i64) -> i64 {
    (2 * numerator + denominator) / (2 * denominator)
}

/// More halvings than these leave nothing of any points.
const MOST_HALVINGS: i32 = 33;

impl Record {
    /// Whether it counts on a day.
    pub fn counts_on(&self, day: Day) -> bool {
        self.counts_from <= day && self.counts_until.is_none_or(|end| end > day)
    }

    /// What it is worth on a day on which it counts, in points: all of them without decay; linearly
    /// round(points × (e − D) / (e − d)), with d the first day, e the day on which nothing is left, and D the day;
    /// halving round(points / 2^k), with k the number of half-lives that have passed since d. Halves are rounded
    /// away from zero.
    pub fn worth_on(&self, day: Day) -> i64 {
        let points = i64::from(self.points);
        match self.fade {
            Fade::None => points,
            Fade::Linear { until } => {
                let left = i64::from(until.0) - i64::from(day.0);
                let whole = i64::from(until.0) - i64::from(self.counts_from.0);
                points.signum() * rounded(points.abs() * left.max(0), whole.max(1))
            }
            Fade::Halving { half_life } => {
                points.signum() * rounded(points.abs(), 1 << self.halvings_by(half_life, day).min(MOST_HALVINGS))
            }
        }
    }

    /// What it adds to a score on a day: nothing where it does not count.
    pub fn points_on(&self, day: Day) -> i64 {
        if self.counts_on(day) { self.worth_on(day) } else { 0 }
    }

    /// What it adds to the stored score of a person, between two runs or right after one.
    pub fn counted(&self, at: Standpoint) -> i64 {
        if self.counts_from > at.reach { 0 } else { self.worth_on(self.counts_from.max(at.scored_on)) }
    }

    /// How many half-lives have passed by a day, as far as it matters.
    fn halvings_by(&self, half_life: Interval, day: Day) -> i32 {
        if half_life.months == 0 {
            return (day.0 - self.counts_from.0).max(0) / half_life.days.max(1);
        }
        (1..=MOST_HALVINGS)
            .take_while(|&k| half_life.times(k).after(self.counts_from).is_some_and(|passed| passed <= day))
            .count() as i32
    }

    /// The next day after `day` on which a halving record is worth less, before it ends; `None` if never.
    pub fn next_halving(&self, day: Day) -> Option<Day> {
        let Fade::Halving { half_life } = self.fade else { return None };
        let day = day.max(self.counts_from);
        let worth = self.worth_on(day);
        let from = self.halvings_by(half_life, day) + 1;
        (from..=MOST_HALVINGS)
            .map_while(|k| half_life.times(k).after(self.counts_from))
            .take_while(|&step| self.counts_until.is_none_or(|end| step < end))
            .find(|&step| self.worth_on(step) != worth)
    }

    /// The days after `from`, until `until`, on which its worth changes while it counts, by decay alone.
    pub fn fading_days(&self, from: Day, until: Day) -> Vec<Day> {
        let first = from.max(self.counts_from);
        let last = self.counts_until.map_or(until, |end| until.min(end.plus(-1)));
        match self.fade {
            Fade::None => Vec::new(),
            Fade::Linear { .. } => (first.0.saturating_add(1)..=last.0).map(Day).collect(),
            Fade::Halving { .. } => std::iter::successors(self.next_halving(first), |&day| self.next_halving(day))
                .take_while(|&day| day <= last)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(points: i32, fade: Fade) -> Record {
        Record {
            kind: RecordKind::Activity,
            rule_id: Some(1),
            activity_id: Some(1),
            adjustment_id: None,
            card: 0,
            points,
            counts_from: Day(0),
            counts_until: None,
            fade,
        }
    }

    #[test]
    fn letters_name_kinds() {
        for (kind, letter) in RecordKind::LETTERS {
            assert_eq!((kind.letter(), RecordKind::from_letter(letter)), (letter, Some(kind)));
        }
        assert_eq!(RecordKind::from_letter(b'x'), None);
    }

    #[test]
    fn linear_decay_rounds_half_away_from_zero() {
        let worth = |points, day| record(points, Fade::Linear { until: Day(4) }).worth_on(Day(day));
        let points = |p| (0..4).map(|day| worth(p, day)).collect::<Vec<_>>();
        assert_eq!(points(10), [10, 8, 5, 3]);
        assert_eq!(points(-10), [-10, -8, -5, -3]);
        assert_eq!(record(7, Fade::None).worth_on(Day(1000)), 7);
        assert_eq!(worth(i32::MAX, 0), i64::from(i32::MAX));
        assert_eq!(worth(i32::MIN, 0), i64::from(i32::MIN));
    }

    #[test]
    fn halving_takes_half_with_each_half_life() {
        let weekly = |points, day| record(points, Fade::Halving { half_life: Interval::of_days(7) }).worth_on(Day(day));
        assert_eq!([0, 6, 7, 13, 14, 21, 28].map(|day| weekly(10, day)), [10, 10, 5, 5, 3, 1, 1]);
        // 10 / 16 is 0.6, 10 / 32 is 0.3.
        assert_eq!([28, 34, 35, 70].map(|day| weekly(10, day)), [1, 1, 0, 0]);
        assert_eq!([7, 14].map(|day| weekly(-5, day)), [-3, -1]);
        assert_eq!([0, 7, 31 * 7, 32 * 7, 100_000].map(|day| weekly(i32::MAX, day)), [2_147_483_647, 1_073_741_824, 1, 0, 0]);
        // From 31 January: 28 February, then 31 March, not 28 March.
        let start = Day::from_iso("2026-01-31").unwrap();
        let monthly = Record { counts_from: start, ..record(8, Fade::Halving { half_life: Interval::of_months(1) }) };
        let on = |day: &str| monthly.worth_on(Day::from_iso(day).unwrap());
        assert_eq!(["2026-02-27", "2026-02-28", "2026-03-30", "2026-03-31"].map(on), [8, 4, 4, 2]);
    }

    #[test]
    fn halving_days_are_those_on_which_less_is_left() {
        let halving = record(3, Fade::Halving { half_life: Interval::of_days(10) });
        // 3, 2 (1.5), 1 (0.75), 0 (0.375).
        assert_eq!(halving.fading_days(Day(0), Day(1000)), [Day(10), Day(20), Day(30)]);
        assert_eq!(halving.next_halving(Day(25)), Some(Day(30)));
        assert_eq!(halving.next_halving(Day(30)), None);
        let ended = Record { counts_until: Some(Day(20)), ..halving };
        assert_eq!(ended.fading_days(Day(0), Day(1000)), [Day(10)]);
    }
}
