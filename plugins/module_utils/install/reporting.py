"""The report that a node runs, added to its final config, and to nothing that its digest is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..butane import dumps
from .parts import DIRECTORY, PROGRAMS, UNITS, check_hosts, ignition, lines, private_file, program

_CONF = f"{DIRECTORY}/report.conf"
_PROGRAM = "kindling-report.sh"

#: Seconds between the first tries; they become more, up to five minutes. All tries together take about a day.
_PAUSE = 5
_TRIES = 300

#: ``simple``: nothing waits for a boot host that is away. It is told once the system is up and has a network.
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


def config_digest(config: Mapping[str, Any]) -> str:
    """The digest by which a node's own Ignition config is known: of its text, before any reporting is added."""
    return hashlib.sha256(dumps(config).encode()).hexdigest()


def with_report(config: Mapping[str, Any], *, name: str, hosts: Sequence[str], token: str) -> dict[str, Any]:
    """The node's Ignition *config* with the report that it runs, to the boot hosts at the URLs *hosts*.

    *token* is what lets the node report, and names its place there. Raises ``ValueError`` where ``check_config`` has
    something to say.
    """
    for path, message in check_config(config):
        raise ValueError(f"{path}: {message}")
    conf = lines(
        (
            ("node", name),
            ("digest", config_digest(config)),
            ("token", token),
            ("os_release", "/etc/os-release"),
            ("pause", _PAUSE),
            ("tries", _TRIES),
            *(("boot_host", host) for host in check_hosts(hosts)),
        )
    )
    unit = {"name": f"{UNITS}report.service", "enabled": True, "contents": _UNIT}
    return add(config, ignition({"files": [program(_PROGRAM), private_file(_CONF, conf)]}, [unit]))


def check_config(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What in a node's own Ignition config stands where Kindling puts its own: the path in it, and what to do."""
    for section in ("files", "directories", "links"):
        for number, entry in enumerate(config.get("storage", {}).get(section, ())):
            if f"{entry['path']}/".startswith((f"{DIRECTORY}/", f"{PROGRAMS}/")):
                yield f"storage.{section}.{number}.path", f"{entry['path']} belongs to Kindling: choose another path"
    for number, unit in enumerate(config.get("systemd", {}).get("units", ())):
        if unit["name"].startswith(UNITS):
            yield f"systemd.units.{number}.name", f"names with {UNITS} belong to Kindling: choose another"


def add(config: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """*config* with the files and units of *more*, which has no others; both stay as they are."""
    storage, systemd = config.get("storage", {}), config.get("systemd", {})
    return {
        **config,
        "storage": {**storage, "files": [*storage.get("files", ()), *more["storage"]["files"]]},
        "systemd": {**systemd, "units": [*systemd.get("units", ()), *more["systemd"]["units"]]},
    }


__all__ = ("add", "check_config", "config_digest", "with_report")
