//! What people and programs ask: lists, explanations, checks, pages.

pub mod chart;
pub mod cooling;
pub mod course;
pub mod differing;
pub mod evaluate;
pub mod evaluate_rules;
pub mod explain;
pub mod known;
pub mod one;
pub mod overview;
pub mod population;
pub mod preview;
pub mod report;
pub mod study;
pub mod suggest;
pub mod verify;
pub mod worklist;
