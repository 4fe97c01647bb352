# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report that a node sends when it runs, added to its final config, but not to the part that its digest covers."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._butane import dumps
from .parts import DIRECTORY, PROGRAMS, UNITS, check_hosts, ignition, lines, private_file, program

_CONF = f"{DIRECTORY}/report.conf"
_PROGRAM = "kindling-report.sh"

#: Where the kernel shows whether the firmware checks signatures (UEFI 2.10, 3.3).
_SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

#: Seconds between the first attempts; the pause grows up to five minutes. All attempts together take about a day.
_PAUSE = 5
_TRIES = 300

#: ``simple``: nothing waits for a boot host that is down. It is notified once the system is up and has a network, and every day:
#: a boot host that was restored from a backup has forgotten.
_UNIT = f"""\
[Unit]
Description=Tell the boot host that this machine runs
Wants=network-online.target
After=network-online.target

[Service]
Type=simple
ExecStart={PROGRAMS}/{_PROGRAM} {_CONF}
Restart=no

[Install]
WantedBy=multi-user.target
"""

_TIMER = """\
[Unit]
Description=Tell the boot host every day that this machine runs

[Timer]
OnUnitInactiveSec=1d
RandomizedDelaySec=1h

[Install]
WantedBy=timers.target
"""


def config_digest(config: Mapping[str, Any]) -> str:
    """The digest by which a node's own Ignition config is known: of its text, before any reporting is added."""
    return hashlib.sha256(dumps(config).encode()).hexdigest()


def with_report(
    config: Mapping[str, Any], *, name: str, hosts: Sequence[str], token: str, install: str | None = None
) -> dict[str, Any]:
    """The node's Ignition *config* with the report that it runs, sent to the boot hosts at the URLs *hosts*, the first of which
    decides.

    *token* is what lets the node report, and names its place there; *install* is the token of the arming by which the system was
    installed: a system that runs has no half-written disk. Raises ``ValueError`` if ``check_config`` reports anything.
    """
    for path, message in check_config(config):
        raise ValueError(f"{path}: {message}")
    conf = lines(
        (
            ("node", name),
            ("digest", config_digest(config)),
            ("token", token),
            ("install", install or ""),
            ("os_release", "/etc/os-release"),
            ("cmdline", "/proc/cmdline"),
            ("secure_boot", _SECURE_BOOT),
            ("pause", _PAUSE),
            ("tries", _TRIES),
            *(("argument", word) for word in config.get("kernelArguments", {}).get("shouldExist", ())),
            *(("boot_host", host) for host in check_hosts(hosts)),
        )
    )
    return add(add(config, _same_for_all()), ignition({"files": [private_file(_CONF, conf)]}, []))


@functools.cache
def _same_for_all() -> dict[str, Any]:
    units = [
        {"name": f"{UNITS}report.{kind}", "enabled": True, "contents": contents}
        for kind, contents in (("service", _UNIT), ("timer", _TIMER))
    ]
    return ignition({"files": [program(_PROGRAM)]}, units)


def without_report(config: Mapping[str, Any]) -> dict[str, Any]:
    """A node's own config again, extracted from one that ``with_report`` has made."""
    own = dict(config)
    for section, kind, name, theirs in (
        ("storage", "files", "path", (f"{DIRECTORY}/", f"{PROGRAMS}/")),
        ("systemd", "units", "name", (UNITS,)),
    ):
        if kind in own.get(section, {}):
            kept = [entry for entry in own[section][kind] if not entry[name].startswith(theirs)]
            inner = {**own[section], kind: kept}  # in its place: its text is compared line by line
            own[section] = {key: value for key, value in inner.items() if key != kind or kept}
            if not own[section]:
                del own[section]
    return own


def check_config(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Entries of a node's own Ignition config that collide with Kindling's: the path in it, and what to do."""
    for section in ("files", "directories", "links"):
        for number, entry in enumerate(config.get("storage", {}).get(section, ())):
            if f"{entry['path']}/".startswith((f"{DIRECTORY}/", f"{PROGRAMS}/")):
                yield f"storage.{section}.{number}.path", f"{entry['path']} belongs to Kindling: choose another path"
    for number, unit in enumerate(config.get("systemd", {}).get("units", ())):
        if unit["name"].startswith(UNITS):
            yield f"systemd.units.{number}.name", f"names with {UNITS} belong to Kindling: choose another"


def add(config: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """*config* with the files and units of *more*, which has nothing else; neither is modified."""
    made = dict(config)
    for section, kind in (("storage", "files"), ("systemd", "units")):
        added = more.get(section, {}).get(kind, ())
        if added:
            own = config.get(section, {})
            made[section] = {**own, kind: [*own.get(kind, ()), *added]}
    return made


__all__ = ("add", "check_config", "config_digest", "with_report", "without_report")
