//! From the application's own tables to persons and activities.

pub mod progress;
pub mod source;
pub mod source_trigger;
