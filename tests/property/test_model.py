#!/usr/bin/python3
"""The model checked by hand-worked examples, one for each sentence of meaning."""

import os
import sys
import unittest
from datetime import date, datetime, timezone

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from filters import (  # noqa: E402
    And,
    Comparison,
    Elements,
    Exists,
    Filter,
    IsUnknown,
    Key,
    Like,
    Method,
    Not,
    Or,
    Path,
    Sum,
    Value,
    Where,
)
from model import (  # noqa: E402
    Activity,
    Adjustment,
    Category,
    Interval,
    Model,
    Person,
    Rule,
    Scorecard,
    add,
    json_contains,
    local_day,
    rounded,
)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def noon(year, month, day):
    return datetime(year, month, day, 12, tzinfo=timezone.utc)


def days(count):
    return Interval(days=count)


def months(count):
    return Interval(months=count)


class Calendar(unittest.TestCase):
    def test_month_is_cut_to_its_last_day(self):
        self.assertEqual(add(date(2023, 1, 31), months(1)), date(2023, 2, 28))
        self.assertEqual(add(date(2024, 1, 31), months(1)), date(2024, 2, 29))
        self.assertEqual(add(date(2024, 2, 29), months(12)), date(2025, 2, 28))
        self.assertEqual(add(date(2024, 2, 29), months(48)), date(2028, 2, 29))
        self.assertEqual(add(date(2023, 12, 31), months(2)), date(2024, 2, 29))

    def test_months_come_before_days(self):
        # First to 28 February, then one day on; not 1 February plus a month.
        self.assertEqual(add(date(2023, 1, 31), Interval(1, 1)), date(2023, 3, 1))
        self.assertEqual(add(date(2024, 1, 30), Interval(1, 1)), date(2024, 3, 1))

    def test_day_is_local(self):
        self.assertEqual(local_day(at("2024-06-30T22:00:00"), "Europe/Amsterdam"), date(2024, 7, 1))
        self.assertEqual(local_day(at("2024-06-30T21:59:59"), "Europe/Amsterdam"), date(2024, 6, 30))
        self.assertEqual(local_day(at("2024-12-31T22:59:59"), "Europe/Amsterdam"), date(2024, 12, 31))
        self.assertEqual(local_day(at("2024-01-01T04:59:59"), "America/New_York"), date(2023, 12, 31))

    def test_days_of_clock_change(self):
        # 31 March 2024 has 23 hours in Amsterdam, 27 October 25.
        for instant, day in [
            ("2024-03-30T23:00:00", date(2024, 3, 31)),
            ("2024-03-31T21:59:59", date(2024, 3, 31)),
            ("2024-03-31T22:00:00", date(2024, 4, 1)),
            ("2024-10-26T22:00:00", date(2024, 10, 27)),
            ("2024-10-27T22:59:59", date(2024, 10, 27)),
            ("2024-10-27T23:00:00", date(2024, 10, 28)),
        ]:
            self.assertEqual(local_day(at(instant), "Europe/Amsterdam"), day)

    def test_halves_go_away_from_zero(self):
        cases = [(5, 2, 3), (-5, 2, -3), (1, 2, 1), (-1, 2, -1), (1, 3, 0), (-2, 3, -1), (0, 7, 0), (7, 7, 1)]
        for numerator, denominator, whole in cases:
            self.assertEqual(rounded(numerator, denominator), whole)


