//! What people and programs ask: lists, explanations, checks, pages.

pub mod chart;
pub mod differing;
pub mod one;
pub mod population;
pub mod report;
pub mod worklist;
