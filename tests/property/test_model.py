#!/usr/bin/python3
"""The model checked by hand-worked examples, one for each sentence of meaning."""

import os
import sys
import unittest
from datetime import date, datetime, timezone

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from model import (  # noqa: E402
    Activity,
    Adjustment,
    Category,
    Interval,
    Model,
    Person,
    Rule,
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


if __name__ == "__main__":
    unittest.main()
