"""Makes the suite importable: it is a program beside the collection, not a part of it."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TESTS), str(TESTS / "suite" / "hooks")]
