//! Whole points that foretell an outcome: a logistic regression that zeroes what does not help, then rounding.
//!
//! What a rule gives on a reference day in units of its points (2 for two calls that count in full, 0.5 for one that has
//! decayed to half) is one number of a [`Patterns`] row; the outcome is the other side. The penalty is L1 with a
//! little L2, on numbers of unit spread; the points are then scaled by a pool of multipliers and rounded,
//! and the best are improved point by point, as FasterRisk (Liu and others 2022) does it.

use crate::tally::Count;
use crate::weights::Weights;
use argmin::core::{CostFunction, Error, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use std::collections::HashMap;

/// What must be the sign of a rule's points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    Positive,
    Negative,
    Either,
}

impl Sign {
    pub fn of(points: i64) -> Sign {
        match points.signum() {
            1 => Sign::Positive,
            -1 => Sign::Negative,
            _ => Sign::Either,
        }
    }

    fn allows(self, points: i64) -> bool {
        match self {
            Sign::Positive => points >= 0,
            Sign::Negative => points <= 0,
            Sign::Either => true,
        }
    }
}

/// What rules gave persons on reference days, each combination once with how many had it, and how many of these the outcome.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    places: HashMap<Vec<(u16, u32)>, u32>,
    counts: Vec<(f64, f64)>,
}

impl Patterns {
    /// A person on a day: what each rule gave in units of its points, in the order of the rules, where it is not 0.
    pub fn add(&mut self, units: &[(u16, f32)], is_positive: bool) {
        let key = units.iter().map(|(rule, units)| (*rule, units.to_bits())).collect();
        self.add_counts(key, Count { persons: 1, outcomes: u64::from(is_positive) });
    }

    /// So many with one combination: the bits of what each rule gave.
    pub fn add_counts(&mut self, key: Vec<(u16, u32)>, Count { persons, outcomes }: Count) {
        let next = self.counts.len() as u32;
        let place = *self.places.entry(key).or_insert(next);
        if place == next {
            self.counts.push((0.0, 0.0));
        }
        let count = &mut self.counts[place as usize];
        count.0 += persons as f64;
        count.1 += outcomes as f64;
    }

    /// All combinations, in no order.
    pub fn counts(&self) -> impl Iterator<Item = (&[(u16, u32)], Count)> {
        self.places.iter().map(|(key, &place)| {
            let (persons, outcomes) = self.counts[place as usize];
            (key.as_slice(), Count { persons: persons as u64, outcomes: outcomes as u64 })
        })
    }

    /// The same rows in a fixed order, as columns.
    fn rows(&self, rules: usize) -> Rows {
        let mut sorted: Vec<(&Vec<(u16, u32)>, u32)> = self.places.iter().map(|(key, place)| (key, *place)).collect();
        sorted.sort_unstable();
        let mut rows = Rows { columns: vec![Vec::new(); rules], counts: Vec::with_capacity(sorted.len()) };
        for (key, place) in sorted {
            for &(rule, bits) in key {
                rows.columns[rule as usize].push((rows.counts.len() as u32, f32::from_bits(bits)));
            }
            rows.counts.push(self.counts[place as usize]);
        }
        rows
    }
}

/// Rows by columns: of each rule the rows in which it gave something, and what.
struct Rows {
    columns: Vec<Vec<(u32, f32)>>,
    /// Persons and positives of each row.
    counts: Vec<(f64, f64)>,
}

/// log(1 + e^z)
fn softplus(z: f64) -> f64 {
    if z > 0.0 { z + (-z).exp().ln_1p() } else { z.exp().ln_1p() }
}

