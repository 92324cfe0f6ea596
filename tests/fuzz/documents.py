"""Documents by the hundred thousand: configurations and website events that are nearly sound, for the functions that
take one.

A document begins as one of EXAMPLES, all of which are taken as they stand, and some of it is replaced, removed,
doubled, renamed or cut short. The server takes a whole batch in one statement, each document in a subtransaction of
its own.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any, Callable, Iterator

CONFIGURATIONS = [
    {
        "settings": {"time_zone": "Europe/Amsterdam", "notify_channel": "moved", "keep_category_changes": "1 year"},
        "activity_types": [{"activity_type": "call", "description": "By telephone"}, {"activity_type": "visit"}],
        "categories": [{"name": "cold"}, {"name": "warm", "min_score": 10, "color": "#ff0000"}, {"person_kind": "contact", "name": "any"}],
        "rules": [
            {"name": "Call", "activity_types": ["call"], "condition": {"direction": "in"}, "points": 10, "relevant_for": "30 days", "statuses": ["active"]},
            {"name": "Fading", "kind": "activity", "points": 20, "relevant_for": "3 months", "decay": "linear", "max_per_day": 1, "max_counted": 5, "person_kinds": ["candidate"]},
            {"name": "Silence", "kind": "inactivity", "points": -5, "inactive_for": "40 days", "repeat_every": "10 days", "max_repeats": 3, "effective_from": "2026-01-31", "enabled": True},
        ],
    },
    {
        "settings": {"time_zone": "UTC"},
        "activity_types": [{"activity_type": "call"}],
        "categories": [{"name": "cold"}, {"name": "warm", "min_score": 10}],
        "rules": [
            {"name": "Call", "activity_types": ["call"], "condition": {"direction": "in"}, "points": 10, "relevant_for": "30 days"},
            {"name": "Silence", "kind": "inactivity", "points": -5, "inactive_for": "40 days"},
        ],
        "tests": [
            {
                "name": "A call warms for 30 days",
                "person": {"kind": "candidate", "status": "active", "since": "2026-01-01"},
                "activities": [{"activity_type": "call", "on": "2026-01-10 23:59", "attributes": {"direction": "in"}}],
                "expect": [{"on": "2026-01-10", "score": 10, "category": "warm"}, {"on": "2026-02-09", "score": 0}, {"on": "2026-02-19", "score": -5}],
            }
        ],
    },
    {"rules": []},
]
SEGMENT = {
    "type": "track", "event": "jobview", "anonymousId": "v1", "userId": "candidate:p2", "messageId": "m1", "timestamp": "2026-03-01T12:00:00Z",
    "originalTimestamp": "2026-03-01T12:00:00.5+01:00", "sentAt": "2026-03-01T12:00:01Z", "receivedAt": "2026-03-01T12:00:02Z", "properties": {"job": 12, "url": "https://example.org/?a=b#c"},
    "context": {"consent": {"categoryPreferences": {"Analytics": True}}, "ip": "192.0.2.1", "userAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "page": {"url": "https://example.org/jobs/12?x=1"}},
}  # fmt: skip
PIXEL = {
    "event": "jobview", "visitor": "v2", "customer": "acme", "person": "candidate:p4", "job": "12", "url": "https://example.org/jobs/12?email=a@example.org#top", "at": "NOW",
    "id": "m2", "consent": True, "ip": "2001:db8::1", "agent": "Mozilla/5.0 (compatible; Googlebot/2.1)", "properties": {"a": [1, {"b": None}]},
}  # fmt: skip
EVENTS = [
    SEGMENT,
    PIXEL,
    [PIXEL, SEGMENT, {"type": "identify", "anonymousId": "v2", "userId": "candidate:p4", "context": {"consent": "granted"}}],
    {"sentAt": "NOW", "batch": [{"type": "page", "anonymousId": "v3", "context": {"consent": True}}, {"event": "conversion", "person": "contact:p5", "consent": "granted"}]},
    [{"event": "identify", "visitor": "v4", "person": "candidate:p6", "consent": True}, {"type": "alias", "previousId": "v4", "anonymousId": "v5", "messageId": 7}],
    [{"event": "consent", "visitor": "v2", "consent": False}, {"event": "apply-start", "visitor": "v6", "at": 1772366400000, "consent": True}],
]
# Who takes a document, and how many such batches of how many documents there are. Reading is the first step of the functions
# after it, which refuse what it refuses: so it sees most of the documents, and the whole functions, which cost a
# hundred times as much, the rest. Events come by the array as well, in which one that is bad must not harm the others.
READING, EVENTS_AT_ONCE, WHOLE = 2000, 50, 100
CONSUMERS = {
    "_checked_config": (CONFIGURATIONS, 60, READING), "track, 50 at once": (EVENTS, 16, READING), "track": (EVENTS, 4, WHOLE),
    "import_config": (CONFIGURATIONS, 4, WHOLE), "test_config": (CONFIGURATIONS, 2, WHOLE), "preview": (CONFIGURATIONS, 1, WHOLE),
}  # fmt: skip

SETUP = """
CREATE SCHEMA fuzz;
CREATE FUNCTION fuzz.feed(consumer text, documents text[], keep boolean, inside text, OUT states text[], OUT findings text[])
LANGUAGE plpgsql AS $$
DECLARE
    document text;
    state    text;
    message  text;
    detail   text;
    hint     text;
    context  text;
