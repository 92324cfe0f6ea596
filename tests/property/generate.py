"""Random rules, persons, activities and days, with a liking for the awkward ones."""

from __future__ import annotations

import calendar
import random
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Optional
from zoneinfo import ZoneInfo

from model import Interval

TIME_ZONES = [
    "Europe/Amsterdam",
    "America/New_York",
    "UTC",
    "Asia/Kolkata",  # half an hour off
    "Australia/Lord_Howe",  # changes its clock by half an hour
    "Pacific/Auckland",
    "Pacific/Kiritimati",  # 14 hours ahead
    "Pacific/Pago_Pago",  # 11 hours behind
    "America/Santiago",  # changes its clock at midnight
    "Asia/Beirut",  # has days without a midnight
    "Africa/Casablanca",
    "Asia/Kathmandu",
]
KINDS = ["candidate", "contact", "lead"]
STATUSES = ["open", "busy", "closed"]
TYPES = ["call", "visit", "mail", "appointment"]
CLOCK = [
    time(0, 0, 0),
    time(0, 0, 0, 1),
    time(0, 30),
    time(1, 30),
    time(2, 0),
    time(2, 30),
    time(3, 0),
    time(9, 0),
    time(12, 0),
    time(23, 30),
    time(23, 59, 59),
    time(23, 59, 59, 999999),
]
CONDITIONS: list[dict] = [
    {"done": True},
    {"done": False},
    {"level": 2},
    {"source": "web"},
    {"tags": ["a"]},
    {"tags": ["b", "a"]},
    {"info": {"x": 1}},
    {"list": [{"x": 1}]},
    {"nothing": None},
    {"done": True, "level": 1},
    {},
]


def clock_changes(time_zone: str, first: date, last: date) -> list[date]:
    """The local days on which the offset from UTC changes."""
    zone = ZoneInfo(time_zone)
    found = []
    day = first
    while day < last:
        before = datetime.combine(day, time(12), timezone.utc).astimezone(zone)
        after = datetime.combine(day + timedelta(days=1), time(12), timezone.utc).astimezone(zone)
        if before.utcoffset() != after.utcoffset():
            found += [before.date(), after.date()]
        day += timedelta(days=1)
    return found


