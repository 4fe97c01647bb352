#!/usr/bin/env python3
"""An inventory as people have them, for benches: a node's Ignition config has about 15 KB, 11 files of its own and 10 units.

Racks, roles and the site have variables of their own, most of them with templates; there are bonds and VLANs, a vault that is a
whole file, and vaulted strings of groups and of single nodes. Nodes differ where real ones do: addresses, disks, slots, consoles,
a file of settings each. What a group says is the same for its nodes. The same *seed* makes the same files, to the byte.

    python3 tests/bench/real_inventory.py DIRECTORY [--nodes N] [--seed N]
"""

from __future__ import annotations

import argparse
import pathlib
import random

#: Nodes in a rack; roles, by their parts of a rack, with the mode that they boot in.
RACK = 40
ROLES = {"web": (20, "ram"), "store": (12, "install"), "batch": (8, "disk")}

#: The one boot host, its network, and its address there, which a run has to bring as a fact of ``lan0``.
BOOT_HOST, ADDRESS = "boot-a", "10.10.255.254"
IMAGES = [{"board": "amd64-usr", "channel": "stable", "requested": "current", "version": "9999.2.0"}]

PASSWORD = "a password for benches alone"  # noqa: S105 - it protects nothing

_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE{middle}{letter}Nothing {name}@site.internal"

#: What an install host says besides.
_INSTALL = "flatcar_install_disk_min_gib: 200\n"

_TEXTS = pathlib.Path(__file__).parent / "real"