BEGIN
    states := '{}';
    findings := '{}';
    FOREACH document IN ARRAY documents LOOP
        state := '00000';
        BEGIN
            CASE consumer
                WHEN '_checked_config' THEN PERFORM leadscore._checked_config(document);
                WHEN 'track' THEN PERFORM leadscore.track(document::jsonb);
                WHEN 'import_config' THEN PERFORM leadscore.import_config(document::jsonb);
                WHEN 'test_config' THEN PERFORM leadscore.test_config(document::jsonb);
                WHEN 'preview' THEN PERFORM leadscore.preview(document::jsonb);
            END CASE;
            IF NOT keep THEN
                RAISE EXCEPTION USING ERRCODE = 'FZ000';
            END IF;
        EXCEPTION WHEN OTHERS OR assert_failure THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
            IF state LIKE 'XX%' OR (concat_ws(chr(10), message, detail, hint, context) ~* inside AND document !~* inside) THEN
                findings := findings || concat_ws(chr(10), consumer || ' ' || state, message, detail, hint, context, left(document, 3000));
            END IF;
            state := replace(state, 'FZ000', '00000');
        END;
        states := states || state;
    END LOOP;
END $$;
"""


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The path to each part of a document, itself first."""
    yield path
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


class Mutation:
    """Documents from the examples; `odd` makes a value that fits nowhere, `names` are those of fields."""

    # Most changes are small: making an odd value takes longer than all else.
    SMALL = [None, True, False, 0, -1, 1.5, 1e308, 2**31, 2**63, -(2**63), 10**40, "", " ", "infinity", "-infinity", "1 hour", "-1 day", "178000000 years", "2026-02-30", "😀", "a" * 300, [], {}, [None], "call", "v1"]

    def __init__(self, rng: random.Random, odd: Callable[[], Any], names: list[str], now: str):
        self.rng, self.odd, self.names = rng, odd, names
        self.sound = {consumer: [json.dumps(e).replace("NOW", now) for e in of[0]] for consumer, of in CONSUMERS.items()}
        # Events that come by the array are none themselves.
        self.sound["track, 50 at once"] = [json.dumps(e).replace("NOW", now) for e in (SEGMENT, PIXEL, EVENTS[2][2], *EVENTS[3]["batch"], *EVENTS[4], *EVENTS[5])]
        self.examples = {consumer: [(t, list(places(json.loads(t)))) for t in of] for consumer, of in self.sound.items()}

    def value(self) -> Any:
        small = self.rng.choice(self.SMALL)
        if self.rng.random() < 0.2:
            return self.odd()
        return small.copy() if isinstance(small, (list, dict)) else small

    def change(self, document: Any, path: tuple, other: tuple) -> Any:
        """The document with what is at a path replaced, removed, doubled, renamed, wrapped or exchanged."""
        if not path:
            return self.rng.choice([self.value(), [document], {"batch": document}, document])
        parent = document
        for key in path[:-1]:
            parent = parent[key]
        key, pick = path[-1], self.rng.random()
        if pick < 0.45:
            parent[key] = self.value()
        elif pick < 0.6:
            del parent[key]
        elif pick < 0.7 and isinstance(parent, list):
            parent.extend([parent[key]] * self.rng.choice([1, 2, 50]))
        elif pick < 0.8 and isinstance(parent, dict):
            parent[self.rng.choice(self.names)] = parent.pop(key)
        elif pick < 0.9:
            value = document
            for step in other:
                value = value[step]
            # A copy, for what is within itself has no end.
            parent[key] = json.loads(json.dumps(value))
        else:
            parent[key] = self.rng.choice([[parent[key]], {"a": parent[key]}, str(parent[key])])
        return document

    def changed(self, document: Any, paths: list[tuple], times: int) -> Any:
        for _ in range(times):
            try:
                document = self.change(document, self.rng.choice(paths), self.rng.choice(paths))
            except (KeyError, IndexError, TypeError):
                # An earlier change took away what was there.
                pass
        return document

    def cut(self, text: str) -> str:
        """The text of a document with some of it lost, put in or said twice."""
        rng = self.rng
        a, b = sorted((rng.randrange(len(text)), rng.randrange(len(text))))
        return rng.choice([text[:a], text[:a] + text[b:], text[:b] + text[a:], text[:a] + rng.choice(['"', "{", "[", ",", "\\", "0", "-", "e9", "\\u0000", "\\ud800", "\ufeff", "null"]) + text[a:]])

    def document(self, consumer: str) -> str:
        rng = self.rng
        text, paths = rng.choice(self.examples[consumer])
        if rng.random() < 0.05:
            return self.cut(text)
        text = json.dumps(self.changed(json.loads(text), paths, rng.choice([1, 1, 1, 2, 3])), ensure_ascii=rng.random() < 0.5).replace("\x00", "")
        if rng.random() < 0.0005:
            text = rng.choice(["[", '{"a":', '{"rules":[']) * rng.choice([100, 1000, 20000]) + text
        return text

    def array(self) -> str:
        """Events in one document; each of them is JSON, as it must be for the others to be read."""
        made = []
        for _ in range(EVENTS_AT_ONCE):
            text, paths = self.rng.choice(self.examples["track, 50 at once"])
            made.append(self.changed(json.loads(text), paths, self.rng.choice([0, 1, 1, 2])))
        return json.dumps(made).replace("\\u0000", "")


