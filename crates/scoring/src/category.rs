//! Categories: the bands of a score.

use serde::Deserialize;

/// A category, by the columns of `leadscore.category`.
#[derive(Debug, Clone, Deserialize)]
pub struct Category {
    /// Whose category it is; `None`: of all that have none of their own.
    #[serde(default)]
    pub tenant: Option<String>,
    #[serde(default = "main")]
    pub scorecard: String,
    /// The kind of person it is for; `None`: all kinds that have none of their own.
    pub person_kind: Option<String>,
    pub name: String,
    /// The lowest score that falls in it; `None`: the lowest category.
    pub min_score: Option<i64>,
    pub color: Option<String>,
    /// The place of its scorecard in the configuration.
    #[serde(skip)]
    pub card: u16,
}

fn main() -> String {
    "main".into()
}

/// The categories of a kind of person on a scorecard: the first of these sets that is not empty: the
/// tenant's own for the kind, the tenant's own for all kinds, everybody's for the kind, everybody's for all kinds.
/// `None`: of a kind that has none of its own.
pub fn bands<'c>(categories: &'c [Category], card: u16, kind: Option<&str>) -> impl Iterator<Item = &'c Category> + use<'c> {
    // The set that a category belongs to, the first one first; `None` if it is of no concern.
    let set = |category: &Category| {
        let by_kind = match category.person_kind.as_deref() {
            None => 1,
            own if own == kind => 0,
            Some(_) => return None,
        };
        (category.card == card).then_some(by_kind + if category.tenant.is_some() { 0 } else { 2 })
    };
    let first = categories.iter().filter_map(set).min();
    let of_set: Vec<&Category> = categories.iter().filter(|category| first.is_some() && set(category) == first).collect();
    of_set.into_iter()
}

/// The categories on a scorecard that are those of some kind of person.
pub fn all_bands(categories: &[Category], card: u16) -> impl Iterator<Item = &Category> {
    let is_in_effect = move |category: &&Category| {
        bands(categories, card, category.person_kind.as_deref()).any(|band| std::ptr::eq(band, *category))
    };
    categories.iter().filter(is_in_effect)
}

/// The category in which a score falls; `None` without categories, and below the lowest.
pub fn category<'c>(categories: &'c [Category], card: u16, kind: &str, score: i64) -> Option<&'c Category> {
    bands(categories, card, Some(kind))
        .filter(|band| band.min_score.is_none_or(|low| low <= score))
        .max_by_key(|band| band.min_score.map_or(i128::MIN, i128::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(tenant: Option<&str>, kind: Option<&str>, name: &str, min_score: Option<i64>) -> Category {
        Category {
            tenant: tenant.map(str::to_owned),
            scorecard: main(),
            person_kind: kind.map(str::to_owned),
            name: name.into(),
            min_score,
            color: None,
            card: 0,
        }
    }

    fn name<'c>(categories: &'c [Category], kind: &str, score: i64) -> Option<&'c str> {
        category(categories, 0, kind, score).map(|band| band.name.as_str())
    }

    #[test]
    fn bands_have_no_gap() {
        let bands =
            [band(None, None, "cold", None), band(None, None, "warm", Some(50)), band(None, Some("contact"), "known", None)];
        assert_eq!(name(&bands, "candidate", -10), Some("cold"));
        assert_eq!(name(&bands, "candidate", 50), Some("warm"));
        assert_eq!(name(&bands, "contact", 50), Some("known"));
        assert_eq!(name(&[], "contact", 50), None);
        assert_eq!(category(&bands, 1, "contact", 50).map(|band| &band.name), None);
    }

    #[test]
    fn the_first_set_that_is_not_empty_holds() {
        let mut bands = vec![band(None, None, "all", None), band(None, Some("contact"), "kind", None)];
        assert_eq!(name(&bands, "contact", 0), Some("kind"));
        bands.push(band(Some("acme"), None, "own", None));
        assert_eq!(name(&bands, "contact", 0), Some("own"));
        let in_effect = |bands: &[Category]| all_bands(bands, 0).map(|band| band.name.clone()).collect::<Vec<_>>();
        assert_eq!(in_effect(&bands[..2]), ["all", "kind"]);
        assert_eq!(in_effect(&bands), ["own"]);
        bands.push(band(Some("acme"), Some("contact"), "own kind", None));
        assert_eq!(in_effect(&bands), ["own", "own kind"]);
        assert_eq!(name(&bands, "contact", 0), Some("own kind"));
        assert_eq!(name(&bands, "candidate", 0), Some("own"));
    }
}
