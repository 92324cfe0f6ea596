//! What the report says of many persons at once, from one pass over each table.

use crate::ask::cooling::{self, Above, Fall, Loss};
use crate::ask::one::OneByOne;
use crate::ask::population::{Names, Places};
use crate::configure::config::{self, Config};
use pgrx::JsonB;
use scoring::calendar::Day;
use scoring::person::Standpoint;
use scoring::scorecard::MAIN;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::HashMap;

/// How many persons a list on the page has.
const LISTED: usize = 10;
/// Bars are this many points wide, or a multiple of it.
const BAR: i128 = 5;
/// More bars than this are too thin to be seen.
const BARS: i128 = 200;

#[derive(Serialize)]
struct Overview {
    persons: usize,
    /// How many persons are in each category.
    present: Vec<Present>,
    scores: Vec<Bar>,
    /// How many points each rule gives now; adjustments have none.
    rules: Vec<RulePoints>,
    /// Who has the highest scores.
    first: Vec<i64>,
    cooling: Vec<Falls>,
    grid: Vec<Cell>,
}

#[derive(Serialize)]
struct Present {
    category: Option<String>,
    persons: usize,
}

/// Scores from one up to, but not including, another.
#[derive(Debug, PartialEq, Serialize)]
struct Bar {
    low: i64,
    high: i64,
    persons: i64,
}

#[derive(Serialize)]
struct RulePoints {
    rule_id: Option<i32>,
    points: i64,
}

#[derive(Serialize)]
struct Falls {
    person_id: i64,
    score: i64,
    category: Option<String>,
    falls_on: String,
    falls_to_score: i64,
    falls_to_category: Option<String>,
}

/// How many persons are in a category of `main` and in one of another scorecard.
#[derive(Serialize)]
struct Cell {
    scorecard: String,
    category: Option<String>,
    other: Option<String>,
    persons: i64,
}

/// An active person; names by their places.
struct Standing {
    person_id: i64,
    tenant: Option<u32>,
    kind: u32,
    main: Option<u32>,
    main_score: i64,
    /// On the scorecard that is asked for; `None`: it has no score there.
    score: Option<i64>,
    category: Option<u32>,
    at: Standpoint,
    /// What it can lose in the days for which falls are listed.
    loss: Loss,
}

/// `_overview(text, text, text, int)`: of the active persons of an owner and a tenant, or of all, as far as the caller may
/// see them; falls are those of so many days.
pub fn overview(owner: Option<&str>, tenant: Option<&str>, scorecard: &str, within_days: i32) -> Option<JsonB> {
    let config = config::for_reading();
    config.tables.check_may_read();
    let card = config.cards.place(scorecard)?;
    let mut names = Names::default();
    let mut persons = read_persons(&config, owner, tenant, card, &mut names);
    let places = Places::of(persons.iter().map(|person| person.person_id));
    let grid = read_others(&config, card, &mut persons, &places, &mut names);
    persons.retain(|person| person.score.is_some());
    let places = if card == MAIN { places } else { Places::of(persons.iter().map(|person| person.person_id)) };
    let rules = read_records(&config, card, config.scored_on.plus(within_days), &mut persons, &places);

    let mut present: HashMap<Option<u32>, usize> = HashMap::new();
    for person in &persons {
        *present.entry(person.category).or_default() += 1;
    }
    let name = |place: Option<u32>| names.name(place).map(str::to_owned);
    let overview = Overview {
        persons: persons.len(),
        present: present.into_iter().map(|(place, persons)| Present { category: name(place), persons }).collect(),
        scores: bars(persons.iter().filter_map(|person| person.score)),
        rules,
        first: highest(&persons),
        cooling: falls(&config, card, &persons, &names, config.scored_on.plus(within_days)),
        grid,
    };
    Some(JsonB(serde_json::to_value(overview).expect("numbers and names")))
}

