"""What a score means, written a second time and as plainly as possible.

This is an independent implementation of the function that turns persons,
activities, rules, categories, scorecards, a time zone and a day into score
records, scores and categories.  It shares neither code nor SQL with the
extension.  It is brute force on purpose: every question is answered from the
bare data, with nothing kept between two questions, so that it can be checked
by reading.
"""

from __future__ import annotations

import calendar
import copy
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Collection, Iterable, Iterator, NamedTuple, Optional
from zoneinfo import ZoneInfo

from filters import Filter


# --- the calendar ---------------------------------------------------------


class Interval(NamedTuple):
    """Whole months and whole days; a year is 12 months and a week is 7 days."""

    months: int = 0
    days: int = 0

    def times(self, factor: int) -> "Interval":
        return Interval(self.months * factor, self.days * factor)

    def __str__(self) -> str:
        parts = []
        if self.months:
            parts.append(f"{self.months} months")
        if self.days:
            parts.append(f"{self.days} days")
        return " ".join(parts) or "0 days"


def add(day: date, interval: Interval) -> date:
    """Months first, cut to the last day of the month reached, then days."""
    months = day.year * 12 + (day.month - 1) + interval.months
    year, month = divmod(months, 12)
    month += 1
    last = calendar.monthrange(year, month)[1]
    return date(year, month, min(day.day, last)) + timedelta(days=interval.days)


def local_day(instant: datetime, time_zone: str) -> date:
    return instant.astimezone(ZoneInfo(time_zone)).date()


def rounded(numerator: int, denominator: int) -> int:
    """numerator / denominator to the nearest whole, halves away from zero."""
    assert denominator > 0
    size = (2 * abs(numerator) + denominator) // (2 * denominator)
    return size if numerator >= 0 else -size


# --- jsonb containment ----------------------------------------------------


def same_scalar(left: Any, right: Any) -> bool:
    # In Python True == 1, in JSON it is not.
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if left is None or right is None:
        return left is right
    return left == right


def json_contains(left: Any, right: Any) -> bool:
    """left @> right, for documents whose top level is an object."""
    if isinstance(right, dict):
        return isinstance(left, dict) and all(
            key in left and json_contains(left[key], value) for key, value in right.items()
        )
    if isinstance(right, list):
        return isinstance(left, list) and all(
            any(json_contains(have, want) for have in left) for want in right
        )
    if isinstance(left, (dict, list)):
        return False
    return same_scalar(left, right)


# --- the data -------------------------------------------------------------


@dataclass
class Person:
    person_id: int
    kind: str
    status: Optional[str]
    since: datetime
    external_id: Optional[str] = None
    tenant: Optional[str] = None
    name: Optional[str] = None
    attributes: Optional[dict] = None
    active: bool = True


@dataclass
class Activity:
    activity_id: int
    person_id: int
    activity_type: str
    occurred_at: datetime
    attributes: Optional[dict] = None


@dataclass
class Rule:
    rule_id: int
    name: str
    points: int
    kind: str = "activity"
    activity_types: Optional[list[str]] = None
    condition: Optional[dict] = None
    person_kinds: Optional[list[str]] = None
    statuses: Optional[list[str]] = None
    relevant_for: Optional[Interval] = None
    decay: str = "none"
    max_per_day: Optional[int] = None
    max_counted: Optional[int] = None
    inactive_for: Optional[Interval] = None
    repeat_every: Optional[Interval] = None
    max_repeats: Optional[int] = None
    effective_from: Optional[date] = None
    enabled: bool = True
    tenant: Optional[str] = None
    scorecard: str = "main"
    filter: Optional[Filter] = None
    person_filter: Optional[Filter] = None
    half_life: Optional[Interval] = None
    excused_by_planned: bool = False
    at_least: Optional[int] = None
    within: Optional[Interval] = None


@dataclass
class Category:
    category_id: int
    person_kind: Optional[str]
    name: str
    min_score: Optional[int]
    tenant: Optional[str] = None
    scorecard: str = "main"


@dataclass
class Scorecard:
    scorecard: str
    part_of: Optional[str] = None
    min_score: Optional[int] = None
    max_score: Optional[int] = None


@dataclass
class Adjustment:
    adjustment_id: int
    person_id: int
    points: int
    from_day: date
    until_day: Optional[date]
    scorecard: str = "main"


