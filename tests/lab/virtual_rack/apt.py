"""How a made Debian system reaches packages: over the same mirrors, and the same way, as this machine."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from . import paths
from .system import LabError, make_directory, output

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# Settings that a made system needs as much as this machine does: proxies, timeouts, how old an index may be. Settings
# that name a program or file of this machine are left out, for it is not there.
CARRIED_OPTION = re.compile(
    r"Acquire::(?:(?:https?)::(?!.*(?:Proxy-Auto-Detect|CAInfo|CAPath|SslCert|SslKey))|Retries|Check-Valid-Until|"
    r"Check-Date|Max-ValidTime|ForceIPv[46]|Queue-Mode)"
)


def codename() -> str:
    """The Debian release of this machine."""
    match = re.search(r"^VERSION_CODENAME=\"?(\w+)", Path("/etc/os-release").read_text(encoding="utf-8"), re.MULTILINE)
    return match.group(1) if match else ""


def read_sources(directory: Path) -> list[tuple[str, str, list[str]]]:
    """Every (URI, suite, components) of type ``deb`` that apt is told about, in both of its formats."""
    entries: list[tuple[str, str, list[str]]] = []
    lists = [directory / "sources.list", *sorted((directory / "sources.list.d").glob("*.list"))]
    for file in (file for file in lists if file.is_file()):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            match = re.match(r"\s*deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]*)", line)
            if match:
                entries.append((match[1], match[2], match[3].split()))
    for file in sorted((directory / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", file.read_text(encoding="utf-8", errors="replace")):
            kept = "\n".join(line for line in stanza.splitlines() if not line.startswith("#"))
            fields = {
                name.lower(): value.split()
                for name, value in re.findall(r"^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)", kept, re.MULTILINE)
            }
            if "deb" in fields.get("types", []) and fields.get("enabled", ["yes"])[0].lower() != "no":
                entries += [
                    (uri, suite, fields.get("components", []))
                    for uri in fields.get("uris", [])
                    for suite in fields.get("suites", [])
                ]
    return entries


def sources_for(suite: str, own: str, entries: list[tuple[str, str, list[str]]]) -> str:
    """Sources (deb822) for a Debian release, from this machine's with the release's name swapped."""
    stanzas = []
    for uri, name, components in entries:
        # A third party's repository has other suites or no component "main".
        if name in (own, f"{own}-updates", f"{own}-security") and "main" in components:
            swapped = suite + name.removeprefix(own)
            stanza = f"Types: deb\nURIs: {uri}\nSuites: {swapped}\nComponents: main\nSigned-By: {KEYRING}\n"
            if stanza not in stanzas:
                stanzas.append(stanza)
    return "\n".join(stanzas)


def sources(suite: str) -> str:
    """The apt sources of a made system."""
    found = sources_for(suite, codename(), read_sources(Path("/etc/apt")))
    if not found:
        raise LabError(
            "apt on this machine has no source of Debian packages (suite "
            f"{codename() or 'of a Debian release'}, component main): the lab makes its systems from the same mirror. "
            "Add one to /etc/apt/sources.list.d and run apt-get update"
        )
    return found


def options() -> str:
    """The apt settings of a made system."""
    lines = output("apt-config", "dump", "--no-empty", "Acquire").splitlines()
    return "".join(f"{line}\n" for line in lines if CARRIED_OPTION.match(line))


def pool(suite: str) -> Path:
    """Downloaded packages of a Debian release, for every later rack."""
    return paths.CACHE / "apt" / suite


def archives(suite: str, rack: str) -> Path:
    """What a rack's boot host has as ``/var/cache/apt/archives``: its own, because apt locks it."""
    return paths.CACHE / "apt" / f"{suite}.racks" / rack


def link_new(source: Path, target: Path) -> None:
    """Make every package of one directory appear in another one, without a copy."""
    make_directory(target)
    for package in source.glob("*.deb"):
        with contextlib.suppress(FileExistsError):
            os.link(package, target / package.name)
