# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The header: the language that the rest of the config is written in. Source: Butane's ``config`` and go-semver."""

from __future__ import annotations

import functools
import re

from .structure import Spec

_INTEGER = re.compile(r"[0-9]{1,19}\Z")
_SUFFIX = re.compile(r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*\Z")


class HeaderError(ValueError):
    """The config does not ask for a known language. ``field`` is the header field to blame."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def normalized_version(text: str) -> str | None:
    """A semantic version as the reference prints it back (``01.1.0-`` is ``1.1.0``); None if it is not one."""
    rest, _separator, metadata = text.partition("+")
    numbers, _separator, prerelease = rest.partition("-")
    parts = numbers.split(".", 2)
    if len(parts) != 3 or not all(_INTEGER.match(part) and int(part) < 1 << 63 for part in parts):
        return None
    if not all(_SUFFIX.match(suffix) for suffix in (prerelease, metadata) if suffix):
        return None
    printed = ".".join(str(int(part)) for part in parts)
    return printed + (f"-{prerelease}" if prerelease else "") + (f"+{metadata}" if metadata else "")


@functools.lru_cache(maxsize=16)  # a fleet has one header, or a few
def find_spec(variant: str, version: str, specs: tuple[Spec, ...]) -> Spec:
    """The spec for a header. Raises HeaderError."""
    if not variant:
        raise HeaderError("variant", "error parsing variant; must be specified")
    wanted = normalized_version(version)
    if wanted is None:
        raise HeaderError("version", "error parsing version; must be a valid semver")
    known = {spec.version: spec for spec in specs}
    if variant != "flatcar":
        raise HeaderError("variant", f"No translator exists for variant {variant[:40]} with version {wanted}")
    if wanted not in known:
        raise HeaderError("version", f"No translator exists for variant flatcar with version {wanted[:40]}")
    return known[wanted]


__all__ = ("HeaderError", "find_spec", "normalized_version")