class Record(NamedTuple):
    """One rule's points for one activity, one period without any, one period
    with many, or for what a person is.

    `points` are the full points of the rule.  `decays_until` is the day on
    which a linearly decaying record reaches nothing; being displaced by newer
    records shortens `counts_until` but does not make a record decay any
    faster.  A record with a `half_life` has lost half of its worth after each.
    `ended_on` is the day on which an activity ends it, if one does.
    """

    rule_id: int
    activity_id: Optional[int]
    points: int
    counts_from: date
    counts_until: Optional[date]
    decays_until: Optional[date] = None
    half_life: Optional[Interval] = None
    ended_on: Optional[date] = None

    def counts_on(self, day: date) -> bool:
        return self.counts_from <= day and (self.counts_until is None or day < self.counts_until)

    def worth_on(self, day: date) -> int:
        if not self.counts_on(day):
            return 0
        if self.decays_until is not None:
            remaining = (self.decays_until - day).days
            whole = (self.decays_until - self.counts_from).days
            return rounded(self.points * remaining, whole)
        if self.half_life is not None:
            halvings = 0
            # Half a point is one, a quarter is none, and remains none.
            while 2**halvings <= 2 * abs(self.points) and add(self.counts_from, self.half_life.times(halvings + 1)) <= day:
                halvings += 1
            return rounded(self.points, 2**halvings)
        return self.points


def earliest(*days: Optional[date]) -> Optional[date]:
    """The first of several ends, where None is an end that never comes."""
    real = [day for day in days if day is not None]
    return min(real) if real else None


# --- the function ---------------------------------------------------------


