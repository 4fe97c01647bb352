"""How often tests repeat what is to prove that something never happens: a few times, or many times with ``KINDLING_LONG=1``.

The variable goes to every process, so that the unit tests, the container's and the scenarios' have one switch. ``pytest --long``
sets it.
"""

from __future__ import annotations

import os
from typing import TypeVar

SWITCH = "KINDLING_LONG"

Repeated = TypeVar("Repeated")


def is_long() -> bool:
    return os.environ.get(SWITCH) == "1"


def repetitions(few: Repeated, many: Repeated) -> Repeated:
    """How often, or for which cases: *few* in `make test`, *many* in `make test-long`."""
    return many if is_long() else few
