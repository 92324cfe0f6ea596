//! From activities, by rules, to score records, scores and categories.

pub mod activity_trigger;
pub mod calendar;
pub mod derive;
pub mod matching;
pub mod person_trigger;
pub mod registered;
pub mod rescore;
pub mod scoring;
pub mod write_back;
