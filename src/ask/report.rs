//! The report and the card of a person: typed data in, one self-contained page out.

use crate::ask::chart::{self, Canvas, Months};
use crate::configure::config;
use crate::error::Refusal;
use askama::Template;
use chrono::{Days, NaiveDate};
use pgrx::JsonB;
use pgrx::PgSqlErrorCode as Code;
use pgrx::prelude::*;
use scoring::calendar::Interval;
use scoring::category::{self, Category};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A category as a page shows it: the kind of person, name, lowest score and colour.
type ShownBand = (Option<String>, String, Option<i64>, Option<String>);

/// `_bands(text, text, text)`: the categories of a tenant's persons of a kind, or of all kinds, on a scorecard; everybody's for
/// a tenant of whom the caller may see nobody.
pub fn bands(tenant: Option<&str>, kind: Option<&str>, scorecard: &str) -> Vec<ShownBand> {
    let config = config::for_reading();
    config.tables.check_may_read();
    let Some(card) = config.cards.place(scorecard) else { return Vec::new() };
    let tenant = tenant.filter(|tenant| config.tables.may_see_tenant(tenant));
    let categories = &config.rulebook(tenant).configuration.categories;
    let shown = |band: &Category| (band.person_kind.clone(), band.name.clone(), band.min_score, band.color.clone());
    match kind {
        Some(_) => category::bands(categories, card, kind).map(shown).collect(),
        None => category::all_bands(categories, card).map(shown).collect(),
    }
}

/// Whom a line of a page is about.
#[derive(Debug, Deserialize)]
pub struct Who {
    person_id: i64,
    tenant: Option<String>,
    kind: String,
    external_id: Option<String>,
    name: Option<String>,
}

impl Who {
    /// The id, and whose person it is.
    fn number(&self) -> String {
        let whose = self.tenant.as_ref().map(|tenant| format!(" · {tenant}"));
        format!("#{}{}", self.person_id, whose.unwrap_or_default())
    }

    /// The same on a page that says whose persons it is about, if it is about those of one.
    fn number_on(&self, tenant: &Option<String>) -> String {
        if tenant.is_some() { format!("#{}", self.person_id) } else { self.number() }
    }

    /// The name, or else kind and key.
    fn called(&self) -> String {
        match (&self.name, &self.external_id) {
            // Of an empty one nothing would be seen.
            (Some(name), _) if !name.trim().is_empty() => name.to_owned(),
            (_, Some(external_id)) => format!("{} {external_id}", self.kind),
            (_, None) => self.kind.clone(),
        }
    }

    /// Where the person is in the application, by `settings.person_url`; only what the setting allows, so that no link is
    /// a script. `None` too if the address asks for what the person has not.
    fn link(&self, person_url: &Option<String>) -> Option<String> {
        let url = person_url.as_deref()?;
        let parts = [
            ("{person_id}", Some(self.person_id.to_string())),
            ("{tenant}", self.tenant.clone()),
            ("{kind}", Some(self.kind.clone())),
            ("{external_id}", self.external_id.clone()),
        ];
        // One pass, so that a key with braces stays what it is.
        let mut link = String::new();
        let mut rest = url;
        while let Some(at) = rest.find('{') {
            link.push_str(&rest[..at]);
            rest = &rest[at..];
            match parts.iter().find(|(part, _)| rest.starts_with(part)) {
                Some((part, value)) => {
                    link.push_str(&encoded(value.as_deref()?));
                    rest = &rest[part.len()..];
                }
                None => {
                    link.push('{');
                    rest = &rest[1..];
                }
            }
        }
        link.push_str(rest);
        is_web(&link).then_some(link)
    }
}

/// Whether an address is one of the web, or a path on the host of the page. Two slashes would lead to another host, also
/// where the first value between them is empty.
fn is_web(link: &str) -> bool {
    let begins = |start: &str| link.get(..start.len()).is_some_and(|given| given.eq_ignore_ascii_case(start));
    let is_path = link.starts_with('/') && !link[1..].starts_with(['/', '\\']);
    (begins("http://") || begins("https://") || is_path) && !link.contains(char::is_control)
}

