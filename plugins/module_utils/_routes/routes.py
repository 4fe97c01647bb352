"""Everything that a boot host serves and keeps, by its place: URLs, the files of a generation, the files of an order to install.

Each is said here and nowhere else: publishing writes them, orders and scripts name them, nginx's and dnsmasq's configurations have
them from the lookup plugin ``routes``. Needs the standard library alone.
"""

from __future__ import annotations

import re

#: What iPXE puts in for the MAC address that it booted from, in the form of a script's name.
BOOTED_MAC = "${netX/mac:hexhyp}"

#: 256 bits that nobody can guess, as they stand in URLs.
TOKEN = r"[A-Za-z0-9_-]{43}"  # noqa: S105 - a form

# --- what machines ask for -----------------------------------------------------------------------------------------

#: Where DHCP sends iPXE to, and nothing else does: its own script lies beside it.
FIRST_SCRIPT = "boot.ipxe"
SCRIPTS = "ipxe"
CONFIGS = "ignition"
IMAGES = "images"
PROGRAMS = "programs"
ARMED = "armed"
REPORTS = "reports"

#: Stands in scripts where the boot host, whose secret and clock count, fills in signature and time.
UNSIGNED = "SIGNATURE/EXPIRES"

OWN_SCRIPT = f"{SCRIPTS}/{BOOTED_MAC}.ipxe"

#: The same, whatever is ordered for the machine.
PLAIN_SCRIPT = f"{SCRIPTS}/own/{BOOTED_MAC}.ipxe"


def url(base: str, *parts: str) -> str:
    """The URL of a place on the boot host whose own is *base*, such as ``http://10.0.0.1``."""
    return "/".join((base, *parts))


def config_url(base: str, token: str) -> str:
    return url(base, CONFIGS, f"{token}.ign")


def order_url(base: str, token: str, signature: str = UNSIGNED) -> str:
    """Below it lies what an armed machine alone is given."""
    return url(base, ARMED, signature, token)


def unfinished_url(base: str, token: str) -> str:
    return url(base, ARMED, token, UNFINISHED)


# --- a generation --------------------------------------------------------------------------------------------------

#: What is in it, node by node, for programs.
INDEX = "index.json"

#: Configs that are not served, as people are shown them: what changes in them needs a reinstall.
SHOWN = "configs"

DHCP_HOSTS = "dnsmasq/dhcp-hosts"
DNS_HOSTS = "dnsmasq/dns-hosts"
RESERVATIONS = (DHCP_HOSTS, DNS_HOSTS)

#: For the host's packet filter, by the role dnsmasq's table: who is no stranger.
KNOWN = "dnsmasq/known.nft"

#: The web server's root. What lies below it, and is no URL, says yes by being there.
WEB = "web"
NEARBY = "nearby"
ORDERS = "orders"
REPORTERS = "reporters"
TAKEN = "taken"
UNKNOWN_SCRIPT = f"{SCRIPTS}/unknown.ipxe"
OVER_SCRIPT = f"{SCRIPTS}/over.ipxe"

#: Whose directories are named by what nobody can guess.
BY_TOKEN = (CONFIGS, NEARBY, REPORTERS)

#: Whose directories are one node's.
BY_NODE = (SCRIPTS, ORDERS, *BY_TOKEN)


def served(*parts: str) -> str:
    """A file of a generation that the web server finds below its root."""
    return "/".join((WEB, *parts))


def script_name(mac: str) -> str:
    return f"{mac.replace(':', '-')}.ipxe"


def script_file(address: object, mac: str) -> str:
    """The script of the machine that boots from *mac* and has *address*."""
    return served(SCRIPTS, str(address), script_name(mac))


def config_file(token: str, address: object) -> str:
    return served(CONFIGS, token, f"{address}.ign")


def nearby_file(token: str, network: str) -> str:
    """The same config, for what another NIC of its node may have got on *network*."""
    return served(NEARBY, token, network)


def order_file(address: object, digest: str) -> str:
    """There as long as the order with this digest is what the inventory says of the machine at *address*."""
    return served(ORDERS, str(address), digest)


def reporter_file(token: str, network: str, address: object) -> str:
    """There where who reports with *token* may do so from *address*, or from another of *network*."""
    return served(REPORTERS, token, network, str(address))


def taken_file(address: object) -> str:
    """There where *address* is somebody's who boots from another."""
    return served(TAKEN, str(address))


def address_of_config(path: str) -> str | None:
    """For whom a served config is; None for every other file of a generation."""
    found = _CONFIG.fullmatch(path)
    return found and found["address"]


_CONFIG = re.compile(rf"{WEB}/{CONFIGS}/[^/]+/(?P<address>.+)\.ign")


def is_of_a_node(path: str) -> bool:
    """Whether a file of a generation is about one node."""
    return bool(_OF_A_NODE.match(path))


_OF_A_NODE = re.compile(rf"{WEB}/({'|'.join(BY_NODE)})/[^/]+/|{SHOWN}/|{WEB}/{TAKEN}/")


def without_tokens(text: str) -> str:
    """A generation's paths and scripts, with nothing in them that lets somebody in."""
    return _BY_TOKEN.sub("(token)", text)


_BY_TOKEN = re.compile("|".join(rf"(?<=/{place}/)[\w-]+(?=[/.])" for place in BY_TOKEN))

# --- what is kept of installations ---------------------------------------------------------------------------------

#: Scripts that go before a machine's own, by its address.
ORDERED_SCRIPTS = "scripts"
HALF_WRITTEN = "half-written"

#: Files of an order.
INSTALL_SCRIPT = "install.ipxe"
INSTALL_CONFIG = "install.ign"
#: Served as long as an install was begun and not ended.
UNFINISHED = "unfinished.ipxe"
RECORD = "arming.json"
GATE = "gate"
ORDER = "order"
WITNESS = "witness"
FROM = "from"

#: What ends an install, and what is said before and beside.
ENDS = ("failed", "installed", "running")
STARTED = "started"
UNTOUCHED = "untouched"
STAGES = (STARTED, *ENDS)

# --- configs that are published no more ----------------------------------------------------------------------------

FORMER = "former"
SHELVES = ("1", "2")

#: For templates, by these names in small letters.
NAMES = (
    "ARMED",
    "CONFIGS",
    "DHCP_HOSTS",
    "DNS_HOSTS",
    "ENDS",
    "FIRST_SCRIPT",
    "FORMER",
    "FROM",
    "GATE",
    "HALF_WRITTEN",
    "IMAGES",
    "INSTALL_CONFIG",
    "INSTALL_SCRIPT",
    "KNOWN",
    "NEARBY",
    "ORDER",
    "ORDERED_SCRIPTS",
    "OVER_SCRIPT",
    "PROGRAMS",
    "RECORD",
    "REPORTERS",
    "REPORTS",
    "SCRIPTS",
    "SHELVES",
    "STARTED",
    "TAKEN",
    "TOKEN",
    "UNFINISHED",
    "UNKNOWN_SCRIPT",
    "UNTOUCHED",
    "WITNESS",
)


def for_templates() -> dict[str, object]:
    return {name.lower(): globals()[name] for name in NAMES}
