//! What triggers on the configuration ask of Rust: whether a rule or the scorecards have a meaning, and to
//! tell all backends of a change.

use crate::error::{OrRaise, Refusal};
use crate::pg;
use pgrx::prelude::*;
use scoring::rule::Rule;
use scoring::scorecard::{Scorecard, Scorecards};

/// Raises an error if a row of `leadscore.rule`, as JSON with ISO 8601 intervals, has no meaning. A rule that is
/// restored may be one of before.
pub fn check_rule(row: Option<&str>, restored: Option<bool>) {
    let rule = Rule::from_row(row.unwrap_or("null")).or_raise();
    if restored != Some(true) {
        rule.check_new().or_raise();
    }
}

/// Raises an error if all rows of `leadscore.scorecard`, as a JSON array, make no scorecards together.
pub fn check_scorecards(rows: Option<&str>) {
    let rows: Vec<Scorecard> =
        serde_json::from_str(rows.unwrap_or("[]")).map_err(|e| Refusal::unreadable("the list of scorecards", &e)).or_raise();
    Scorecards::new(rows).or_raise();
}

/// Tells all backends, at commit, to read the configuration again.
pub fn forget_configuration() {
    let state = Spi::get_one::<pg_sys::Oid>("SELECT 'leadscore.state'::pg_catalog.regclass::pg_catalog.oid");
    if let Ok(Some(state)) = state {
        pg::invalidate(state);
    }
}

thread_local! {
    static SEE: pg::Statement = const { pg::Statement::new("SELECT FROM leadscore.category c WHERE c.category_id = $1") };
}

/// `_is_category_seen(int)`: whether row-level security lets the role of the session see a category.
pub fn is_category_seen(category_id: i32) -> bool {
    let category = pg::table(pg::own_schema(), "category");
    pg::as_session_role(|| {
        !pg::hides_rows(category) || (pg::may_select(category) && SEE.with(|statement| statement.run(&[category_id.into()]) > 0))
    })
}
