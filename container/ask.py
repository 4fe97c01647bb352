"""What the command `kindling` has to know of what is served: ``ask.py held``, ``ask.py addresses``.

Needs the collection on Python's path.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ansible_collections.kindling.flatcar.plugins.module_utils._generation import generation
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import host_paths

FLEET = Path(host_paths.FLEET)
#: Which the role web writes.
ADDRESSES = Path("/etc/kindling/addresses.json")


def held() -> str:
    """Whether somebody has gone back to what is served, and has not ended that yet."""
    history, _ = generation.served_history(FLEET)
    return str(history.is_held).lower()


def addresses() -> str:
    """Where the services listen: each of the boot host's addresses on its networks, on a line of its own."""
    return "\n".join(json.loads(ADDRESSES.read_text(encoding="utf-8")))


ANSWERS = {"held": held, "addresses": addresses}

if __name__ == "__main__":
    print(ANSWERS[sys.argv[1]]())
