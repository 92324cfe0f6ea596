//! Bands that hold so many: the lowest scores that let no more persons in than there is room for.

/// A band: its lowest score, and how many persons are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    /// `None` where no score is low enough to let anybody in and high enough to keep the rest out: the next
    /// score is that of more persons than there is room for.
    pub min_score: Option<i64>,
    pub persons: u64,
}

/// The bands for so many persons each, the highest first, of persons by score in any order; and how many persons are left.
pub fn lowest(scores: &[(i64, u64)], rooms: &[u64]) -> (Vec<Band>, u64) {
    let mut scores = scores.to_vec();
    scores.sort_unstable_by_key(|(score, _)| std::cmp::Reverse(*score));
    let mut rest = scores.as_slice();
    // The lowest score that is taken.
    let mut above: Option<i64> = None;
    let mut bands = Vec::new();
    for &room in rooms {
        let mut persons = 0u64;
        while let Some(((_, more), others)) = rest.split_first().filter(|((_, more), _)| persons.saturating_add(*more) <= room) {
            persons += more;
            rest = others;
        }
        let lowest = match rest.first() {
            Some((next, _)) => next.checked_add(1),
            // There is room for everybody who is left.
            None => scores.last().map(|(score, _)| *score),
        };
        let min_score = lowest.filter(|lowest| above.is_none_or(|above| *lowest < above));
        above = min_score.or(above);
        bands.push(Band { min_score, persons });
    }
    (bands, rest.iter().fold(0, |sum, (_, persons)| sum.saturating_add(*persons)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bands(scores: &[(i64, u64)], rooms: &[u64]) -> (Vec<(Option<i64>, u64)>, u64) {
        let (bands, rest) = lowest(scores, rooms);
        (bands.into_iter().map(|band| (band.min_score, band.persons)).collect(), rest)
    }

    #[test]
    fn the_next_score_would_be_too_many() {
        let scores = [(10, 100), (50, 40), (30, 15), (45, 20)];
        assert_eq!(bands(&scores, &[60, 30]), (vec![(Some(31), 60), (Some(11), 15)], 100));
        assert_eq!(bands(&scores, &[59]), (vec![(Some(46), 40)], 135));
    }

    #[test]
    fn who_scores_the_same_stays_together() {
        assert_eq!(bands(&[(9, 10), (5, 1)], &[3]), (vec![(Some(10), 0)], 11));
        // A second one cannot begin where the first does.
        assert_eq!(bands(&[(9, 10), (5, 1)], &[3, 4]), (vec![(Some(10), 0), (None, 0)], 11));
        assert_eq!(bands(&[(9, 10), (5, 1)], &[3, 4, 11]), (vec![(Some(10), 0), (None, 0), (Some(5), 11)], 0));
    }

    #[test]
    fn room_for_all_and_for_nobody() {
        assert_eq!(bands(&[(9, 1), (5, 1)], &[2, 7]), (vec![(Some(5), 2), (None, 0)], 0));
        assert_eq!(bands(&[], &[2]), (vec![(None, 0)], 0));
        assert_eq!(bands(&[(i64::MAX, 3)], &[2]), (vec![(None, 0)], 3));
    }
}