fn logistic(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

impl Rows {
    fn persons(&self) -> f64 {
        self.counts.iter().map(|count| count.0).sum()
    }

    fn positives(&self) -> f64 {
        self.counts.iter().map(|count| count.1).sum()
    }

    /// The sum over rules of weight times what each gave, by row.
    fn sums(&self, weights: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.counts.len()];
        for (column, &weight) in self.columns.iter().zip(weights) {
            if weight != 0.0 {
                column.iter().for_each(|&(row, units)| sums[row as usize] += weight * f64::from(units));
            }
        }
        sums
    }

    /// The mean log loss of log odds `intercept + slope × sum`.
    fn loss(&self, sums: &[f64], intercept: f64, slope: f64) -> f64 {
        let loss = |((persons, positives), sum): (&(f64, f64), &f64)| {
            let z = intercept + slope * sum;
            persons * softplus(z) - positives * z
        };
        self.counts.iter().zip(sums).map(loss).sum::<f64>() / self.persons().max(1.0)
    }

    /// The intercept and the slope with the least loss, by Newton's method.
    fn calibrated(&self, sums: &[f64]) -> (f64, f64) {
        let (persons, positives) = (self.persons(), self.positives());
        let base = ((positives + 0.5) / (persons - positives + 0.5)).ln();
        let spread = (sums.iter().map(|sum| sum * sum).sum::<f64>() / sums.len().max(1) as f64).sqrt();
        if spread == 0.0 {
            return (base, 0.0);
        }
        let (mut a, mut b) = (base, 0.0);
        let mut loss = self.loss(sums, a, b);
        for _ in 0..50 {
            let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 1e-9, 0.0, 1e-9);
            for ((persons, positives), &sum) in self.counts.iter().zip(sums) {
                let p = logistic(a + b * sum);
                let (gap, weight) = (persons * p - positives, persons * p * (1.0 - p));
                ga += gap;
                gb += gap * sum;
                haa += weight;
                hab += weight * sum;
                hbb += weight * sum * sum;
            }
            let determinant = haa * hbb - hab * hab;
            if determinant <= 0.0 {
                break;
            }
            let (da, db) = ((hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant);
            // Half the step until it does not go up.
            let mut step = 1.0;
            let better = loop {
                let next = self.loss(sums, a - step * da, b - step * db);
                if next <= loss || step < 1e-6 {
                    break next;
                }
                step /= 2.0;
            };
            let gained = loss - better;
            if gained <= 0.0 {
                break;
            }
            (a, b, loss) = (a - step * da, b - step * db, better);
            if gained < 1e-12 {
                break;
            }
        }
        (a, b)
    }
}

/// The regression, in numbers that no penalty or sign makes sharp: a weight that may only be positive is u², one that may
/// have either sign is u² − v², and the sum of all u² and v² is then, where the loss is least, that of the weights' sizes.
struct Regression<'a> {
    rows: &'a Rows,
    /// Of each number but the first, which is the intercept: the rule, and the sign of its square.
    numbers: Vec<(usize, f64)>,
    /// Of each rule one over the spread of what it gave.
    scales: Vec<f64>,
    l1: f64,
    l2: f64,
    interrupted: &'a dyn Fn(),
}

impl Regression<'_> {
    /// The weights of numbers of unit spread.
    fn weights(&self, numbers: &Weights) -> Vec<f64> {
        let mut weights = vec![0.0; self.scales.len()];
        for (&(rule, sign), number) in self.numbers.iter().zip(&numbers.0[1..]) {
            weights[rule] += sign * number * number;
        }
        weights
    }

    fn sums(&self, weights: &[f64]) -> Vec<f64> {
        self.rows.sums(&weights.iter().zip(&self.scales).map(|(weight, scale)| weight * scale).collect::<Vec<_>>())
    }
}

impl CostFunction for Regression<'_> {
    type Param = Weights;
    type Output = f64;

    fn cost(&self, numbers: &Weights) -> Result<f64, Error> {
        (self.interrupted)();
        let weights = self.weights(numbers);
        let loss = self.rows.loss(&self.sums(&weights), numbers.0[0], 1.0);
        let squares: f64 = numbers.0[1..].iter().map(|number| number * number).sum();
        let second: f64 = weights.iter().map(|weight| weight * weight).sum();
        Ok(loss + self.l1 * squares + self.l2 / 2.0 * second)
    }
}

impl Gradient for Regression<'_> {
    type Param = Weights;
    type Gradient = Weights;

    fn gradient(&self, numbers: &Weights) -> Result<Weights, Error> {
        (self.interrupted)();
        let weights = self.weights(numbers);
        let sums = self.sums(&weights);
        let persons = self.rows.persons().max(1.0);
        let gap = |((persons, positives), sum): (&(f64, f64), &f64)| persons * logistic(numbers.0[0] + sum) - positives;
        let gaps: Vec<f64> = self.rows.counts.iter().zip(&sums).map(gap).collect();
        let slope = |rule: usize| {
            let along: f64 = self.rows.columns[rule].iter().map(|&(row, units)| gaps[row as usize] * f64::from(units)).sum();
            along * self.scales[rule] / persons + self.l2 * weights[rule]
        };
        let slopes: Vec<f64> = (0..weights.len()).map(slope).collect();
        let mut gradient = vec![gaps.iter().sum::<f64>() / persons];
        for (&(rule, sign), number) in self.numbers.iter().zip(&numbers.0[1..]) {
            gradient.push(2.0 * number * (sign * slopes[rule] + self.l1));
        }
        Ok(Weights(gradient))
    }
}

