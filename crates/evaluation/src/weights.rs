//! The numbers that are learned, as the optimiser handles them.

use argmin_math::{
    ArgminAdd, ArgminDot, ArgminL1Norm, ArgminL2Norm, ArgminMinMax, ArgminMul, ArgminScaledAdd, ArgminSignum, ArgminSub,
    ArgminZeroLike,
};

/// argmin has these operations for `Vec` only together with random numbers and complex ones, which nothing here needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights(pub Vec<f64>);

impl Weights {
    fn with(&self, other: &Weights, by: impl Fn(f64, f64) -> f64) -> Weights {
        Weights(self.0.iter().zip(&other.0).map(|(a, b)| by(*a, *b)).collect())
    }

    fn each(&self, by: impl Fn(f64) -> f64) -> Weights {
        Weights(self.0.iter().map(|a| by(*a)).collect())
    }
}

impl ArgminAdd<Weights, Weights> for Weights {
    fn add(&self, other: &Weights) -> Weights {
        self.with(other, |a, b| a + b)
    }
}

impl ArgminAdd<f64, Weights> for Weights {
    fn add(&self, other: &f64) -> Weights {
        self.each(|a| a + other)
    }
}

impl ArgminSub<Weights, Weights> for Weights {
    fn sub(&self, other: &Weights) -> Weights {
        self.with(other, |a, b| a - b)
    }
}

impl ArgminSub<f64, Weights> for Weights {
    fn sub(&self, other: &f64) -> Weights {
        self.each(|a| a - other)
    }
}

impl ArgminMul<f64, Weights> for Weights {
    fn mul(&self, other: &f64) -> Weights {
        self.each(|a| a * other)
    }
}

impl ArgminMul<Weights, Weights> for Weights {
    fn mul(&self, other: &Weights) -> Weights {
        self.with(other, |a, b| a * b)
    }
}

impl ArgminScaledAdd<Weights, f64, Weights> for Weights {
    fn scaled_add(&self, factor: &f64, other: &Weights) -> Weights {
        self.with(other, |a, b| a + factor * b)
    }
}

impl ArgminDot<Weights, f64> for Weights {
    fn dot(&self, other: &Weights) -> f64 {
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }
}

impl ArgminL1Norm<f64> for Weights {
    fn l1_norm(&self) -> f64 {
        self.0.iter().map(|a| a.abs()).sum()
    }
}

impl ArgminL2Norm<f64> for Weights {
    fn l2_norm(&self) -> f64 {
        self.dot(self).sqrt()
    }
}

impl ArgminSignum for Weights {
    fn signum(self) -> Weights {
        self.each(f64::signum)
    }
}

impl ArgminZeroLike for Weights {
    fn zero_like(&self) -> Weights {
        self.each(|_| 0.0)
    }
}

impl ArgminMinMax for Weights {
    fn min(x: &Weights, y: &Weights) -> Weights {
        x.with(y, f64::min)
    }

    fn max(x: &Weights, y: &Weights) -> Weights {
        x.with(y, f64::max)
    }
}
