"""The rack's own network: a namespace with a switch, the site's router in it, and a cable to the boot host."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from . import paths, processes
from .system import LabError, make_directory, output, run, succeeds, wait_until

BRIDGE = "br0"
BOOT_HOST_NIC = "lan0"
BOOT_HOST_ADDRESS = "10.77.0.1/24"
ROUTER_ADDRESS = "10.77.0.254/24"
ROUTER_ADDRESS6 = "fd77::254/64"
RELEASE_SERVER = ("10.77.0.254", 8080)


def namespace(rack: str) -> str:
    """The name of a rack's network namespace. Racks have the same addresses; namespaces keep them apart."""
    return f"kindling-{rack}"


def exists(rack: str) -> bool:
    """Whether the rack's namespace is there."""
    return Path("/run/netns", namespace(rack)).exists()


def inside(rack: str, *argv: str) -> list[str]:
    """A command line that runs a program on the rack's network."""
    return ["ip", "netns", "exec", namespace(rack), *argv]


def kernel_setting(space: str, name: str, value: str) -> None:
    """Set a sysctl of a namespace; names with slashes, as below /proc/sys."""
    run("ip", "netns", "exec", space, "sh", "-c", f"echo {value} > /proc/sys/{name}")


def make_switch(rack: str) -> None:
    """The namespace and its bridge."""
    space = namespace(rack)
    if not exists(rack):
        # What still runs from an earlier namespace of that name hangs in a network that nobody can reach any more.
        processes.stop_all(paths.rack_state(rack))
        run("ip", "netns", "add", space)
    if not succeeds("ip", "-n", space, "link", "show", BRIDGE):
        # Without STP and its delay: a port forwards at once, as on a switch that is set up for network boot.
        run("ip", "-n", space, "link", "add", BRIDGE, "type", "bridge", "stp_state", "0", "forward_delay", "0")
    kernel_setting(space, f"net/ipv6/conf/{BRIDGE}/accept_dad", "0")
    run("ip", "-n", space, "address", "replace", ROUTER_ADDRESS, "dev", BRIDGE)
    run("ip", "-n", space, "address", "replace", ROUTER_ADDRESS6, "dev", BRIDGE, "nodad")
    run("ip", "-n", space, "link", "set", "lo", "up")
    run("ip", "-n", space, "link", "set", BRIDGE, "up")


def plug_in_boot_host(rack: str, space: str) -> None:
    """Give the boot host's namespace its provisioning interface, cabled to the switch."""
    if not succeeds("ip", "-n", namespace(rack), "link", "show", "boot"):
        run("ip", "-n", space, "link", "delete", BOOT_HOST_NIC, check=False)
        run(
            "ip", "link", "add", BOOT_HOST_NIC, "netns", space, "type", "veth", "peer", "boot", "netns", namespace(rack)
        )
    # The router advertises itself to nodes; a boot host that believed it would look for package mirrors there.
    kernel_setting(space, f"net/ipv6/conf/{BOOT_HOST_NIC}/accept_ra", "0")
    run("ip", "-n", namespace(rack), "link", "set", "boot", "master", BRIDGE, "up")
    run("ip", "-n", space, "address", "replace", BOOT_HOST_ADDRESS, "dev", BOOT_HOST_NIC)
    run("ip", "-n", space, "link", "set", BOOT_HOST_NIC, "up")


def start_router(rack: str) -> None:
    """The site's router. It only answers IPv6 router solicitations: Debian 12's iPXE waits 13 s for that."""
    state = paths.rack_state(rack)
    if processes.running(state, "router") is None:
        command = [
            "dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--log-facility=-", "--port=0", "--user=root",
            f"--interface={BRIDGE}", "--bind-interfaces", "--enable-ra", "--dhcp-range=fd77::,ra-only,64", "--pid-file=",
            "--leasefile-ro",
        ]  # fmt: skip
        processes.start(state, "router", inside(rack, *command))


def start_release_server(rack: str) -> None:
    """A web server with the stand-in release, as far away from the boot host as Flatcar's server is."""
    state = paths.rack_state(rack)
    make_directory(paths.RELEASES)
    if processes.running(state, "release-server") is None:
        address, port = RELEASE_SERVER
        command = [
            sys.executable,
            "-m",
            "http.server",
            "--bind",
            address,
            "--directory",
            str(paths.RELEASES),
            str(port),
        ]
        processes.start(state, "release-server", inside(rack, *command))


def wait_for_services(rack: str) -> None:
    """Wait until the router and the release server do their work, or say why one of them does not."""
    state = paths.rack_state(rack)

    def listening() -> bool:
        for name in ("router", "release-server"):
            if processes.running(state, name) is None:
                raise LabError(
                    f"the rack's {name} ended: {(state / f'{name}.log').read_text(errors='replace').strip()}"
                )
        serving = f":{RELEASE_SERVER[1]} " in output(*inside(rack, "ss", "-Hlnt"))
        return serving and "router advertisement enabled" in (state / "router.log").read_text(errors="replace")

    wait_until(listening, "the rack's router and release server to listen", 10)


def remove(rack: str) -> None:
    """Remove the namespace with all that is in it."""
    if exists(rack):
        run("ip", "netns", "delete", namespace(rack))
    shutil.rmtree(paths.rack_state(rack), ignore_errors=True)
