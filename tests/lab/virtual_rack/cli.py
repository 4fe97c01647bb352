"""The lab's commands."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from . import bmc, boot, firmware, host_image, power, rack, release, site, watch
from .system import LabError, note_time


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    top = argparse.ArgumentParser(prog="lab.py", description="A virtual rack: one boot host, virtual bare-metal nodes.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="make a rack (or heal it): its network and a bare Debian boot host")
    up.add_argument("rack")
    up.add_argument("--debian", choices=host_image.SUITES, default="bookworm", help="Debian release of the boot host")
    up.add_argument("--address", default=rack.DEFAULT_ADDRESS, help="management address (default %(default)s)")
    up.add_argument(
        "--no-boot-host", action="store_true", help="its network alone: something else becomes its boot host"
    )
    up.add_argument(
        "--packages", nargs="+", default=(), metavar="NAME", help="Debian packages that a boot host has when it is made"
    )
    up.set_defaults(
        call=lambda given: rack.up(given.rack, given.debian, given.address, not given.no_boot_host, given.packages)
    )

    down = commands.add_parser("down", help="remove a rack and all that it started")
    which = down.add_mutually_exclusive_group(required=True)
    which.add_argument("rack", nargs="?")
    which.add_argument("--all", action="store_true", help="every rack of this checkout")
    down.set_defaults(call=lambda given: rack.down_all() if given.all else rack.down(given.rack))

    clean = commands.add_parser("clean", help="remove all racks, the release and everything that is cached")
    clean.set_defaults(call=lambda given: rack.clean())

    reboot = commands.add_parser("reboot", help="reboot a rack's boot host")
    reboot.add_argument("rack")
    reboot.set_defaults(call=lambda given: rack.reboot(given.rack))

    ssh = commands.add_parser("ssh", help="log in to a rack's boot host as its operator, or run a command there")
    ssh.add_argument("rack")
    ssh.add_argument("words", nargs=argparse.REMAINDER, metavar="cmd")
    ssh.set_defaults(call=lambda given: rack.ssh(given.rack, given.words))

    inside = commands.add_parser("exec", help="run a command on a rack's network, beside its boot host")
    inside.add_argument("--as-boot-host", action="store_true", help="with the boot host's interfaces instead")
    inside.add_argument("rack")
    inside.add_argument("words", nargs=argparse.REMAINDER, metavar="cmd")
    inside.set_defaults(call=lambda given: rack.execute(given.rack, given.words, given.as_boot_host))

    published = commands.add_parser("release", help="build, sign and publish the stand-in release")
    published.add_argument("--version", default=release.DEFAULT_VERSION, help="default %(default)s")
    published.set_defaults(call=lambda given: release.publish(given.version))

    base = commands.add_parser("base", help="print the name of a bare Debian image; make it when it is not there")
    base.add_argument("--debian", choices=host_image.SUITES, default="bookworm", help="default %(default)s")
    base.set_defaults(call=lambda given: print(host_image.ensure(given.debian, host_image.BARE)))

    booted = commands.add_parser("boot", help="power nodes on, follow them, read back what they have become")
    booted.add_argument("rack")
    booted.add_argument(
        "--nodes", type=Path, required=True, metavar="FILE", help="what to boot and what to expect (JSON)"
    )
    booted.add_argument(
        "--timeout", type=float, default=1800, metavar="S", help="seconds per node (default %(default)s)"
    )
    booted.add_argument("--jobs", type=positive, default=2, metavar="N", help="nodes at a time (default %(default)s)")
    booted.add_argument("--report", type=Path, metavar="FILE", help="write the result as JSON, too")
    booted.add_argument("--keep", action="store_true", help="leave the nodes on")
    booted.add_argument("--until", choices=watch.STAGES, help="switch a node off, as one that did well, at this stage")
    booted.add_argument("--container", metavar="NAME", help="this container is the boot host: follow its log")
    booted.set_defaults(
        call=lambda given: boot.boot(
            given.rack,
            given.nodes,
            given.timeout,
            given.jobs,
            given.report,
            given.keep,
            given.until,
            given.container,
        )
    )

    added = commands.add_parser("site", help="add what a site may have: a rack behind a relay, or a DHCP server")
    added.add_argument("rack")
    added.add_argument("--relay", action="store_true", help="a second switch, behind a router that relays DHCP")
    added.add_argument("--dhcp", action="store_true", help="a DHCP server")
    added.set_defaults(call=lambda given: site.make(given.rack, given.relay, given.dhcp))

    started = commands.add_parser("firmware", help="power one machine on and follow it to its own script")
    started.add_argument("rack")
    started.add_argument("kind", choices=firmware.KINDS)
    started.add_argument("mac")
    started.add_argument("address", help="the address that it gets")
    started.add_argument("--switch", default="br0", help="br1: the one behind the relay (default %(default)s)")
    started.add_argument("--timeout", type=float, default=360, metavar="S", help="default %(default)s")
    started.set_defaults(
        call=lambda given: firmware.follow(
            given.rack, given.kind, given.mac, given.address, given.switch, given.timeout
        )
    )

    off = commands.add_parser("off", help="power off the nodes that an earlier boot left on")
    off.add_argument("rack")
    off.set_defaults(call=lambda given: boot.off(given.rack))

    machines = commands.add_parser("machines", help="put machines into a rack, switched off")
    machines.add_argument("rack")
    machines.add_argument("--nodes", type=Path, required=True, metavar="FILE", help="which they are (JSON)")
    machines.set_defaults(call=lambda given: power.put_in(given.rack, given.nodes))

    switched = commands.add_parser("power", help="switch a rack's machines on or off, or tell which are on")
    switched.add_argument("rack")
    switched.add_argument("action", choices=("on", "off", "cycle", "state"))
    switched.add_argument("names", nargs="*", metavar="NODE", help="all when none is named")
    switched.set_defaults(call=lambda given: power.switch(given.rack, given.action, given.names))

    disk = commands.add_parser("disk", help="print a digest of what is on machines' disks, or put others in")
    disk.add_argument("rack")
    disk.add_argument("action", choices=("digest", "blank", "preset"))
    disk.add_argument("names", nargs="*", metavar="NODE", help="or NODE/2: its second disk; all when none is named")
    disk.add_argument(
        "--image",
        type=Path,
        default=release.DISK_IMAGE,
        metavar="FILE",
        help="what preset puts on the disks (default: the release, as it is installed, without a config)",
    )
    disk.set_defaults(call=lambda given: power.disks(given.rack, given.action, given.names, given.image))

    processors = commands.add_parser("bmc", help="start the machines' service processors: Redfish and Wake-on-LAN")
    processors.add_argument("rack")
    processors.add_argument("--serve", choices=("redfish", "wake"), help=argparse.SUPPRESS)
    processors.set_defaults(
        call=lambda given: bmc.serve(given.rack, given.serve) if given.serve else bmc.start(given.rack)
    )
    return top


def positive(text: str) -> int:
    """A whole number above 0."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def main(arguments: list[str] | None = None) -> int:
    """Run one command; an error is one message."""
    given = parser().parse_args(arguments)
    begin = time.monotonic()
    try:
        return given.call(given) or 0
    except LabError as problem:
        print(f"lab: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
    finally:
        words = ("lab", given.command, getattr(given, "rack", None))
        note_time(" ".join(filter(None, words)), time.monotonic() - begin)
