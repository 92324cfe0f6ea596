//! Visits of the website.

pub mod track;