/// Percent-encoded as one component of an address.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte as char),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[derive(Debug, Deserialize)]
pub struct Band {
    pub kind: Option<String>,
    pub name: String,
    pub low: Option<i64>,
    pub color: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Count {
    day: NaiveDate,
    category: Option<String>,
    persons: i64,
}

#[derive(Debug, Deserialize)]
struct Bar {
    low: i64,
    high: i64,
    persons: i64,
}

#[derive(Debug, Deserialize)]
struct RuleTotal {
    rule: String,
    points: i64,
}

/// On a past day, how many persons were in a category and how many of them had the outcome.
#[derive(Debug, Deserialize)]
struct OutcomeCount {
    day: NaiveDate,
    category: Option<String>,
    persons: i64,
    outcomes: i64,
}

/// A past day with the share of each category that had the outcome, and of how many; `None` if nobody was in it.
struct OutcomeDay {
    day: NaiveDate,
    shares: Vec<Option<(String, i64)>>,
}

#[derive(Debug, Deserialize)]
struct Lead {
    #[serde(flatten)]
    who: Who,
    owner: Option<String>,
    score: i64,
    category: Option<String>,
    change_7: Option<i64>,
    last_activity: Option<String>,
    last_on: Option<NaiveDate>,
    why: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Cooling {
    #[serde(flatten)]
    who: Who,
    owner: Option<String>,
    score: i64,
    category: Option<String>,
    falls_on: NaiveDate,
    falls_to_score: i64,
    falls_to_category: Option<String>,
}

/// How many persons are in a category of `main` and in one of another scorecard.
#[derive(Debug, Deserialize)]
struct Cell {
    scorecard: String,
    category: Option<String>,
    other: Option<String>,
    persons: i64,
}

/// A score on another scorecard than `main`.
#[derive(Debug, Deserialize)]
struct OtherScore {
    scorecard: String,
    score: i64,
    category: Option<String>,
}

/// The categories of `main` against those of another scorecard.
struct Grid<'r> {
    scorecard: &'r str,
    columns: Vec<&'r str>,
    rows: Vec<(&'r str, Vec<i64>)>,
}

#[derive(Debug, Deserialize)]
struct Run {
    scored_on: NaiveDate,
    seconds: Option<String>,
    persons_changed: i64,
    categories_changed: i64,
}

#[derive(Debug, Deserialize, Template)]
#[template(path = "report.html")]
struct Report {
    language: String,
    scored_on: NaiveDate,
    days: u32,
    persons: i64,
    bands: Vec<Band>,
    course: Vec<Count>,
    scores: Vec<Bar>,
    rules: Vec<RuleTotal>,
    outcome: Option<String>,
    outcome_days: Option<String>,
    outcomes: Vec<OutcomeCount>,
    first: Vec<Lead>,
    cooling: Vec<Cooling>,
    runs: Vec<Run>,
    person_url: Option<String>,
    scorecard: String,
    owner: Option<String>,
    tenant: Option<String>,
    grid: Vec<Cell>,
}

/// A category with how many persons are in it, and by how many that changed.
struct Tile {
    name: String,
    color: String,
    persons: i64,
    change: String,
}

fn hex(color: plotters::style::RGBColor) -> String {
    format!("#{:02x}{:02x}{:02x}", color.0, color.1, color.2)
}

/// The colour of a category of that name, if any has it.
fn color_of(bands: &[Band], category: Option<&str>) -> plotters::style::RGBColor {
    chart::color(bands.iter().find(|b| Some(b.name.as_str()) == category).and_then(|b| b.color.as_deref()))
}

/// A chart for a screen and one for a telephone, of which the style sheet shows one.
fn on_both(large: Canvas, draw: impl Fn(Canvas) -> String) -> String {
    format!("<div class=\"large\">{}</div><div class=\"small\">{}</div>", draw(large), draw(Canvas::SMALL))
}

/// Whether a table has words that may be broken anywhere, lest it become wider than the page.
fn has_long_words<'t>(texts: impl IntoIterator<Item = Option<&'t str>>) -> bool {
    texts.into_iter().flatten().flat_map(str::split_whitespace).any(|word| word.chars().count() > 20)
}

/// A page that is written in one of the two languages.
trait Page {
    fn is_dutch(&self) -> bool;

    fn t<'t>(&self, english: &'t str, dutch: &'t str) -> &'t str {
        if self.is_dutch() { dutch } else { english }
    }

    /// A number with its thousands set apart.
    fn number(&self, n: &i64) -> String {
        let digits = n.unsigned_abs().to_string();
        let mut text = String::from(if *n < 0 { "−" } else { "" });
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                text.push(if self.is_dutch() { '.' } else { ',' });
            }
            text.push(digit);
        }
        text
    }

    fn signed(&self, n: &i64) -> String {
        if *n > 0 { format!("+{}", self.number(n)) } else { self.number(n) }
    }

    fn months(&self) -> &'static Months {
        if self.is_dutch() {
            &["jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"]
        } else {
            &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        }
    }
}

