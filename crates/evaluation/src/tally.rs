//! Counts of persons and outcomes by reference day and score: all that is kept of an evaluation, however many
//! persons there are.

use std::collections::{BTreeMap, HashMap};

/// Persons, and those of them with the outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub persons: u64,
    pub outcomes: u64,
}

impl Count {
    pub fn add(&mut self, is_positive: bool) {
        self.persons += 1;
        self.outcomes += u64::from(is_positive);
    }

    pub fn merge(&mut self, other: Count) {
        self.persons += other.persons;
        self.outcomes += other.outcomes;
    }

    fn negatives(self) -> u64 {
        self.persons - self.outcomes
    }
}

/// Counts by reference day and score.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    counts: HashMap<(u32, i64), Count>,
}

impl Tally {
    pub fn add(&mut self, day: usize, score: i64, is_positive: bool) {
        self.counts.entry((day as u32, score)).or_default().add(is_positive);
    }

    pub fn add_counts(&mut self, day: usize, score: i64, count: Count) {
        self.counts.entry((day as u32, score)).or_default().merge(count);
    }

    /// All counts with their reference days and scores.
    pub fn counts(&self) -> impl Iterator<Item = (usize, i64, Count)> {
        self.counts.iter().map(|(&(day, score), &count)| (day as usize, score, count))
    }

    pub fn whole(&self) -> Count {
        let mut whole = Count::default();
        self.counts.values().for_each(|count| whole.merge(*count));
        whole
    }

    /// The counts of each score, over all reference days.
    pub fn by_score(&self) -> BTreeMap<i64, Count> {
        let mut by_score: BTreeMap<i64, Count> = BTreeMap::new();
        for ((_, score), count) in &self.counts {
            by_score.entry(*score).or_default().merge(*count);
        }
        by_score
    }

    /// The probability that a positive scores higher than a negative of the same reference day, where equal scores count
    /// half; each pair counts the same. `None` without a pair.
    pub fn auc(&self) -> Option<f64> {
        let mut sorted: Vec<((u32, i64), Count)> = self.counts.iter().map(|(key, count)| (*key, *count)).collect();
        sorted.sort_unstable_by_key(|(key, _)| *key);
        let (mut twice_won, mut pairs) = (0u128, 0u128);
        for of_day in sorted.chunk_by(|a, b| a.0.0 == b.0.0) {
            let mut below = 0u64;
            let mut positives = 0u64;
            for (_, count) in of_day {
                twice_won += u128::from(count.outcomes) * u128::from(2 * below + count.negatives());
                below += count.negatives();
                positives += count.outcomes;
            }
            pairs += u128::from(positives) * u128::from(below);
        }
        (pairs > 0).then(|| twice_won as f64 / (2.0 * pairs as f64))
    }

    /// The share of all outcomes that is among the tenth of the persons with the highest scores, of all reference days
    /// together. Of the persons with the score at which the tenth ends, as large a part is taken as still fits, with the same
    /// part of their outcomes: what drawing among them by lot gives on average. `None` without outcomes.
    pub fn top_decile(&self) -> Option<f64> {
        let whole = self.whole();
        let mut room = whole.persons as f64 / 10.0;
        let mut found = 0.0;
        for count in self.by_score().values().rev() {
            let taken = (room / count.persons as f64).min(1.0);
            found += taken * count.outcomes as f64;
            room -= taken * count.persons as f64;
            if taken < 1.0 {
                break;
            }
        }
        (whole.outcomes > 0).then(|| found / whole.outcomes as f64)
    }
}

/// How another score would change a tally: who would score otherwise, and nobody else.
#[derive(Debug, Clone, Default)]
pub struct Moves {
    changes: HashMap<(u32, i64), (i64, i64)>,
}

impl Moves {
    pub fn add(&mut self, day: usize, before: i64, after: i64, is_positive: bool) {
        if before == after {
            return;
        }
        for (score, by) in [(before, -1), (after, 1)] {
            let change = self.changes.entry((day as u32, score)).or_default();
            change.0 += by;
            change.1 += if is_positive { by } else { 0 };
        }
    }

    pub fn add_changes(&mut self, day: usize, score: i64, (persons, outcomes): (i64, i64)) {
        let change = self.changes.entry((day as u32, score)).or_default();
        change.0 += persons;
        change.1 += outcomes;
    }

    /// By reference day and score, how many persons and outcomes more or fewer there would be.
    pub fn changes(&self) -> impl Iterator<Item = (usize, i64, (i64, i64))> {
        self.changes.iter().map(|(&(day, score), &change)| (day as usize, score, change))
    }

