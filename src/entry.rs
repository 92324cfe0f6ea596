//! Where PostgreSQL comes in: the functions that SQL calls, the triggers that fire, and what is
//! told to the extension. Each leads to its room in a line, by the name that its `.sql` file has.
//!
//! `unsafe` is allowed here, and but for [`crate::pg`] nowhere else: pgrx's attributes write it,
//! and two functions are called in ways that no attribute has.

use crate::arrive::reach;
use crate::arrive::source_trigger;
use crate::arrive::take_all;
use crate::arrive::waiting;
use crate::ask::cooling;
use crate::ask::course;
use crate::ask::differing;
use crate::ask::evaluate;
use crate::ask::evaluate_rules;
use crate::ask::explain;
use crate::ask::known;
use crate::ask::one;
use crate::ask::overview;
use crate::ask::preview::{self, Question};
use crate::ask::report;
use crate::ask::suggest;
use crate::ask::verify;
use crate::ask::worklist;
use crate::configure::config;
use crate::configure::document;
use crate::configure::rule_trigger;
use crate::error::Refusal;
use crate::pg;
use crate::pg::meet;
use crate::pg::source::{self as rows, Rows, Scratch};
use crate::score::activity_trigger;
use crate::score::night;
use crate::score::person_trigger;
use crate::score::rescore;
use crate::score::write_back;
use crate::website::track;
use pgrx::PgSqlErrorCode as Code;
use pgrx::datum::{Date, TimestampWithTimeZone};
use pgrx::prelude::*;
use pgrx::{JsonB, pg_sys};

/// Called once when a backend loads the library.
#[pg_guard]
extern "C-unwind" fn _PG_init() {
    pg::hide_backtraces();
    pg::watch_relcache(config::forget);
    pg::watch_transactions(transaction_ends, savepoint_is_rolled_back);
}

fn transaction_ends(_rolled_back: bool) {
    person_trigger::forget_noted(0);
    source_trigger::forget_noted(0);
    source_trigger::forget_admitted();
    reach::forget_missed();
    write_back::forget_noted(0);
    meet::forget_held(0);
    rescore::forget_derived();
    known::forget();
}

fn savepoint_is_rolled_back(savepoint: u32) {
    person_trigger::forget_noted(savepoint);
    source_trigger::forget_noted(savepoint);
    write_back::forget_noted(savepoint);
    meet::forget_held(savepoint);
    source_trigger::forget_admitted();
}

// -------------------------------------------------------------------------------------- triggers

macro_rules! triggers {
    ($($room:ident: $($name:ident)*;)*) => { $($(
        #[pg_trigger(sql = false)]
        fn $name<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
            $room::$name(trigger)
        }
    )*)* };
}

triggers! {
    person_trigger: write_begins person_arrives person_inserted person_changed;
    activity_trigger: activity_inserted activity_updated activity_deleted;
    source_trigger: source_begins note_source_row source_changed note_reached_row reached_changed;
}

/// Refuses a call that is no trigger's, of a trigger function that anybody may call: pgrx would say that it is not as an
/// internal error.
///
/// # Safety
/// Called by PostgreSQL.
unsafe fn need_trigger(call: pg_sys::FunctionCallInfo, function: &str) {
    // SAFETY: as the caller promises.
    if !unsafe { pgrx::trigger_support::called_as_trigger(call) } {
        Refusal::new(
            Code::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
            format!("function leadscore.{function}() was not called as a trigger"),
        )
        .detail("It takes the rows of a table that leadscore.attach_person() or leadscore.attach_activity() attached.")
        .hint("It is not for calling: attached tables have its trigger.")
        .raise();
    }
}

/// What fires it is `note_source_row`.
///
/// # Safety
/// Called by PostgreSQL.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn source_row_changed_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as the function's declaration in SQL says.
    unsafe {
        need_trigger(call, "_source_row_changed");
        note_source_row_wrapper(call)
    }
}

/// Declares the calling convention of [`source_row_changed_wrapper`].
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_source_row_changed_wrapper() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

