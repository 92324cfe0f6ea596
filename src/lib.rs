//! leadscore: lead scoring inside PostgreSQL. This page lists what there is, in the order in
//! which data goes through it. The meaning of a score is the scoring engine (`crates/scoring`); what
//! is stored follows from it through the room `score`, and what people ask through the room `ask`.

use pgrx::prelude::*;

// Where PostgreSQL comes in, and what of it is used below SQL.
#[allow(unsafe_code)]
mod entry;
#[allow(unsafe_code)]
mod pg;

// The rooms, in the order in which data goes through them.
mod arrive;
mod ask;
mod configure;
mod score;
mod website;

// Several machines.
mod cluster;

mod error;
mod noted;

pg_module_magic!();

extension_sql_file!("../sql/schema.sql", name = "schema", bootstrap);
extension_sql_file!("../sql/table/settings.sql", name = "settings", requires = ["schema"]);
extension_sql_file!("../sql/table/person.sql", name = "person", requires = ["settings"]);
extension_sql_file!("../sql/table/activity_type.sql", name = "activity_type", requires = ["person"]);
extension_sql_file!("../sql/table/activity.sql", name = "activity", requires = ["activity_type"]);
extension_sql_file!("../sql/table/rule.sql", name = "rule", requires = ["activity"]);
extension_sql_file!("../sql/table/category.sql", name = "category", requires = ["rule"]);
extension_sql_file!("../sql/table/scorecard.sql", name = "scorecard", requires = ["category"]);
extension_sql_file!("../sql/table/score_record.sql", name = "score_record", requires = ["scorecard"]);
extension_sql_file!("../sql/table/adjustment.sql", name = "adjustment", requires = ["score_record"]);
extension_sql_file!("../sql/table/category_change.sql", name = "category_change", requires = ["adjustment"]);
extension_sql_file!("../sql/table/run.sql", name = "run", requires = ["category_change"]);
extension_sql_file!("../sql/table/configuration_change.sql", name = "configuration_change", requires = ["run"]);
extension_sql_file!("../sql/table/consent.sql", name = "consent", requires = ["configuration_change"]);
extension_sql_file!("../sql/score/day.sql", name = "day", requires = ["consent"]);
extension_sql_file!("../sql/score/differing.sql", name = "differing", requires = ["day"]);
extension_sql_file!("../sql/score/rescore.sql", name = "rescore", requires = ["differing"]);
extension_sql_file!("../sql/table/source.sql", name = "source", requires = ["rescore"]);
extension_sql_file!("../sql/configure/configuration_trigger.sql", name = "configuration_trigger", requires = ["source"]);
extension_sql_file!("../sql/score/activity_trigger.sql", name = "activity_trigger", requires = ["configuration_trigger"]);
extension_sql_file!("../sql/score/person_trigger.sql", name = "person_trigger", requires = ["activity_trigger"]);
extension_sql_file!("../sql/arrive/take.sql", name = "take", requires = ["person_trigger"]);
extension_sql_file!("../sql/arrive/attach.sql", name = "attach", requires = ["take"]);
extension_sql_file!("../sql/score/outbox.sql", name = "outbox", requires = ["attach"]);
extension_sql_file!("../sql/score/recompute.sql", name = "recompute", requires = ["outbox"]);
extension_sql_file!("../sql/ask/verify.sql", name = "verify", requires = ["recompute"]);
extension_sql_file!("../sql/score/adjust.sql", name = "adjust", requires = ["verify"]);
extension_sql_file!("../sql/score/merge.sql", name = "merge", requires = ["adjust"]);
extension_sql_file!("../sql/configure/document.sql", name = "document", requires = ["merge"]);
extension_sql_file!("../sql/score/schedule.sql", name = "schedule", requires = ["document"]);
extension_sql_file!("../sql/ask/doctor.sql", name = "doctor", requires = ["schedule"]);
extension_sql_file!("../sql/website/visitor.sql", name = "visitor", requires = ["doctor"]);
extension_sql_file!("../sql/website/track.sql", name = "track", requires = ["visitor"]);
extension_sql_file!("../sql/ask/explain.sql", name = "explain", requires = ["track"]);
extension_sql_file!("../sql/ask/forecast.sql", name = "forecast", requires = ["explain"]);
extension_sql_file!("../sql/ask/cooling.sql", name = "cooling", requires = ["forecast"]);
extension_sql_file!("../sql/ask/worklist.sql", name = "worklist", requires = ["cooling"]);
extension_sql_file!("../sql/ask/describe.sql", name = "describe", requires = ["worklist"]);
extension_sql_file!("../sql/ask/preview.sql", name = "preview", requires = ["describe"]);
extension_sql_file!("../sql/ask/evaluate.sql", name = "evaluate", requires = ["preview"]);
extension_sql_file!("../sql/ask/status.sql", name = "status", requires = ["evaluate"]);
extension_sql_file!("../sql/ask/report.sql", name = "report", requires = ["status"]);
extension_sql_file!("../sql/cluster.sql", name = "cluster", requires = ["report"]);
extension_sql_file!("../sql/owner.sql", name = "owner", requires = ["cluster"]);
