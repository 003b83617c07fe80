"""quiet -- whether a measurement had the machine to itself.

    with Watch() as watch: ...measure...
    with watch.judging(): assert measured is as predicted

A wrong time on a quiet machine is a failure; on one that was busy with somebody else's work it says nothing, and
the test is skipped with that reason. What is right in spite of the noise passes. Where what fails runs once more by
itself (HP_FIRST_TRY, tools/run_tests), the first time it fails.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import pytest

BUSY_CORES = 0.25


def _machine_s() -> float:
    """CPU seconds that all processes of this machine have used."""
    user, nice, system, _idle, _wait, irq, soft, steal = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    """CPU seconds of this process and of all that it, or a child of it, has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


class Watch:
    """Cores that others kept busy, on average, while the block ran. Everything started in it must end in it."""

    others = 0.0

    def __enter__(self) -> Watch:
        self._start = time.monotonic(), _machine_s(), _own_s()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        start, machine, own = self._start
        took = max(time.monotonic() - start, 1e-3)
        self.others = max(0.0, (_machine_s() - machine - (_own_s() - own)) / took)

    @contextmanager
    def judging(self) -> Iterator[None]:
        """Around assertions on what was measured meanwhile."""
        try:
            yield
        except AssertionError as error:
            if self.others < BUSY_CORES or "HP_FIRST_TRY" in os.environ:
                raise
            first = str(error).split("\n", 1)[0]
            pytest.skip(f"others kept {self.others:.1f} cores busy meanwhile: {first}")
