//! Reference days: the past days on which a score is asked what it foretold.

use scoring::calendar::{Day, Interval};

/// The reference days of an evaluation, and until when the outcome of each is looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceDays {
    pub days: Vec<Day>,
    /// Of each day the last one on which an outcome counts.
    pub ends: Vec<Day>,
    /// How many days are left out because their horizon is not over.
    pub left_out: usize,
}

/// What an outcome on some day, or none ever, makes of a person on a reference day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The outcome is there already, or the person was not known yet: not counted.
    Outside,
    Negative,
    Positive,
}

impl ReferenceDays {
    /// `from`, and so many times `every` later, up to `until`; those whose horizon ends after `known_until` are left
    /// out. Months are added to `from`, so that the ends of months stay ends of months. `most` bounds how many are
    /// looked at.
    pub fn new(from: Day, until: Day, every: Interval, horizon: Interval, known_until: Day, most: usize) -> ReferenceDays {
        let (mut days, mut ends, mut left_out) = (Vec::new(), Vec::new(), 0);
        let steps = (0..most as i32).map_while(|nth| if nth == 0 { Some(from) } else { every.times(nth).after(from) });
        for day in steps.take_while(|&day| day <= until) {
            match horizon.after(day).filter(|&end| end <= known_until) {
                Some(end) => {
                    days.push(day);
                    ends.push(end);
                }
                None => left_out += 1,
            }
        }
        ReferenceDays { days, ends, left_out }
    }

    /// What a person is on the `nth` day: known since a day, with the first outcome on a day, if there is one.
    pub fn standing(&self, nth: usize, since: Day, outcome: Option<Day>) -> Standing {
        let day = self.days[nth];
        match outcome {
            _ if since > day => Standing::Outside,
            Some(outcome) if outcome <= day => Standing::Outside,
            Some(outcome) if outcome <= self.ends[nth] => Standing::Positive,
            _ => Standing::Negative,
        }
    }

    /// Of the latest fifth of the days, rounded up, the first one: earlier ones are for learning, it and later ones for judging.
    pub fn first_judged(&self) -> usize {
        self.days.len() - self.days.len().div_ceil(5)
    }

    /// How many days there are to learn from before the first judged one: those whose horizon is over by then, so that
    /// nothing is learned that was not known on it.
    pub fn learned(&self) -> usize {
        let judged = self.days.get(self.first_judged()).copied();
        self.ends
            .iter()
            .zip(&self.days)
            .take_while(|(end, day)| judged.is_some_and(|judged| **end <= judged && **day < judged))
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::from_iso(text).unwrap()
    }

    fn days(from: &str, until: &str, every: Interval, horizon: i32, known_until: &str) -> (Vec<String>, usize) {
        let days = ReferenceDays::new(day(from), day(until), every, Interval::of_days(horizon), day(known_until), 1000);
        (days.days.iter().map(Day::to_string).collect(), days.left_out)
    }

    #[test]
    fn months_stay_at_their_ends() {
        let month = Interval::of_months(1);
        assert_eq!(
            days("2026-01-31", "2026-04-30", month, 30, "2026-12-31"),
            (vec!["2026-01-31".into(), "2026-02-28".into(), "2026-03-31".into(), "2026-04-30".into()], 0)
        );
        assert_eq!(days("2026-03-01", "2026-03-01", month, 1, "2026-03-02").0.len(), 1);
    }

    #[test]
    fn a_horizon_must_be_over() {
        // 1 January + 30 days = 31 January.
        let week = Interval::of_days(7);
        assert_eq!(days("2026-01-01", "2026-01-20", week, 30, "2026-01-31"), (vec!["2026-01-01".into()], 2));
        assert_eq!(days("2026-01-01", "2026-01-20", week, 30, "2026-01-30"), (vec![], 3));
    }

    #[test]
    fn an_outcome_counts_after_the_day_and_until_the_end() {
        let days = ReferenceDays::new(Day(100), Day(100), Interval::of_days(1), Interval::of_days(30), Day(500), 1000);
        let standing = |since, outcome: Option<i32>| days.standing(0, Day(since), outcome.map(Day));
        assert_eq!(standing(100, None), Standing::Negative);
        assert_eq!(standing(101, Some(120)), Standing::Outside);
        assert_eq!(standing(50, Some(99)), Standing::Outside);
        assert_eq!(standing(50, Some(100)), Standing::Outside);
        assert_eq!(standing(50, Some(101)), Standing::Positive);
        assert_eq!(standing(50, Some(130)), Standing::Positive);
        assert_eq!(standing(50, Some(131)), Standing::Negative);
    }

    #[test]
    fn what_is_learned_was_known_on_the_first_judged_day() {
        let days = |count: i32, horizon: i32| {
            let day = Interval::of_days(30);
            ReferenceDays::new(Day(0), Day(30 * (count - 1)), day, Interval::of_days(horizon), Day(9000), 1000)
        };
        // Of 12 the latest 3 are judged: the 10th is day 270, and outcomes of day 180 are known by then.
        assert_eq!((days(12, 90).first_judged(), days(12, 90).learned()), (9, 7));
        assert_eq!((days(5, 30).first_judged(), days(5, 30).learned()), (4, 4));
        assert_eq!((days(2, 90).first_judged(), days(2, 90).learned()), (1, 0));
        assert_eq!((days(1, 90).first_judged(), days(1, 90).learned()), (0, 0));
        assert_eq!(days(0, 90).learned(), 0);
    }
}
