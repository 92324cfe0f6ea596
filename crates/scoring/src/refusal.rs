//! Refusals of bad input, as a user meets them.

/// The SQLSTATE of a refusal, by PostgreSQL's name of the condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    InvalidParameterValue,
    DatetimeFieldOverflow,
    NumericValueOutOfRange,
}

/// A refusal of bad input: what, why, and what to do instead.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub code: Code,
    pub message: String,
    pub detail: String,
    pub hint: String,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Refusal { code, message: message.into(), detail: String::new(), hint: String::new() }
    }

    /// Why it is refused.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// What to do instead.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// A score beyond its type.
    pub fn score_out_of_range(sum: i128) -> Refusal {
        Refusal::new(Code::NumericValueOutOfRange, "score out of range")
            .detail(format!("A score is a bigint, and its points sum up to {sum}."))
            .hint("Lower the points of rules, or the limits of scorecards.")
    }
}
