//! What a lead score means, and nothing else: from a person's history and an explicit
//! configuration to score records, scores and categories, and for what does not count the reason
//! why. There is no database here and no clock; `docs/rules.md` says the same for people.
//!
//! ```text
//! activity, person ──▶ derive (silence, frequency) ──▶ record ──▶ scorecard ──▶ category
//!                                                       └──▶ explain, course
//! ```
//!
//! [`derive`] is the meaning. [`shortcut`] gives the same where less than the whole history tells
//! it, and is tested against it.

pub mod activity;
pub mod calendar;
pub mod category;
pub mod configuration;
pub mod course;
pub mod derive;
pub mod explain;
pub mod frequency;
pub mod person;
pub mod record;
pub mod refusal;
pub mod rule;
pub mod scorecard;
pub mod shortcut;
pub mod silence;
