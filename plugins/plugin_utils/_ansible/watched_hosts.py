# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which other hosts a host's templates look at.

Templates, and the plugins that they call, reach other hosts by ``hostvars`` alone. Ansible knows that object by its exact class,
and its constructor registers the new one with the variable manager: so this makes a copy, whose questions to that manager are
noted.
"""

from __future__ import annotations

from typing import Any

from ansible.vars.hostvars import HostVars


class WatchedHosts:
    """``hostvars`` is as Ansible's own; ``seen`` are the names of those hosts whose variables it was asked for."""

    def __init__(self, hostvars: HostVars) -> None:
        self.seen: set[str] = set()
        self.hostvars = HostVars.__new__(HostVars)
        self.hostvars.__dict__.update(hostvars.__dict__)
        self.hostvars._variable_manager = _Noting(hostvars._variable_manager, self.seen)


class _Noting:
    def __init__(self, manager: Any, seen: set[str]) -> None:
        self._manager, self._seen = manager, seen

    def get_vars(self, host: Any, **options: Any) -> dict[str, Any]:
        self._seen.add(host.name)
        return self._manager.get_vars(host=host, **options)


__all__ = ("WatchedHosts",)
