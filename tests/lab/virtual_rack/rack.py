"""One virtual rack: its boot host and its network, made, healed, rebooted and removed."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from . import apt, host_image, network, paths, processes
from .system import (
    LabError,
    environment,
    give_to_caller,
    lock,
    make_directory,
    output,
    require_programs,
    require_root,
    run,
    say,
    succeeds,
    wait_until,
    write_file,
)  # fmt: skip

PODMAN_NETWORK = "kindling"
SUBNET = ipaddress.ip_network("10.89.77.0/24")
DEFAULT_ADDRESS = "10.89.77.10"
OWNER_LABEL = "kindling.checkout"
RESERVED_NAMES = ("release",)
"""Names of other things below the lab's state directory."""


def container(rack: str) -> str:
    """The boot host's container."""
    return f"kindling-{rack}"


def nic_holder(rack: str) -> str:
    """The container that owns the boot host's network interfaces.

    A real machine's network cards are there from the first moment of each boot. So the boot host's container does not
    own its network namespace: this one does, which only sleeps, and is not restarted when the boot host is.
    """
    return f"kindling-{rack}.nics"  # no rack has a dot in its name


def check_name(rack: str) -> None:
    """Refuse names that could not be a host name, a namespace and a directory at once."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", rack) or rack in RESERVED_NAMES:
        raise LabError(f"{rack!r} is no name for a rack: use up to 32 of a-z, 0-9 and -, and not {RESERVED_NAMES[0]!r}")


def check_address(address: str) -> None:
    """Refuse a management address that podman could not give."""
    try:
        usable = ipaddress.ip_address(address) in list(SUBNET.hosts())[1:]
    except ValueError:
        usable = False
    if not usable:
        raise LabError(f"--address {address}: the management network is {SUBNET}, its first address is taken")


def rack_lock(rack: str) -> contextlib.AbstractContextManager[None]:
    """Only one command changes a rack at a time."""
    return lock(Path(f"/run/lock/kindling-{rack}.lock"), f"rack {rack}")


def card_address(address: str) -> str:
    """The MAC address that goes with a management address.

    A boot host that is made anew keeps it, so that nobody has to forget the old one first: that can take half a minute.
    """
    return "52:54:{:02x}:{:02x}:{:02x}:{:02x}".format(*ipaddress.IPv4Address(address).packed)


def management_lock() -> contextlib.AbstractContextManager[None]:
    """Nobody removes the management network while somebody joins it."""
    return lock(Path("/run/lock/kindling-management.lock"), "the management network")


def container_state(name: str) -> str:
    """Podman's word for the state of a container, or an empty string when there is none."""
    done = run("podman", "container", "inspect", "--format", "{{.State.Status}}", name, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def keys_lock() -> contextlib.AbstractContextManager[None]:
    """Racks that are made at once share their keys, and the list of the hosts that have them."""
    return lock(paths.STATE / "keys.lock", "the keys of the virtual racks")


def ensure_keys() -> None:
    """The operator's key and the boot hosts' host key: made once per checkout."""
    for key, comment in ((paths.OPERATOR_KEY, "operator of the virtual rack"), (paths.HOST_KEY, "boot hosts")):
        if not key.exists():
            make_directory(key.parent)
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"kindling lab: {comment}", "-f", key)
            give_to_caller(key, key.with_suffix(".pub"))


def know_host(address: str) -> None:
    """Note the boot host's key, so that SSH can check it as it would check a real host's."""
    key = " ".join(paths.HOST_KEY.with_suffix(".pub").read_text(encoding="utf-8").split()[:2])
    known = paths.KNOWN_HOSTS.read_text(encoding="utf-8").splitlines() if paths.KNOWN_HOSTS.exists() else []
    others = [line for line in known if not line.startswith(f"{address} ")]
    write_file(paths.KNOWN_HOSTS, "\n".join([*others, f"{address} {key}"]) + "\n")


