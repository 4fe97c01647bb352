# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote power control of a machine. None of it becomes a part of the machine's config."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._schema import fields
from .._schema.fields import Field, Record
from .layer import Layer

if TYPE_CHECKING:
    from .node import Node

_HEXADECIMAL = re.compile(r"(?:[0-9a-fA-F]{2}){1,20}")

#: What each type needs, and what else it accepts.
_NEEDED = {"redfish": ("address", "user", "password"), "ipmi": ("address", "user", "password"), "wol": ()}
_KNOWN = {"redfish": ("system", "port"), "ipmi": ("port", "key", "uefi"), "wol": ("address", "mac", "port")}


def _key(value: Any) -> str:
    if not isinstance(value, str) or not _HEXADECIMAL.fullmatch(value):
        raise ValueError("expected 2 to 40 hexadecimal digits, an even number of them, in quotes")
    return str(value)


def _check_bmc(typed: Mapping[str, Any]) -> None:
    kind = typed["type"]
    if kind is None:  # that is reported already
        return
    missing = [name for name in _NEEDED[kind] if typed[name] is None]
    if missing:
        raise ValueError(f"expected {', '.join(missing)} with the type {kind}")
    names = ("address", "user", "password", "system", "port", "key", "uefi", "mac")
    useless = [name for name in names if typed[name] is not None and name not in _NEEDED[kind] + _KNOWN[kind]]
    if useless:
        raise ValueError(f"the type {kind} has no {' and no '.join(useless)}: leave it out")


BMC = Record(
    (
        Field(
            "type",
            fields.choice("redfish", "ipmi", "wol"),
            "the protocol of the machine's service processor; `wol`: it has none, and its NIC wakes it",
            required=True,
        ),
        Field(
            "address",
            fields.server,
            "its name or address; with `wol` where the packet goes, 255.255.255.255 if not given",
        ),
        Field("user", fields.line, "the user that may switch the machine on"),
        Field("password", fields.line, "that user's password; keep it in a vault", secret=True),
        Field("system", fields.line, "`redfish`: the system's id, where the service processor has several"),
        Field("port", fields.integer(1, 65535), "its port, if it is not the usual one"),
        Field(
            "key", _key, "`ipmi`: its key (K_G) in hexadecimal digits, if it has one; keep it in a vault", secret=True
        ),
        Field(
            "uefi",
            fields.boolean,
            "`ipmi`: have the machine boot by UEFI; without it, IPMI asks for BIOS, which some firmware obeys and most does not",
        ),
        Field("verify_tls", fields.boolean, "`redfish`: check its certificate", default=True),
        Field("mac", fields.mac, "`wol`: the NIC that wakes the machine; the first of `flatcar_mac` if not given"),
    ),
    _check_bmc,
    beyond="A machine that needs more to be switched on has no flatcar_bmc: switch it with your own playbook, and install it with "
    "-e install_power=false",
)

FIELDS = (Field("flatcar_bmc", BMC, "how the machine is switched on remotely; by hand when not given", secret=True),)


#: Where a packet that wakes a machine goes, and the default port of each type that has one.
_EVERYBODY = "255.255.255.255"
_PORTS = {"ipmi": 623, "wol": 9}


def plan(bmc: Any, macs: Sequence[str]) -> dict[str, Any]:
    """The data needed to switch a machine on: *bmc* with its defaults filled in; the type is ``hand`` if there is none.

    Raises ``ValueError`` with what is wrong with it.
    """
    if not bmc:
        return {"type": "hand"}
    made = BMC(bmc)
    kind = made["type"]
    if kind == "redfish":
        host = f"[{made['address']}]" if ":" in made["address"] else made["address"]
        return made | {"address": f"{host}:{made['port']}" if made["port"] else host}
    made["port"] = made["port"] or _PORTS[kind]
    if kind == "wol":
        made |= {"mac": made["mac"] or next(iter(macs), None), "address": made["address"] or _EVERYBODY}
        if not made["mac"]:
            raise ValueError("expected mac: the NIC that wakes the machine")
    return made


def network_boot(found: Mapping[str, Any], system: str | None, needed: bool = True) -> dict[str, Any]:
    """How a Redfish service makes a machine boot from the network once: the ``device`` to boot from, and the ``systems`` that it
    has.

    *found* is what ``redfish_info`` reported about boot overrides: a service that reports nothing about them is asked for PXE.
    Raises ``ValueError`` if *system* is not given and has to be, or if a boot from the network is *needed* and impossible.
    """
    entries = ((found.get("redfish_facts") or {}).get("boot_override") or {}).get("entries") or ()
    boots = {place["system_uri"].rstrip("/").rpartition("/")[2]: boot for place, boot in entries}
    if system is None and len(boots) > 1:
        raise ValueError(
            f"it has several systems: set system in flatcar_bmc to the one that is this machine, of {', '.join(boots)}"
        )
    # For a system whose id is not in its address, nothing is known here
    boot = boots.get(system, {}) if system else next(iter(boots.values()), {})
    offered = boot.get("BootSourceOverrideTarget@Redfish.AllowableValues") or _FROM_NETWORK
    device = next((one for one in _FROM_NETWORK if one in offered), None)
    if needed and device is None:
        raise ValueError(
            f"it can be set to boot from {', '.join(offered)}, but not from the network: have its firmware try the network "
            "first, and pass -e power_network_boot=false"
        )
    return {"device": device, "systems": list(boots)}


#: A boot from the network as Redfish calls it; some systems know only the second.
_FROM_NETWORK = ("Pxe", "UefiHttp")


def layers(_node: Node) -> list[Layer]:
    """None: who may switch the machine on is no concern of the machine."""
    return []


__all__ = ("BMC", "FIELDS", "layers", "network_boot", "plan")