    /// The tally with the other scores.
    pub fn applied(&self, tally: &Tally) -> Tally {
        let mut counts = tally.counts.clone();
        for (key, (persons, outcomes)) in &self.changes {
            let count = counts.entry(*key).or_default();
            count.persons = count.persons.saturating_add_signed(*persons);
            count.outcomes = count.outcomes.saturating_add_signed(*outcomes);
        }
        counts.retain(|_, count| count.persons > 0);
        Tally { counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(rows: &[(usize, i64, bool)]) -> Tally {
        let mut tally = Tally::default();
        rows.iter().for_each(|&(day, score, is_positive)| tally.add(day, score, is_positive));
        tally
    }

    #[test]
    fn pairs_are_of_one_day_and_ties_count_half() {
        // Positive 30 beats 10 and 20; positive 20 beats 10, ties with 20: 3.5 of 4.
        let one = [(0, 30, true), (0, 20, true), (0, 20, false), (0, 10, false)];
        assert_eq!(tally(&one).auc(), Some(3.5 / 4.0));
        // On another day the positive loses its two pairs: 3.5 of 6, and days are not compared with each other.
        let two = [one.as_slice(), &[(1, -5, true), (1, 99, false), (1, 0, false)]].concat();
        assert_eq!(tally(&two).auc(), Some(3.5 / 6.0));
        assert_eq!(tally(&[(0, 1, true), (1, 0, false)]).auc(), None);
        assert_eq!(tally(&[(0, 7, true), (0, 7, false)]).auc(), Some(0.5));
    }

    #[test]
    fn auc_is_that_of_every_pair() {
        let rows: Vec<(usize, i64, bool)> =
            (0..400u64).map(|n| (n as usize % 3, (n * 7919 % 23) as i64, n * n % 11 < 3)).collect();
        let (mut won, mut pairs) = (0.0, 0.0);
        for a in rows.iter().filter(|row| row.2) {
            for b in rows.iter().filter(|row| !row.2 && row.0 == a.0) {
                pairs += 1.0;
                won += if a.1 > b.1 {
                    1.0
                } else if a.1 == b.1 {
                    0.5
                } else {
                    0.0
                };
            }
        }
        assert!((tally(&rows).auc().unwrap() - won / pairs).abs() < 1e-12);
    }

    #[test]
    fn moves_give_the_tally_of_the_other_scores() {
        let before = [(0, 1, true), (0, 2, false), (0, 2, true), (1, 5, false)];
        let after = [(0, 4, true), (0, 2, false), (0, 1, true), (1, 5, false)];
        let mut moves = Moves::default();
        before.iter().zip(&after).for_each(|(a, b)| moves.add(a.0, a.1, b.1, a.2));
        let moved = moves.applied(&tally(&before));
        assert_eq!(moved.counts, tally(&after).counts);
    }

    #[test]
    fn moves_of_several_add_up() {
        let (mut whole, mut parts) = (Moves::default(), [Moves::default(), Moves::default()]);
        for n in 0..60i64 {
            let (day, before, after, is_positive) = (n as usize % 2, n % 5, n % 7, n % 3 == 0);
            whole.add(day, before, after, is_positive);
            parts[n as usize % 4 / 2].add(day, before, after, is_positive);
        }
        let mut sum = Moves::default();
        for (day, score, change) in parts.iter().flat_map(Moves::changes) {
            sum.add_changes(day, score, change);
        }
        let rows: Vec<(usize, i64, bool)> = (0..60).map(|n| (n as usize % 2, n % 5, n % 3 == 0)).collect();
        assert_eq!(sum.applied(&tally(&rows)).counts, whole.applied(&tally(&rows)).counts);
    }

    #[test]
    fn the_top_tenth_takes_a_part_of_a_tie() {
        // The highest 2 of 20: one of 50 with the outcome, and one of the four of 40, of which one has it.
        let mut rows = vec![(0, 50, true), (0, 40, true), (0, 40, false), (0, 40, false), (0, 40, false)];
        rows.extend((0..15).map(|n| (0, n, n < 2)));
        assert_eq!(tally(&rows).top_decile(), Some(1.25 / 4.0));
        // Of 5 persons half a person is a tenth.
        assert_eq!(tally(&[(0, 9, true), (0, 1, false), (0, 1, false), (0, 1, false), (0, 1, false)]).top_decile(), Some(0.5));
        assert_eq!(tally(&[(0, 9, false)]).top_decile(), None);
        assert_eq!(Tally::default().top_decile(), None);
    }
}
