//! Figures about rates.

/// The 97.5th percentile of the normal distribution, for limits of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % limits of a rate of so many of so many; `None` of nobody.
pub fn wilson(outcomes: u64, persons: u64) -> Option<(f64, f64)> {
    if persons == 0 {
        return None;
    }
    let n = persons as f64;
    let rate = outcomes as f64 / n;
    let centre = rate + Z * Z / (2.0 * n);
    let spread = Z * (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).sqrt();
    let of = |limit: f64| (limit / (1.0 + Z * Z / n)).clamp(0.0, 1.0);
    Some((of(centre - spread), of(centre + spread)))
}

/// How often the outcome comes; `None` of nobody.
pub fn rate(outcomes: u64, persons: u64) -> Option<f64> {
    (persons > 0).then(|| outcomes as f64 / persons as f64)
}

/// The quotient of two rates; `None` if it has none.
pub fn lift(rate: Option<f64>, whole: Option<f64>) -> Option<f64> {
    Some(rate? / whole.filter(|whole| *whole > 0.0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_as_published() {
        // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        for (outcomes, persons, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let (l, h) = wilson(outcomes, persons).unwrap();
            assert!((l - low).abs() < 5e-5 && (h - high).abs() < 5e-5, "{outcomes} of {persons}: {l} {h}");
        }
        assert_eq!(wilson(0, 0), None);
        let (low, high) = wilson(7, 7).unwrap();
        assert!((low - 0.6457).abs() < 5e-5 && high == 1.0);
    }

    #[test]
    fn a_rate_of_nobody_is_none() {
        assert_eq!((rate(0, 0), rate(1, 4)), (None, Some(0.25)));
        assert_eq!((lift(Some(0.5), Some(0.25)), lift(Some(0.0), Some(0.0)), lift(None, Some(0.1))), (Some(2.0), None, None));
    }
}
