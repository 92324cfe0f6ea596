//! How sure the difference of two AUCs is.

/// A person on a reference day with two scores.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    /// Its place among the persons.
    pub person: u32,
    pub day: u32,
    pub before: i64,
    pub after: i64,
    pub is_positive: bool,
}

/// So often the persons are drawn anew.
const DRAWS: u64 = 200;

/// The AUC by one of the two scores where persons weigh differently. `pairs` lie in the order of day and score.
fn auc(pairs: &[(u32, i64, u32, bool)], weights: &[u8]) -> Option<f64> {
    let (mut twice_won, mut compared) = (0.0, 0.0);
    for of_day in pairs.chunk_by(|a, b| a.0 == b.0) {
        let (mut below, mut all_positives) = (0.0, 0.0);
        for same in of_day.chunk_by(|a, b| a.1 == b.1) {
            let (mut positives, mut negatives) = (0u64, 0u64);
            for (_, _, person, is_positive) in same {
                let weight = u64::from(weights[*person as usize]);
                if *is_positive { positives += weight } else { negatives += weight }
            }
            let (positives, negatives) = (positives as f64, negatives as f64);
            twice_won += positives * (2.0 * below + negatives);
            below += negatives;
            all_positives += positives;
        }
        compared += all_positives * below;
    }
    (compared > 0.0).then(|| twice_won / (2.0 * compared))
}

/// How often a person is drawn: Poisson with mean 1, from evenly spread bits.
fn draw(bits: u64) -> u8 {
    const UP_TO: [f64; 7] = [0.367_879, 0.735_759, 0.919_699, 0.981_012, 0.996_340, 0.999_406, 0.999_917];
    let even = (bits >> 11) as f64 / (1u64 << 53) as f64;
    UP_TO.iter().take_while(|&&up_to| even >= up_to).count() as u8
}

/// Bits that look random, always the same for the same numbers (splitmix64).
fn bits(draw: u64, person: u64) -> u64 {
    let mut z = draw.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(person.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The number by which a person is drawn, from the words that name it: the same wherever the person is stored (FNV-1a).
pub fn number_of(words: &[&str]) -> u64 {
    let bytes = words.iter().flat_map(|word| word.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |number, byte| (number ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Whether a person is in a sample of one in so many: always the same ones, whatever their numbers have in common.
pub fn is_drawn(number: u64, one_in: usize) -> bool {
    one_in <= 1 || (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).is_multiple_of(one_in as u64)
}

/// The 95 % limits of the difference that the second score makes to the AUC: persons, each by its number, are drawn anew, with all
/// of their reference days, 200 times, always the same ones. `None` where no draw has a pair.
pub fn gain(pairs: &[Pair], persons: &[u64], interrupted: &dyn Fn()) -> Option<(f64, f64)> {
    let ordered = |score: fn(&Pair) -> i64| {
        let mut ordered: Vec<(u32, i64, u32, bool)> =
            pairs.iter().map(|pair| (pair.day, score(pair), pair.person, pair.is_positive)).collect();
        ordered.sort_unstable();
        ordered
    };
    let (before, after) = (ordered(|pair| pair.before), ordered(|pair| pair.after));
    let mut gains: Vec<f64> = (0..DRAWS)
        .filter_map(|nth| {
            interrupted();
            let weights: Vec<u8> = persons.iter().map(|&person| draw(bits(nth, person))).collect();
            Some(auc(&after, &weights)? - auc(&before, &weights)?)
        })
        .collect();
    gains.sort_by(f64::total_cmp);
    let at = |share: f64| gains.get((share * (gains.len() as f64 - 1.0)).round() as usize).copied();
    Some((at(0.025)?, at(0.975)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persons_are_drawn_once_on_average() {
        let drawn: u64 = (0..100_000).map(|person| u64::from(draw(bits(3, person)))).sum();
        assert!((99_000..101_000).contains(&drawn), "{drawn}");
    }

    #[test]
    fn in_which_order_persons_come_makes_no_difference() {
        let numbers: Vec<u64> = (0..300u32).map(|n| number_of(&["candidate", "", &n.to_string()])).collect();
        let pair = |person: u32, n: u32| Pair {
            person,
            day: n % 3,
            before: (bits(7, n.into()) % 9) as i64,
            after: (bits(8, n.into()) % 9) as i64,
            is_positive: bits(9, n.into()).is_multiple_of(4),
        };
        let forth: Vec<Pair> = (0..300).map(|n| pair(n, n)).collect();
        let back: Vec<Pair> = (0..300).map(|n| pair(299 - n, n)).collect();
        let reversed: Vec<u64> = numbers.iter().rev().copied().collect();
        assert_eq!(gain(&forth, &numbers, &|| {}), gain(&back, &reversed, &|| {}));
        assert_ne!(number_of(&["a", "bc"]), number_of(&["ab", "c"]));
        let drawn = numbers.iter().filter(|&&number| is_drawn(number, 3)).count();
        assert!((70..130).contains(&drawn), "{drawn}");
    }

    #[test]
    fn a_better_score_is_told_from_noise() {
        let pairs = |after: fn(i64) -> i64| -> Vec<Pair> {
            (0..600u32)
                .map(|person| {
                    let outcome = bits(99, person.into()) % 5;
                    let before = (bits(7, person.into()) % 10) as i64;
                    let after = after((outcome as i64) * 3 + before);
                    Pair { person, day: person % 3, before, after, is_positive: outcome == 4 }
                })
                .collect()
        };
        let persons: Vec<u64> = (0..600).collect();
        let (low, high) = gain(&pairs(|score| score), &persons, &|| {}).unwrap();
        assert!(low > 0.1 && high < 0.6 && low < high, "{low} {high}");
        let same: Vec<Pair> = pairs(|_| 0).into_iter().map(|pair| Pair { after: pair.before, ..pair }).collect();
        assert_eq!(gain(&same, &persons, &|| {}), Some((0.0, 0.0)));
        assert_eq!(gain(&[], &[], &|| {}), None);
    }
}