class Documents:
    """Feeds documents to a server; `row_of` gives a statement's row or error, `find` is told what must not be."""

    def __init__(self, mutation: Mutation, inside: str, row_of: Callable, find: Callable[[str, str, str], None]):
        self.mutation, self.inside, self.row_of, self.find = mutation, inside, row_of, find
        self.codes: dict[str, Counter[str]] = {consumer: Counter() for consumer in CONSUMERS}
        self.fed = self.batches = 0

    def feed(self, consumer: str, documents: list[str], keep: bool = False) -> list[str]:
        """The SQLSTATE of each document; where the batch as a whole fails, its documents are fed one by one."""
        row, error = self.row_of("SELECT states, findings FROM fuzz.feed(%s, %s, %s, %s)", (consumer.partition(",")[0], documents, keep, self.inside))
        if error is None:
            states, findings = row
            for finding in findings:
                self.find("in a document", finding, finding.partition("\n")[2])
            return states
        if len(documents) == 1:
            self.find(f"{consumer}: {error}", documents[0], error)
            return [error]
        states = [state for document in documents for state in self.feed(consumer, [document])]
        # A batch may need longer than one document may.
        if "hang" not in error and all(len(state) == 5 for state in states):
            self.find(f"{consumer}: {error} with {len(documents)} documents, with none of them alone", documents[0], error)
        return states

    def soundness(self) -> list[str]:
        """The examples that are refused, though nothing of them was changed."""
        refused = []
        for consumer, texts in self.mutation.sound.items():
            for text in texts:
                (state,) = self.feed(consumer, [text])
                if state != "00000":
                    refused.append(f"{consumer}: {state}: {text}")
        return refused

    def batch(self) -> None:
        rng = self.mutation.rng
        # Each once, and then by their shares.
        (consumer,) = list(CONSUMERS)[self.batches :][:1] or rng.choices(list(CONSUMERS), [share for _, share, _ in CONSUMERS.values()])
        wanted = CONSUMERS[consumer][2]
        if consumer == "track, 50 at once":
            documents = [self.mutation.array() for _ in range(wanted // EVENTS_AT_ONCE)]
        else:
            documents = [self.mutation.document(consumer) for _ in range(wanted)]
        # What is kept, others meet.
        keep = rng.random() < 0.02
        self.codes[consumer].update(self.feed(consumer, documents, keep))
        self.fed += wanted
        self.batches += 1
        if keep:
            self.feed("import_config", [self.mutation.sound["import_config"][0]], True)
