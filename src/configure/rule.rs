//! What a rule is, and when it has a meaning.

use crate::error::Refusal;
use crate::score::calendar::{NoSpan, Span};
use pgrx::PgSqlErrorCode as Code;
use serde_json::Value;

/// An interval column as PostgreSQL stores it, not yet known to be a [`Span`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Interval {
    pub months: i32,
    pub days: i32,
    pub micros: i64,
}

/// A row of `leadscore.rule` as somebody wrote it.
#[derive(Debug, Clone, Default)]
pub struct RuleRow {
    pub name: String,
    pub kind: String,
    pub activity_types: Option<Vec<Option<String>>>,
    /// As JSON text.
    pub condition: Option<String>,
    pub person_kinds: Option<Vec<Option<String>>>,
    pub statuses: Option<Vec<Option<String>>>,
    pub relevant_for: Option<Interval>,
    pub decay: String,
    pub max_per_day: Option<i32>,
    pub max_counted: Option<i32>,
    pub inactive_for: Option<Interval>,
    pub repeat_every: Option<Interval>,
    pub max_repeats: Option<i32>,
    pub effective_from_is_finite: Option<bool>,
}

impl RuleRow {
    fn refuse(&self, what: impl AsRef<str>) -> Refusal {
        Refusal::new(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("rule \"{}\": {}", self.name, what.as_ref()))
    }

    fn span(&self, column: &str, interval: Option<Interval>) -> Result<Option<Span>, Refusal> {
        let Some(i) = interval else { return Ok(None) };
        let why = match Span::new(i.months, i.days, i.micros) {
            Ok(span) => return Ok(Some(span)),
            Err(NoSpan::PartOfADay) => "All scoring is in whole days, so hours, minutes and seconds have no meaning.".into(),
            Err(NoSpan::NotPositive) => "The length of time must be positive.".into(),
            Err(NoSpan::TooLong) => format!("The longest length of time is {} years.", Span::LONGEST_YEARS),
        };
        let mut value = Vec::new();
        for (n, unit) in [(f64::from(i.months), "months"), (f64::from(i.days), "days"), (i.micros as f64 / 1e6, "seconds")] {
            if n != 0.0 {
                value.push(format!("{n} {unit}"));
            }
        }
        let value = if value.is_empty() { "0 days".into() } else { value.join(" ") };
        Err(self
            .refuse(format!("{column} of {value} cannot be used"))
            .detail(why)
            .hint("Use days, weeks, months or years, such as '60 days' or '3 months'."))
    }

    fn positive(&self, column: &str, value: Option<i32>) -> Result<(), Refusal> {
        match value {
            Some(n) if n < 1 => Err(self
                .refuse(format!("{column} is {n}"))
                .detail("A limit is at least 1.")
                .hint("Leave it NULL for no limit, or set enabled to false to switch the rule off.")),
            _ => Ok(()),
        }
    }

    fn list(&self, column: &str, values: &Option<Vec<Option<String>>>) -> Result<(), Refusal> {
        match values {
            Some(v) if v.is_empty() => Err(self
                .refuse(format!("{column} is empty"))
                .detail("A rule for nothing would never apply.")
                .hint("Leave it NULL for all, or set enabled to false to switch the rule off.")),
            Some(v) if v.iter().any(Option::is_none) => Err(self
                .refuse(format!("{column} has a NULL in it"))
                .detail("Nothing equals NULL.")
                .hint("Leave the whole column NULL for all.")),
            _ => Ok(()),
        }
    }

    /// Checks what rows had to be from a later version on, so that those of before are restored.
    pub fn check_new(&self) -> Result<(), Refusal> {
        if self.max_repeats.is_some() && self.repeat_every.is_none() {
            return Err(self
                .refuse("max_repeats needs repeat_every")
                .detail("Without repeat_every there is one penalty, and no repeats that it could limit.")
                .hint("Set repeat_every, such as '30 days', or leave max_repeats NULL."));
        }
        Ok(())
    }

