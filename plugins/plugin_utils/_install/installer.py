# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The installer: the RAM system that writes Flatcar to a node's disk, once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.kindling.flatcar.plugins.module_utils._ipxe import ipxe
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes

from .._butane import dumps
from .._node import Node, kernel_line
from .data_disks import data_lines
from .parts import DIRECTORY, PROGRAMS, UNITS, check_hosts, ignition, lines, private_file, program
from .reporting import add, config_digest, with_report

_HOME = f"{DIRECTORY}/install"
_PROGRAM = "kindling-install.sh"
_LOOKS = "kindling-disks.sh"

#: Seconds: how long a disk may take to appear, and the pause between attempts to report.
_DISK_WAIT = 60
_PAUSE = 5

#: The memory that a machine needs, as a multiple of the size of its initrd. While it boots, the image is in memory twice, as it
#: was fetched and as /usr, and so is everything that is written. Flatcar's own page says 3 GB, of which firmware keeps some, for
#: an initrd of 0.4 GB: this admits all machines with 3 GB, and none with 2 GB.
_IMAGES_IN_MEMORY = 6

#: At how many places at most a disk without any signature is sampled.
_SAMPLES = 1000

#: One run, whatever its outcome: nothing restarts it. flatcar-install needs a home for what it saves when it fails.
_UNIT = f"""\
[Unit]
Description=Install Flatcar to this machine's disk
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
Restart=no
TimeoutStartSec=infinity
Environment=HOME=/root
ExecStart={PROGRAMS}/{_PROGRAM} {_HOME}
StandardOutput=journal+console
StandardError=journal+console

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Installer:
    """``config`` is the text of the installer's Ignition config; ``final`` that of the installed system's, which the installer
    carries; ``digest`` that of the node's own config, which is reported."""

    config: str
    final: str
    digest: str


def build(
    node: Node,
    config: Mapping[str, Any],
    *,
    version: str,
    hosts: Sequence[str],
    token: str,
    report_token: str,
    key: str,
    timeout: int = 3600,
    half_written: bool = False,
    former_serial: str | None = None,
    new_disk: bool = False,
    initrd_bytes: int = 0,
) -> Installer:
    """The installer of *node*, whose own Ignition config is *config*.

    *version* is the exact release. *hosts* are the URLs of the node's boot hosts by address, such as ``http://10.0.0.1``; the
    first has the images, and all get reports. *token* is that of the arming, and makes the final config unique to this order;
    *report_token* is what the installed system reports with. *key* is the text of the file with the public keys, one of which
    must have signed the image; it replaces those that flatcar-install knows. flatcar-install may take *timeout* seconds.
    *half_written* is whether an earlier installation of this disk was started and not finished: what it left there is then not
    foreign data. *former_serial* is the serial number that the last installation found at the disk's path, which another disk may
    have by now; a different one is refused unless a *new_disk* is intended. *initrd_bytes* is the size of the release's initrd,
    from which the memory needed is computed; 0 if unknown. Raises ``ValueError`` for a node without a disk to be installed to, or
    with a conflicting config.
    """
    if not node.install_disk:
        raise ValueError(f"{node.name}: missing flatcar_install_disk: the disk that Flatcar is installed to")
    hosts = check_hosts(hosts)
    reporting = with_report(config, name=node.name, hosts=hosts, token=report_token, install=token)
    final = dumps(_asking_by_mac(reporting))  # the report has the digest of the node's own config, without this
    digest = config_digest(config)
    conf = lines(
        (
            ("node", node.name),
            ("version", version),
            ("digest", digest),
            ("sha512", hashlib.sha512(final.encode()).hexdigest()),
            ("base", routes.url(hosts[0], routes.IMAGES, node.board)),
            ("disk", node.install_disk),
            ("serial", node.install_disk_serial or ""),
            ("min_gib", node.install_disk_min_gib),
            ("wipe", node.wipe),
            ("half_written", "yes" if half_written else "no"),
            ("former_serial", former_serial or ""),
            ("new_disk", "yes" if new_disk else "no"),
            ("meminfo", "/proc/meminfo"),
            ("memory_mib", _IMAGES_IN_MEMORY * initrd_bytes >> 20),
            ("other_flatcar", node.other_flatcar_disks),
            ("boot_entry", "yes" if node.install_boot_entry else "no"),
            ("efi", "/sys/firmware/efi"),
            ("token", token),
            ("disk_wait", _DISK_WAIT),
            ("samples", _SAMPLES),
            ("timeout", timeout),
            ("pause", _PAUSE),
            *(("boot_host", host) for host in hosts),
            *data_lines(node, config),
        )
    )
    files = [
        {"path": "/etc/hostname", "mode": 0o644, "overwrite": True, "contents": {"inline": f"{node.hostname}\n"}},
        program(_PROGRAM),
        program(_LOOKS),
        private_file(f"{_HOME}/install.conf", conf),
        private_file(f"{_HOME}/config.ign", final),
        private_file(f"{_HOME}/key.asc", key),
    ]
    made = ignition({"files": files}, [{"name": f"{UNITS}install.service", "enabled": True, "contents": _UNIT}])
    return Installer(dumps(made | _users(config)), final, digest)


#: A machine in RAM identifies itself to DHCP by its MAC address, an installed one by default by an id of its installation; with
#: this, it is one machine to servers that go by ids. It overlays the file by which Flatcar uses DHCP on every NIC without a file
#: of its own. The initrd of the first boot, which uses DHCP if the config fetches something, cannot be configured like this.
ASKS_BY_MAC = ("/etc/systemd/network/zz-default.network.d/10-kindling.conf", "[DHCPv4]\nClientIdentifier=mac\n")


def _asking_by_mac(config: Mapping[str, Any]) -> Mapping[str, Any]:
    path, text = ASKS_BY_MAC
    if any(entry["path"] == path for entry in config.get("storage", {}).get("files", ())):
        return config
    return add(config, ignition({"files": [{"path": path, "mode": 0o644, "contents": {"inline": text}}]}, []))


def _users(config: Mapping[str, Any]) -> dict[str, Any]:
    """Whoever may log in to the node may look at a failed installation of it."""
    return {"passwd": config["passwd"]} if "passwd" in config else {}


def script(node: Node, *, version: str, host: str, armed: str, refused: Sequence[str]) -> str:
    """The iPXE script of the installer. *armed* is the URL of the directory that has it and ``install.ign``, *host* that of the
    boot host, *refused* those that tell whether the disk is half-written."""
    images = routes.url(host, routes.IMAGES, node.board, version)
    config = routes.url(armed, routes.INSTALL_CONFIG)
    return ipxe.install_script(node.hostname, version, images, config, kernel_line(node), refused)


__all__ = ("Installer", "build", "script")
