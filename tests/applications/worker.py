"""Does what it is told, one action a line, and answers with the milliseconds that it took, commit included."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

# What comes first is not timed and returns what the action is done to.
Action = tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]


def serve(actions: dict[str, Action], transaction: Callable[[], AbstractContextManager]) -> None:
    # An application prints, too.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    print("\n".join(actions), "", sep="\n", file=answers)
    for line in sys.stdin:
        prepare, act = actions[line.strip()]
        with transaction() as context:
            subject = prepare(context)
        begin = time.perf_counter()
        with transaction() as context:
            act(context, subject)
        print((time.perf_counter() - begin) * 1000, file=answers)
