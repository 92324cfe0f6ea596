"""Random rules, persons, activities and days, with a liking for the awkward ones."""

from __future__ import annotations

import calendar
import random
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Collection, Optional
from zoneinfo import ZoneInfo

from filters import (
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
    Predicate,
    Sum,
    Value,
    Where,
)
from model import Interval, Scorecard

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
TENANTS = ["north", "south", "o'east"]
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

    def __init__(self, rng: random.Random, anchor: date, time_zone: str, features: Collection[str] = ()):
        self.rng = rng
        self.features = features
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
            found["source"] = rng.choice(["web", "mail", "Web site"])
        if self.chance(0.3):
            found["tags"] = rng.sample(["a", "b", "c"], rng.randint(0, 3))
        if self.chance(0.2):
            found["info"] = rng.choice([{"x": 1, "y": 2}, {"x": 2}, {}, 1])
        if self.chance(0.2):
            found["list"] = [{"x": rng.randint(1, 2), "z": "é'\""}]
        if self.chance(0.1):
            found["nothing"] = None
        return found

    def person_attributes(self) -> Optional[dict]:
        return self.maybe(0.8, self.attributes())

    def tenant(self) -> Optional[str]:
        return self.maybe(0.75, self.rng.choice(TENANTS)) if "tenants" in self.features else None

    def filter(self) -> Filter:
        """One that some of the attributes above satisfy, and others do not, lack or have of another type."""
        lax = self.chance(0.88)
        predicate = self.predicate(2)
        return Filter(predicate, lax)

    def predicate(self, depth: int) -> Predicate:
        rng = self.rng
        if depth > 0 and self.chance(0.4):
            inner = [self.predicate(depth - 1) for _ in range(rng.choice([2, 2, 3]))]
            return rng.choice([lambda: And(*inner), lambda: Or(*inner), lambda: Not(inner[0]), lambda: IsUnknown(inner[0])])()
        done, level, source, tags = Path(Key("done")), Path(Key("level")), Path(Key("source")), Path(Key("tags"))
        every_tag, x = Path(Key("tags"), Elements()), Path(Key("x"), start="@")
        low = rng.randint(1, 3)
        orders = ["==", "!=", "<", "<=", ">", ">="]
        return rng.choice(
            [
                lambda: Comparison(level, rng.choice(orders), Value(low)),
                lambda: Comparison(level, rng.choice(orders), Value(low)),
                lambda: And(Comparison(level, ">=", Value(low)), Comparison(level, "<", Value(low + 2))),
                lambda: Or(*(Comparison(level, "==", Value(n)) for n in rng.sample([1, 2, "2", 3], 2))),
                lambda: Comparison(Path(Key("level"), Method("double")), rng.choice(orders), Value(low + 0.5)),
                lambda: Comparison(Sum(level, 1), rng.choice(orders), Value(low + 1)),
                lambda: Comparison(level, "!=", Value("2")),
                lambda: Comparison(done, rng.choice(["==", "!="]), Value(self.chance(0.5))),
                lambda: Comparison(source, rng.choice(orders), Value(rng.choice(["web", "mail"]))),
                lambda: Like(source, rng.choice(["^w", "b$", "W", "e.*t", "^web$"]), rng.choice(["", "i"])),
                lambda: Like(source, rng.choice(["web", "m"]), starts=True),
                lambda: Comparison(every_tag, rng.choice(["==", "!=", "<"]), Value(rng.choice(["a", "b"]))),
                lambda: Comparison(tags, "==", Value("a")),
                lambda: Comparison(Path(Key("tags"), Elements(rng.randint(0, 1))), "==", Value("a")),
                lambda: Comparison(Path(Key("tags"), Method("size")), rng.choice(orders), Value(rng.randint(0, 2))),
                lambda: Comparison(Path(Key("info"), Key("x")), rng.choice(["==", "!=", ">"]), Value(1)),
                lambda: Comparison(Path(Key("list"), Key("x")), "==", Value(low)),
                lambda: Comparison(Path(Key("info"), Method("type")), "==", Value(rng.choice(["object", "number"]))),
                lambda: Exists(rng.choice([level, source, tags, every_tag, Path(Key("info"), Key("x"))])),
                lambda: Exists(Path(Key("list"), Elements(), Where(Comparison(x, ">=", Value(rng.randint(1, 2)))))),
                lambda: Comparison(Path(Key("nothing")), rng.choice(["==", "!="]), Value(None)),
                lambda: Comparison(Path(Key("list"), Key("z")), "==", Value("é'\"")),
                lambda: Comparison(Path(Key("no such key")), rng.choice(["==", "!="]), Value(1)),
                lambda: Comparison(source, "==", Path(Key("list"), Key("z"))),
            ]
        )()

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

    def rule(self, scorecards: Collection[str] = ("main",)) -> dict:
        """The columns of a rule, all but its id, name and tenant; those of features that are off are left out."""
        rng = self.rng
        kinds = {"activity": 60, "inactivity": 33}
        if "frequency" in self.features:
            kinds["frequency"] = 20
        if "profile" in self.features:
            kinds["profile"] = 15
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        columns: dict[str, Any] = {
            "kind": kind,
            "activity_types": self.maybe(0.6, self.subset(TYPES)),
            "condition": self.maybe(0.25, rng.choice(CONDITIONS)),
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
        if "filters" in self.features:
            columns["filter"] = self.maybe(0.35, self.filter())
            columns["person_filter"] = self.maybe(0.25, self.filter())
        if "scorecards" in self.features:
            columns["scorecard"] = rng.choice(list(scorecards))
        if "halving" in self.features:
            columns["half_life"] = None
        if "excused" in self.features:
            columns["excused_by_planned"] = False
        if "frequency" in self.features:
            columns |= {"at_least": None, "within": None}

        if kind in ("activity", "profile"):
            if "halving" in self.features and self.chance(0.3):
                columns["decay"], columns["half_life"] = "halving", self.interval()
            elif columns["relevant_for"] is not None and self.chance(0.4):
                columns["decay"] = "linear"
        if kind == "activity":
            columns["max_per_day"] = self.maybe(0.35, rng.randint(1, 3))
            columns["max_counted"] = self.maybe(0.4, rng.randint(1, 5))
        elif kind == "inactivity":
            columns["inactive_for"] = self.interval()
            columns["relevant_for"] = self.maybe(0.4, self.interval())
            if "excused" in self.features and columns["relevant_for"] is None:
                columns["excused_by_planned"] = self.chance(0.4)
            if self.chance(0.65):
                columns["repeat_every"] = self.interval()
                often = columns["repeat_every"].months == 0 and columns["repeat_every"].days < 3
                columns["max_repeats"] = self.maybe(1.0 if often else 0.5, rng.randint(1, 6))
            if columns["points"] > 0 and self.chance(0.8):
                columns["points"] = -columns["points"]
        elif kind == "frequency":
            columns["relevant_for"] = None
            columns["at_least"] = rng.choice([1, 2, 2, 2, 3, 3, 5])
            columns["within"] = rng.choice([Interval(days=rng.choice([1, 2, 3, 7, 14, 30])), self.interval()])
        else:
            columns["activity_types"] = columns["condition"] = None
            if "filter" in columns:
                columns["filter"] = None
        return columns

    def limits(self) -> tuple[Optional[int], Optional[int]]:
        """The least and the most of a scorecard; sometimes these are the same, or both below 0."""
        rng = self.rng
        if self.chance(0.08):
            always = rng.choice([-20, -5, 0, 7])
            return always, always
        if self.chance(0.08):
            return self.maybe(0.5, -30), rng.choice([-7, -1, 0])
        return self.maybe(0.35, rng.choice([-50, -10, -5, 0, 0, 3])), self.maybe(0.5, rng.choice([5, 10, 25, 40, 100]))

    def parents(self, scorecards: dict[str, Scorecard], name: str) -> list[Optional[str]]:
        """What a scorecard can be a part of, without going round in a circle."""
        found: list[Optional[str]] = [None]
        for candidate in scorecards:
            above: Optional[str] = candidate
            while above is not None and above != name:
                above = scorecards[above].part_of
            if above is None:
                found.append(candidate)
        return found

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
