# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a boot host receives to arm a node: its installer, and the scripts that lead to it."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.kindling.flatcar.plugins.module_utils._arming.arming import Order, digest_of
from ansible_collections.kindling.flatcar.plugins.module_utils._ipxe import ipxe
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes

from .._node import Node
from .installer import build, script
from .terms import terms_of

#: Seconds in which a few machines have written their disks; many at once get more.
TIMEOUT = 3600

#: Seconds besides those of flatcar-install after which an installation that was started has ended, one way or the other: to wait
#: for disks, to report, to restart.
_BESIDE = 900


def order(
    node: Node,
    config: Mapping[str, Any],
    *,
    token: str,
    hosts: Sequence[str],
    peer: str | None,
    network: str,
    version: str,
    key: str,
    signed_by: str | None,
    report_token: str,
    timeout: int,
    half_written: bool,
    former_serial: str | None = None,
    new_disk: bool = False,
    initrd_bytes: int = 0,
) -> Order:
    """The order to arm *node* once.

    *token* is the unguessable part of its URLs, unique to this order. *hosts* are the URLs of the boot host that decides, and of
    its *peer* if that one is told: a single host knows whether a machine is armed. *key* is the text of the image signing keys,
    *signed_by* the digest of what the inventory says about them. *report_token* is what the installed system reports with,
    *timeout* how many seconds writing the disk may take, *half_written* whether an earlier order may have left the disk
    half-written; the rest is as for ``build``. Raises ``ValueError`` as ``build`` does.
    """
    armed = routes.order_url(hosts[0], token)
    asked = [routes.unfinished_url(host, token) for host in hosts]
    made = build(
        node,
        config,
        version=version,
        hosts=hosts,
        token=token,
        report_token=report_token,
        key=key,
        timeout=timeout,
        half_written=half_written,
        former_serial=former_serial,
        new_disk=new_disk,
        initrd_bytes=initrd_bytes,
    )
    terms = terms_of(node, version=version, config=made.digest, host=hosts[0], peer=peer, signed_by=signed_by)
    return _order(
        terms,
        token=token,
        network=network,
        limit=timeout + _BESIDE,
        serial=None if new_disk else former_serial,
        script=ipxe.armed_script(node.hostname, [routes.url(armed, routes.INSTALL_SCRIPT), *asked[1:]]),
        files={
            routes.INSTALL_SCRIPT: script(node, version=version, host=hosts[0], armed=armed, refused=asked),
            routes.INSTALL_CONFIG: made.config,
            routes.UNFINISHED: _unfinished(node, hosts),
        },
    )


def witness(node: Node, *, token: str, hosts: Sequence[str], network: str, terms: Mapping[str, Any]) -> Order:
    """What the other boot host of a pair receives for the order with the same *token*: enough to recognize a half-written disk,
    and no installer. *hosts* are the URLs of the one that decides, and its own."""
    own_first = list(reversed(hosts))
    return _order(
        terms,
        token=token,
        network=network,
        limit=TIMEOUT,
        script=ipxe.armed_script(node.hostname, [routes.unfinished_url(host, token) for host in own_first]),
        files={routes.UNFINISHED: _unfinished(node, own_first)},
        witness=True,
    )


def _order(terms: Mapping[str, Any], **more: Any) -> Order:
    """The machine that the *terms* describe, and *more*."""
    return Order(
        node=terms["node"],
        address=terms["address"],
        more_addresses=tuple(terms["more_addresses"]),
        macs=tuple(terms["macs"]),
        digest=digest_of(terms),
        about=dict(terms),
        **more,
    )


def _unfinished(node: Node, hosts: Sequence[str]) -> str:
    return ipxe.unfinished_script(node.name, [routes.url(host, routes.OWN_SCRIPT) for host in hosts])


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


__all__ = ("TIMEOUT", "key_text", "order", "witness")