impl Page for Report {
    fn is_dutch(&self) -> bool {
        self.language == "nl"
    }
}

impl Page for Card {
    fn is_dutch(&self) -> bool {
        self.language == "nl"
    }
}

impl Report {
    /// A grid for each other scorecard that has categories.
    fn grids(&self) -> Vec<Grid<'_>> {
        let mut cards: Vec<&str> = self.grid.iter().map(|cell| cell.scorecard.as_str()).collect();
        cards.dedup();
        let grid = |scorecard| {
            let cells: Vec<&Cell> = self.grid.iter().filter(|cell| cell.scorecard == scorecard).collect();
            let distinct = |of: fn(&Cell) -> Option<&str>| {
                let mut names: Vec<Option<&str>> = Vec::new();
                for cell in &cells {
                    if !names.contains(&of(cell)) {
                        names.push(of(cell));
                    }
                }
                names
            };
            let columns = distinct(|cell| cell.other.as_deref());
            let row = |name: Option<&str>| {
                let persons = |column: &Option<&str>| {
                    cells
                        .iter()
                        .filter(|c| c.category.as_deref() == name && c.other.as_deref() == *column)
                        .map(|c| c.persons)
                        .sum()
                };
                columns.iter().map(persons).collect()
            };
            let rows = distinct(|cell| cell.category.as_deref()).into_iter();
            Grid {
                scorecard,
                rows: rows.map(|name| (name.unwrap_or("–"), row(name))).collect(),
                columns: columns.iter().map(|name| name.unwrap_or("–")).collect(),
            }
        };
        cards.into_iter().map(grid).collect()
    }

    fn has_long_words(&self) -> bool {
        let leads = self.first.iter().flat_map(|p| {
            [
                Some(&p.who.kind),
                p.who.name.as_ref(),
                p.who.external_id.as_ref(),
                p.owner.as_ref(),
                p.category.as_ref(),
                p.last_activity.as_ref(),
                p.why.as_ref(),
            ]
        });
        let cooling = self.cooling.iter().flat_map(|p| {
            [
                Some(&p.who.kind),
                p.who.name.as_ref(),
                p.who.external_id.as_ref(),
                p.owner.as_ref(),
                p.category.as_ref(),
                p.falls_to_category.as_ref(),
            ]
        });
        has_long_words(leads.chain(cooling).chain(self.rules.iter().map(|r| Some(&r.rule))).map(|text| text.map(String::as_str)))
    }

    /// How far the page looks back.
    fn period(&self) -> String {
        match self.days {
            1 => self.t("1 day", "1 dag").to_owned(),
            days => format!("{days} {}", self.t("days", "dagen")),
        }
    }

    /// The names of categories, highest first; the same name for two kinds is one.
    fn categories(&self) -> Vec<Option<&str>> {
        let mut names: Vec<Option<&str>> = vec![];
        for name in self.bands.iter().map(|b| Some(b.name.as_str())).chain(self.course.iter().map(|c| c.category.as_deref())) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The categories that had anybody on a day on which outcomes are counted, highest first.
    fn outcome_categories(&self) -> Vec<Option<&str>> {
        let mut names = self.categories();
        for counted in &self.outcomes {
            if !names.contains(&counted.category.as_deref()) {
                names.push(counted.category.as_deref());
            }
        }
        names.retain(|name| self.outcomes.iter().any(|counted| counted.category.as_deref() == *name));
        names
    }

    /// The latest day first.
    fn outcome_days(&self) -> Vec<OutcomeDay> {
        let names = self.outcome_categories();
        let of_day = |of_day: &[OutcomeCount]| {
            let share = |name: &Option<&str>| {
                let counted = of_day.iter().find(|counted| counted.category.as_deref() == *name)?;
                let percent = format!("{:.1} %", 100.0 * counted.outcomes as f64 / counted.persons.max(1) as f64);
                Some((if self.is_dutch() { percent.replace('.', ",") } else { percent }, counted.persons))
            };
            OutcomeDay { day: of_day[0].day, shares: names.iter().map(share).collect() }
        };
        self.outcomes.chunk_by(|a, b| a.day == b.day).map(of_day).collect()
    }

    /// How long the outcome is waited for, in words.
    fn horizon(&self) -> String {
        self.outcome_days.as_deref().and_then(Interval::parse).map_or_else(String::new, |length| {
            let word = |count: i32, words: [&'static str; 4]| match (count, self.is_dutch()) {
                (0, _) => None,
                (1, dutch) => Some(format!("1 {}", words[usize::from(dutch) * 2])),
                (count, dutch) => Some(format!("{count} {}", words[usize::from(dutch) * 2 + 1])),
            };
            let months = word(length.months, ["month", "months", "maand", "maanden"]);
            let days = word(length.days, ["day", "days", "dag", "dagen"]);
            months.into_iter().chain(days).collect::<Vec<_>>().join(" ")
        })
    }

    fn color(&self, category: &Option<String>) -> String {
        hex(color_of(&self.bands, category.as_deref()))
    }

    fn name<'n>(&'n self, category: Option<&'n str>) -> &'n str {
        category.unwrap_or(self.t("no category", "geen categorie"))
    }

    fn tiles(&self) -> Vec<Tile> {
        let tile = |name: Option<&str>| {
            let mut course = self.course.iter().filter(|c| c.category.as_deref() == name).map(|c| c.persons);
            let before = course.next().unwrap_or(0);
            let persons = course.next_back().unwrap_or(before);
            Tile {
                name: self.name(name).to_owned(),
                color: hex(color_of(&self.bands, name)),
                persons,
                change: self.signed(&(persons - before)),
            }
        };
        self.categories().into_iter().map(tile).collect()
    }

    fn course_chart(&self) -> String {
        let line = |name| {
            let points = self.course.iter().filter(|c| c.category.as_deref() == name).map(|c| (c.day, c.persons));
            (self.name(name), points.collect(), color_of(&self.bands, name))
        };
        let lines: Vec<_> = self.categories().into_iter().map(line).collect();
        on_both(Canvas::HALF, |canvas| chart::days(canvas, &lines, self.months()))
    }

    /// Bars have the colours of the bands that hold for most kinds: the first kind's.
    fn score_chart(&self) -> String {
        let kind = self.bands.first().map(|b| &b.kind);
        let color = |low: i64| {
            let band = self.bands.iter().filter(|b| Some(&b.kind) == kind).find(|b| b.low.is_none_or(|bound| low >= bound));
            chart::color(band.and_then(|b| b.color.as_deref()))
        };
        let bars: Vec<_> = self.scores.iter().map(|b| (b.low, b.high, b.persons, color(b.low))).collect();
        on_both(Canvas::HALF, |canvas| chart::histogram(canvas, &bars))
    }

    /// Rules with the width of their bars, in percent of the widest.
    fn rule_bars(&self) -> Vec<(&RuleTotal, u64)> {
        let most = self.rules.iter().map(|r| r.points.unsigned_abs()).max().unwrap_or(0).max(1);
        self.rules.iter().map(|r| (r, (r.points.unsigned_abs() as u128 * 100 / most as u128) as u64)).collect()
    }
}