/// What fires it is `note_reached_row`.
///
/// # Safety
/// Called by PostgreSQL.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn reached_row_changed_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as the function's declaration in SQL says.
    unsafe {
        need_trigger(call, "_reached_row_changed");
        note_reached_row_wrapper(call)
    }
}

/// Declares the calling convention of [`reached_row_changed_wrapper`].
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_reached_row_changed_wrapper() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

// ------------------------------------------------------------------------------ attached tables

/// Fills a tuplestore as it reads, which pgrx's set-returning functions do not.
///
/// # Safety
/// Called by PostgreSQL as a set-returning function.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn source_table_rows_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as the function's declaration in SQL says.
    let (result, number) = unsafe { (Rows::of(call), rows::first_argument(call)) };
    source_trigger::source_rows(&result, number);
    pg_sys::Datum::from(0)
}

/// Declares the calling convention of [`source_table_rows_wrapper`].
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_source_table_rows_wrapper() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

/// Called by PostgreSQL as a set-returning function.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn take_all_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as the function's declaration in SQL says.
    let (result, number) = unsafe { (Rows::of(call), rows::first_argument(call)) };
    take_all::take_all(&result, number);
    pg_sys::Datum::from(0)
}

/// Declares the calling convention of [`take_all_wrapper`].
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_take_all_wrapper() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

#[pg_extern(sql = false)]
fn bring_rows(of_source: Option<i32>, keys: Option<Vec<Option<String>>>) {
    if let (Some(of_source), Some(keys)) = (of_source, keys) {
        source_trigger::bring_rows(of_source, keys.into_iter().flatten().collect());
    }
}

#[pg_extern(sql = false)]
fn all_depart(of_source: i32) {
    source_trigger::all_depart(of_source);
}

#[pg_extern(sql = false)]
fn source_is_left(of_source: i32) -> bool {
    waiting::is_left(of_source)
}

#[pg_extern(sql = false)]
fn takes_all(of_source: Option<i32>) -> bool {
    take_all::takes_all(of_source)
}

#[pg_extern(sql = false)]
fn part_of_key(of_source: i32, key: &str) -> Option<i32> {
    let config = config::for_reading();
    let own = config.sources.iter().filter(|source| source.source_id == of_source);
    own.filter_map(|source| source.place_of(key)).next().map(|place| place as i32)
}

#[pg_extern(sql = false)]
fn admit(source: Option<pg_sys::Oid>) {
    source_trigger::admit(source);
}

#[pg_extern(sql = false)]
fn admitted(source: Option<pg_sys::Oid>) -> bool {
    source_trigger::admitted(source)
}

#[pg_extern(sql = false)]
fn admitted_role() -> Option<pg_sys::Oid> {
    source_trigger::admitted_role()
}

#[pg_extern(sql = false)]
fn admit_waiting(ids: Option<Vec<Option<i64>>>) {
    waiting::admit_waiting(ids);
}

#[pg_extern(sql = false)]
fn admit_present() {
    waiting::admit_present();
}

#[pg_extern(sql = false)]
fn key_value(key: &str, columns: i32, nth: i32) -> Option<String> {
    let columns = usize::try_from(columns).ok()?;
    crate::arrive::source::values_of_key(key, columns).into_iter().nth(usize::try_from(nth).ok()?)
}

#[pg_extern(sql = false)]
fn lock_sources(ids: Option<Vec<Option<i64>>>) {
    write_back::lock_sources(ids);
}

#[pg_extern(sql = false)]
fn write_back(ids: Option<Vec<Option<i64>>>) {
    write_back::write_back(ids);
}

// --------------------------------------------------------------------------------------- the sum

#[pg_extern(sql = false)]
fn differing(exact: bool) -> SetOfIterator<'static, i64> {
    SetOfIterator::new(differing::differing(exact))
}

#[pg_extern(sql = false)]
fn rescore(ids: Option<Vec<Option<i64>>>, days: Option<Vec<Option<Date>>>, in_run: Option<bool>) -> Vec<i64> {
    rescore::rescore_ids(ids.unwrap_or_default(), days, in_run.unwrap_or_default())
}

