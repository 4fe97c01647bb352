"""Different Butane configs of machines as people have them, the same ones each time.

What a fleet shares in reality is shared here (the clock's settings, registries, most units), and what is each machine's own is its
own: names, addresses, certificates, and a part of the settings of its applications. No two configs are equal.
"""

from __future__ import annotations

import base64
import pathlib
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

HEADER = {"variant": "flatcar", "version": "1.1.0"}
ROLES = ("worker", "database", "ingress", "storage")


class Machine(NamedTuple):
    number: int
    role: str
    rack: str
    chance: random.Random

    @property
    def name(self) -> str:
        return f"{self.role}-{self.number:04}"

    @property
    def address(self) -> str:
        return f"10.{self.number // 62500 % 250}.{self.number // 250 % 250}.{self.number % 250 + 2}"


def machines(count: int) -> Iterator[Machine]:
    for number in range(count):
        yield Machine(number, ROLES[number % len(ROLES)], f"rack-{number // 40:03}", random.Random(number))


def small(machine: Machine) -> dict[str, Any]:
    """A key and a name."""
    return {
        **HEADER,
        "passwd": {"users": [user("core", 1)]},
        "storage": {"files": [file("/etc/hostname", f"{machine.name}\n")]},
    }


def typical(machine: Machine) -> dict[str, Any]:
    """Users, a dozen files, ten units, links, and, where the machine's role has them, disks."""
    return {
        **HEADER,
        "passwd": {"users": [user("core", 3), *(user(f"admin{n}", 1) for n in range(3))]},
        "storage": {
            **DISKS[machine.role](machine),
            "directories": [{"path": f"/var/lib/{name}", "mode": 0o750} for name in ("app", "backup")],
            "files": [*shared_files(), *rack_files(machine), *own_files(machine)],
            "links": [
                {"path": "/etc/localtime", "target": "../usr/share/zoneinfo/Europe/Berlin", "overwrite": True},
                {"path": "/etc/extensions/docker.raw", "target": "/opt/extensions/docker-27.raw"},
            ],
        },
        "systemd": {"units": units(machine)},
    }


def large(machine: Machine) -> dict[str, Any]:
    """The same with a tree of 200 files that all machines share, and 40 files of the machine's own."""
    config = typical(machine)
    config["storage"]["trees"] = [{"local": "tree", "path": "/opt/tree"}]
    config["storage"]["files"] += [
        file(f"/etc/site/{number:02}.conf", settings(machine.chance, 60)) for number in range(40)
    ]
    return config


CONFIGS: dict[str, Callable[[Machine], dict[str, Any]]] = {"small": small, "typical": typical, "large": large}


def write_tree(files_dir: pathlib.Path) -> None:
    """What ``large`` embeds: text that compresses, and data that does not."""
    source = random.Random(0)
    for number in range(200):
        path = files_dir / "tree" / f"d{number % 10}" / f"f{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.randbytes(4000) if number % 4 == 0 else settings(source, 120).encode())


# Parts ----------------------------------------------------------------------------------------------------------------


def user(name: str, keys: int) -> dict[str, Any]:
    return {
        "name": name,
        "groups": ["sudo", "docker"],
        "ssh_authorized_keys": [
            f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{key_text(f'{name}{n}')} {name}@example.com" for n in range(keys)
        ],
    }


def key_text(seed: str) -> str:
    return base64.b64encode(random.Random(seed).randbytes(32)).decode().rstrip("=")


def file(path: str, text: str, mode: int = 0o644) -> dict[str, Any]:
    return {"path": path, "mode": mode, "contents": {"inline": text}}


def settings(chance: random.Random, lines: int) -> str:
    return "".join(f"option.{line:03} = {chance.randrange(100_000)} # of the site\n" for line in range(lines))


def shared_files() -> list[dict[str, Any]]:
    """The same on every machine."""
    return [
        file("/etc/systemd/timesyncd.conf.d/10-site.conf", "[Time]\nNTP=ntp1.example.com ntp2.example.com\n"),
        file("/etc/sysctl.d/90-site.conf", "".join(f"net.ipv4.option_{n} = {n * 17}\n" for n in range(12))),
        file("/etc/docker/daemon.json", '{\n  "log-driver": "journald",\n  "live-restore": true,\n  "mtu": 9000\n}\n'),
        file("/etc/flatcar/update.conf", "GROUP=stable\nREBOOT_STRATEGY=off\n"),
        file("/opt/bin/report", "#!/bin/bash\nset -euo pipefail\n" + 'logger --tag report "$(uptime)"\n' * 10, 0o755),
    ]


