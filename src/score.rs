//! From activities, by rules, to score records, scores and categories. What a rule gives is said by
//! the engine, the crate `scoring`; here it is asked, and what it says is stored.

pub mod activity_trigger;
pub mod history;
pub mod matching;
pub mod night;
pub mod person_trigger;
pub mod rescore;
pub mod write_back;
pub mod writer;