#[pg_extern(sql = false)]
fn pass_days_between(
    last_day: Date,
    today: Date,
    left_out: Vec<Option<i64>>,
) -> TableIterator<'static, (name!(counts, Vec<i64>), name!(to_derive, Vec<i64>))> {
    TableIterator::once(night::pass_days(last_day, today, left_out))
}

#[pg_extern(sql = false)]
fn score_at(person_id: i64, on_day: Date, scorecard: &str) -> Option<i64> {
    course::score_at(person_id, on_day, scorecard)
}

#[pg_extern(sql = false)]
fn course(
    person_id: i64,
    from_day: Date,
    until_day: Date,
    scorecard: &str,
) -> TableIterator<'static, (name!(day, Date), name!(score, i64), name!(category, Option<String>))> {
    TableIterator::new(course::course(person_id, from_day, until_day, scorecard))
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn explain(
    person_id: Option<i64>,
    on_day: Option<Date>,
    scorecard: Option<&str>,
    all: Option<bool>,
) -> TableIterator<
    'static,
    (
        name!(rule, Option<String>),
        name!(activity_id, Option<i64>),
        name!(activity_type, Option<String>),
        name!(occurred_at, Option<TimestampWithTimeZone>),
        name!(points, Option<i64>),
        name!(counts, bool),
        name!(counts_from, Option<Date>),
        name!(counts_until, Option<Date>),
        name!(why, String),
    ),
> {
    TableIterator::new(explain::explain(person_id, on_day, scorecard, all.unwrap_or(true)))
}

#[pg_extern(sql = false)]
fn is_seen(person_id: Option<i64>) -> bool {
    one::is_seen(person_id)
}

#[pg_extern(sql = false)]
fn sees_all() -> bool {
    one::sees_all()
}

#[pg_extern(sql = false)]
fn change(person_id: i64, score: i64, days: i32) -> Option<i64> {
    worklist::change(person_id, score, days)
}

#[pg_extern(sql = false)]
fn outlook(person_id: Option<i64>, category: Option<&str>) -> Option<String> {
    worklist::outlook(person_id, category)
}

#[pg_extern(sql = false)]
fn last_activity(person_id: Option<i64>, at: Option<TimestampWithTimeZone>) -> Option<String> {
    worklist::last_activity(person_id, at.map(i64::from))
}

#[pg_extern(sql = false)]
fn top_rules(person_id: i64) -> Option<String> {
    worklist::top_rules(person_id)
}

/// Fills a tuplestore as it derives: everybody may differ.
///
/// # Safety
/// Called by PostgreSQL as a set-returning function.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn differences_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as the function's declaration in SQL says.
    let result = unsafe { Rows::of(call) };
    let mut scratch = Scratch::new();
    verify::differences(|difference| {
        rows::in_scratch_memory(&mut scratch, || {
            result.add(vec![
                difference.person_id.into_datum(),
                difference.item.into_datum(),
                difference.rule_id.into_datum(),
                difference.activity_id.into_datum(),
                difference.stored.into_datum(),
                difference.derived.into_datum(),
            ]);
        });
    });
    pg_sys::Datum::from(0)
}

/// Declares the calling convention of [`differences_wrapper`].
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_differences_wrapper() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

/// Fills a tuplestore as it derives: a row for each person.
///
/// # Safety
/// Called by PostgreSQL as a set-returning function of what is assumed, a day, a tenant and a scorecard.
#[pg_guard]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn preview_persons_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as the function's declaration in SQL says.
    let (result, assumption, on_day, tenant, scorecard) = unsafe {
        let text = |nth| rows::argument::<String>(call, nth);
        (Rows::of(call), text(0), rows::argument::<Date>(call, 1), text(2), text(3))
    };
    let (Some(assumption), Some(on_day), Some(scorecard)) = (assumption, on_day, scorecard) else {
        return pg_sys::Datum::from(0);
    };
    let question = Question { on_day, tenant: tenant.as_deref(), scorecard: &scorecard };
    let mut scratch = Scratch::new();
    preview::preview_persons(&assumption, &question, |person| {
        rows::in_scratch_memory(&mut scratch, || {
            result.add(vec![
                person.person_id.into_datum(),
                person.kind.into_datum(),
                person.score_before.into_datum(),
                person.category_before.into_datum(),
                person.score_after.into_datum(),
                person.category_after.into_datum(),
                person.tenant.into_datum(),
            ]);
        });
    });
    pg_sys::Datum::from(0)
}

