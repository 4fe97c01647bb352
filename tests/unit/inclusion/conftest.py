"""Makes the checks of the archive importable: they are a program beside the collection, not a part of it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "inclusion"))