def ensure_podman_network() -> None:
    """The management network, shared by all racks of this machine."""
    if not succeeds("podman", "network", "exists", PODMAN_NETWORK):
        # No DNS of podman's own: boot hosts use the servers that this machine uses.
        done = run("podman", "network", "create", "--disable-dns", "--subnet", str(SUBNET), PODMAN_NETWORK, check=False)
        if done.returncode != 0 and not succeeds("podman", "network", "exists", PODMAN_NETWORK):
            raise LabError(
                f"podman cannot make the network {SUBNET}: {done.stderr.strip()}. Is it in use on this machine?"
            )


def refuse_foreign(rack: str) -> None:
    """Leave a rack of the same name alone when another checkout made it."""
    for name in (container(rack), nic_holder(rack)):
        owner = run("podman", "container", "inspect", "--format", f'{{{{index .Config.Labels "{OWNER_LABEL}"}}}}', name,
                    check=False)  # fmt: skip
        if owner.returncode == 0 and owner.stdout.strip() != str(paths.CHECKOUT):
            raise LabError(
                f"the container {name} belongs to {owner.stdout.strip() or 'somebody else'}: "
                f"take that rack down first, or choose another name"
            )


def up(rack: str, suite: str, address: str, boot_host: bool = True, packages: Sequence[str] = ()) -> None:
    """Make a rack, or heal the one that is there; returns when its boot host answers by SSH.

    A boot host that is made has these *packages* already, and what they need; without any, it is a bare Debian.
    Without a boot host, something else is to become one: what ``exec --as-boot-host`` starts has the boot host's interfaces.
    """
    require_root()
    require_programs("podman", "runc", "iptables", "mmdebstrap", "ip", "ss", "dnsmasq", "ssh", "ssh-keygen", "nsenter")
    check_name(rack)
    check_address(address)
    with rack_lock(rack):
        refuse_foreign(rack)
        with keys_lock():
            ensure_keys()
        harvest_packages(rack)
        image = host_image.ensure_furnished(suite, list(packages)) if packages else host_image.ensure(suite)
        if container_state(container(rack)) and settings(rack) != (suite, address):
            say(f"rack {rack}: its boot host was made with other settings, making it anew")
            remove(rack)
        if container_state(container(rack)) == "running" and container_state(nic_holder(rack)) != "running":
            # It lost its interfaces; it finds the new ones when it starts again.
            run("podman", "stop", "--time", "10", container(rack))
        with management_lock():
            ensure_podman_network()
            start_network(rack, image, address)
        if not boot_host:
            say(f"rack {rack}: its network is up; there is no boot host")
            return
        start_boot_host(rack, image, suite, address)
        with keys_lock():
            know_host(address)
        wait_for_boot_host(rack, address)
        ensure_package_lists(rack)
    say(f"rack {rack}: boot host boot-{rack} (Debian {suite}) answers at operator@{address}")


def settings(rack: str) -> tuple[str, str]:
    """The Debian release and the management address that a boot host was made with."""
    labels = output(
        "podman", "container", "inspect", "--format",
        '{{index .Config.Labels "kindling.suite"}} {{index .Config.Labels "kindling.address"}}', container(rack),
    )  # fmt: skip
    suite, _, address = labels.partition(" ")
    return suite, address


def labels(**more: str) -> list[str]:
    """Options that mark a container as ours."""
    return [
        f"--label={OWNER_LABEL}={paths.CHECKOUT}",
        *(f"--label=kindling.{key}={value}" for key, value in more.items()),
    ]


def start_network(rack: str, image: str, address: str) -> None:
    """The switch, the boot host's interfaces, the router and the release server."""
    holder = nic_holder(rack)
    state = container_state(holder)
    if not state:
        done = run(
            "podman", "run", "--detach", "--name", holder, "--hostname", f"boot-{rack}", *labels(rack=rack),
            "--network", PODMAN_NETWORK, "--ip", address, "--mac-address", card_address(address), "--stop-signal", "SIGKILL",
            image, "sleep", "infinity", check=False,
        )  # fmt: skip
        if done.returncode != 0:
            run("podman", "rm", "--force", holder, check=False)
            raise LabError(f"podman cannot give the boot host the address {address}: {done.stderr.strip()}")
    elif state != "running":
        run("podman", "start", holder)
    network.make_switch(rack)
    network.plug_in_boot_host(rack, holder_namespace(rack))
    network.start_router(rack)
    network.start_release_server(rack)
    network.wait_for_services(rack)


