"""Each test of real servers has a room of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from room import Room


@pytest.fixture
def room(tmp_path):
    made = Room(tmp_path)
    yield made
    made.close()