fn read_persons(config: &Config, owner: Option<&str>, tenant: Option<&str>, card: u16, names: &mut Names) -> Vec<Standing> {
    let visible = config.tables.visible();
    let mut persons = Vec::new();
    config.tables.each_person(|row| {
        let is_wanted = row.is_active
            && owner.is_none_or(|owner| row.owner == Some(owner))
            && tenant.is_none_or(|tenant| row.tenant == Some(tenant))
            && visible.as_ref().is_none_or(|visible| visible.contains(&row.person_id));
        if is_wanted {
            let category = row.category.map(|category| names.place(category));
            persons.push(Standing {
                person_id: row.person_id,
                tenant: row.tenant.map(|tenant| names.place(tenant)),
                kind: names.place(row.kind),
                main: category,
                main_score: row.score,
                score: (card == MAIN).then_some(row.score),
                category: category.filter(|_| card == MAIN),
                at: Standpoint::through(config.scored_on, row.scored_through),
                loss: Loss::default(),
            });
        }
    });
    persons
}

/// Takes in the scores on other scorecards, and returns how `main` stands against each that has categories: the highest
/// scores first.
fn read_others(config: &Config, card: u16, persons: &mut [Standing], places: &Places, names: &mut Names) -> Vec<Cell> {
    type Category = Option<u32>;
    let mut counts: HashMap<(u16, Category, Category), i64> = HashMap::new();
    let mut high: HashMap<(u16, Category), i64> = HashMap::new();
    let mut other_high: HashMap<(u16, Category), i64> = HashMap::new();
    config.tables.each_other_score(|person_id, of, score, category| {
        let Some(place) = places.get(person_id) else { return };
        let person = &mut persons[place];
        let category = category.map(|category| names.place(category));
        if of == card {
            (person.score, person.category) = (Some(score), category);
        }
        *counts.entry((of, person.main, category)).or_default() += 1;
        let highest = high.entry((of, person.main)).or_insert(i64::MIN);
        *highest = person.main_score.max(*highest);
        let highest = other_high.entry((of, category)).or_insert(i64::MIN);
        *highest = score.max(*highest);
    });
    let has_categories = |of: u16| counts.keys().any(|(card, _, category)| *card == of && category.is_some());
    let mut cells: Vec<_> = counts.iter().filter(|((of, ..), _)| has_categories(*of)).collect();
    cells.sort_by_key(|((of, main, other), _)| {
        let by_main = (Reverse(high[&(*of, *main)]), names.name(*main));
        (config.cards.name(*of), by_main, Reverse(other_high[&(*of, *other)]), names.name(*other))
    });
    let cell = |(&(of, main, other), &persons): (&(u16, Category, Category), &i64)| Cell {
        scorecard: config.cards.name(of).to_owned(),
        category: names.name(main).map(str::to_owned),
        other: names.name(other).map(str::to_owned),
        persons,
    };
    cells.into_iter().map(cell).collect()
}

/// Sums what each rule gives, and what each person can lose until a day.
fn read_records(config: &Config, card: u16, until: Day, persons: &mut [Standing], places: &Places) -> Vec<RulePoints> {
    let scored_on = config.scored_on;
    let mut points: HashMap<Option<i32>, i128> = HashMap::new();
    config.tables.each_record(|person_id, record| {
        if config.cards.reaches(record.card, card)
            && let Some(place) = places.get(person_id)
        {
            let person = &mut persons[place];
            let at = Standpoint { scored_on, reach: person.at.reach };
            if let Some(loss) = Loss::by(&record, at, until) {
                person.loss.add(loss);
            }
            *points.entry(record.rule_id).or_default() += i128::from(record.counted(at));
        }
    });
    config.tables.each_due(|person_id, day| {
        if day <= until
            && let Some(place) = places.get(person_id)
        {
            persons[place].loss.add(Loss::Unknown);
        }
    });
    points.into_iter().map(|(rule_id, points)| RulePoints { rule_id, points: to_bigint(points) }).collect()
}