#[derive(Debug, Deserialize)]
struct Point {
    day: NaiveDate,
    score: i64,
    category: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Line {
    rule: Option<String>,
    activity_type: Option<String>,
    day: Option<NaiveDate>,
    points: i64,
    counts_until: Option<NaiveDate>,
}

#[derive(Debug, Deserialize, Template)]
#[template(path = "card.html")]
struct Card {
    language: String,
    scored_on: NaiveDate,
    #[serde(flatten)]
    who: Who,
    owner: Option<String>,
    status: Option<String>,
    score: i64,
    category: Option<String>,
    bands: Vec<Band>,
    history: Vec<Point>,
    forecast: Vec<Point>,
    lines: Vec<Line>,
    person_url: Option<String>,
    scorecard: String,
    others: Vec<OtherScore>,
}

impl Card {
    fn color(&self, category: &Option<String>) -> String {
        hex(color_of(&self.bands, category.as_deref()))
    }

    fn has_long_words(&self) -> bool {
        has_long_words(self.lines.iter().flat_map(|l| [l.rule.as_deref(), l.activity_type.as_deref()]))
    }

    /// The days on which the category changes, from the forecast.
    fn turns(&self) -> Vec<&Point> {
        let mut last = &self.category;
        self.forecast.iter().filter(|p| std::mem::replace(&mut last, &p.category) != &p.category).collect()
    }