class Generator:
    """Everything random about one seed, around the day `anchor`."""

    def __init__(self, rng: random.Random, anchor: date, time_zone: str):
        self.rng = rng
        self.anchor = anchor
        self.move_to(time_zone)

    def move_to(self, time_zone: str) -> None:
        self.time_zone = time_zone
        first = self.anchor - timedelta(days=420)
        last = self.anchor + timedelta(days=200)
        special = clock_changes(time_zone, first, last)
        day = first
        while day < last:
            if day.day == calendar.monthrange(day.year, day.month)[1] or (day.month, day.day) == (2, 28):
                special.append(day)
            day += timedelta(days=1)
        self.special_days = special

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def maybe(self, probability: float, value: Any) -> Any:
        return value if self.chance(probability) else None

    # Days and instants

    def day(self) -> date:
        kind = self.rng.random()
        if kind < 0.25:
            return self.rng.choice(self.special_days)
        if kind < 0.75:
            return self.anchor + timedelta(days=self.rng.randint(-45, 5))
        return self.anchor + timedelta(days=self.rng.randint(-400, 90))

    def instant_on(self, day: date) -> datetime:
        """An instant of a local day, or one within an hour of it where the
        clock skips the time chosen."""
        if self.chance(0.7):
            clock = self.rng.choice(CLOCK)
        else:
            clock = time(self.rng.randrange(24), self.rng.randrange(60), self.rng.randrange(60))
        local = datetime.combine(day, clock, ZoneInfo(self.time_zone)).replace(fold=self.rng.randrange(2))
        return local.astimezone(timezone.utc)

    def instant(self) -> datetime:
        return self.instant_on(self.day())

    # Columns

    def subset(self, values: list[str]) -> list[str]:
        return self.rng.sample(values, self.rng.randint(1, min(3, len(values))))

    def attributes(self) -> dict:
        rng = self.rng
        found: dict[str, Any] = {}
        if self.chance(0.6):
            found["done"] = rng.choice([True, True, False])
        if self.chance(0.5):
            found["level"] = rng.choice([1, 2, 3, "2"])
        if self.chance(0.4):
            found["source"] = rng.choice(["web", "mail"])
        if self.chance(0.3):
            found["tags"] = rng.sample(["a", "b", "c"], rng.randint(0, 3))
        if self.chance(0.2):
            found["info"] = rng.choice([{"x": 1, "y": 2}, {"x": 2}, {}, 1])
        if self.chance(0.2):
            found["list"] = [{"x": rng.randint(1, 2), "z": "é'\""}]
        if self.chance(0.1):
            found["nothing"] = None
        return found

    def status(self) -> Optional[str]:
        return self.rng.choice(STATUSES + [None])

    def interval(self) -> Interval:
        rng = self.rng
        return rng.choice(
            [
                lambda: Interval(days=rng.choice([1, 1, 2, 3, 5, 10, 30, 45, 90])),
                lambda: Interval(days=7 * rng.randint(1, 9)),
                lambda: Interval(months=rng.choice([1, 1, 1, 2, 3, 6, 11])),
                lambda: Interval(months=12 * rng.randint(1, 2)),
                lambda: Interval(rng.randint(1, 2), rng.randint(1, 5)),
            ]
        )()

    def points(self) -> int:
        return self.rng.choice([0, 1, 2, 3, 5, 7, 10, 10, 25, 50, 99, 1000, -1, -3, -5, -10, -25])

    def rule(self) -> dict:
        """The columns of a rule, all but its id and name."""
        rng = self.rng
        columns: dict[str, Any] = {
            "kind": "inactivity" if self.chance(0.35) else "activity",
            "activity_types": self.maybe(0.6, self.subset(TYPES)),
            "condition": self.maybe(0.3, rng.choice(CONDITIONS)),
            "person_kinds": self.maybe(0.35, self.subset(KINDS)),
            "statuses": self.maybe(0.35, self.subset(STATUSES)),
            "points": self.points(),
            "relevant_for": self.maybe(0.7, self.interval()),
            "decay": "none",
            "max_per_day": None,
            "max_counted": None,
            "inactive_for": None,
            "repeat_every": None,
            "max_repeats": None,
            "effective_from": self.maybe(0.25, self.anchor + timedelta(days=rng.randint(-200, 40))),
            "enabled": self.chance(0.9),
        }
        if columns["kind"] == "activity":
            if columns["relevant_for"] is not None and self.chance(0.4):
                columns["decay"] = "linear"
            columns["max_per_day"] = self.maybe(0.35, rng.randint(1, 3))
            columns["max_counted"] = self.maybe(0.4, rng.randint(1, 5))
        else:
            columns["inactive_for"] = self.interval()
            columns["relevant_for"] = self.maybe(0.4, self.interval())
            if self.chance(0.65):
                columns["repeat_every"] = self.interval()
                often = columns["repeat_every"].months == 0 and columns["repeat_every"].days < 3
                columns["max_repeats"] = self.maybe(1.0 if often else 0.5, rng.randint(1, 6))
            if columns["points"] > 0 and self.chance(0.8):
                columns["points"] = -columns["points"]
        return columns

    def bands(self) -> list[tuple[str, Optional[int]]]:
        """Names and lower bounds of the categories of one kind, lowest first."""
        rng = self.rng
        bounds = sorted(rng.sample([-50, -20, -10, -5, 0, 1, 5, 10, 20, 25, 40, 60, 100, 500], rng.randint(0, 4)))
        return list(zip(["cold", "cool", "warm", "hot", "burning"], [None, *bounds]))

    def next_run_day(self, last: Optional[date]) -> date:
        if last is None:
            return self.anchor + timedelta(days=self.rng.randint(-30, 5))
        step = self.rng.choice([0, 0, 1, 1, 1, 1, 1, 2, 3, 5, 9, 30, 31, 200, -1, -4, -40])
        day = last + timedelta(days=step)
        far = abs((day - self.anchor).days) > 300
        return self.anchor + timedelta(days=self.rng.randint(-10, 10)) if far else day