def holder_namespace(rack: str) -> str:
    """The name, for ``ip -n``, of the namespace with the boot host's interfaces."""
    path = output("podman", "container", "inspect", "--format", "{{.NetworkSettings.SandboxKey}}", nic_holder(rack))
    return Path(path).name


def start_boot_host(rack: str, image: str, suite: str, address: str) -> None:
    """The boot host's container: made with the operator's key and its host key, started."""
    name = container(rack)
    if container_state(name) in ("configured", "created"):
        # Never started: whoever made it was interrupted and may not have put the keys in.
        run("podman", "rm", "--force", name)
    if not container_state(name):
        archives = apt.archives(suite, rack)
        apt.link_new(apt.pool(suite), archives)
        run(
            "podman", "create", "--name", name, "--hostname", f"boot-{rack}",
            *labels(rack=rack, suite=suite, address=address),
            "--network", f"container:{nic_holder(rack)}", "--systemd=always",
            # DHCP answers clients that have no address yet: that needs more than an ordinary container may do.
            "--cap-add=NET_ADMIN,NET_RAW", "--volume", f"{archives}:/var/cache/apt/archives", image, "/sbin/init",
        )  # fmt: skip
        run("podman", "cp", paths.HOST_KEY, f"{name}:/etc/ssh/ssh_host_ed25519_key")
        run("podman", "cp", paths.HOST_KEY.with_suffix(".pub"), f"{name}:/etc/ssh/ssh_host_ed25519_key.pub")
        run("podman", "cp", paths.OPERATOR_KEY.with_suffix(".pub"), f"{name}:/home/operator/.ssh/authorized_keys")
    if container_state(name) != "running":
        run("podman", "start", name)


def wait_for_boot_host(rack: str, address: str) -> None:
    """Wait until systemd has finished starting and SSH lets the operator in."""
    name = container(rack)

    def systemd_is_up() -> bool:
        if container_state(name) != "running":
            raise LabError(
                f"the container {name} ended: {run('podman', 'logs', '--tail', '5', name, check=False).stdout}"
            )
        state = run("podman", "exec", name, "systemctl", "is-system-running", "--wait", check=False).stdout.strip()
        return state in ("running", "degraded")

    wait_until(systemd_is_up, f"systemd in {name} to finish starting", 60)
    refusal = ""

    def operator_gets_in() -> bool:
        nonlocal refusal
        done = run(*ssh_command(address), "true", check=False)
        refusal = done.stderr.strip()
        return done.returncode == 0

    try:
        wait_until(operator_gets_in, f"SSH to operator@{address}", 60)
    except LabError as problem:
        raise LabError(f"{problem}\n{refusal}\nA boot host in this state: lab.py down {rack}, then up again") from None


def ensure_package_lists(rack: str) -> None:
    """A Debian that somebody installed knows which packages there are; one made from an image does not yet."""
    lists = "ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1 || apt-get update --quiet=2"
    run("podman", "exec", container(rack), "sh", "-c", lists)


def ssh_command(address: str) -> list[str]:
    """The command line that logs in to a boot host as its operator."""
    options = ("IdentitiesOnly=yes", "BatchMode=yes", f"UserKnownHostsFile={paths.KNOWN_HOSTS}", "ConnectTimeout=3",
               "LogLevel=ERROR")  # fmt: skip
    return ["ssh", "-i", str(paths.OPERATOR_KEY), *(f"-o{option}" for option in options), f"operator@{address}"]


def require_up(rack: str) -> str:
    """The management address of a rack that is up."""
    check_name(rack)
    if container_state(container(rack)) != "running" or not network.exists(rack):
        raise LabError(f"rack {rack} is not up: python3 {paths.LAB / 'lab.py'} up {rack}")
    refuse_foreign(rack)
    return settings(rack)[1]