/// What to learn from, and within which bounds.
pub struct Lesson<'a> {
    /// Those of earlier reference days, and those of later ones by which the strength of the penalty is chosen.
    pub earlier: Patterns,
    pub later: Patterns,
    /// What the points of each rule may be.
    pub signs: &'a [Sign],
    pub max_points: i64,
    /// Called again and again, so that the caller can end it.
    pub interrupted: &'a dyn Fn(),
}

/// A hundredth of the penalty is on squares, so that of rules that always go together each gets a part.
const SQUARES: f64 = 0.01;

/// Strengths of the penalty that are tried, as parts of the least one that leaves nothing.
const STRENGTHS: [f64; 6] = [0.3, 0.1, 0.03, 0.01, 0.003, 0.001];

/// Weights below this are none.
const NOTHING: f64 = 1e-4;

/// The number of multipliers that are tried, and of those whose points are improved one by one.
const MULTIPLIERS: usize = 20;
const IMPROVED: usize = 3;

/// So much of what the best points gain over none may be lost for smaller points.
const SMALLER_AT: f64 = 0.005;

impl Lesson<'_> {
    /// Whole points for each rule, at most so many; all 0 if nothing helps.
    pub fn points(&self) -> Vec<i64> {
        let rules = self.signs.len();
        let (earlier, later) = (self.earlier.rows(rules), self.later.rows(rules));
        let whole = self.together().rows(rules);
        let part = if later.positives() > 0.0 && earlier.positives() > 0.0 { self.strength(&earlier, &later) } else { 0.01 };
        let weights = self.weights(&whole, part);
        self.rounded(&whole, &weights)
    }

    fn together(&self) -> Patterns {
        let mut both = self.earlier.clone();
        for (key, count) in self.later.counts() {
            both.add_counts(key.to_vec(), count);
        }
        both
    }

    /// The strength of the penalty that, learned on earlier days, loses least on later ones.
    fn strength(&self, earlier: &Rows, later: &Rows) -> f64 {
        let loss = |part: f64| {
            let sums = |rows: &Rows, weights: &[f64]| rows.sums(weights);
            let weights = self.weights(earlier, part);
            let (intercept, slope) = earlier.calibrated(&sums(earlier, &weights));
            later.loss(&sums(later, &weights), intercept, slope)
        };
        let losses: Vec<(f64, f64)> = STRENGTHS.iter().map(|&part| (part, loss(part))).collect();
        losses.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0.01, |(part, _)| part)
    }

    /// The weight of each rule in log odds for a point of one unit, with a penalty of that part of the least one that leaves
    /// nothing.
    fn weights(&self, rows: &Rows, part: f64) -> Vec<f64> {
        let persons = rows.persons().max(1.0);
        let rate = rows.positives() / persons;
        let mut scales = Vec::new();
        let mut steepest = 0.0f64;
        for column in &rows.columns {
            let total = |of: fn(f64) -> f64| {
                column.iter().map(|&(row, units)| rows.counts[row as usize].0 * of(f64::from(units))).sum::<f64>() / persons
            };
            let (mean, square) = (total(|units| units), total(|units| units * units));
            let spread = (square - mean * mean).max(0.0).sqrt();
            let scale = if spread > 1e-9 { 1.0 / spread } else { 0.0 };
            let along: f64 = column
                .iter()
                .map(|&(row, units)| (rows.counts[row as usize].0 * rate - rows.counts[row as usize].1) * f64::from(units))
                .sum();
            steepest = steepest.max((along * scale / persons).abs());
            scales.push(scale);
        }
        let mut numbers = Vec::new();
        for (rule, sign) in self.signs.iter().enumerate().filter(|(rule, _)| scales[*rule] > 0.0) {
            if sign.allows(1) {
                numbers.push((rule, 1.0));
            }
            if sign.allows(-1) {
                numbers.push((rule, -1.0));
            }
        }
        let penalty = steepest * part;
        // Away from 0, where no square has a slope.
        let start = std::iter::once((rate / (1.0 - rate)).ln().clamp(-20.0, 20.0)).chain(numbers.iter().map(|_| 0.3)).collect();
        let regression = Regression {
            rows,
            numbers,
            scales,
            l1: penalty * (1.0 - SQUARES),
            l2: penalty * SQUARES,
            interrupted: self.interrupted,
        };
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), 10)
            .with_tolerance_grad(1e-7)
            .and_then(|solver| solver.with_tolerance_cost(1e-12));
        let weights_of = |numbers: &Weights| regression.weights(numbers);
        let learned = solver.ok().and_then(|solver| {
            let problem = Regression { numbers: regression.numbers.clone(), scales: regression.scales.clone(), ..regression };
            let done = Executor::new(problem, solver).configure(|state| state.param(Weights(start)).max_iters(300)).run();
            done.ok().and_then(|done| done.state().get_best_param().cloned())
        });
        let weights = learned.map_or_else(|| vec![0.0; self.signs.len()], |numbers| weights_of(&numbers));
        let of_unit = |(weight, scale): (f64, &f64)| if weight.abs() < NOTHING { 0.0 } else { weight * scale };
        weights.into_iter().zip(&regression.scales).map(of_unit).collect()
    }

    /// Weights as whole points: by each of a pool of multipliers, the best of which are improved point by point; of
    /// those that are about as good the smallest.
    fn rounded(&self, rows: &Rows, weights: &[f64]) -> Vec<i64> {
        let largest = weights.iter().fold(0.0f64, |largest, weight| largest.max(weight.abs()));
        if largest == 0.0 {
            return vec![0; weights.len()];
        }
        let (_, _, nothing) = self.judged(rows, &vec![0; weights.len()]);
        let ratio = (self.max_points as f64).powf(1.0 / (MULTIPLIERS - 1) as f64);
        let mut tried: Vec<(f64, Vec<i64>)> = Vec::new();
        for nth in 0..MULTIPLIERS {
            let multiplier = ratio.powi(nth as i32) / largest;
            let points: Vec<i64> = weights.iter().map(|weight| (weight * multiplier).round() as i64).collect();
            if !tried.iter().any(|(_, known)| *known == points) {
                (self.interrupted)();
                let (_, _, loss) = self.judged(rows, &points);
                tried.push((loss, points));
            }
        }
        tried.sort_by(|a, b| a.0.total_cmp(&b.0));
        let improved = tried.iter().take(IMPROVED).map(|(_, points)| self.improved(rows, points.clone()));
        let all: Vec<(f64, Vec<i64>)> = improved.collect::<Vec<_>>().into_iter().chain(tried.clone()).collect();
        let best = all.iter().fold(nothing, |best, (loss, _)| best.min(*loss));
        let enough = best + SMALLER_AT * (nothing - best);
        let size = |points: &[i64]| points.iter().map(|points| points.abs()).sum::<i64>();
        all.into_iter()
            .filter(|(loss, _)| *loss <= enough)
            .min_by(|a, b| size(&a.1).cmp(&size(&b.1)).then(a.0.total_cmp(&b.0)))
            .map_or_else(|| vec![0; weights.len()], |(_, points)| points)
    }

    /// Intercept, slope and loss of points.
    fn judged(&self, rows: &Rows, points: &[i64]) -> (f64, f64, f64) {
        let sums = rows.sums(&points.iter().map(|&points| points as f64).collect::<Vec<_>>());
        let (intercept, slope) = rows.calibrated(&sums);
        (intercept, slope, rows.loss(&sums, intercept, slope))
    }

    /// Points after steps of one that each lose less, and their loss.
    fn improved(&self, rows: &Rows, mut points: Vec<i64>) -> (f64, Vec<i64>) {
        let (mut intercept, mut slope, mut loss) = self.judged(rows, &points);
        let persons = rows.persons().max(1.0);
        for _ in 0..5 {
            let mut sums = rows.sums(&points.iter().map(|&points| points as f64).collect::<Vec<_>>());
            let before = points.clone();
            for (rule, sign) in self.signs.iter().enumerate() {
                (self.interrupted)();
                for step in [1i64, -1] {
                    let next = points[rule] + step;
                    if next.abs() > self.max_points || !sign.allows(next) {
                        continue;
                    }
                    let change = |&(row, units): &(u32, f32)| {
                        let (persons, positives) = rows.counts[row as usize];
                        let z = intercept + slope * sums[row as usize];
                        let moved = slope * step as f64 * f64::from(units);
                        persons * (softplus(z + moved) - softplus(z)) - positives * moved
                    };
                    if rows.columns[rule].iter().map(change).sum::<f64>() / persons < -1e-9 {
                        points[rule] = next;
                        rows.columns[rule].iter().for_each(|&(row, units)| sums[row as usize] += step as f64 * f64::from(units));
                        break;
                    }
                }
            }
            let (a, b, now) = self.judged(rows, &points);
            if points == before || now >= loss {
                if now > loss {
                    points = before;
                }
                break;
            }
            (intercept, slope, loss) = (a, b, now);
        }
        (loss, points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three rules, of which the outcome follows the first two with log odds of −2 + 0.8 a − 0.4 b; the third is noise.
    fn patterns(seed: u64, persons: usize) -> Patterns {
        let mut state = seed;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1u32 << 31)
        };
        let mut patterns = Patterns::default();
        for _ in 0..persons {
            let units: Vec<f32> = (0..3).map(|_| (random() * 4.0).floor() as f32).collect();
            let z = -2.0 + 0.8 * f64::from(units[0]) - 0.4 * f64::from(units[1]);
            let given: Vec<(u16, f32)> = (0..).zip(units).filter(|(_, units)| *units != 0.0).collect();
            patterns.add(&given, random() < logistic(z));
        }
        patterns
    }

    fn lesson(signs: &[Sign], max_points: i64) -> Lesson<'_> {
        Lesson { earlier: patterns(1, 20_000), later: patterns(2, 5_000), signs, max_points, interrupted: &|| {} }
    }

    #[test]
    fn weights_are_found_and_noise_is_dropped() {
        let lesson = lesson(&[Sign::Either; 3], 20);
        let weights = lesson.weights(&lesson.together().rows(3), 0.01);
        assert!((weights[0] - 0.8).abs() < 0.06 && (weights[1] + 0.4).abs() < 0.06 && weights[2].abs() < 0.02, "{weights:?}");
        let points = lesson.points();
        assert_eq!(points[2], 0, "{points:?}");
        let ratio = points[0] as f64 / points[1] as f64;
        assert!(points[0] > 0 && (-2.6..-1.5).contains(&ratio), "{points:?}");
    }

    #[test]
    fn at_the_least_the_penalty_balances_the_slope() {
        let signs = [Sign::Either; 3];
        let lesson = lesson(&signs, 20);
        let rows = lesson.together().rows(3);
        for part in [0.3, 0.03] {
            let weights = lesson.weights(&rows, part);
            let (intercept, slope) = rows.calibrated(&rows.sums(&weights));
            assert!(slope >= 0.99, "the penalty makes weights smaller, not larger: {slope} {intercept}");
        }
        let none = lesson.weights(&rows, 1.01);
        assert!(none.iter().all(|weight| weight.abs() < 2e-3), "{none:?}");
    }

    #[test]
    fn signs_and_bounds_are_kept() {
        assert_eq!(lesson(&[Sign::Negative, Sign::Positive, Sign::Either], 20).points()[..2], [0, 0]);
        for max_points in [1, 2, 5] {
            let points = lesson(&[Sign::Either; 3], max_points).points();
            assert!(points.iter().all(|points| points.abs() <= max_points) && points[0] > 0, "{points:?}");
        }
    }

    #[test]
    fn nothing_to_learn_gives_nothing() {
        let mut same = Patterns::default();
        (0..100).for_each(|n| same.add(&[(0, 1.0)], n % 3 == 0));
        let lesson =
            Lesson { earlier: same, later: Patterns::default(), signs: &[Sign::Either; 2], max_points: 20, interrupted: &|| {} };
        assert_eq!(lesson.points(), [0, 0]);
    }

    #[test]
    fn a_calibration_is_the_logistic_regression_of_one_number() {
        // Two groups: 1 of 4 without, 3 of 4 with: log odds −ln 3 and ln 3.
        let mut patterns = Patterns::default();
        (0..4).for_each(|n| patterns.add(&[], n < 1));
        (0..4).for_each(|n| patterns.add(&[(0, 1.0)], n < 3));
        let rows = patterns.rows(1);
        let (intercept, slope) = rows.calibrated(&rows.sums(&[1.0]));
        assert!((intercept + 3f64.ln()).abs() < 1e-6 && (slope - 2.0 * 3f64.ln()).abs() < 1e-6, "{intercept} {slope}");
    }
}
