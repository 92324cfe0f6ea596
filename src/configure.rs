//! What the business sets: rules, categories, settings, as rows and as a document.

pub mod config;
pub mod document;
pub mod rule_trigger;
pub mod rulebook;