class Containment(unittest.TestCase):
    def test_as_jsonb(self):
        self.assertTrue(json_contains({"a": 1, "b": 2}, {"a": 1}))
        self.assertTrue(json_contains({"a": 1}, {}))
        self.assertFalse(json_contains({"a": 1}, {"a": "1"}))
        self.assertFalse(json_contains({"a": True}, {"a": 1}))
        self.assertFalse(json_contains({}, {"a": None}))
        self.assertTrue(json_contains({"a": None}, {"a": None}))
        self.assertTrue(json_contains({"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}))
        self.assertTrue(json_contains({"a": [1, 2, 3]}, {"a": [3, 1, 1]}))
        self.assertFalse(json_contains({"a": [1, 2]}, {"a": [1, 4]}))
        self.assertTrue(json_contains({"a": [{"x": 1, "y": 2}]}, {"a": [{"x": 1}]}))
        # A bare value matches inside an array at the top level only.
        self.assertFalse(json_contains({"a": [1]}, {"a": 1}))


def key(*names):
    return Path(*map(Key, names))


def compare(name, operator, value):
    return Comparison(key(name), operator, Value(value))


class Filters(unittest.TestCase):
    """What jsonb_path_match(attributes, filter, silent => true) is; play.py asks PostgreSQL the same."""

    def holds(self, predicate, text, *documents, lax=True):
        """The verdict on each document, after a look at how it is written."""
        filtered = Filter(predicate, lax)
        self.assertEqual(str(filtered), text)
        return [filtered.holds(document) for document in documents]

    def test_comparison(self):
        found = self.holds(compare("level", ">=", 2), "$.level >= 2", {"level": 2}, {"level": 1}, {"level": "2"}, {"level": True})
        self.assertEqual(found, [True, False, False, False])

    def test_missing_keys_and_no_attributes_are_not_true(self):
        for operator in ("==", "!=", "<", ">="):
            self.assertEqual(self.holds(compare("level", operator, 2), f"$.level {operator} 2", {}, None), [False, False])

    def test_null_differs_from_everything_else(self):
        null = {"level": None}
        self.assertEqual(self.holds(compare("level", "!=", 2), "$.level != 2", null, {"level": 2}), [True, False])
        self.assertEqual(self.holds(compare("level", "<", 2), "$.level < 2", null), [False])
        self.assertEqual(self.holds(compare("level", "==", None), "$.level == null", null, {}), [True, False])
        self.assertEqual(self.holds(compare("level", "!=", None), "$.level != null", {"level": 2}), [True])

    def test_not_of_a_missing_key_is_true_but_not_of_another_type_is_unknown(self):
        documents = {"level": 3}, {"level": 2}, {}, {"level": "3"}, {"level": None}
        found = self.holds(Not(compare("level", "==", 2)), "!($.level == 2)", *documents)
        self.assertEqual(found, [True, False, True, False, True])
        found = self.holds(Not(compare("level", ">", 2)), "!($.level > 2)", *documents)
        self.assertEqual(found, [False, True, True, False, True])

    def test_and_or(self):
        both = And(compare("level", ">", 1), compare("source", "==", "web"))
        text = '($.level > 1) && ($.source == "web")'
        found = self.holds(both, text, {"level": 2, "source": "web"}, {"level": 2}, {"level": "2", "source": "web"})
        self.assertEqual(found, [True, False, False])
        either = Or(compare("level", ">", 1), compare("source", "==", "web"))
        text = '($.level > 1) || ($.source == "web")'
        found = self.holds(either, text, {"level": 2}, {"level": "2", "source": "web"}, {"level": "2"}, {})
        self.assertEqual(found, [True, True, False, False])

    def test_unknown_goes_through_and_or_not(self):
        unknown, true, false = compare("level", ">", 1), compare("one", "==", 1), compare("one", "==", 2)
        document = {"level": "2", "one": 1}

        def truth(predicate):
            return predicate.truth(document, document, True)

        self.assertEqual([truth(p) for p in (unknown, true, false)], [None, True, False])
        self.assertEqual([truth(And(unknown, true)), truth(And(unknown, false)), truth(And(false, unknown))], [None, False, False])
        self.assertEqual([truth(Or(unknown, true)), truth(Or(unknown, false)), truth(Or(true, unknown))], [True, None, True])
        self.assertEqual([truth(Not(unknown)), truth(IsUnknown(unknown)), truth(IsUnknown(true))], [None, True, False])

    def test_one_element_of_an_array_is_enough(self):
        tag = Comparison(Path(Key("tags"), Elements()), "==", Value("a"))
        text = '$.tags[*] == "a"'
        documents = {"tags": ["b", "a"]}, {"tags": ["b"]}, {"tags": []}, {"tags": "a"}, {"tags": [1, "a"]}, {"tags": [["a"]]}
        # Without [*] the same: the operand of a comparison is unwrapped, [["a"]] becomes ["a"], which is no text.
        self.assertEqual(self.holds(tag, text, *documents), [True, False, False, True, True, True])
        bare = compare("tags", "==", "a")
        self.assertEqual(self.holds(bare, '$.tags == "a"', *documents), [True, False, False, True, True, False])
        self.assertEqual(self.holds(Not(bare), '!($.tags == "a")', *documents), [False, True, True, False, False, False])

    def test_keys_of_arrays_of_objects(self):
        inner = Comparison(key("list", "x"), "==", Value(1))
        self.assertEqual(self.holds(inner, "$.list.x == 1", {"list": [{"x": 2}, {"x": 1}]}, {"list": {"x": 1}}, {"list": 1}), [True, True, False])
        first = Comparison(Path(Key("tags"), Elements(0)), "==", Value("a"))
        self.assertEqual(self.holds(first, '$.tags[0] == "a"', {"tags": ["a", "b"]}, {"tags": ["b", "a"]}, {"tags": []}, {"tags": "a"}), [True, False, False, True])

    def test_exists(self):
        self.assertEqual(self.holds(Exists(key("source")), "exists($.source)", {"source": None}, {}, {"source": []}), [True, False, True])
        where = Exists(Path(Key("list"), Elements(), Where(Comparison(Path(Key("x"), start="@"), ">", Value(1)))))
        text = "exists($.list[*] ? (@.x > 1))"
        self.assertEqual(self.holds(where, text, {"list": [{"x": 1}, {"x": 2}]}, {"list": [{"x": 1}]}, {"list": [{"x": "2"}]}), [True, False, False])

    def test_texts(self):
        self.assertEqual(self.holds(Like(key("source"), "^W", "i"), '$.source like_regex "^W" flag "i"', {"source": "web"}, {"source": 1}, {}), [True, False, False])
        self.assertEqual(self.holds(Like(key("source"), "^W"), '$.source like_regex "^W"', {"source": "web"}), [False])
        self.assertEqual(self.holds(Like(key("source"), "w", starts=True), '$.source starts with "w"', {"source": "web"}, {"source": "mow"}), [True, False])
        # Not of a number is unknown, not of a missing key true.
        self.assertEqual(self.holds(Not(Like(key("source"), "w")), '!($.source like_regex "w")', {"source": 1}, {}), [False, True])

    def test_methods_and_sums(self):
        size = Comparison(Path(Key("tags"), Method("size")), ">=", Value(1))
        self.assertEqual(self.holds(size, "$.tags.size() >= 1", {"tags": ["a"]}, {"tags": []}, {"tags": "a"}, {}), [True, False, True, False])
        number = Comparison(Path(Key("level"), Method("double")), ">", Value(1))
        self.assertEqual(self.holds(number, "$.level.double() > 1", {"level": "2"}, {"level": 2}, {"level": "x"}, {"level": True}), [True, True, False, False])
        more = Comparison(Sum(key("level"), 1), "==", Value(3))
        self.assertEqual(self.holds(more, "$.level + 1 == 3", {"level": 2}, {"level": "2"}, {}, {"level": [2]}, {"level": [2, 2]}), [True, False, False, True, False])
        # A sum without a number fails, which makes even its negation unknown.
        self.assertEqual(self.holds(Not(more), "!($.level + 1 == 3)", {}, {"level": 1}), [False, True])

    def test_strict(self):
        level = compare("level", "!=", 2)
        self.assertEqual(self.holds(Not(level), "strict !($.level != 2)", {}, {"level": 2}, lax=False), [False, True])
        tag = Comparison(Path(Key("tags"), Elements()), "==", Value("a"))
        self.assertEqual(self.holds(tag, 'strict $.tags[*] == "a"', {"tags": ["a"]}, {"tags": "a"}, {"tags": ["a", 1]}, lax=False), [True, False, False])


class Scores(unittest.TestCase):
    def setUp(self):
        self.model = Model(time_zone="UTC")
        self.person = Person(1, "candidate", "open", noon(2024, 1, 1))
        self.model.persons[1] = self.person

    def act(self, *moments, activity_type="call", attributes=None):
        for moment in moments:
            number = len(self.model.activities) + 1
            self.model.activities[number] = Activity(number, 1, activity_type, moment, attributes)

    def rule(self, points, **columns):
        number = len(self.model.rules) + 1
        rule = Rule(number, f"rule {number}", points, **columns)
        self.model.rules[number] = rule
        return rule

    def score(self, *day):
        return self.model.score_at(self.person, date(*day))

    def spans(self, *day):
        return sorted(
            (r.activity_id or 0, r.counts_from, r.counts_until)
            for r in self.model.records(self.person, date(*day))
        )

    # Activity rules

    def test_counts_from_its_day_until_its_end(self):
        self.rule(10, relevant_for=days(7))
        self.act(noon(2024, 3, 1))
        self.assertEqual([self.score(2024, 2, 29), self.score(2024, 3, 1)], [0, 10])
        self.assertEqual([self.score(2024, 3, 7), self.score(2024, 3, 8)], [10, 0])

    def test_counts_for_ever(self):
        self.rule(10)
        self.act(noon(2024, 3, 1))
        self.assertEqual(self.score(2124, 3, 1), 10)

    def test_month_from_31_january(self):
        self.rule(10, relevant_for=months(1))
        self.act(noon(2024, 1, 31))
        self.assertEqual([self.score(2024, 2, 28), self.score(2024, 2, 29)], [10, 0])

    def test_applies_by_kind_status_and_enabled(self):
        self.act(noon(2024, 1, 2))
        self.rule(1, person_kinds=["candidate"])
        self.rule(10, person_kinds=["contact"])
        self.rule(100, statuses=["open", "new"])
        self.rule(1000, statuses=["closed"])
        self.rule(10000, enabled=False)
        self.assertEqual(self.score(2024, 1, 2), 101)
        self.person.status = None
        self.assertEqual(self.score(2024, 1, 2), 1)

    def test_matches_by_type_and_condition(self):
        self.act(noon(2024, 1, 2), activity_type="call", attributes={"long": True, "to": "us"})
        self.rule(1, activity_types=["call", "visit"])
        self.rule(10, activity_types=["visit"])
        self.rule(100, condition={"long": True})
        self.rule(1000, condition={"long": False})
        self.assertEqual(self.score(2024, 1, 2), 101)

    def test_no_attributes_meet_no_condition(self):
        self.act(noon(2024, 1, 2))
        self.rule(1, condition={})
        self.assertEqual(self.score(2024, 1, 2), 0)

    def test_effective_from(self):
        self.rule(10, effective_from=date(2024, 2, 1))
        self.act(noon(2024, 1, 31), noon(2024, 2, 1))
        self.assertEqual(self.spans(2024, 3, 1), [(2, date(2024, 2, 1), None)])

    def test_future_activity_starts_on_its_day(self):
        self.rule(10)
        self.act(noon(2024, 6, 1))
        self.assertEqual(self.score(2024, 5, 31), 0)
        self.assertEqual(self.spans(2024, 1, 1), [(1, date(2024, 6, 1), None)])
        self.assertEqual(len(self.model.stored_records(self.person, date(2024, 1, 1))), 1)

    def test_max_per_day_keeps_the_newest(self):
        self.rule(10, max_per_day=2)
        self.act(at("2024-03-01T08:00:00"), at("2024-03-01T10:00:00"), at("2024-03-01T09:00:00"), noon(2024, 3, 2))
        self.assertEqual([s[0] for s in self.spans(2024, 3, 1)], [2, 3, 4])

    def test_same_instant_the_higher_id_is_newer(self):
        self.rule(10, max_per_day=1)
        self.act(noon(2024, 3, 1), noon(2024, 3, 1))
        self.assertEqual([s[0] for s in self.spans(2024, 3, 1)], [2])

    def test_max_counted_displaces_by_the_nth_newer(self):
        self.rule(10, max_counted=2, relevant_for=days(30))
        self.act(noon(2024, 3, 1), noon(2024, 3, 5), noon(2024, 3, 9))
        self.assertEqual(
            self.spans(2024, 3, 1),
            [
                (1, date(2024, 3, 1), date(2024, 3, 9)),
                (2, date(2024, 3, 5), date(2024, 4, 4)),
                (3, date(2024, 3, 9), date(2024, 4, 8)),
            ],
        )
        self.assertEqual([self.score(2024, 3, 8), self.score(2024, 3, 9)], [20, 20])

    def test_max_counted_on_one_day_never_counts(self):
        self.rule(10, max_counted=1)
        self.act(at("2024-03-01T08:00:00"), at("2024-03-01T09:00:00"))
        self.assertEqual(self.spans(2024, 3, 1), [(2, date(2024, 3, 1), None)])

    def test_future_activity_displaces_on_its_day_only(self):
        self.rule(10, max_counted=1)
        self.act(noon(2024, 3, 1), noon(2024, 9, 1))
        self.assertEqual(self.spans(2024, 3, 2)[0], (1, date(2024, 3, 1), date(2024, 9, 1)))
        self.assertEqual(self.score(2024, 3, 2), 10)

    def test_max_per_day_goes_before_max_counted(self):
        # The two early ones of 2 March are no records, so they displace nothing.
        self.rule(10, max_per_day=1, max_counted=2)
        self.act(noon(2024, 3, 1), at("2024-03-02T08:00:00"), at("2024-03-02T09:00:00"), at("2024-03-02T10:00:00"))
        self.assertEqual([s[0] for s in self.spans(2024, 3, 2)], [1, 4])
        self.assertEqual(self.score(2024, 3, 2), 20)

    def test_linear_decay(self):
        self.rule(10, relevant_for=days(4), decay="linear")
        self.act(noon(2024, 3, 1))
        # 10, 7.5, 5, 2.5, over.
        self.assertEqual([self.score(2024, 3, d) for d in range(1, 6)], [10, 8, 5, 3, 0])

    def test_linear_decay_of_negative_points(self):
        self.rule(-10, relevant_for=days(4), decay="linear")
        self.act(noon(2024, 3, 1))
        self.assertEqual([self.score(2024, 3, d) for d in range(1, 6)], [-10, -8, -5, -3, 0])

    def test_each_record_is_rounded_by_itself(self):
        self.rule(1, relevant_for=days(2), decay="linear")
        self.act(noon(2024, 3, 1), noon(2024, 3, 1))
        self.assertEqual(self.score(2024, 3, 2), 2)

    def test_displaced_record_decays_as_if_it_were_not(self):
        self.rule(100, relevant_for=days(10), decay="linear", max_counted=1)
        self.act(noon(2024, 3, 1), noon(2024, 3, 6))
        self.assertEqual([self.score(2024, 3, 5), self.score(2024, 3, 6)], [60, 100])

    def test_two_rules_both_count(self):
        self.rule(1)
        self.rule(2)
        self.act(noon(2024, 3, 1))
        self.assertEqual(self.score(2024, 3, 1), 3)

    # Inactivity rules

    def test_one_penalty(self):
        self.rule(-5, kind="inactivity", inactive_for=days(10))
        self.assertEqual([self.score(2024, 1, 10), self.score(2024, 1, 11), self.score(2030, 1, 1)], [0, -5, -5])

    def test_penalty_is_cleared_by_the_next_match(self):
        self.rule(-5, kind="inactivity", inactive_for=days(10), activity_types=["call"])
        self.act(noon(2024, 1, 15), activity_type="visit")
        self.act(noon(2024, 1, 20))
        self.assertEqual([self.score(2024, 1, 19), self.score(2024, 1, 20)], [-5, 0])
        self.assertEqual([self.score(2024, 1, 29), self.score(2024, 1, 30)], [0, -5])

    def test_no_penalty_if_due_on_the_day_of_the_next_match(self):
        self.rule(-5, kind="inactivity", inactive_for=days(10), relevant_for=days(100))
        self.act(noon(2024, 1, 11))
        self.assertEqual(self.spans(2024, 1, 20), [])

    def test_penalty_that_outlives_its_spell(self):
        self.rule(-5, kind="inactivity", inactive_for=days(10), relevant_for=days(30))
        self.act(noon(2024, 1, 12))
        self.assertEqual(self.spans(2024, 1, 12), [(0, date(2024, 1, 11), date(2024, 2, 10))])
        # The spell that began on 12 January gives a second one on the 22nd.
        self.assertEqual([self.score(2024, 1, 12), self.score(2024, 1, 22), self.score(2024, 2, 10)], [-5, -10, -5])

    def test_repeats(self):
        self.rule(-5, kind="inactivity", inactive_for=days(10), repeat_every=days(7), max_repeats=3)
        self.assertEqual(
            [self.score(2024, 1, d) for d in (10, 11, 17, 18, 24, 25, 31)], [0, -5, -5, -10, -10, -15, -15]
        )
        self.model.rules[1].max_repeats = None
        self.assertEqual(self.score(2024, 2, 1), -20)

    def test_repeats_by_month_keep_the_day_of_the_first(self):
        # 31 December + 1 month = 31 January; repeats are counted from there.
        self.person.since = noon(2023, 12, 31)
        self.rule(-5, kind="inactivity", inactive_for=months(1), repeat_every=months(1), max_repeats=4)
        self.assertEqual(
            [s[1] for s in self.spans(2025, 1, 1)],
            [date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31), date(2024, 4, 30)],
        )

    def test_first_penalty_is_a_date_before_repeats_are_added(self):
        # 30 January + 1 month = 29 February; + 1 month = 29 March, not the 30th.
        self.person.since = noon(2024, 1, 30)
        self.rule(-5, kind="inactivity", inactive_for=months(1), repeat_every=months(1), max_repeats=2)
        self.assertEqual([s[1] for s in self.spans(2025, 1, 1)], [date(2024, 2, 29), date(2024, 3, 29)])

    def test_touch_days_before_effective_from_move_there(self):
        self.rule(-5, kind="inactivity", inactive_for=days(10), effective_from=date(2024, 6, 1))
        self.act(noon(2024, 2, 1), noon(2024, 3, 1))
        self.assertEqual(self.spans(2024, 12, 1), [(0, date(2024, 6, 11), None)])

    def test_activity_before_since_is_a_touch_too(self):
        self.rule(-5, kind="inactivity", inactive_for=days(10))
        self.act(noon(2023, 12, 1))
        self.assertEqual(self.spans(2023, 12, 31), [(0, date(2023, 12, 11), date(2024, 1, 1))])

    def test_future_since_is_a_touch_to_come(self):
        self.person.since = noon(2024, 6, 1)
        self.rule(-5, kind="inactivity", inactive_for=days(10))
        self.assertEqual([self.score(2024, 5, 1), self.score(2024, 6, 11)], [0, -5])

    def test_future_penalties_are_not_stored(self):
        self.rule(-5, kind="inactivity", inactive_for=days(10))
        self.assertEqual(self.model.stored_records(self.person, date(2024, 1, 10)), [])
        self.assertEqual(len(self.model.stored_records(self.person, date(2024, 1, 11))), 1)

    def test_penalty_ends_on_a_known_future_touch(self):
        self.rule(-5, kind="inactivity", inactive_for=days(10))
        self.act(noon(2024, 6, 1))
        self.assertEqual(self.spans(2024, 1, 11), [(0, date(2024, 1, 11), date(2024, 6, 1))])

    # Sums and bands

    def test_adjustment(self):
        self.model.adjustments[1] = Adjustment(1, 1, 7, date(2024, 2, 1), date(2024, 2, 3))
        self.assertEqual([self.score(2024, 1, 31), self.score(2024, 2, 2), self.score(2024, 2, 3)], [0, 7, 0])

    def test_category(self):
        def band(number, kind, name, low):
            self.model.categories[number] = Category(number, kind, name, low)

        self.assertIsNone(self.model.category_of(self.person, 0))
        band(1, None, "cold", None)
        band(2, None, "warm", 10)
        self.assertEqual([self.model.category_of(self.person, s) for s in (-5, 9, 10)], ["cold", "cold", "warm"])
        band(3, "candidate", "asleep", None)
        self.assertEqual(self.model.category_of(self.person, 10), "asleep")
        self.person.kind = "contact"
        self.assertEqual(self.model.category_of(self.person, 10), "warm")

    def test_last_activity(self):
        self.assertIsNone(self.model.last_activity_at(self.person))
        self.act(noon(2024, 3, 1), noon(2025, 1, 1), noon(2024, 5, 1))
        self.assertEqual(self.model.last_activity_at(self.person), noon(2025, 1, 1))

    # Filters

    def test_filter_of_activities(self):
        self.rule(10, filter=Filter(compare("level", ">=", 2)))
        self.rule(100, filter=Filter(Not(Exists(key("level")))))
        self.act(noon(2024, 1, 2), attributes={"level": 2})
        self.act(noon(2024, 1, 3), attributes={"level": 1})
        self.act(noon(2024, 1, 4))
        # NULL attributes are {} to a filter, but contain nothing.
        self.assertEqual([self.score(2024, 1, d) for d in (2, 3, 4)], [10, 10, 110])
        self.rule(1000, filter=Filter(Not(Exists(key("level")))), condition={})
        self.assertEqual(self.score(2024, 1, 4), 110)

    def test_filter_makes_touches(self):
        self.rule(-5, kind="inactivity", inactive_for=days(10), filter=Filter(compare("level", ">=", 2)))
        self.act(noon(2024, 1, 8), attributes={"level": 1})
        self.assertEqual(self.score(2024, 1, 11), -5)
        self.model.activities[1].attributes = {"level": 2}
        self.assertEqual([self.score(2024, 1, 17), self.score(2024, 1, 18)], [0, -5])

    def test_person_filter(self):
        self.rule(10, person_filter=Filter(compare("size", ">", 50)))
        self.act(noon(2024, 1, 2))
        self.assertEqual(self.score(2024, 1, 2), 0)
        self.person.attributes = {"size": 51}
        self.assertEqual(self.score(2024, 1, 2), 10)

    # Halving

    def test_halving(self):
        self.rule(10, decay="halving", half_life=days(7))
        self.act(noon(2024, 3, 1))
        # 10; 5 from the 8th; 2.5 from the 15th; 1.25 from the 22nd; 0.625 from the 29th; 0.3125 from 5 April.
        expected = [((3, 1), 10), ((3, 7), 10), ((3, 8), 5), ((3, 14), 5), ((3, 15), 3), ((3, 22), 1), ((3, 29), 1), ((4, 4), 1), ((4, 5), 0)]
        self.assertEqual([((m, d), self.score(2024, m, d)) for (m, d), _ in expected], expected)
        self.assertEqual(self.spans(2024, 3, 1), [(1, date(2024, 3, 1), None)])
        self.assertEqual(self.score(2124, 3, 1), 0)

    def test_halving_rounds_away_from_zero(self):
        self.rule(-5, decay="halving", half_life=days(1))
        self.act(noon(2024, 3, 1))
        # -5, -2.5, -1.25, -0.625, -0.3125
        self.assertEqual([self.score(2024, 3, d) for d in range(1, 6)], [-5, -3, -1, -1, 0])

    def test_one_point_halves_once(self):
        self.rule(1, decay="halving", half_life=days(1))
        self.act(noon(2024, 3, 1))
        self.assertEqual([self.score(2024, 3, d) for d in (1, 2, 3)], [1, 1, 0])

    def test_halving_with_relevant_for_ends(self):
        self.rule(100, decay="halving", half_life=days(7), relevant_for=days(10))
        self.act(noon(2024, 3, 1))
        self.assertEqual([self.score(2024, 3, d) for d in (7, 8, 10, 11)], [100, 50, 50, 0])

    def test_halving_by_months_counts_from_the_first_day(self):
        # 31 January, 29 February, 31 March, 30 April.
        self.rule(8, decay="halving", half_life=months(1))
        self.act(noon(2024, 1, 31))
        moments = [(1, 31), (2, 28), (2, 29), (3, 30), (3, 31), (4, 29), (4, 30)]
        self.assertEqual([self.score(2024, *m) for m in moments], [8, 8, 4, 4, 2, 2, 1])

    # Inactivity that is excused

    def test_planned_appointment_excuses(self):
        self.rule(-5, kind="inactivity", inactive_for=days(10), repeat_every=days(5), max_repeats=2, excused_by_planned=True)
        # Silent since 1 January: due on the 11th and the 16th.
        self.assertEqual([self.score(2024, 1, d) for d in (10, 11, 16)], [0, -5, -10])
        # One of 1 March ends that spell: no penalties before it, and those after it as ever.
        self.act(noon(2024, 3, 1))
        self.assertEqual([self.score(2024, 1, 16), self.score(2024, 2, 28)], [0, 0])
        self.assertEqual([self.score(2024, 3, 10), self.score(2024, 3, 11), self.score(2024, 3, 16), self.score(2024, 3, 21)], [0, -5, -10, -10])

    # Frequency rules

    def test_three_visits_within_7_days(self):
        self.rule(10, kind="frequency", at_least=3, within=days(7))
        self.act(noon(2024, 3, 1), noon(2024, 3, 4), noon(2024, 3, 6))
        # The first is in the window on 1 to 7 March, so from the 8th on there are two.
        self.assertEqual([self.score(2024, 3, d) for d in (5, 6, 7, 8)], [0, 10, 10, 0])
        self.assertEqual(self.spans(2024, 3, 1), [(3, date(2024, 3, 6), date(2024, 3, 8))])

    def test_a_run_goes_on_while_there_are_enough(self):
        self.rule(10, kind="frequency", at_least=3, within=days(7))
        # On the 8th, on which the first leaves, another one comes.
        self.act(noon(2024, 3, 1), noon(2024, 3, 4), noon(2024, 3, 6), noon(2024, 3, 8))
        # Those of the 4th, 6th and 8th: until the 4th leaves on the 11th.
        self.assertEqual(self.spans(2024, 3, 1), [(3, date(2024, 3, 6), date(2024, 3, 11))])
        # More than enough gives no more.
        self.act(noon(2024, 3, 7), noon(2024, 3, 7))
        self.assertEqual(self.score(2024, 3, 7), 10)
        self.assertEqual(self.spans(2024, 3, 1), [(3, date(2024, 3, 6), date(2024, 3, 14))])

    def test_two_runs(self):
        self.rule(10, kind="frequency", at_least=2, within=days(3))
        self.act(noon(2024, 3, 1), noon(2024, 3, 2), noon(2024, 3, 9), noon(2024, 3, 11))
        # 1 to 3 and 2 to 4: both on 2 and 3. 9 to 11 and 11 to 13: both on 11.
        spans = [(2, date(2024, 3, 2), date(2024, 3, 4)), (4, date(2024, 3, 11), date(2024, 3, 12))]
        self.assertEqual(self.spans(2024, 3, 1), spans)

    def test_several_on_a_day_each_count_and_the_newest_completes(self):
        self.rule(10, kind="frequency", at_least=2, within=days(2))
        self.act(at("2024-03-01T08:00:00"), at("2024-03-01T18:00:00"), at("2024-03-01T12:00:00"))
        # The second of the day would do; the record names the newest of it.
        self.assertEqual(self.spans(2024, 3, 1), [(2, date(2024, 3, 1), date(2024, 3, 3))])

    def test_frequency_of_one(self):
        self.rule(10, kind="frequency", at_least=1, within=days(2))
        self.act(noon(2024, 3, 1), noon(2024, 3, 3))
        # 1 and 2, 3 and 4: days without a gap, so one run.
        self.assertEqual(self.spans(2024, 3, 1), [(1, date(2024, 3, 1), date(2024, 3, 5))])

    def test_frequency_by_months(self):
        # 31 January counts until 29 February, 29 February until 29 March.
        self.rule(10, kind="frequency", at_least=2, within=months(1))
        self.act(noon(2024, 1, 31), noon(2024, 2, 28))
        self.assertEqual(self.spans(2024, 3, 1), [(2, date(2024, 2, 28), date(2024, 2, 29))])
        self.model.activities[2].occurred_at = noon(2024, 2, 29)
        self.assertEqual(self.spans(2024, 3, 1), [])

    def test_frequency_leaves_out_what_is_before_effective_from(self):
        self.rule(10, kind="frequency", at_least=2, within=days(7), effective_from=date(2024, 3, 2))
        self.act(noon(2024, 3, 1), noon(2024, 3, 2))
        self.assertEqual(self.spans(2024, 3, 1), [])
        self.act(noon(2024, 3, 5))
        self.assertEqual(self.spans(2024, 3, 1), [(3, date(2024, 3, 5), date(2024, 3, 9))])

    def test_frequency_that_lies_ahead_is_stored(self):
        self.rule(10, kind="frequency", at_least=2, within=days(7))
        self.act(noon(2024, 3, 1), noon(2024, 3, 2))
        self.assertEqual(len(self.model.stored_records(self.person, date(2024, 1, 1))), 1)
        self.assertEqual(len(self.model.stored_records(self.person, date(2024, 3, 7))), 1)
        self.assertEqual(self.model.stored_records(self.person, date(2024, 3, 8)), [])

    # Profile rules

    def test_profile(self):
        self.rule(10, kind="profile")
        self.rule(100, kind="profile", person_filter=Filter(compare("size", ">", 50)))
        self.assertEqual([self.score(2023, 12, 31), self.score(2024, 1, 1), self.score(2124, 1, 1)], [0, 10, 10])
        self.person.attributes = {"size": 60}
        self.assertEqual([self.score(2023, 12, 31), self.score(2024, 1, 1)], [0, 110])
        self.person.kind = "contact"
        self.model.rules[1].person_kinds = ["candidate"]
        self.assertEqual(self.score(2024, 1, 1), 100)

    def test_profile_begins_at_effective_from_if_that_is_later(self):
        self.rule(10, kind="profile", relevant_for=days(7), effective_from=date(2024, 2, 1))
        self.assertEqual(self.spans(2024, 1, 1), [(0, date(2024, 2, 1), date(2024, 2, 8))])
        self.model.rules[1].effective_from = date(2023, 1, 1)
        self.assertEqual(self.spans(2024, 1, 1), [(0, date(2024, 1, 1), date(2024, 1, 8))])

    def test_profile_that_begins_in_the_future_is_stored(self):
        self.person.since = noon(2024, 6, 1)
        self.rule(10, kind="profile")
        self.assertEqual([self.score(2024, 5, 31), self.score(2024, 6, 1)], [0, 10])
        self.assertEqual(len(self.model.stored_records(self.person, date(2024, 1, 1))), 1)

    def test_profile_decays(self):
        self.rule(10, kind="profile", relevant_for=days(4), decay="linear")
        self.rule(100, kind="profile", decay="halving", half_life=days(2))
        self.assertEqual([self.score(2024, 1, d) for d in range(1, 6)], [110, 108, 55, 53, 25])

    # Persons who are not active

    def test_not_active(self):
        self.rule(10)
        self.rule(-5, kind="inactivity", inactive_for=days(10))
        self.act(noon(2024, 3, 1))
        self.model.adjustments[1] = Adjustment(1, 1, 7, date(2024, 2, 1), None)
        self.model.categories[1] = Category(1, None, "cold", None)
        self.model.scorecards["main"].min_score = 3
        self.person.active = False
        self.assertEqual([self.score(2024, 3, 1), self.score(2024, 1, 20)], [0, 0])
        self.assertEqual(self.model.stored_records(self.person, date(2024, 3, 1)), [])
        self.assertIsNone(self.model.category_of(self.person, 0))
        self.assertEqual(self.model.last_activity_at(self.person), noon(2024, 3, 1))
        self.person.active = True
        self.assertEqual(self.score(2024, 3, 1), 17)

    # Scorecards

    def card(self, name, **columns):
        self.model.scorecards[name] = Scorecard(name, **columns)

    def test_scorecards_have_scores_of_their_own(self):
        self.card("fit")
        self.rule(10)
        self.rule(100, scorecard="fit")
        self.act(noon(2024, 3, 1))
        day = date(2024, 3, 1)
        self.assertEqual([self.model.score_at(self.person, day, name) for name in ("main", "fit")], [10, 100])

    def test_part_is_limited_before_it_is_added(self):
        self.card("talk", part_of="main", max_score=40)
        self.rule(30, scorecard="talk")
        self.rule(5)
        self.act(noon(2024, 3, 1))
        self.assertEqual(self.score(2024, 3, 1), 35)
        self.act(noon(2024, 3, 2))
        # talk is 60, of which 40 count; main has 10 of its own.
        self.assertEqual(self.score(2024, 3, 2), 50)
        self.model.scorecards["main"].max_score = 45
        self.assertEqual(self.score(2024, 3, 2), 45)
        self.model.scorecards["main"].max_score = 20
        self.assertEqual(self.score(2024, 3, 2), 20)

    def test_lower_limit(self):
        self.card("risk", part_of="main", min_score=-10)
        self.rule(-15, scorecard="risk")
        self.act(noon(2024, 3, 1))
        self.assertEqual([self.score(2024, 2, 29), self.score(2024, 3, 1)], [0, -10])
        # A limit above nothing is what there is at least.
        self.model.scorecards["risk"].min_score = 2
        self.assertEqual(self.score(2024, 2, 29), 2)

    def test_parts_of_parts_and_main_as_a_part(self):
        self.card("total")
        self.card("fit", part_of="total")
        self.card("size", part_of="fit", max_score=5)
        self.model.scorecards["main"].part_of = "total"
        self.rule(1)
        self.rule(10, scorecard="fit")
        self.rule(100, scorecard="size")
        self.act(noon(2024, 3, 1))
        day = date(2024, 3, 1)
        scores = [self.model.score_at(self.person, day, name) for name in ("size", "fit", "main", "total")]
        self.assertEqual(scores, [5, 15, 1, 16])

    def test_adjustment_of_a_scorecard(self):
        self.card("fit", max_score=5)
        self.model.adjustments[1] = Adjustment(1, 1, 7, date(2024, 2, 1), None, "fit")
        day = date(2024, 2, 1)
        self.assertEqual([self.score(2024, 2, 1), self.model.score_at(self.person, day, "fit")], [0, 5])

    def test_categories_of_a_scorecard(self):
        self.card("fit")
        self.model.categories[1] = Category(1, None, "cold", None)
        self.assertIsNone(self.model.category_of(self.person, 0, "fit"))
        self.model.categories[2] = Category(2, None, "poor", None, scorecard="fit")
        self.assertEqual(self.model.category_of(self.person, 0, "fit"), "poor")
        self.assertEqual(self.model.category_of(self.person, 0), "cold")

    # Tenants

    def test_rules_of_a_tenant(self):
        self.rule(1)
        self.rule(10, tenant="north")
        self.rule(100, tenant="south")
        self.act(noon(2024, 3, 1))
        scores = []
        for tenant in (None, "north", "south", "east"):
            self.person.tenant = tenant
            scores.append(self.score(2024, 3, 1))
        self.assertEqual(scores, [1, 11, 101, 1])

    def test_rule_of_the_same_name_stands_in_its_place(self):
        self.rule(1)
        self.rule(10, tenant="north").name = "rule 1"
        self.rule(100, tenant="south", enabled=False).name = "rule 1"
        # Not for this kind, but there: the common one does not come back.
        self.rule(1000, tenant="east", person_kinds=["contact"]).name = "rule 1"
        self.act(noon(2024, 3, 1))
        scores = []
        for tenant in (None, "north", "south", "east"):
            self.person.tenant = tenant
            scores.append(self.score(2024, 3, 1))
        self.assertEqual(scores, [1, 10, 0, 0])

    def test_categories_by_the_first_set_that_is_not_empty(self):
        self.person.tenant = "north"
        for number, (tenant, kind) in enumerate([(None, None), (None, "candidate"), ("north", None), ("north", "candidate")]):
            self.model.categories[number] = Category(number, kind, f"{tenant} {kind}", None, tenant)
            self.assertEqual(self.model.category_of(self.person, 0), f"{tenant} {kind}")
        self.person.kind = "contact"
        self.assertEqual(self.model.category_of(self.person, 0), "north None")
        self.person.tenant = "south"
        self.assertEqual(self.model.category_of(self.person, 0), "None None")
        # A set that has a bound above the score is not empty, and gives none.
        self.model.categories[9] = Category(9, "contact", "high", 10, "south")
        self.assertIsNone(self.model.category_of(self.person, 0))

    # Between two runs

    def between(self, run, today, scorecard="main"):
        return self.model.score_between(self.person, date(*run), date(*today), scorecard)

    def test_between_runs(self):
        # The examples of the documentation: the run was on 1 March, it is the 4th.
        self.rule(10, relevant_for=days(3), activity_types=["call"])
        self.rule(100, max_counted=1, activity_types=["meeting"])
        self.rule(1000, relevant_for=days(4), decay="linear", activity_types=["note"])
        run, today = (2024, 3, 1), (2024, 3, 4)
        self.act(noon(2024, 2, 28), noon(2024, 3, 4))
        self.assertEqual(self.between(run, today), 20)
        self.act(noon(2024, 2, 28), noon(2024, 3, 4), activity_type="meeting")
        self.assertEqual(self.between(run, today), 120)
        self.act(noon(2024, 3, 1), noon(2024, 3, 4), activity_type="note")
        self.assertEqual(self.between(run, today), 2120)
        # What is dated after today waits.
        self.act(noon(2024, 3, 5), activity_type="call")
        self.assertEqual(self.between(run, today), 2120)

    def test_penalties_between_runs(self):
        self.rule(-5, kind="inactivity", inactive_for=days(10))
        # Due on 11 January: not before a run on or after that day.
        self.assertEqual([self.between((2024, 1, 10), (2024, 1, 20)), self.between((2024, 1, 11), (2024, 1, 20))], [0, -5])
        self.act(noon(2024, 1, 15))
        self.assertEqual(self.between((2024, 1, 11), (2024, 1, 20)), 0)
        self.assertEqual(self.between((2024, 1, 11), (2024, 1, 14)), -5)

    def test_frequency_between_runs_gives_its_points_once(self):
        self.rule(10, kind="frequency", at_least=2, within=days(3))
        self.act(noon(2024, 3, 1), noon(2024, 3, 2), noon(2024, 3, 9), noon(2024, 3, 11))
        self.assertEqual(self.between((2024, 3, 2), (2024, 3, 11)), 10)
        self.assertEqual(self.between((2024, 3, 5), (2024, 3, 11)), 10)
        self.assertEqual(self.between((2024, 3, 5), (2024, 3, 10)), 0)

    def test_limits_between_runs(self):
        self.card("talk", part_of="main", max_score=15)
        self.rule(10, scorecard="talk", relevant_for=days(3))
        self.act(noon(2024, 2, 28), noon(2024, 3, 4))
        self.model.adjustments[1] = Adjustment(1, 1, 1, date(2024, 3, 4), None)
        self.assertEqual(self.between((2024, 3, 1), (2024, 3, 4)), 16)

    def test_between_is_exact_on_the_day_of_the_run(self):
        self.rule(10, relevant_for=days(3), decay="linear")
        self.act(noon(2024, 2, 28), noon(2024, 3, 1), noon(2024, 3, 2))
        for day in (1, 2, 3, 4):
            self.assertEqual(self.between((2024, 3, day), (2024, 3, day)), self.score(2024, 3, day))
            # A run of a later day than today looks ahead.
            self.assertEqual(self.between((2024, 3, day), (2024, 2, 1)), self.score(2024, 3, day))


if __name__ == "__main__":
    unittest.main()
