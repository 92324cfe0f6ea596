//! Errors as a user meets them: SQLSTATE, message, detail, hint.

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// A refusal of bad input. Raising it aborts the statement, so nothing is changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub code: PgSqlErrorCode,
    pub message: String,
    pub detail: String,
    pub hint: String,
}

impl Refusal {
    pub fn new(code: PgSqlErrorCode, message: impl Into<String>) -> Self {
        Refusal { code, message: message.into(), detail: String::new(), hint: String::new() }
    }

    /// A person's score as its type has it.
    ///
    /// # Errors
    /// A refusal that names the person and the sum.
    pub fn score(person_id: i64, sum: i128) -> Result<i64, Refusal> {
        i64::try_from(sum).map_err(|_| Refusal::from(scoring::refusal::Refusal::score_out_of_range(sum)).of_person(person_id))
    }

    /// The same, of a person.
    pub fn of_person(mut self, person_id: i64) -> Refusal {
        self.detail = format!("Person {person_id}: {}", self.detail);
        self
    }

    /// A document of one of leadscore's own functions that is none.
    pub fn unreadable(what: &str, e: &serde_json::Error) -> Refusal {
        Refusal::new(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, format!("{what} cannot be read"))
            .detail(format!("As JSON it is not understood: {e}."))
            .hint("Call the functions of leadscore whose names begin with no underscore.")
    }

    /// Why it is refused.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// What to do instead.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Raises it as a PostgreSQL error.
    pub fn raise(self) -> ! {
        let mut report = ErrorReport::new(self.code, self.message, "leadscore");
        if !self.detail.is_empty() {
            report = report.set_detail(self.detail);
        }
        if !self.hint.is_empty() {
            report = report.set_hint(self.hint);
        }
        report.report(PgLogLevel::ERROR);
        unreachable!("an error report does not return")
    }
}

impl From<scoring::refusal::Refusal> for Refusal {
    fn from(refusal: scoring::refusal::Refusal) -> Self {
        let code = match refusal.code {
            scoring::refusal::Code::InvalidParameterValue => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            scoring::refusal::Code::DatetimeFieldOverflow => PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW,
            scoring::refusal::Code::NumericValueOutOfRange => PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
        };
        Refusal { code, message: refusal.message, detail: refusal.detail, hint: refusal.hint }
    }
}

/// Raises what a fallible step refused, and otherwise goes on with its result.
pub trait OrRaise<T> {
    fn or_raise(self) -> T;
}

impl<T, R: Into<Refusal>> OrRaise<T> for Result<T, R> {
    fn or_raise(self) -> T {
        self.unwrap_or_else(|refusal| refusal.into().raise())
    }
}