@dataclass
class Model:
    time_zone: str = "UTC"
    persons: dict[int, Person] = field(default_factory=dict)
    activities: dict[int, Activity] = field(default_factory=dict)
    rules: dict[int, Rule] = field(default_factory=dict)
    categories: dict[int, Category] = field(default_factory=dict)
    adjustments: dict[int, Adjustment] = field(default_factory=dict)
    scorecards: dict[str, Scorecard] = field(default_factory=lambda: {"main": Scorecard("main")})

    def day_of(self, instant: datetime) -> date:
        return local_day(instant, self.time_zone)

    def activities_of(self, person: Person) -> list[Activity]:
        return [a for a in self.activities.values() if a.person_id == person.person_id]

    def last_activity_at(self, person: Person) -> Optional[datetime]:
        return max((a.occurred_at for a in self.activities_of(person)), default=None)

    def rules_for(self, person: Person) -> list[Rule]:
        """The rules of the person's tenant, and those of nobody in particular
        that no rule of the tenant stands in the place of, enabled or not."""
        own = [r for r in self.rules.values() if r.tenant is not None and r.tenant == person.tenant]
        names = {r.name for r in own}
        return own + [r for r in self.rules.values() if r.tenant is None and r.name not in names]

    @staticmethod
    def applies(rule: Rule, person: Person) -> bool:
        return (
            rule.enabled
            and (rule.person_kinds is None or person.kind in rule.person_kinds)
            and (rule.statuses is None or (person.status is not None and person.status in rule.statuses))
            and (rule.person_filter is None or rule.person_filter.holds(person.attributes))
        )

    @staticmethod
    def matches(rule: Rule, activity: Activity) -> bool:
        if rule.activity_types is not None and activity.activity_type not in rule.activity_types:
            return False
        if rule.filter is not None and not rule.filter.holds(activity.attributes):
            return False
        if rule.condition is None:
            return True
        return activity.attributes is not None and json_contains(activity.attributes, rule.condition)

    def matching(self, rule: Rule, person: Person) -> list[Activity]:
        """The person's matching activities, newest first."""
        found = [a for a in self.activities_of(person) if self.matches(rule, a)]
        return sorted(found, key=lambda a: (a.occurred_at, a.activity_id), reverse=True)

    def activity_records(self, rule: Rule, person: Person) -> list[Record]:
        """Every record of an activity rule, past, present and future."""
        newest_first = [
            a
            for a in self.matching(rule, person)
            if rule.effective_from is None or self.day_of(a.occurred_at) >= rule.effective_from
        ]

        # Of one day, only the newest few remain.
        if rule.max_per_day is not None:
            kept = []
            per_day: dict[date, int] = defaultdict(int)
            for activity in newest_first:
                day = self.day_of(activity.occurred_at)
                if per_day[day] < rule.max_per_day:
                    per_day[day] += 1
                    kept.append(activity)
            newest_first = kept

        records = []
        for position, activity in enumerate(newest_first):
            start = self.day_of(activity.occurred_at)
            end = None if rule.relevant_for is None else add(start, rule.relevant_for)

            # The n-th newer one, if there is one, takes this one's place.
            displaced = None
            if rule.max_counted is not None and position >= rule.max_counted:
                displaced = self.day_of(newest_first[position - rule.max_counted].occurred_at)

            until = earliest(end, displaced)
            if until is None or start < until:
                records.append(
                    Record(
                        rule_id=rule.rule_id,
                        activity_id=activity.activity_id,
                        points=rule.points,
                        counts_from=start,
                        counts_until=until,
                        decays_until=end if rule.decay == "linear" else None,
                        half_life=rule.half_life if rule.decay == "halving" else None,
                        ended_on=displaced,
                    )
                )
        return records

    def touch_days(self, rule: Rule, person: Person) -> list[date]:
        days = {self.day_of(person.since)}
        days.update(self.day_of(a.occurred_at) for a in self.matching(rule, person))
        if rule.effective_from is not None:
            days = {max(day, rule.effective_from) for day in days}
        return sorted(days)

    def penalties(self, rule: Rule, person: Person, day: date) -> list[Record]:
        """Every record of an inactivity rule that is due on `day` or was before."""
        touches = self.touch_days(rule, person)
        records = []
        for position, touch in enumerate(touches):
            next_touch = touches[position + 1] if position + 1 < len(touches) else None
            if rule.excused_by_planned and next_touch is not None:
                continue
            for due in self.due_days(rule, touch):
                if due > day or (next_touch is not None and due >= next_touch):
                    break
                cleared = next_touch if rule.relevant_for is None else None
                until = cleared if rule.relevant_for is None else add(due, rule.relevant_for)
                records.append(Record(rule.rule_id, None, rule.points, due, until, ended_on=cleared))
        return records

    @staticmethod
    def due_days(rule: Rule, touch: date) -> Iterator[date]:
        """The days on which penalties of a spell that begins on `touch` fall due."""
        first = add(touch, rule.inactive_for)
        if rule.repeat_every is None:
            yield first
            return
        k = 1
        while rule.max_repeats is None or k <= rule.max_repeats:
            yield add(first, rule.repeat_every.times(k - 1))
            k += 1

    def frequency_records(self, rule: Rule, person: Person) -> list[Record]:
        """The longest runs of days on each of which there are enough."""
        newest_first = [
            a
            for a in self.matching(rule, person)
            if rule.effective_from is None or self.day_of(a.occurred_at) >= rule.effective_from
        ]
        days = [self.day_of(a.occurred_at) for a in newest_first]
        spans = [(day, add(day, rule.within)) for day in days]

        def enough(day: date) -> bool:
            return sum(start <= day < end for start, end in spans) >= rule.at_least

        # From one of these days to the next the number stays the same.
        turns = sorted({day for span in spans for day in span})
        records = []
        first = None
        for day in turns:
            if enough(day) and first is None:
                first = day
            elif not enough(day) and first is not None:
                # newest_first, so the first one of that day is the newest.
                completed_by = newest_first[days.index(first)].activity_id
                records.append(Record(rule.rule_id, completed_by, rule.points, first, day))
                first = None
        return records

    def profile_records(self, rule: Rule, person: Person) -> list[Record]:
        start = self.day_of(person.since)
        if rule.effective_from is not None:
            start = max(start, rule.effective_from)
        end = None if rule.relevant_for is None else add(start, rule.relevant_for)
        return [
            Record(
                rule_id=rule.rule_id,
                activity_id=None,
                points=rule.points,
                counts_from=start,
                counts_until=end,
                decays_until=end if rule.decay == "linear" else None,
                half_life=rule.half_life if rule.decay == "halving" else None,
            )
        ]

    def records(self, person: Person, day: date) -> list[Record]:
        """All records as known on `day`: also those that ended, and those of
        activities that lie ahead; of penalties only those that are due."""
        found: list[Record] = []
        if not person.active:
            return found
        for rule in self.rules_for(person):
            if not self.applies(rule, person):
                continue
            if rule.kind == "activity":
                found += self.activity_records(rule, person)
            elif rule.kind == "inactivity":
                found += self.penalties(rule, person, day)
            elif rule.kind == "frequency":
                found += self.frequency_records(rule, person)
            else:
                found += self.profile_records(rule, person)
        return found

    def stored_records(self, person: Person, day: date) -> list[Record]:
        """What score_record holds after a recompute on `day`: what counts then
        or starts to count later, and nothing that is over."""
        return [r for r in self.records(person, day) if r.counts_until is None or r.counts_until > day]

    def adjustments_of(self, person: Person, scorecard: str) -> list[Adjustment]:
        return [
            a for a in self.adjustments.values() if a.person_id == person.person_id and a.scorecard == scorecard
        ]

    def adjustment_on(self, person: Person, day: date, scorecard: str) -> int:
        return sum(
            a.points
            for a in self.adjustments_of(person, scorecard)
            if a.from_day <= day and (a.until_day is None or day < a.until_day)
        )

    def score_at(self, person: Person, day: date, scorecard: str = "main") -> int:
        return self.scores(person, [day], scorecard)[0]

    def scores(self, person: Person, days: list[date], scorecard: str = "main") -> list[int]:
        """The scores of several days."""
        # A penalty counts on no day before it is due, so the records as known
        # on the last day do for all of them.
        records = self.records(person, max(days))
        return [self.score_of(person, day, scorecard, records) for day in days]

    def score_of(self, person: Person, day: date, scorecard: str, records: list[Record]) -> int:
        if not person.active:
            return 0
        own = sum(r.worth_on(day) for r in records if self.rules[r.rule_id].scorecard == scorecard)
        own += self.adjustment_on(person, day, scorecard)
        own += sum(self.score_of(person, day, part, records) for part in self.parts(scorecard))
        return self.limited(own, scorecard)

    def parts(self, scorecard: str) -> list[str]:
        return [s.scorecard for s in self.scorecards.values() if s.part_of == scorecard]

    def limited(self, score: int, scorecard: str) -> int:
        limits = self.scorecards[scorecard]
        if limits.min_score is not None and score < limits.min_score:
            return limits.min_score
        if limits.max_score is not None and score > limits.max_score:
            return limits.max_score
        return score

    def bands(self, person: Person, scorecard: str = "main") -> list[Category]:
        """The first set of categories that is not empty."""
        for tenant in (person.tenant, None):
            for kind in (person.kind, None):
                found = [
                    c
                    for c in self.categories.values()
                    if c.scorecard == scorecard and c.tenant == tenant and c.person_kind == kind
                ]
                if found:
                    return found
        return []

    def category_of(self, person: Person, score: int, scorecard: str = "main") -> Optional[str]:
        if not person.active:
            return None
        reached = [c for c in self.bands(person, scorecard) if c.min_score is None or c.min_score <= score]
        if not reached:
            return None
        lowest = float("-inf")
        return max(reached, key=lambda c: lowest if c.min_score is None else c.min_score).name

    # Between two runs

    def score_between(
        self, person: Person, run: date, today: date, scorecard: str = "main", waiting: Collection[int] = (), since_waits: bool = False
    ) -> int:
        """What counted on the day of the last run, plus what has happened from
        then until today: records that began, at their worth on their first
        day, and ends that an activity brought.  Windows that ended, penalties
        that fell due and decay wait for the next run.

        Some activities, and the person's since, may wait as well: those that
        were known to the run and lay ahead of it.  They still excuse.
        """
        today = max(run, today)
        records = self.records(person, run)
        if waiting or since_waits:
            now = copy.copy(self)
            now.activities = {n: a for n, a in self.activities.items() if n not in waiting}
            later = copy.copy(person)
            if since_waits:
                later.since += timedelta(days=(today - self.day_of(person.since)).days + 2)
            excused = [r for r in records if self.rules[r.rule_id].excused_by_planned]
            records = excused + [r for r in now.records(later, run) if not self.rules[r.rule_id].excused_by_planned]
        return self.between_of(person, run, today, scorecard, records)

    def between_of(self, person: Person, run: date, today: date, scorecard: str, records: list[Record]) -> int:
        if not person.active:
            return 0
        total = 0
        for rule in self.rules.values():
            if rule.scorecard == scorecard:
                # Of penalties, the records have only those that were due on the day of the run.
                worths = [self.worth_between(r, run, today) for r in records if r.rule_id == rule.rule_id]
                # A frequency rule gives its points once, whatever has begun since.
                total += max(worths, key=abs, default=0) if rule.kind == "frequency" else sum(worths)
        for a in self.adjustments_of(person, scorecard):
            day = max(run, a.from_day)
            if day <= today and (a.until_day is None or day < a.until_day):
                total += a.points
        total += sum(self.between_of(person, run, today, part, records) for part in self.parts(scorecard))
        return self.limited(total, scorecard)

    @staticmethod
    def worth_between(record: Record, run: date, today: date) -> int:
        if record.counts_from > today or (record.ended_on is not None and record.ended_on <= today):
            return 0
        return record.worth_on(max(run, record.counts_from))


def foretold(model: Model, person: Person, days: Iterable[date], scorecard: str = "main") -> list[tuple]:
    """Score and category of each day, if nothing more is registered."""
    scores = model.scores(person, list(days), scorecard)
    return [(score, model.category_of(person, score, scorecard)) for score in scores]
