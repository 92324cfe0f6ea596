"""What the plays can leave out: parts of the extension that a version may lack, or that a failure is narrowed down by.

A feature is on where its columns and functions exist, unless it is named in --without.  Each seed uses some of those
that are on, so that every part is also played without the others.
"""

from __future__ import annotations

from typing import Any

# Columns and functions that each needs.  What depends on a sentence alone has none, and is on.
NEEDS: dict[str, list[str]] = {
    "filters": ["rule.filter", "rule.person_filter", "person.attributes"],
    "active": ["person.active"],
    "frequency": ["rule.at_least", "rule.within"],
    "profile": ["rule.within"],
    "halving": ["rule.half_life"],
    "excused": ["rule.excused_by_planned"],
    "scorecards": ["rule.scorecard", "category.scorecard", "person_score.score"],
    "tenants": ["person.tenant", "rule.tenant", "category.tenant"],
    "deferred": ["settings.scoring", "score_pending(integer)"],
    # A category that is renamed writes no change.
    "renames": [],
    # The scores between two runs, which depend on what has happened since the last one.
    "between": [],
    # REPEATABLE READ and SERIALIZABLE, too.
    "isolation": [],
    # What is asked of the extension; these every seed has.
    "score_at": ["score_at(bigint,date)"],
    "explain": ["explain(bigint,date)"],
    "course": ["forecast(bigint,date)", "history(bigint,date,date)", "cooling(integer)"],
    "worklist": ["worklist.outlook"],
    "verify": ["verify()"],
}
ASKED = {"score_at", "explain", "course", "worklist", "verify"}


def lacking(cursor: Any) -> dict[str, str]:
    """The features that the installed version does not have, and what of each is not there."""
    found = {}
    for feature, needs in NEEDS.items():
        for need in needs:
            if "(" in need:
                # With a scorecard at the end, or from before there were any.
                signatures = ["leadscore." + need, "leadscore." + need.replace(")", ",text)")]
                cursor.execute("SELECT coalesce(to_regprocedure(%s), to_regprocedure(%s)) IS NOT NULL", signatures)
            else:
                table, column = need.split(".")
                cursor.execute(
                    "SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass(%s)"
                    " AND attname = %s AND NOT attisdropped)",
                    ["leadscore." + table, column],
                )
            if not cursor.fetchone()[0]:
                found.setdefault(feature, need)
    return found
