"""The corpus of planted causes (tests/findings): the report names them, in order, and stays silent where nothing is."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support_py import services

SCORE = services.TESTS / "findings" / "score.py"

pytestmark = [pytest.mark.slow, pytest.mark.service]


def test_report_is_as_right_on_the_corpus_as_it_was() -> None:
    gates = ["--min-recall", "0.48", "--min-precision", "0.52", "--min-first", "0.44", "--max-clean", "1"]
    done = subprocess.run(
        [sys.executable, str(SCORE), *gates], check=False, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
