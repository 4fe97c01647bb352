# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiles each template once instead of once per host.

Jinja compiles a group's template again for each of its hosts, which takes longer than everything else that is done with it. The
compiled code does not depend on the host: the template's origin and its variables are looked up at run time. Ansible's
``Templar`` does not accept a custom environment, so Jinja's own class is patched while templates are read, and nowhere else. A
test fails if Ansible or Jinja stop compiling this way.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import jinja2

#: How many compiled templates are kept: those of groups, which many hosts share.
_KEPT = 2000


class CompiledTemplates:
    """Caches compiled templates for as long as it lives."""

    def __init__(self) -> None:
        self._compile = functools.lru_cache(_KEPT)(jinja2.Environment.compile)

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Compile templates only once inside this context."""
        original, jinja2.Environment.compile = jinja2.Environment.compile, self._compile
        try:
            yield
        finally:
            jinja2.Environment.compile = original

    @property
    def compiled(self) -> int:
        """How many templates were compiled."""
        return self._compile.cache_info().misses


__all__ = ("CompiledTemplates",)