/// The ids of those with the highest scores, the highest first.
fn highest(persons: &[Standing]) -> Vec<i64> {
    let mut ranked: Vec<_> = persons.iter().map(|person| (Reverse(person.score), person.person_id)).collect();
    if ranked.len() > LISTED {
        ranked.select_nth_unstable(LISTED);
        ranked.truncate(LISTED);
    }
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, person_id)| person_id).collect()
}

/// Who falls to a lower category until a day: those with the highest scores, of equal ones who falls first.
fn falls(config: &Config, card: u16, persons: &[Standing], names: &Names, until: Day) -> Vec<Falls> {
    let mut candidates: Vec<(i64, Above)> = Vec::new();
    for person in persons {
        let configuration = &config.rulebook(names.name(person.tenant)).configuration;
        let kind = names.name(Some(person.kind)).unwrap_or_default();
        if let Some(score) = person.score
            && let Some(floor) = configuration.floor(card, kind, score)
        {
            let stands = Above { score, floor, reach: person.at.reach };
            if person.loss.is_enough(&stands) {
                candidates.push((person.person_id, stands));
            }
        }
    }
    candidates.sort_unstable_by_key(|(person_id, above)| (Reverse(above.score), *person_id));
    let one_by_one = OneByOne::of(config);
    let mut falls: Vec<Fall> = Vec::new();
    // Who has a lower score than ten that fall need not be asked.
    for equals in candidates.chunk_by(|one, other| one.1.score == other.1.score) {
        falls.extend(
            equals.iter().filter_map(|(person_id, above)| cooling::fall(config, &one_by_one, card, *person_id, above, until)),
        );
        if falls.len() >= LISTED {
            break;
        }
    }
    falls.sort_by_key(|fall| (Reverse(fall.score), fall.falls_on, fall.person_id));
    falls.truncate(LISTED);
    let shown = |fall: Fall| Falls {
        person_id: fall.person_id,
        score: fall.score,
        category: fall.category,
        falls_on: fall.falls_on.to_string(),
        falls_to_score: fall.falls_to_score,
        falls_to_category: fall.falls_to_category,
    };
    falls.into_iter().map(shown).collect()
}

/// How many scores lie in each of some equal ranges, those without any left out.
fn bars(scores: impl Iterator<Item = i64> + Clone) -> Vec<Bar> {
    let (Some(lowest), Some(highest)) = (scores.clone().min(), scores.clone().max()) else { return Vec::new() };
    let (lowest, highest) = (i128::from(lowest), i128::from(highest));
    let first = BAR * lowest.div_euclid(BAR);
    let width = BAR * ((highest - lowest + 1 + BARS - 1) / BARS).max(1);
    let mut counts: HashMap<i128, i64> = HashMap::new();
    for score in scores {
        *counts.entry((i128::from(score) - first) / width).or_default() += 1;
    }
    let mut bars: Vec<_> = counts.into_iter().collect();
    bars.sort_unstable();
    let bar = |(nth, persons): (i128, i64)| Bar {
        low: to_bigint(first + nth * width),
        high: to_bigint(first + (nth + 1) * width),
        persons,
    };
    bars.into_iter().map(bar).collect()
}

/// Nothing that a page shows is beyond a bigint.
fn to_bigint(number: i128) -> i64 {
    number.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(low: i64, high: i64, persons: i64) -> Bar {
        Bar { low, high, persons }
    }

    #[test]
    fn bars_start_at_a_multiple_of_five_below_zero_too() {
        assert_eq!(bars([-1, 0, 4, 5].into_iter()), [bar(-5, 0, 1), bar(0, 5, 2), bar(5, 10, 1)]);
    }

    #[test]
    fn bars_are_no_more_than_can_be_seen() {
        assert_eq!(bars([0, 1000].into_iter()), [bar(0, 30, 1), bar(990, 1020, 1)]);
        assert_eq!(bars([i64::MIN, i64::MAX].into_iter()).len(), 2);
        assert!(bars([].into_iter()).is_empty());
    }
}
