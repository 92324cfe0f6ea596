//! What a rule is good for.

use crate::statistics::wilson;
use crate::tally::Count;

/// Fewer outcomes than these in all, or fewer persons with or without the rule, say nothing.
pub const FEWEST_OUTCOMES: u64 = 10;
pub const FEWEST_PERSONS: u64 = 30;

/// By how much the AUC of the score must differ from that without the rule.
pub const GAIN: f64 = 0.002;

/// What a rule is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The score foretells the outcome better with it.
    Useful,
    /// It tells something, which other rules tell already.
    Redundant,
    /// It makes no difference.
    Weak,
    /// The score foretells the outcome better without it.
    Harmful,
    /// There are too few persons or outcomes to tell.
    TooFew,
}

impl Verdict {
    /// Of persons to whom the rule gave something and of the others, of the AUC with and without it, and of the
    /// sign of its points.
    pub fn of(with: Count, without: Count, auc: Option<f64>, auc_without: Option<f64>, points: i64) -> Verdict {
        let (Some(auc), Some(auc_without)) = (auc, auc_without) else { return Verdict::TooFew };
        if with.outcomes + without.outcomes < FEWEST_OUTCOMES || with.persons.min(without.persons) < FEWEST_PERSONS {
            return Verdict::TooFew;
        }
        let gain = auc - auc_without;
        if gain >= GAIN {
            Verdict::Useful
        } else if gain <= -GAIN {
            Verdict::Harmful
        } else if is_apart(with, without, points) {
            Verdict::Redundant
        } else {
            Verdict::Weak
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Verdict::Useful => "useful",
            Verdict::Redundant => "redundant",
            Verdict::Weak => "weak",
            Verdict::Harmful => "harmful",
            Verdict::TooFew => "too few",
        }
    }
}

/// Whether the limits of the two rates lie apart, in the direction that the points say.
fn is_apart(with: Count, without: Count, points: i64) -> bool {
    let limits = |count: Count| wilson(count.outcomes, count.persons);
    let (Some((low, high)), Some((other_low, other_high))) = (limits(with), limits(without)) else { return false };
    if points < 0 { high < other_low } else { low > other_high }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(with: (u64, u64), without: (u64, u64), auc: f64, auc_without: f64, points: i64) -> Verdict {
        let count = |(persons, outcomes)| Count { persons, outcomes };
        Verdict::of(count(with), count(without), Some(auc), Some(auc_without), points)
    }

    #[test]
    fn thresholds() {
        assert_eq!(verdict((100, 30), (400, 40), 0.702, 0.7, 5), Verdict::Useful);
        assert_eq!(verdict((100, 30), (400, 40), 0.698, 0.7, 5), Verdict::Harmful);
        assert_eq!(verdict((100, 30), (400, 40), 0.7, 0.7, 5), Verdict::Redundant);
        assert_eq!(verdict((100, 30), (400, 40), 0.7, 0.7, -5), Verdict::Weak);
        assert_eq!(verdict((100, 1), (400, 100), 0.7, 0.7, -5), Verdict::Redundant);
        assert_eq!(verdict((100, 10), (400, 40), 0.701, 0.7, 5), Verdict::Weak);
        assert_eq!(verdict((29, 10), (400, 40), 0.9, 0.7, 5), Verdict::TooFew);
        assert_eq!(verdict((100, 4), (400, 5), 0.9, 0.7, 5), Verdict::TooFew);
        assert_eq!(Verdict::of(Count::default(), Count::default(), None, None, 1), Verdict::TooFew);
    }
}
