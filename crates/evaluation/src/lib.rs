//! Whether a score foretells an outcome. There is no database here: persons with their history and the day
//! of their outcome come in, figures come out; `docs/evaluate.md` says the same for people.
//!
//! ```text
//! from, until, every, horizon ──▶ reference ──┐
//! configuration, person, history ──▶ known ───┴──▶ tally ──▶ statistics
//! ```
//!
//! What a score is says the crate `scoring`, and nothing here says it again.

pub mod bands;
pub mod known;
pub mod learn;
pub mod reference;
pub mod statistics;
pub mod tally;
pub mod uncertainty;
pub mod verdict;
pub mod weights;
