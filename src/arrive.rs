//! From the application's own tables to persons and activities.

pub mod progress;
pub mod reach;
pub mod source;
pub mod source_trigger;
pub mod take_all;
pub mod take_few;
pub mod waiting;
