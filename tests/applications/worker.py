"""Does what it is told, one action a line, and answers with the milliseconds that it took, commit included, and with those of
processor time, of itself and of its server process: what else the machine does changes the former and hardly the latter."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

# What comes first is not timed and returns what the action is done to.
Action = tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]


def spent(server_process: int) -> float:
    """Milliseconds of processor time."""
    with open(f"/proc/{server_process}/schedstat", encoding="ascii") as file:
        return time.process_time() * 1000 + int(file.read().split()[0]) / 1e6


def serve(actions: dict[str, Action], transaction: Callable[[], AbstractContextManager], server_process: Callable[[Any], int]) -> None:
    # An application prints, too.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    print("\n".join(actions), "", sep="\n", file=answers)
    for line in sys.stdin:
        prepare, act = actions[line.strip()]
        with transaction() as context:
            subject = prepare(context)
            server = server_process(context)
        worked, begin = spent(server), time.perf_counter()
        with transaction() as context:
            act(context, subject)
        print((time.perf_counter() - begin) * 1000, spent(server) - worked, file=answers)
