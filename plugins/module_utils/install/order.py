"""What a boot host is sent to arm a node: its installer, and the scripts that lead there."""

from __future__ import annotations

import base64
import secrets
import textwrap
from collections.abc import Mapping
from typing import Any

from .. import ipxe
from ..arming import UNSIGNED, Order
from ..node import Node
from .installer import build, script


def order(node: Node, config: Mapping[str, Any], *, host: str, version: str, key: str) -> Order:
    """The order to arm *node* once, with a token that nobody can guess and that is nowhere else.

    *host* is the URL of the boot host that decides. Of a pair it is one: whether a machine is armed is known in one place.
    Raises ``ValueError`` as ``build`` does.
    """
    token = secrets.token_urlsafe(32)
    armed, unfinished = f"{host}/armed/{UNSIGNED}/{token}", f"{host}/armed/{token}/unfinished.ipxe"
    made = build(node, config, version=version, hosts=[host], token=token, key=key)
    # Its own script is asked for first, because a node may have another mode by then, and disks need not be its way
    own = f"chain --replace {host}/ipxe/own/${{netX/mac:hexhyp}}.ipxe ||\n{ipxe.local_boot(node.local_boot, host)}"
    return Order(
        token=token,
        node=node.name,
        address=str(node.address),
        macs=tuple(mac.replace(":", "-") for mac in node.mac),
        script=ipxe.armed_script(node.hostname, f"{armed}/install.ipxe", unfinished, own),
        files={
            "install.ipxe": script(node, version=version, host=host, armed=armed, unfinished=unfinished),
            "install.ign": made.config,
            "unfinished.ipxe": ipxe.unfinished_script(node.name, f"{host}/boot.ipxe"),
        },
        about={"version": version, "config": made.digest, "board": node.board, "disk": node.install_disk},
    )


def key_text(keyring: bytes) -> str:
    """A binary keyring as text (RFC 4880, 6.2), which a config can carry and gpg imports."""
    body = "\n".join(textwrap.wrap(base64.b64encode(keyring).decode(), 64))
    checksum = base64.b64encode(_crc24(keyring).to_bytes(3, "big")).decode()
    return f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{body}\n={checksum}\n-----END PGP PUBLIC KEY BLOCK-----\n"


def _crc24(data: bytes) -> int:
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _bit in range(8):
            crc = crc << 1 ^ (0x1864CFB if crc & 0x800000 else 0)
    return crc & 0xFFFFFF


__all__ = ("key_text", "order")
