//! leadscore: lead scoring inside PostgreSQL. This page lists what there is, in the order in
//! which data goes through it.
//! The meaning of a score is `sql/derive.sql`; what is stored follows from it through
//! `sql/rescore.sql`. Rust has what must be fast, and the checks of what people configure.

use pgrx::prelude::*;

// Where PostgreSQL comes in, and what of it is used below SQL.
#[allow(unsafe_code)]
mod entry;
#[allow(unsafe_code)]
mod pg;

// From the application's tables and its website to activities, and by rules to records and sum.
mod activity_trigger;
mod calendar;
mod derive;
mod differing;
mod matching;
mod person_trigger;
mod progress;
mod registered;
mod rescore;
mod scoring;
mod source;
mod source_trigger;
mod track;
mod write_back;

// What people set and what they read.
mod chart;
mod config;
mod document;
mod error;
mod outlook;
mod report;
mod rule;
mod rule_trigger;

pg_module_magic!();

extension_sql_file!("../sql/schema.sql", name = "schema", bootstrap);
extension_sql_file!("../sql/settings.sql", name = "settings", requires = ["schema"]);
extension_sql_file!("../sql/person.sql", name = "person", requires = ["settings"]);
extension_sql_file!("../sql/activity_type.sql", name = "activity_type", requires = ["person"]);
extension_sql_file!("../sql/activity.sql", name = "activity", requires = ["activity_type"]);
extension_sql_file!("../sql/rule.sql", name = "rule", requires = ["activity"]);
extension_sql_file!("../sql/category.sql", name = "category", requires = ["rule"]);
extension_sql_file!("../sql/score_record.sql", name = "score_record", requires = ["category"]);
extension_sql_file!("../sql/adjustment.sql", name = "adjustment", requires = ["score_record"]);
extension_sql_file!("../sql/category_change.sql", name = "category_change", requires = ["adjustment"]);
extension_sql_file!("../sql/run.sql", name = "run", requires = ["category_change"]);
extension_sql_file!("../sql/consent.sql", name = "consent", requires = ["run"]);
extension_sql_file!("../sql/derive.sql", name = "derive", requires = ["consent"]);
extension_sql_file!("../sql/differing.sql", name = "differing", requires = ["derive"]);
extension_sql_file!("../sql/rescore.sql", name = "rescore", requires = ["differing"]);
extension_sql_file!("../sql/source.sql", name = "source", requires = ["rescore"]);
extension_sql_file!("../sql/configuration_trigger.sql", name = "configuration_trigger", requires = ["source"]);
extension_sql_file!("../sql/activity_trigger.sql", name = "activity_trigger", requires = ["configuration_trigger"]);
extension_sql_file!("../sql/person_trigger.sql", name = "person_trigger", requires = ["activity_trigger"]);
extension_sql_file!("../sql/take.sql", name = "take", requires = ["person_trigger"]);
extension_sql_file!("../sql/attach.sql", name = "attach", requires = ["take"]);
extension_sql_file!("../sql/outbox.sql", name = "outbox", requires = ["attach"]);
extension_sql_file!("../sql/recompute.sql", name = "recompute", requires = ["outbox"]);
extension_sql_file!("../sql/verify.sql", name = "verify", requires = ["recompute"]);
extension_sql_file!("../sql/score_at.sql", name = "score_at", requires = ["verify"]);
extension_sql_file!("../sql/adjust.sql", name = "adjust", requires = ["score_at"]);
extension_sql_file!("../sql/merge.sql", name = "merge", requires = ["adjust"]);
extension_sql_file!("../sql/document.sql", name = "document", requires = ["merge"]);
extension_sql_file!("../sql/schedule.sql", name = "schedule", requires = ["document"]);
extension_sql_file!("../sql/doctor.sql", name = "doctor", requires = ["schedule"]);
extension_sql_file!("../sql/visitor.sql", name = "visitor", requires = ["doctor"]);
extension_sql_file!("../sql/track.sql", name = "track", requires = ["visitor"]);
extension_sql_file!("../sql/explain.sql", name = "explain", requires = ["track"]);
extension_sql_file!("../sql/forecast.sql", name = "forecast", requires = ["explain"]);
extension_sql_file!("../sql/worklist.sql", name = "worklist", requires = ["forecast"]);
extension_sql_file!("../sql/describe.sql", name = "describe", requires = ["worklist"]);
extension_sql_file!("../sql/what_if.sql", name = "what_if", requires = ["describe"]);
extension_sql_file!("../sql/preview.sql", name = "preview", requires = ["what_if"]);
extension_sql_file!("../sql/status.sql", name = "status", requires = ["preview"]);
extension_sql_file!("../sql/report.sql", name = "report", requires = ["status"]);
