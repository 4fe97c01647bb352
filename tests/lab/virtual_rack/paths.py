"""Where the lab keeps things: what one run made below the checkout, what is costly to make in the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

LAB = Path(__file__).resolve().parent.parent
CHECKOUT = LAB.parent.parent

STATE = CHECKOUT / ".cache" / "lab"
"""State of this checkout's racks. ``lab down --all`` leaves only keys and the release here."""

OPERATOR_KEY = STATE / "operator"
"""The lab's own SSH key: the operator of the boot hosts has it, and the nodes' user ``core`` in the demo."""

HOST_KEY = STATE / "boot_host_key"
"""The SSH host key of all boot hosts of this checkout: a rack that is made anew is not an unknown host."""

KNOWN_HOSTS = STATE / "known_hosts"

RELEASES = STATE / "release"
"""The stand-in release, laid out as on Flatcar's servers: CHANNEL/BOARD/VERSION/FILE."""

RELEASE_KEY = STATE / "release-key.asc"
RELEASE_FINGERPRINT = STATE / "release-key.fingerprint"
RELEASE_SECRET_KEY = STATE / "release-key.secret.asc"

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kindling"
"""What takes long to make and does not depend on the checkout."""


def rack_state(rack: str) -> Path:
    """The directory with the process ids, logs and disks of one rack."""
    return STATE / rack