def require_network(rack: str) -> None:
    """Stop when a rack's network is not up; it may have a boot host or not."""
    check_name(rack)
    if container_state(nic_holder(rack)) != "running" or not network.exists(rack):
        raise LabError(f"rack {rack} is not up: python3 {paths.LAB / 'lab.py'} up {rack}")
    refuse_foreign(rack)


def ssh(rack: str, command: list[str]) -> int:
    """Log in to a rack's boot host, or run one command there."""
    require_root()
    argv = ssh_command(require_up(rack))
    sys.stdout.flush()
    os.execvpe(argv[0], [*argv, *command], environment())  # noqa: S606  # no shell: the point is to become ssh
    return 0  # not reached


def execute(rack: str, command: list[str], as_boot_host: bool = False) -> int:
    """Run a command on a rack's network, where its machines are, or with the boot host's interfaces."""
    require_root()
    require_network(rack)
    command = command[command[:1] == ["--"] :]
    # Not by `ip netns`: what podman mounts has to be seen by the next podman
    inside = ["nsenter", f"--net=/run/netns/{holder_namespace(rack)}", "--", *command]
    argv = inside if as_boot_host else network.inside(rack, *command)
    sys.stdout.flush()
    os.execvpe(argv[0], argv, environment())  # noqa: S606  # no shell: the point is to become the command
    return 0  # not reached


def reboot(rack: str) -> None:
    """Reboot the boot host; returns when it answers again."""
    require_root()
    with rack_lock(rack):
        address = require_up(rack)
        run("podman", "restart", "--time", "30", container(rack))
        wait_for_boot_host(rack, address)
    say(f"rack {rack}: boot host rebooted, it answers at operator@{address}")


def harvest_packages(rack: str) -> None:
    """Keep what the rack's apt downloaded for the racks after it."""
    for suite in host_image.SUITES:
        archives = apt.archives(suite, rack)
        if archives.exists():
            apt.link_new(archives, apt.pool(suite))


def down(rack: str) -> None:
    """Remove a rack with all that it started; nothing is an error that is gone already."""
    require_root()
    check_name(rack)
    with rack_lock(rack):
        refuse_foreign(rack)
        remove(rack)
        with management_lock():
            # Podman refuses while another rack is on it.
            run("podman", "network", "rm", PODMAN_NETWORK, check=False)
    say(f"rack {rack}: gone")


def remove(rack: str) -> None:
    """Remove processes, containers, namespace and state of a rack."""
    processes.stop_all(paths.rack_state(rack))
    # By label: also what an older version of the lab left under another name. The holder last, others hang on it.
    for name in sorted(containers(rack=rack), key=lambda name: name == nic_holder(rack)):
        run("podman", "rm", "--force", "--time", "0", name)  # nothing of it is kept: its plug is pulled
    harvest_packages(rack)
    for suite in host_image.SUITES:
        shutil.rmtree(apt.archives(suite, rack), ignore_errors=True)
    network.remove(rack)


def containers(show: str = "{{.Names}}", **label: str) -> list[str]:
    """This checkout's containers, running or not, by label."""
    wanted = [f"{OWNER_LABEL}={paths.CHECKOUT}", *(f"kindling.{key}={value}" for key, value in label.items())]
    return output("podman", "ps", "--all", "--format", show, *(f"--filter=label={one}" for one in wanted)).split()


def down_all() -> None:
    """Remove every rack of this checkout."""
    require_root()
    listed = containers(show='{{index .Labels "kindling.rack"}}')
    kept = [path.name for path in paths.STATE.glob("*") if path.is_dir() and path.name not in RESERVED_NAMES]
    for rack in sorted({*listed, *kept}):
        down(rack)


def clean() -> None:
    """Remove all that the lab ever made on this machine, what is costly to make anew too."""
    down_all()
    host_image.remove_all()
    for directory in (paths.STATE, paths.CACHE):
        shutil.rmtree(directory, ignore_errors=True)
    say(f"removed {paths.STATE}, {paths.CACHE} and the boot hosts' base systems")
