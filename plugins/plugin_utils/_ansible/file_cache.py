# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drops what Ansible keeps of the files of hosts.

Its loader keeps each file of variables that it has read, parsed, for as long as the process lives. Whoever reads thousands of hosts
one after the other would end up with the variables of all of them. The files of groups are kept: their hosts share them. A test
fails if Ansible stops keeping files this way.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

_OF_HOSTS = "host_vars"


@contextlib.contextmanager
def without_files_of_hosts(loader: Any) -> Iterator[None]:
    """Inside this context, files of hosts are read and not kept."""
    kept = loader._FILE_CACHE
    before = len(kept)
    try:
        yield
    finally:
        new = list(itertools.islice(reversed(kept), max(0, len(kept) - before)))
        for file in new:
            if _OF_HOSTS in PurePath(file).parts:
                del kept[file]


__all__ = ("without_files_of_hosts",)
