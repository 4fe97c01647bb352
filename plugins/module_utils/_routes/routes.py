# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places of everything that a boot host serves and keeps: URLs, the files of a generation, the files of an install order.

Each is defined here and nowhere else: publishing writes them, orders and scripts name them, nginx's and dnsmasq's configurations
get them from the lookup plugin ``routes``. Needs only the standard library.
"""

from __future__ import annotations

import re

#: What iPXE expands to the MAC address that it booted from, in the form of a script's name.
BOOTED_MAC = "${netX/mac:hexhyp}"

#: 256 bits that nobody can guess, as they appear in URLs.
TOKEN = r"[A-Za-z0-9_-]{43}"  # noqa: S105 - a form

# --- what machines request -----------------------------------------------------------------------------------------

#: Where DHCP, and only DHCP, sends iPXE: the machine's own script lies beside it.
FIRST_SCRIPT = "boot.ipxe"
SCRIPTS = "ipxe"
CONFIGS = "ignition"
IMAGES = "images"
PROGRAMS = "programs"
ARMED = "armed"
REPORTS = "reports"

#: What an iPXE script says that it could not do. Nothing is there: the request is answered with an error, and logged.
FAILURES = "failures"

#: Placeholder in scripts for the signature and the time, which the boot host fills in by its own secret and clock.
UNSIGNED = "SIGNATURE/EXPIRES"

OWN_SCRIPT = f"{SCRIPTS}/{BOOTED_MAC}.ipxe"

#: The same, whatever is ordered for the machine.
PLAIN_SCRIPT = f"{SCRIPTS}/own/{BOOTED_MAC}.ipxe"


def url(base: str, *parts: str) -> str:
    """The URL of a place on the boot host whose base URL is *base*, such as ``http://10.0.0.1``."""
    return "/".join((base, *parts))


def failure_path(step: str, error: str) -> str:
    """Where the script of the machine that runs it says that *step* failed, by iPXE's number *error*."""
    return f"/{FAILURES}/{step}/{BOOTED_MAC}/{error}"


def config_url(base: str, token: str) -> str:
    return url(base, CONFIGS, f"{token}.ign")


def order_url(base: str, token: str, signature: str = UNSIGNED) -> str:
    """Below it lies what only an armed machine is served."""
    return url(base, ARMED, signature, token)


def unfinished_url(base: str, token: str) -> str:
    return url(base, ARMED, token, UNFINISHED)


# --- a generation --------------------------------------------------------------------------------------------------

#: Its contents, node by node, for programs.
INDEX = "index.json"

#: Configs that are not served, in the form that is shown to people: changes in them need a reinstall.
SHOWN = "configs"

DHCP_HOSTS = "dnsmasq/dhcp-hosts"
DNS_HOSTS = "dnsmasq/dns-hosts"
RESERVATIONS = (DHCP_HOSTS, DNS_HOSTS)

#: For the host's packet filter, in the role dnsmasq's table: the machines that are not strangers.
KNOWN = "dnsmasq/known.nft"

#: The web server's root. Files below it that are no URLs are flags: they mean yes by existing.
WEB = "web"
NEARBY = "nearby"
ORDERS = "orders"
REPORTERS = "reporters"
TAKEN = "taken"
UNKNOWN_SCRIPT = f"{SCRIPTS}/unknown.ipxe"
OVER_SCRIPT = f"{SCRIPTS}/over.ipxe"

#: Scripts for machines with an address that is not theirs, and the one for those of them whose disk is half-written.
MISPLACED = "misplaced"
WAITING_SCRIPT = f"{SCRIPTS}/waiting.ipxe"

#: Their subdirectories have names that nobody can guess.
BY_TOKEN = (CONFIGS, NEARBY, REPORTERS)

#: Their subdirectories each belong to one node.
BY_NODE = (SCRIPTS, ORDERS, *BY_TOKEN)


def served(*parts: str) -> str:
    """A file of a generation that the web server finds below its root."""
    return "/".join((WEB, *parts))


def script_name(mac: str) -> str:
    return f"{mac.replace(':', '-')}.ipxe"


def script_file(address: object, mac: str) -> str:
    """The script of the machine that boots from *mac* and has *address*."""
    return served(SCRIPTS, str(address), script_name(mac))


def misplaced_file(mac: str) -> str:
    """The script of the machine that boots from *mac* while it does not have its own address."""
    return served(MISPLACED, script_name(mac))


def config_file(token: str, address: object) -> str:
    return served(CONFIGS, token, f"{address}.ign")


def nearby_file(token: str, network: str) -> str:
    """The same config, for the address that another NIC of its node may have on *network*."""
    return served(NEARBY, token, network)


def order_file(address: object, digest: str) -> str:
    """Exists as long as the order with this digest is what the inventory says of the machine at *address*."""
    return served(ORDERS, str(address), digest)


def reporter_file(token: str, network: str, address: object) -> str:
    """Exists if reports with *token* are accepted from *address*, or from another one of *network*."""
    return served(REPORTERS, token, network, str(address))


def taken_file(address: object) -> str:
    """Exists if *address* belongs to a machine that boots from another one."""
    return served(TAKEN, str(address))


def address_of_config(path: str) -> str | None:
    """The address that a served config is for; None for every other file of a generation."""
    found = _CONFIG.fullmatch(path)
    return found and found["address"]


_CONFIG = re.compile(rf"{WEB}/{CONFIGS}/[^/]+/(?P<address>.+)\.ign")


def is_of_a_node(path: str) -> bool:
    """Whether a file of a generation belongs to one node."""
    return bool(_OF_A_NODE.match(path))


_OF_A_NODE = re.compile(rf"{WEB}/({'|'.join(BY_NODE)})/[^/]+/|{SHOWN}/|{WEB}/({TAKEN}|{MISPLACED})/")


def without_tokens(text: str) -> str:
    """A generation's paths and scripts, without anything that grants access."""
    return _BY_TOKEN.sub("(token)", text)


_BY_TOKEN = re.compile("|".join(rf"(?<=/{place}/)[\w-]+(?=[/.])" for place in BY_TOKEN))

# --- what is stored of installations -------------------------------------------------------------------------------

#: Scripts that take precedence over a machine's own, by its address.
ORDERED_SCRIPTS = "scripts"
HALF_WRITTEN = "half-written"

#: Files of an order.
INSTALL_SCRIPT = "install.ipxe"
INSTALL_CONFIG = "install.ign"
#: Served while an install has started and not ended.
UNFINISHED = "unfinished.ipxe"
RECORD = "arming.json"
GATE = "gate"
ORDER = "order"
WITNESS = "witness"
FROM = "from"

#: Reports that end an install, and those that come before or alongside.
ENDS = ("failed", "installed", "running")
STARTED = "started"
UNTOUCHED = "untouched"
STAGES = (STARTED, *ENDS)

# --- configs that are no longer published --------------------------------------------------------------------------

FORMER = "former"
SHELVES = ("1", "2")


def for_templates() -> dict[str, object]:
    """All that is defined here, by its name in small letters."""
    return {name.lower(): value for name, value in globals().items() if name.isupper() and not name.startswith("_")}