    fn score_chart(&self) -> String {
        let points = |points: &[Point]| points.iter().map(|p| (p.day, p.score)).collect();
        let course = chart::Course {
            past: points(&self.history),
            today: self.scored_on,
            future: points(&self.forecast),
            until: self.scored_on.checked_add_days(Days::new(90)).unwrap_or(self.scored_on),
            bounds: self.bands.iter().filter_map(|b| Some((b.low?, chart::color(b.color.as_deref()), b.name.as_str()))).collect(),
            marks: self.lines.iter().filter(|l| l.activity_type.is_some()).filter_map(|l| l.day).collect(),
            word_for_today: self.t("today", "vandaag"),
        };
        on_both(Canvas::WIDE, |canvas| chart::score(canvas, &course, self.months()))
    }
}

fn page<T: Template + DeserializeOwned>(data: JsonB) -> String {
    let data: T = serde_json::from_value(data.0).unwrap_or_else(|e| {
        Refusal::new(Code::ERRCODE_INVALID_PARAMETER_VALUE, "the data of a page are not as expected")
            .detail(format!("{e}."))
            .raise()
    });
    data.render().unwrap_or_else(|e| error!("leadscore: the report cannot be written: {e}"))
}

pub fn report_page(data: JsonB) -> String {
    page::<Report>(data)
}

pub fn card_page(data: JsonB) -> String {
    page::<Card>(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(language: &str) -> Card {
        let data = serde_json::json!({
            "language": language, "scored_on": "2026-03-01", "person_id": 1, "kind": "candidate", "external_id": "<b>", "owner": null,
            "status": null, "score": -1234567, "category": null, "bands": [], "history": [], "forecast": [], "lines": [],
            "tenant": null, "name": null, "person_url": null, "scorecard": "main", "others": []
        });
        serde_json::from_value(data).unwrap()
    }

    #[test]
    fn numbers_are_set_apart_as_in_the_language() {
        let (english, dutch) = (card("en"), card("nl"));
        assert_eq!([0, 999, 1000, -12345].map(|n| english.number(&n)), ["0", "999", "1,000", "−12,345"]);
        assert_eq!([1, 0, -1, 1_000_000].map(|n| dutch.signed(&n)), ["+1", "0", "−1", "+1.000.000"]);
        assert_eq!(english.number(&i64::MIN), "−9,223,372,036,854,775,808");
    }

    #[test]
    fn a_page_is_escaped_and_needs_no_data() {
        let page = card("nl").render().unwrap();
        assert!(
            page.contains("&#60;b&#62;") && !page.contains("<b>&") && page.contains("−1.234.567") && page.contains("Niets."),
            "{page}"
        );
    }

    fn who(name: Option<&str>, kind: &str, external_id: Option<&str>) -> Who {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Who { person_id: 7, tenant: None, kind: kind.into(), external_id: text(external_id), name: text(name) }
    }

    #[test]
    fn links_are_encoded_and_lead_to_the_web_alone() {
        let to = |url: &str, key| who(None, "a b", Some(key)).link(&Some(url.into()));
        assert_eq!(
            to("https://app/{kind}/{external_id}?x={y}", "{kind}/\"é").unwrap(),
            "https://app/a%20b/%7Bkind%7D%2F%22%C3%A9?x={y}"
        );
        assert_eq!(to("/of/{external_id}", "1").unwrap(), "/of/1");
        assert_eq!((to("javascript:alert({external_id})", "1"), to("{external_id}", "http://x")), (None, None));
        assert_eq!(to("/{external_id}/card", "/x").unwrap(), "/%2Fx/card");
        for (url, key) in [("//host/{external_id}", "1"), ("/\\host", "1"), ("/\t/host", "1"), ("/{external_id}/host", "")] {
            assert_eq!(to(url, key), None, "{url}");
        }
        assert_eq!(who(None, "a", Some("1")).link(&None), None);
    }

    #[test]
    fn links_take_what_the_person_has() {
        let to = |who: &Who, url: &str| who.link(&Some(url.into()));
        let mut known = who(None, "a", None);
        assert_eq!(to(&known, "/{person_id}").unwrap(), "/7");
        assert_eq!((to(&known, "/{external_id}"), to(&known, "/{tenant}/{person_id}")), (None, None));
        known.tenant = Some("a/b".into());
        assert_eq!(to(&known, "/{tenant}/{person_id}").unwrap(), "/a%2Fb/7");
    }

    #[test]
    fn a_person_is_called_by_name_or_kind_and_key() {
        assert_eq!(who(Some("Ann"), "contact", Some("7")).called(), "Ann");
        assert_eq!(
            (who(None, "contact", Some("7")).called(), who(None, "contact", None).called()),
            ("contact 7".into(), "contact".into())
        );
        assert_eq!(who(Some(" "), "contact", Some("7")).called(), "contact 7");
    }

    #[test]
    fn long_words_are_found() {
        assert!(has_long_words([None, Some("a b"), Some("Rechtsbijstandsverzekering b")]));
        assert!(!has_long_words([Some("many words of which none is long"), None]));
    }
}