def make(path: pathlib.Path, nodes: int, seed: int = 1) -> None:
    """Writes ``inventory``, ``files`` (the files directory) and ``password`` (the vault's) into *path*."""
    chance = random.Random(seed)
    inventory, files = path / "inventory", path / "files"
    for folder in (inventory / "group_vars" / "flatcar_nodes", inventory / "host_vars", files):
        folder.mkdir(parents=True)
    racks = range(-(-nodes // RACK))
    texts = {
        path / "password": f"{PASSWORD}\n",
        files / "authorities.txt": "".join(f"{chance.randbytes(24).hex()}\n" for _ in range(20)),
        inventory / "boot.yml": _boot_host(racks),
        inventory / "nodes.yml": _hosts(nodes),
        inventory / "group_vars" / "flatcar_nodes" / "main.yml": _filled("site") + _keys(chance),
        inventory / "group_vars" / "flatcar_nodes" / "vault.yml": _whole_vault(chance),
    }
    texts |= {
        inventory / "group_vars" / f"role_{role}.yml": _role(role, mode, chance)
        for role, (_count, mode) in ROLES.items()
    }
    texts |= {inventory / "group_vars" / f"rack_{rack:03}.yml": _rack(rack) for rack in racks}
    texts |= {inventory / "host_vars" / f"{name_of(number)}.yml": _node(number, chance) for number in range(nodes)}
    for file, text in texts.items():
        file.write_text(text)


def _filled(text_name: str, /, **values: object) -> str:
    """The text *text_name*, with ``@key@`` replaced by the value of each key."""
    text = (_TEXTS / f"{text_name}.yml.in").read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    return text


def name_of(number: int) -> str:
    return f"n{number:05}"


def _rack(rack: int) -> str:
    return _filled("rack", number=rack, name=f"{rack:03}", feed="AB"[rack % 2])


def _boot_host(racks: range) -> str:
    names = ", ".join(f"rack-{rack:03}" for rack in racks)
    network = f"{{interface: lan0, subnet: 10.10.0.0/16, racks: [{names}]}}"
    files = "{{ inventory_dir }}/../files"
    return f"boot_hosts:\n  hosts:\n    {BOOT_HOST}:\n      fleet_files_dir: '{files}'\n      kindling_networks: [{network}]\n"


def _hosts(nodes: int) -> str:
    lines = ["flatcar_nodes:", "  children:"]
    groups: dict[str, list[int]] = {}
    for number in range(nodes):
        groups.setdefault(f"rack_{number // RACK:03}", []).append(number)
        groups.setdefault(f"role_{_role_of(number)}", []).append(number)
    for group, members in groups.items():
        lines += [f"    {group}:", "      hosts:", *(f"        {name_of(number)}:" for number in members)]
    return "\n".join(lines) + "\n"


def _role_of(number: int) -> str:
    place = number % RACK
    for role, (count, _mode) in ROLES.items():
        if place < count:
            return role
        place -= count
    raise AssertionError("the roles fill a rack")


def _keys(chance: random.Random) -> str:
    lines = ["flatcar_authorized_keys:"]
    for number in range(6):
        key = _KEY.format(
            middle="".join(chance.choices("ABCDEFGHabcdefgh0123456789", k=34)), letter="x", name=f"person{number}"
        )
        lines.append(f'  - "{key}"')
    return "\n".join(lines) + "\n"


def _role(role: str, mode: str, chance: random.Random) -> str:
    return _filled(
        "role",
        role=role,
        mode=mode,
        install=_INSTALL if mode == "install" else "",
        swappiness=chance.choice((1, 10, 60)),
        somaxconn=chance.choice((1024, 4096)),
        port=chance.choice((8080, 9000, 7070)),
        version=f"{chance.randrange(9)}.{chance.randrange(20)}.{chance.randrange(9)}",
        vault=_vaulted(chance.randbytes(12).hex(), chance),
    )


def _node(number: int, chance: random.Random) -> str:
    role, (high, low) = _role_of(number), divmod(number, 250)
    disks = [f"ata-DISK_{chance.choice((480, 960, 3840))}G_{chance.randbytes(6).hex().upper()}" for _ in range(4)]
    own = ""
    if ROLES[role][1] == "install":
        own = f"flatcar_install_disk: /dev/disk/by-id/{disks[0]}\n"
    if number % 10 == 9:  # some have a password of their own
        own += f"own_bmc_password: !vault |\n{_vaulted(chance.randbytes(9).hex(), chance)}\n"
    mac = f"52:54:%02x:00:{high:02x}:{low:02x}"
    return _filled(
        "node",
        number=number,
        console=chance.randrange(2),
        cores=chance.choice((16, 32, 64)),
        memory=chance.choice((64, 128, 256)),
        slot=number % RACK + 1,
        left=mac % 1,
        right=mac % 2,
        address=f"10.10.{high}.{low + 2}",
        more=f"10.10.{high + 100}.{low + 2}",
        storage=f"10.30.{high}.{low + 2}",
        own=own,
        vlan=30 + number // RACK % 100,
        asset=f"A{chance.randrange(10**8):08}",
        bought=f"20{chance.randrange(18, 26)}-{chance.randrange(1, 13):02}",
        owner=chance.choice(("platform", "search", "billing", "research")),
        disks="\n".join(f"              - {{id: {disk}, bay: {bay}}}" for bay, disk in enumerate(disks)),
        serials=" ".join(chance.randbytes(8).hex() for _ in range(80)),
    )


def _whole_vault(chance: random.Random) -> str:
    lines = [
        f"vault_core_hash: $6$rounds=5000${chance.randbytes(8).hex()}${'x' * 86}",
        f"vault_bmc_password: {chance.randbytes(12).hex()}",
        f"vault_site_token: {chance.randbytes(24).hex()}",
    ]
    return _encrypted("\n".join(lines) + "\n", chance)


def _vaulted(text: str, chance: random.Random) -> str:
    return "\n".join(f"  {line}" for line in _encrypted(text, chance).splitlines())


def _encrypted(text: str, chance: random.Random) -> str:
    from ansible.parsing.vault import VaultLib, VaultSecret

    return VaultLib().encrypt(text, secret=VaultSecret(PASSWORD.encode()), salt=chance.randbytes(32).hex()).decode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path, help="an empty or a new directory")
    parser.add_argument("--nodes", type=int, default=1000, help="how many nodes (default: 1000)")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other nodes (default: 1)")
    options = parser.parse_args()
    make(options.directory, options.nodes, options.seed)


if __name__ == "__main__":
    main()