/// Declares the calling convention of [`preview_persons_wrapper`].
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_preview_persons_wrapper() -> &'static pg_sys::Pg_finfo_record {
    const V1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &V1
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn preview(
    assumption: Option<&str>,
    on_day: Option<Date>,
    tenant: Option<&str>,
    scorecard: Option<&str>,
) -> TableIterator<
    'static,
    (
        name!(kind, String),
        name!(category_before, Option<String>),
        name!(category_after, Option<String>),
        name!(tenant, Option<String>),
        name!(persons, i64),
    ),
> {
    let (Some(assumption), Some(on_day), Some(scorecard)) = (assumption, on_day, scorecard) else {
        return TableIterator::empty();
    };
    TableIterator::new(preview::preview(assumption, &Question { on_day, tenant, scorecard }))
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn test_config(
    assumption: Option<&str>,
    tests: Option<&str>,
    tenant: Option<&str>,
) -> TableIterator<
    'static,
    (
        name!(test, String),
        name!(on_day, Date),
        name!(expected_score, i64),
        name!(score, i64),
        name!(expected_category, Option<String>),
        name!(category, Option<String>),
        name!(passed, bool),
        name!(scorecard, String),
    ),
> {
    let (Some(assumption), Some(tests)) = (assumption, tests) else {
        return TableIterator::empty();
    };
    TableIterator::new(preview::test_config(assumption, tests, tenant))
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn evaluate(
    question: Option<&str>,
    parts: Option<Vec<Option<String>>>,
) -> TableIterator<
    'static,
    (
        name!(category, Option<String>),
        name!(persons, i64),
        name!(outcomes, i64),
        name!(rate, Option<f64>),
        name!(low, Option<f64>),
        name!(high, Option<f64>),
        name!(lift, Option<f64>),
        name!(auc, Option<f64>),
        name!(top_decile, Option<f64>),
    ),
> {
    let (Some(question), Some(parts)) = (question, parts) else { return TableIterator::empty() };
    TableIterator::new(evaluate::evaluate(question, parts))
}

#[pg_extern(sql = false)]
fn evaluation_part(assumption: Option<&str>, question: Option<&str>) -> Option<String> {
    evaluate::part(assumption?, question?)
}

#[pg_extern(sql = false)]
fn rules_part(assumption: Option<&str>, question: Option<&str>) -> Option<String> {
    evaluate_rules::part(assumption?, question?)
}

#[pg_extern(sql = false)]
fn lesson_part(assumption: Option<&str>, question: Option<&str>) -> Option<String> {
    suggest::lesson_part(assumption?, question?)
}

#[pg_extern(sql = false)]
fn judgement_part(assumption: Option<&str>, question: Option<&str>) -> Option<String> {
    suggest::judgement_part(assumption?, question?)
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn outcome_course(
    assumption: Option<&str>,
    question: Option<&str>,
    ids: Option<Vec<Option<i64>>>,
) -> TableIterator<'static, (name!(day, Date), name!(category, Option<String>), name!(persons, i64), name!(outcomes, i64))> {
    let (Some(assumption), Some(question)) = (assumption, question) else { return TableIterator::empty() };
    TableIterator::new(evaluate::outcome_course(assumption, question, ids))
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn evaluate_rules(
    assumption: Option<&str>,
    question: Option<&str>,
    parts: Option<Vec<Option<String>>>,
) -> TableIterator<
    'static,
    (
        name!(rule, String),
        name!(rule_window, Option<String>),
        name!(persons_with, i64),
        name!(outcomes_with, i64),
        name!(rate_with, Option<f64>),
        name!(persons_without, i64),
        name!(outcomes_without, i64),
        name!(rate_without, Option<f64>),
        name!(lift, Option<f64>),
        name!(auc, Option<f64>),
        name!(auc_without, Option<f64>),
        name!(verdict, &'static str),
    ),
> {
    let (Some(assumption), Some(question), Some(parts)) = (assumption, question, parts) else { return TableIterator::empty() };
    TableIterator::new(evaluate_rules::evaluate_rules(assumption, question, parts).into_iter().map(|row| {
        let (with, without) = (row.with, row.without);
        (
            row.rule,
            row.length.map(|length| length.to_string()),
            with.persons as i64,
            with.outcomes as i64,
            row.rate_with,
            without.persons as i64,
            without.outcomes as i64,
            row.rate_without,
            row.lift,
            row.auc,
            row.auc_without,
            row.verdict,
        )
    }))
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn learn_points(
    assumption: Option<&str>,
    question: Option<&str>,
    parts: Option<Vec<Option<String>>>,
) -> TableIterator<'static, (name!(points, String), name!(persons, i64), name!(outcomes, i64), name!(learned_until, Date))> {
    let (Some(assumption), Some(question), Some(parts)) = (assumption, question, parts) else { return TableIterator::empty() };
    TableIterator::new(
        suggest::learn_points(assumption, question, parts)
            .into_iter()
            .map(|row| (row.points, row.learned.persons as i64, row.learned.outcomes as i64, row.until)),
    )
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn judge_points(
    question: Option<&str>,
    parts: Option<Vec<Option<String>>>,
) -> TableIterator<
    'static,
    (
        name!(auc_before, Option<f64>),
        name!(auc_after, Option<f64>),
        name!(judged_from, Date),
        name!(judged_persons, i64),
        name!(judged_outcomes, i64),
        name!(gain_low, Option<f64>),
        name!(gain_high, Option<f64>),
    ),
> {
    let (Some(question), Some(parts)) = (question, parts) else { return TableIterator::empty() };
    TableIterator::new(suggest::judge_points(question, parts).into_iter().map(|row| {
        let (persons, outcomes) = (row.judged.persons as i64, row.judged.outcomes as i64);
        let (low, high) = row.gain.unzip();
        (row.auc_before, row.auc_after, row.from, persons, outcomes, low, high)
    }))
}

#[pg_extern(sql = false)]
fn wilson(
    outcomes: Option<i64>,
    persons: Option<i64>,
) -> TableIterator<'static, (name!(low, Option<f64>), name!(high, Option<f64>))> {
    TableIterator::once(suggest::wilson(outcomes, persons))
}

#[pg_extern(sql = false)]
fn outcomes_by_score(
    question: Option<&str>,
    parts: Option<Vec<Option<String>>>,
) -> TableIterator<'static, (name!(score, i64), name!(persons, i64), name!(outcomes, i64))> {
    let (Some(question), Some(parts)) = (question, parts) else { return TableIterator::empty() };
    TableIterator::new(evaluate::outcomes_by_score(question, parts))
}

#[pg_extern(sql = false)]
fn lowest_scores(
    scores: Option<Vec<Option<i64>>>,
    persons: Option<Vec<Option<i64>>>,
    rooms: Option<Vec<Option<i64>>>,
) -> TableIterator<'static, (name!(nth, i32), name!(min_score, Option<i64>), name!(persons, i64))> {
    let (scores, persons, rooms) = (scores.unwrap_or_default(), persons.unwrap_or_default(), rooms.unwrap_or_default());
    TableIterator::new(suggest::lowest_scores(scores, persons, rooms))
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn cooling(
    within_days: i32,
    scorecard: &str,
) -> TableIterator<
    'static,
    (
        name!(person_id, i64),
        name!(score, i64),
        name!(category, Option<String>),
        name!(falls_on, Date),
        name!(falls_to_score, i64),
        name!(falls_to_category, Option<String>),
    ),
> {
    let falls = cooling::cooling(within_days, scorecard);
    TableIterator::new(falls.into_iter().map(|fall| {
        let falls_on = pg::date(fall.falls_on);
        (fall.person_id, fall.score, fall.category, falls_on, fall.falls_to_score, fall.falls_to_category)
    }))
}

#[pg_extern(sql = false)]
fn overview_part(owner: Option<&str>, tenant: Option<&str>, scorecard: Option<&str>, within_days: Option<i32>) -> Option<JsonB> {
    overview::part(owner, tenant, scorecard?, within_days?)
}

#[pg_extern(sql = false)]
fn overview(parts: Option<JsonB>) -> Option<JsonB> {
    parts.map(overview::overview)
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn bands(
    tenant: Option<&str>,
    kind: Option<&str>,
    scorecard: Option<&str>,
) -> TableIterator<
    'static,
    (name!(kind, Option<String>), name!(name, String), name!(low, Option<i64>), name!(color, Option<String>)),
> {
    TableIterator::new(scorecard.map(|scorecard| report::bands(tenant, kind, scorecard)).unwrap_or_default())
}

#[pg_extern(sql = false)]
fn snapshot_is_current() -> bool {
    pg::snapshot_is_current()
}

// --------------------------------------------------------------------------------- configuration

#[pg_extern(sql = false)]
fn forget_configuration() {
    rule_trigger::forget_configuration();
}

#[pg_extern(sql = false)]
fn is_category_seen(category_id: Option<i32>) -> bool {
    category_id.is_some_and(rule_trigger::is_category_seen)
}

#[pg_extern(sql = false)]
fn check_rule_row(row: Option<&str>, restored: Option<bool>) {
    rule_trigger::check_rule(row, restored);
}

#[pg_extern(sql = false)]
fn check_scorecards(rows: Option<&str>) {
    rule_trigger::check_scorecards(rows);
}

#[pg_extern(sql = false)]
fn slow_tables() -> TableIterator<'static, (name!(relation, String), name!(what, String), name!(remedy, String))> {
    let reasons = config::for_reading().tables.slow_reasons();
    TableIterator::new(reasons.into_iter().map(|reason| (reason.table, reason.what, reason.remedy)))
}

#[pg_extern(sql = false)]
fn checked_document(config: Option<&str>, tenant: Option<&str>) -> pg::JsonText {
    document::checked_config(config, tenant)
}

#[pg_extern(sql = false)]
fn config_schema() -> JsonB {
    document::config_schema()
}

#[pg_extern(sql = false)]
fn preset(name: Option<&str>) -> JsonB {
    document::preset(name)
}

// ------------------------------------------------------------------------- website visits, pages

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn read_events(
    events: Option<Vec<Option<String>>>,
    sent_at: Option<&str>,
    default_kind: Option<&str>,
    consent_category: Option<&str>,
) -> TableIterator<
    'static,
    (
        name!(index, i32),
        name!(reason, Option<String>),
        name!(kind, Option<String>),
        name!(name, Option<String>),
        name!(visitor, Option<String>),
        name!(person_kind, Option<String>),
        name!(external_id, Option<String>),
        name!(previous, Option<String>),
        name!(message_id, Option<String>),
        name!(at, Option<TimestampWithTimeZone>),
        name!(properties, Option<JsonB>),
        name!(consent, Option<bool>),
        name!(address, Option<String>),
        name!(robot, bool),
    ),
> {
    TableIterator::new(track::read_events(events, sent_at, default_kind, consent_category))
}

#[pg_extern(sql = false)]
fn report_page(data: JsonB) -> String {
    report::report_page(data)
}

#[pg_extern(sql = false)]
fn card_page(data: JsonB) -> String {
    report::card_page(data)
}

// -------------------------------------------------------------------------- earlier versions

/// Functions that earlier versions have in SQL and this library has not, or has with other arguments. They are there so
/// that a database whose extension is not updated yet, and a script of such a version, finds them.
macro_rules! gone {
    ($($name:ident)*) => { $(
        #[pg_extern(sql = false)]
        fn $name() {
            pg::refuse_earlier_version(concat!("the function ", stringify!($name), " is of an earlier version"));
        }
    )* };
}

// Of 0.1.0 and 0.2.0. A function of a released version that goes, or takes other arguments under a new name, comes here.
gone! {
    check_assumed_rule check_rule checked_config nobody_waits_unseen note_derived pass_days rescore_each source_rows
}
