# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths on the node. Source: Ignition's ``types/path.go`` and ``types/device.go``."""

from __future__ import annotations

from collections.abc import Iterator

from ..paths import clean
from ..structure import Finding, Scope, error


def is_clean_path(path: str | None, _scope: Scope) -> Iterator[Finding]:
    """Absolute, and as short as it can be written."""
    if not path:
        yield error("path not specified")
    elif not path.startswith("/"):
        yield error("path not absolute")
    elif path != clean(path):
        yield error("path is not fully simplified")


def is_clean_path_if_set(path: str, scope: Scope) -> Iterator[Finding]:
    if path:
        yield from is_clean_path(path, scope)


def are_clean_paths(paths: list[str], scope: Scope) -> Iterator[Finding]:
    for index, path in enumerate(paths):
        for finding in is_clean_path(path, scope):
            yield finding._replace(where=(index,))


def is_device(device: str | None, scope: Scope) -> Iterator[Finding]:
    """A path that must not be left out."""
    if not device:
        yield error("disk device is required")
    else:
        yield from is_clean_path(device, scope)
