//! What people and programs ask: lists, explanations, checks, pages.

pub mod chart;
pub mod differing;
pub mod outlook;
pub mod report;