def rack_files(machine: Machine) -> list[dict[str, Any]]:
    """The same in one rack."""
    return [
        file("/etc/systemd/resolved.conf.d/10-rack.conf", f"[Resolve]\nDomains={machine.rack}.example.com\n"),
        file("/etc/rack", f"{machine.rack}\n"),
    ]


def own_files(machine: Machine) -> list[dict[str, Any]]:
    """Each machine's own."""
    network = f"[Match]\nName=bond0\n\n[Network]\nAddress={machine.address}/16\nGateway=10.0.0.1\nDNS=10.0.0.53\nVLAN=storage\n"
    certificate = base64.encodebytes(machine.chance.randbytes(600)).decode()
    return [
        file("/etc/hostname", f"{machine.name}\n"),
        file("/etc/systemd/network/10-lan.network", network),
        file("/etc/ssl/machine.pem", f"-----BEGIN CERTIFICATE-----\n{certificate}-----END CERTIFICATE-----\n", 0o600),
        file(f"/etc/{machine.role}/{machine.role}.conf", f"name = {machine.name}\n" + settings(machine.chance, 20)),
    ]


def units(machine: Machine) -> list[dict[str, Any]]:
    """Seven that all machines share, two of the role, and one that has the machine's name in it."""
    shared = [unit(f"app-{n}", f"registry.example.com/app:{n}") for n in range(7)]
    of_role = [unit(f"{machine.role}-{n}", f"registry.example.com/{machine.role}:{n}") for n in range(2)]
    dropin = {"name": "10-node.conf", "contents": f"[Service]\nEnvironment=NODE={machine.name}\n"}
    return [*shared, *of_role, {"name": "docker.service", "enabled": True, "dropins": [dropin]}]


def unit(name: str, image: str) -> dict[str, Any]:
    text = f"""\
[Unit]
Description=The application {name}
After=docker.service network-online.target
Requires=docker.service

[Service]
TimeoutStartSec=0
ExecStartPre=-/usr/bin/docker rm --force {name}
ExecStart=/usr/bin/docker run --rm --name {name} --net host {image}
ExecStop=/usr/bin/docker stop {name}
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""
    limits = {"name": "10-limits.conf", "contents": "[Service]\nLimitNOFILE=65536\n"}
    return {"name": f"{name}.service", "enabled": True, "contents": text, "dropins": [limits]}


def no_disks(_machine: Machine) -> dict[str, Any]:
    return {}


def data_disk(machine: Machine) -> dict[str, Any]:
    return {
        "disks": [
            {
                "device": f"/dev/disk/by-id/nvme-{machine.chance.randrange(1 << 40):010x}",
                "wipe_table": False,
                "partitions": [{"label": "DATA", "number": 1, "size_mib": 0}],
            }
        ],
        "filesystems": [
            {"device": "/dev/disk/by-partlabel/DATA", "format": "ext4", "path": "/data", "with_mount_unit": True}
        ],
    }


def encrypted_mirror(machine: Machine) -> dict[str, Any]:
    members = [f"/dev/disk/by-id/ata-{machine.chance.randrange(1 << 40):010x}" for _disk in range(2)]
    return {
        "disks": [
            {"device": disk, "partitions": [{"label": f"mirror-{n}", "number": 1, "size_mib": 0}]}
            for n, disk in enumerate(members)
        ],
        "raid": [
            {"name": "mirror", "level": "raid1", "devices": [f"/dev/disk/by-partlabel/mirror-{n}" for n in (0, 1)]}
        ],
        "luks": [{"name": "vault", "device": "/dev/md/mirror", "key_file": {"inline": f"{machine.chance.random()}"}}],
        "filesystems": [
            {"device": "/dev/mapper/vault", "format": "xfs", "path": "/srv", "with_mount_unit": True, "label": "srv"}
        ],
    }


DISKS: dict[str, Callable[[Machine], dict[str, Any]]] = {
    "worker": no_disks,
    "ingress": no_disks,
    "database": data_disk,
    "storage": encrypted_mirror,
}
