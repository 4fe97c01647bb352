"""A boot host's directories for armings, and what keeps gates in a test: nothing but the directory that others keep."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.kindling.flatcar.plugins.module_utils._arming import arming
from ansible_collections.kindling.flatcar.plugins.module_utils._arming.gates import Gates
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes


@dataclass(frozen=True)
class Keeper:
    live: Path

    def start(self, batch):
        (self.live / batch).mkdir(parents=True)

    def stop(self, batch):
        shutil.rmtree(self.live / batch, ignore_errors=True)


def make_places(root: Path, published: Path) -> arming.Places:
    for directory in ("installs/armed", "installs/scripts", "installs/reports"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    gates = Gates(root / "run", Keeper(root / "run"))
    return arming.Places(root / "installs", published, gates, os.getgid())


def publish(places: arming.Places, *orders: arming.Order) -> None:
    """Have the served generation say what these were ordered for."""
    for order in orders:
        path = places.published / routes.ORDERS / order.address / order.digest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def withdraw(places: arming.Places, order: arming.Order) -> None:
    (places.published / routes.ORDERS / order.address / order.digest).unlink()