    /// Checks all that can be said of the row by itself; whether its activity types exist is
    /// for the database to say.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.name.trim().is_empty() {
            return Err(self
                .refuse("the name is empty")
                .detail("People and configurations tell rules by their names.")
                .hint("Name the rule after what it rewards."));
        }
        if !matches!(self.kind.as_str(), "activity" | "inactivity") {
            return Err(self
                .refuse(format!("kind \"{}\" does not exist", self.kind))
                .detail("A rule gives points for activity or takes them for inactivity.")
                .hint("Set kind to activity or inactivity."));
        }
        if !matches!(self.decay.as_str(), "none" | "linear") {
            return Err(self
                .refuse(format!("decay \"{}\" does not exist", self.decay))
                .detail("A record keeps its points for as long as it counts, or loses them evenly.")
                .hint("Set decay to none or linear."));
        }
        self.list("activity_types", &self.activity_types)?;
        self.list("person_kinds", &self.person_kinds)?;
        self.list("statuses", &self.statuses)?;
        if let Some(condition) = &self.condition {
            // As deep as it lies in a configuration document, which must be able to hold it.
            let parsed = serde_json::from_str::<Value>(&format!("[[[[{condition}]]]]"));
            let parsed = parsed.map_err(|e| {
                self.refuse("condition cannot be read")
                    .detail(format!("{e}."))
                    .hint("Write it as a flat object of attributes, such as '{\"step\": \"interview\"}'.")
            })?;
            if !parsed[0][0][0][0].is_object() {
                return Err(self
                    .refuse("condition is no JSON object")
                    .detail("A condition names attributes and the values that they must have.")
                    .hint("Write it as an object, such as '{\"step\": \"interview\"}'."));
            }
        }
        let relevant_for = self.span("relevant_for", self.relevant_for)?;
        let inactive_for = self.span("inactive_for", self.inactive_for)?;
        self.span("repeat_every", self.repeat_every)?;
        self.positive("max_per_day", self.max_per_day)?;
        self.positive("max_counted", self.max_counted)?;
        self.positive("max_repeats", self.max_repeats)?;
        if self.effective_from_is_finite == Some(false) {
            return Err(Refusal::new(
                Code::ERRCODE_DATETIME_FIELD_OVERFLOW,
                format!("rule \"{}\": effective_from is infinite or out of range", self.name),
            )
            .detail("A rule takes effect on a day between the years 1 and 9999.")
            .hint("Leave it NULL to count all activities."));
        }
        if self.decay == "linear" && relevant_for.is_none() && self.kind == "activity" {
            return Err(self
                .refuse("linear decay needs relevant_for")
                .detail("A record decays from full points to none over relevant_for.")
                .hint("Set relevant_for, such as '60 days', or decay to none."));
        }
        if self.kind == "inactivity" {
            if inactive_for.is_none() {
                return Err(self
                    .refuse("an inactivity rule needs inactive_for")
                    .detail("The first penalty is due after that length of silence.")
                    .hint("Set inactive_for, such as '30 days'."));
            }
            let foreign = [
                ("decay", self.decay != "none"),
                ("max_per_day", self.max_per_day.is_some()),
                ("max_counted", self.max_counted.is_some()),
            ];
            if let Some((column, _)) = foreign.iter().find(|(_, set)| *set) {
                return Err(self
                    .refuse(format!("an inactivity rule has no {column}"))
                    .detail(format!("{column} is about records of activities."))
                    .hint(if *column == "decay" {
                        "Set decay to none."
                    } else {
                        "Leave it NULL; max_repeats limits penalties."
                    }));
            }
        } else {
            let foreign = [
                ("inactive_for", self.inactive_for.is_some()),
                ("repeat_every", self.repeat_every.is_some()),
                ("max_repeats", self.max_repeats.is_some()),
            ];
            if let Some((column, _)) = foreign.iter().find(|(_, set)| *set) {
                return Err(self
                    .refuse(format!("an activity rule has no {column}"))
                    .detail(format!("{column} is about silence."))
                    .hint("Leave it NULL, or set kind to inactivity."));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(days: i32) -> Option<Interval> {
        Some(Interval { days, ..Interval::default() })
    }

    fn activity() -> RuleRow {
        RuleRow { name: "call".into(), kind: "activity".into(), decay: "none".into(), ..RuleRow::default() }
    }

    fn inactivity() -> RuleRow {
        RuleRow { kind: "inactivity".into(), inactive_for: days(30), ..activity() }
    }

    fn message(row: RuleRow) -> String {
        row.check().unwrap_err().message
    }

    #[test]
    fn sound_rules_pass() {
        assert_eq!(activity().check(), Ok(()));
        assert_eq!(inactivity().check(), Ok(()));
        assert_eq!(RuleRow { decay: "linear".into(), relevant_for: days(60), ..activity() }.check(), Ok(()));
    }

    #[test]
    fn what_belongs_to_the_other_kind_is_refused() {
        assert_eq!(
            message(RuleRow { inactive_for: days(3), ..activity() }),
            "rule \"call\": an activity rule has no inactive_for"
        );
        assert_eq!(
            message(RuleRow { max_per_day: Some(1), ..inactivity() }),
            "rule \"call\": an inactivity rule has no max_per_day"
        );
        assert_eq!(
            message(RuleRow { decay: "linear".into(), relevant_for: days(60), ..inactivity() }),
            "rule \"call\": an inactivity rule has no decay"
        );
        assert_eq!(
            message(RuleRow { inactive_for: None, ..inactivity() }),
            "rule \"call\": an inactivity rule needs inactive_for"
        );
        let row = RuleRow { max_repeats: Some(2), ..inactivity() };
        assert_eq!(row.check(), Ok(()));
        assert_eq!(row.check_new().unwrap_err().message, "rule \"call\": max_repeats needs repeat_every");
    }

    #[test]
    fn lengths_are_whole_days() {
        let hours = Some(Interval { micros: 3_600_000_000, ..Interval::default() });
        let refusal = RuleRow { relevant_for: hours, ..activity() }.check().unwrap_err();
        assert!(refusal.message.contains("relevant_for"), "{}", refusal.message);
        assert!(refusal.detail.contains("whole days"), "{}", refusal.detail);
        assert!(RuleRow { relevant_for: days(0), ..activity() }.check().is_err());
    }

    #[test]
    fn lists_and_limits_say_something() {
        assert_eq!(message(RuleRow { statuses: Some(vec![]), ..activity() }), "rule \"call\": statuses is empty");
        assert_eq!(
            message(RuleRow { person_kinds: Some(vec![None]), ..activity() }),
            "rule \"call\": person_kinds has a NULL in it"
        );
        assert_eq!(message(RuleRow { max_counted: Some(0), ..activity() }), "rule \"call\": max_counted is 0");
        assert_eq!(message(RuleRow { decay: "linear".into(), ..activity() }), "rule \"call\": linear decay needs relevant_for");
    }
}
