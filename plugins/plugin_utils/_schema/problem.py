# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an inventory, in the words that a person needs to fix it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

#: The subject of a problem that belongs to no host.
INVENTORY = "the inventory"


@dataclass(frozen=True)
class Problem:
    """One mistake.

    ``subject`` is the inventory host it belongs to, ``path`` the variable (and the place in it), ``message`` what was expected
    and what to do. ``value`` is the offending value as the inventory gave it: Ansible can tell its origin. ``origin`` is that
    origin (file, line, column) if it is known already. ``other`` is the value that it conflicts with, wherever in the inventory
    that is, or its origin.
    """

    subject: str
    path: str
    message: str
    value: Any = None
    origin: Any = None
    other: Any = None


class InventoryError(Exception):
    """The inventory cannot be published; ``problems`` has every reason."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{p.subject}: {p.path}: {p.message}" for p in self.problems))


__all__ = ("INVENTORY", "InventoryError", "Problem")
