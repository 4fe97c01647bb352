"""Each template compiled once, and not again for each host.

Jinja compiles a group's template again for each of its hosts, which takes longer than all else that is done with it. What it
compiles is the same whatever the host: where a template stands and what its variables are is asked when it runs. Ansible's
``Templar`` takes no environment of ours, so Jinja's own class is changed while templates are read, and nowhere else. A test
fails when Ansible or Jinja no longer compile by it.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import jinja2

#: How many compiled templates are kept: those of groups, which many hosts share.
_KEPT = 2000


class CompiledTemplates:
    """Keeps what was compiled, for as long as it lives."""

    def __init__(self) -> None:
        self._compile = functools.lru_cache(_KEPT)(jinja2.Environment.compile)

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Templates are compiled once while this lasts."""
        original, jinja2.Environment.compile = jinja2.Environment.compile, self._compile
        try:
            yield
        finally:
            jinja2.Environment.compile = original

    @property
    def compiled(self) -> int:
        """How many were."""
        return self._compile.cache_info().misses


__all__ = ("CompiledTemplates",)
