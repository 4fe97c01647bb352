"""What a site may have already: a rack behind a router that relays DHCP, or a DHCP server of its own."""

from __future__ import annotations

from . import network, paths, processes, rack
from .system import require_programs, require_root, run, succeeds, wait_until

FAR_BRIDGE = "br1"
FAR_ROUTER = "10.78.0.254/24"
POOL = "10.77.0.150,10.77.0.199,255.255.255.0"

#: The fixed addresses that the site gives: by the last two parts of machines' MAC addresses.
RESERVED = {f"52:54:00:77:13:0{last}": f"10.77.0.3{last}" for last in range(1, 5)}


def make(name: str, relay: bool, dhcp: bool) -> None:
    """Add to a rack that is up; what was added goes with the rack."""
    require_root()
    rack.require_up(name)
    if relay:
        require_programs("dhcrelay")
        _make_far_switch(name)
        server = network.BOOT_HOST_ADDRESS.partition("/")[0]
        relaying = ["dhcrelay", "-4", "-d", "--no-pid", "-a", "-m", "append"]
        _start(name, "relay", *relaying, "-id", FAR_BRIDGE, "-iu", network.BRIDGE, server)
    if dhcp:
        hosts = [f"--dhcp-host={mac},{address}" for mac, address in RESERVED.items()]
        _start(
            name, "site-dhcp",
            "dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--log-facility=-", "--port=0", "--user=root",
            f"--interface={network.BRIDGE}", "--bind-interfaces", f"--dhcp-range={POOL}", *hosts, "--leasefile-ro", "--pid-file=",
            "--no-ping",
        )  # fmt: skip


def _make_far_switch(name: str) -> None:
    """A second switch, with the lab's router between it and the first."""
    space = network.namespace(name)
    if not succeeds("ip", "-n", space, "link", "show", FAR_BRIDGE):
        switch = ("link", "add", FAR_BRIDGE, "type", "bridge", "stp_state", "0", "forward_delay", "0")
        run("ip", "-n", space, *switch)
    run("ip", "-n", space, "address", "replace", FAR_ROUTER, "dev", FAR_BRIDGE)
    run("ip", "-n", space, "link", "set", FAR_BRIDGE, "up")
    network.kernel_setting(space, "net/ipv4/ip_forward", "1")


def _start(name: str, process: str, *command: str) -> None:
    state = paths.rack_state(name)
    if processes.running(state, process) is None:
        processes.start(state, process, network.inside(name, *command))
    listening = network.inside(name, "ss", "-Hlnu", "sport = :67")
    wait_until(lambda: bool(run(*listening).stdout.strip()), f"the site's {process} to listen", 10)
