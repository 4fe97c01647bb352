# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Flatcar is and cannot do, as tables: each row is one fact, with its source.

Sources are named by repository and file: ``baselayout``, ``bootengine``, ``init``, ``locksmith``, ``mantle`` and ``scripts`` are
flatcar's, ``docs`` is the documentation on flatcar.org, ``ignition`` is coreos/ignition. They were read in August 2026, and hold
for LTS 4081 and everything newer unless a row says otherwise.
"""

from __future__ import annotations

from typing import NamedTuple


def _words(names: str) -> tuple[str, ...]:
    return tuple(names.split())


# Places -----------------------------------------------------------------------------------------------------------------------


class Place(NamedTuple):
    """A folder where nothing that Ignition writes survives. ``instead`` is the remedy."""

    path: str
    why: str
    instead: str
    source: str
    in_ram: bool = True


UNWRITABLE = (
    Place(
        "/usr",
        "is the image, and read-only",
        "programs go to /opt/bin, units and drop-ins to /etc/systemd/system, other files to /etc, /opt or /var/lib; what has to be "
        "in /usr is a system extension (flatcar_sysexts)",
        "docs: devguide/sdk-disk-partitions.md",
    ),
    Place("/proc", "is the kernel's", "settings go to /etc/sysctl.d/NAME.conf", "systemd: file-hierarchy(7)"),
    Place(
        "/sys", "is the kernel's", "a file in /etc/tmpfiles.d writes there at each start", "systemd: file-hierarchy(7)"
    ),
    Place("/dev", "is the kernel's", "rules go to /etc/udev/rules.d", "systemd: file-hierarchy(7)"),
    Place(
        "/run",
        "is empty at each start",
        "a file in /etc/tmpfiles.d makes what is wanted there; settings have a place in /etc",
        "systemd: file-hierarchy(7)",
    ),
    Place(
        "/tmp",  # noqa: S108 - nothing is written there, and that is the point
        "is empty at each start",
        "/var/lib or /opt keep what is written",
        "systemd: file-hierarchy(7), tmp.mount",
    ),
    Place(
        "/boot",
        "is the partition that the machine starts from, which is mounted over it",
        "the kernel's arguments are flatcar_kernel_arguments",
        "init: systemd/system/boot.mount (none where /usr/.noupdate is, as in RAM)",
        in_ram=False,
    ),
)

#: Folders of the image that are links, and their targets: Ignition follows them on its way to a file.
FOLDER_LINKS = {
    "/bin": "/usr/bin",  # baselayout: Makefile, `layout`
    "/sbin": "/usr/sbin",  # baselayout: Makefile, `layout`
    "/lib": "/usr/lib",  # baselayout: Makefile, `layout`
    "/lib64": "/usr/lib64",  # baselayout: Makefile, `layout`
    "/var/run": "/run",  # baselayout: tmpfiles.d/baselayout.conf
    "/var/lock": "/run/lock",  # baselayout: tmpfiles.d/baselayout.conf
    "/etc/coreos": "/etc/flatcar",  # baselayout: tmpfiles.d/baselayout-etc.conf
    "/usr/share/oem": "/oem",  # bootengine: 99setup-root/initrd-setup-root; 30ignition/ignition-files.service mounts /oem
}

# Files ------------------------------------------------------------------------------------------------------------------------


class ImageFile(NamedTuple):
    """A file that exists before Ignition writes. It is a symbolic link if it has a ``target``."""

    path: str
    source: str
    instead: str = ""
    target: str = ""


_ETC = (
    "baselayout: tmpfiles.d/baselayout-etc.conf; bootengine lays /usr/share/flatcar/etc below /etc (initrd-setup-root)"
)
_MISC = "scripts: coreos-base/misc-files"
_USERS = "users and groups are `passwd` in Butane, or flatcar_users"

IN_IMAGE = (
    ImageFile(
        "/etc/flatcar/update.conf",
        "init: configs/tmpfiles.d/flatcar-update.conf; docs: updates-releases/releases/update-strategies.md",
        "the variables flatcar_update_strategy and the like make it",
    ),
    ImageFile("/etc/hosts", "baselayout: tmpfiles.d/baselayout-hosts.conf", "`append` adds to it"),
    ImageFile("/etc/passwd", "baselayout: scripts/flatcar-tmpfiles", _USERS),
    ImageFile("/etc/group", "baselayout: scripts/flatcar-tmpfiles", _USERS),
    ImageFile("/etc/shadow", "baselayout: scripts/flatcar-tmpfiles", _USERS),
    ImageFile("/etc/gshadow", "baselayout: scripts/flatcar-tmpfiles", _USERS),
    ImageFile(
        "/etc/resolv.conf",
        "docs: os-config/network/configuring-dns.md; systemd: tmpfiles.d/etc.conf",
        "a file in /etc/systemd/resolved.conf.d, or `dns` in flatcar_interfaces, names name servers",
        "../run/systemd/resolve/stub-resolv.conf",
    ),
    ImageFile(
        "/etc/nsswitch.conf", f"{_ETC}; docs: configuring-dns.md", target="../usr/share/baselayout/nsswitch.conf"
    ),
    ImageFile(
        "/etc/os-release", "systemd: tmpfiles.d/etc.conf; mantle: kola/tests/misc", target="../usr/lib/os-release"
    ),
    ImageFile("/etc/mtab", "systemd: tmpfiles.d/etc.conf", target="../proc/self/mounts"),
    ImageFile("/etc/inputrc", _ETC, target="../usr/share/baselayout/inputrc"),
    ImageFile(
        "/etc/issue", "init: configs/tmpfiles.d/issuegen.conf", "a file in /etc/issue.d adds to it", "../run/issue"
    ),
    ImageFile("/etc/motd", _ETC, "a file in /etc/motd.d adds to it", "../run/flatcar/motd"),
    ImageFile("/etc/networks", _ETC, target="../usr/share/baselayout/networks"),
    ImageFile("/etc/protocols", _ETC, target="../usr/share/baselayout/protocols"),
    ImageFile("/etc/rpc", _ETC, target="../usr/share/baselayout/rpc"),
    ImageFile("/etc/services", _ETC, target="../usr/share/baselayout/services"),
    ImageFile("/etc/lsb-release", _ETC, target="../usr/share/flatcar/lsb-release"),
    ImageFile("/etc/profile", _ETC, "a file /etc/profile.d/NAME.sh adds to it", "../usr/share/baselayout/profile"),
    ImageFile("/etc/shells", _ETC, target="../usr/share/baselayout/shells"),
    ImageFile("/etc/sudo.conf", _ETC, "a file in /etc/sudoers.d adds rules", "../usr/share/baselayout/sudo.conf"),
    ImageFile("/etc/coreos", _ETC, target="./flatcar"),
    ImageFile(
        "/etc/extensions/docker-flatcar.raw",
        "docs: sys-ext/_index.md",
        "a link to /dev/null with `overwrite: true` switches it off",
        "(the image's extension)",
    ),
    ImageFile(
        "/etc/extensions/containerd-flatcar.raw",
        "docs: sys-ext/_index.md",
        "a link to /dev/null with `overwrite: true` switches it off",
        "(the image's extension)",
    ),
    ImageFile("/etc/ssh/sshd_config", _MISC, "a file in /etc/ssh/sshd_config.d comes before it"),
    ImageFile("/etc/ssh/ssh_config", _MISC, "a file in /etc/ssh/ssh_config.d comes before it"),
    ImageFile("/etc/ssh/sshd_config.d/50-flatcar-sshd.conf", _MISC, "a file with a lower number comes before it"),
    ImageFile("/etc/ssh/ssh_config.d/50-flatcar-ssh.conf", _MISC, "a file with a lower number comes before it"),
    ImageFile("/etc/bash/bashrc", _MISC, "a file in /etc/bash/bashrc.d adds to it"),
    ImageFile("/etc/bash/bash_logout", _MISC),
    ImageFile("/etc/skel/.bashrc", _MISC),
    ImageFile("/etc/skel/.bash_profile", _MISC),
    ImageFile("/etc/skel/.bash_logout", _MISC),
    ImageFile("/etc/selinux/config", _MISC),
    ImageFile("/etc/ssl/openssl.cnf", "docs: security/hardening/fips.md"),
    ImageFile(
        "/etc/audit/rules.d/99-default.rules", "docs: security/hardening/audit.md", "a file of another name adds rules"
    ),
    ImageFile(
        "/etc/ntp.conf", "docs: os-config/host-config/configuring-date-and-timezone.md", "flatcar_ntp names servers"
    ),
    ImageFile("/etc/kexec.conf", "mantle: kola/tests/misc (cl.overlay.cleanup)"),
    ImageFile("/etc/sssd/sssd.conf", "mantle: kola/tests/misc (cl.overlay.cleanup)"),
)

# Units ------------------------------------------------------------------------------------------------------------------------


class ImageUnits(NamedTuple):
    """Units of the image, by name. No mounts: whoever mounts something at a place does so on purpose."""

    source: str
    names: tuple[str, ...]


UNITS = (
    ImageUnits(
        "scripts: app-containers (in the image's extensions)", ("containerd.service", "docker.service", "docker.socket")
    ),
    ImageUnits("scripts: net-misc/openssh", ("sshd.service", "sshd.socket", "sshd@.service")),
    ImageUnits(
        "flatcar/update_engine", ("update-engine.service", "update-engine-stub.service", "update-engine-stub.timer")
    ),
    ImageUnits("locksmith: systemd/locksmithd.service", ("locksmithd.service",)),
    ImageUnits(
        "init: systemd/system",
        _words(
            """
            addon-config@.service addon-run@.service motdgen.path enable-oem-cloudinit.service ensure-sysext.service
            extend-filesystems.service flatcar-setup-environment.service ignition-delete-config.service
            issuegen.service motdgen.service oem-cloudinit.service remount-root.service ssh-key-proc-cmdline.service
            sshd-keygen.service sshkeys.service update-ssh-keys-after-ignition.service
            """
        ),
    ),
    ImageUnits("baselayout: scripts/flatcar-tmpfiles.service", ("flatcar-tmpfiles.service",)),
    ImageUnits("docs: os-config/host-config/configuring-date-and-timezone.md", ("ntpd.service",)),
    ImageUnits("docs: security/hardening/audit.md", ("audit-rules.service",)),
    ImageUnits("scripts: sys-apps/dbus", ("dbus.service", "dbus.socket")),
    ImageUnits(
        "systemd: units/",
        _words(
            """
            systemd-binfmt.service systemd-coredump.socket systemd-fsck-root.service systemd-fsck@.service
            systemd-hostnamed.service systemd-journald.service systemd-journald.socket systemd-journal-flush.service
            systemd-localed.service systemd-logind.service systemd-machined.service systemd-modules-load.service
            systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service
            systemd-networkd-wait-online@.service systemd-random-seed.service systemd-remount-fs.service
            systemd-resolved.service systemd-sysctl.service systemd-sysext.service systemd-sysusers.service
            systemd-sysupdate.service systemd-sysupdate.timer systemd-timedated.service systemd-timesyncd.service
            systemd-tmpfiles-clean.service systemd-tmpfiles-clean.timer systemd-tmpfiles-setup.service
            systemd-tmpfiles-setup-dev.service systemd-udev-settle.service systemd-udev-trigger.service
            systemd-udevd.service systemd-update-done.service systemd-update-utmp.service
            systemd-user-sessions.service user@.service user-runtime-dir@.service getty@.service
            serial-getty@.service console-getty.service emergency.service rescue.service basic.target default.target
            getty.target graphical.target local-fs.target multi-user.target network.target network-online.target
            network-pre.target nss-lookup.target paths.target remote-fs.target shutdown.target slices.target
            sockets.target swap.target sysinit.target time-sync.target timers.target
            """
        ),
    ),
)


class Essential(NamedTuple):
    """A unit without which the machine is not what anybody wants. ``unless`` is what may stand in for it."""

    why: str
    source: str
    unless: str = ""


ESSENTIAL = {
    **dict.fromkeys(
        _words("basic.target local-fs.target multi-user.target sysinit.target sockets.target"),
        Essential("nothing starts without it", "systemd: bootup(7)"),
    ),
    **dict.fromkeys(
        _words(
            "systemd-journald.service systemd-udevd.service systemd-tmpfiles-setup.service systemd-sysusers.service"
        ),
        Essential("the system does not come up without it", "systemd: units/"),
    ),
    **dict.fromkeys(
        ("dbus.service", "dbus.socket"), Essential("systemctl and logins do not work without it", "systemd: systemd(1)")
    ),
    "systemd-networkd.service": Essential(
        "the machine has no network without it", "init: systemd/network/zz-default.network is for networkd"
    ),
    **dict.fromkeys(
        ("sshd.socket", "sshd@.service"),
        Essential(
            "nobody can log in by SSH without it", "docs: security/cert-auth/customizing-sshd.md", unless="sshd.service"
        ),
    ),
}

# Partitions -------------------------------------------------------------------------------------------------------------------

#: Flatcar's own partition names, which are also those of their file systems: it finds them by name, on any disk.
#: Source: scripts: build_library/disk_layout.json, build_library/grub.cfg.
LABELS = ("EFI-SYSTEM", "BIOS-BOOT", "USR-A", "USR-B", "OEM", "OEM-CONFIG", "ROOT")

#: The one that a system may have elsewhere, and the number of its partition.
#: Source: docs: os-config/storage/raid.md, security/encryption/luks.md, deploy/bare-metal/booting-with-pxe.md.
ROOT = "ROOT"
ROOT_NUMBER = 9

#: What cannot be a root file system. Source: Linux: a root file system has owners and file modes.
NO_ROOT = ("swap", "vfat")

# Lengths ----------------------------------------------------------------------------------------------------------------------

#: Maximum length of a machine's own name, with its domain. Source: Linux, include/uapi/linux/utsname.h (__NEW_UTS_LEN).
LONGEST_NAME = 64

#: Maximum length of the kernel command line: COMMAND_LINE_SIZE without the final byte; the rest is silently cut off.
#: Source: Linux, arch/x86/include/asm/setup.h and arch/arm64/include/uapi/asm/setup.h.
LONGEST_LINE = 2047

#: What GRUB adds to an installed system's command line; the longer one of the two boards.
#: Source: scripts: build_library/grub.cfg (the hash of /usr is written into the kernel's file).
GRUB_LINE = (
    "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 "
    "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT console=ttyAMA0,115200n8 console=tty0 acpi=force "
    f"flatcar.first_boot=detected verity.usrhash={'0' * 64}"
)

# Reboots ----------------------------------------------------------------------------------------------------------------------

#: Hours of a window in which locksmithd may reboot a machine: it exits if a window is as long as its period, or longer.
#: Source: locksmith: pkg/timeutil/periodic.go (ParsePeriodic).
DAY, WEEK = 24, 168

#: What locksmithd does once an update is there; it reports any other value as unknown, and never reboots.
#: Source: locksmith: locksmithctl/daemon.go.
STRATEGIES = ("reboot", "etcd-lock", "off")

UPDATE_CONF = "/etc/flatcar/update.conf"

# Accounts ---------------------------------------------------------------------------------------------------------------------

#: Groups of the image. Source: baselayout: baselayout/group (January 2024).
GROUPS = frozenset(
    _words(
        """
        root bin daemon sys adm tty disk lp mem kmem wheel floppy news uucp man console audio cdrom tape video input
        lock render kvm cdrw usb users sudo netperf messagebus syslog ntp sshd tcpdump dhcp etcd docker tlsdate
        polkitd systemd-journal-remote systemd-network systemd-resolve systemd-bus-proxy systemd-journal dialout
        portage tss sgx utmp core nogroup nobody
        """
    )
)

#: Shells of the image, in /bin, /sbin, /usr/bin and /usr/sbin. Source: baselayout: baselayout/shells; scripts: sys-apps/coreutils.
SHELLS = ("bash", "sh", "nologin", "false", "true")
SHELL_FOLDERS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin")

__all__ = (
    "DAY",
    "ESSENTIAL",
    "FOLDER_LINKS",
    "GROUPS",
    "GRUB_LINE",
    "IN_IMAGE",
    "LABELS",
    "LONGEST_LINE",
    "LONGEST_NAME",
    "NO_ROOT",
    "ROOT",
    "ROOT_NUMBER",
    "SHELLS",
    "SHELL_FOLDERS",
    "STRATEGIES",
    "UNITS",
    "UNWRITABLE",
    "UPDATE_CONF",
    "WEEK",
    "Essential",
    "ImageFile",
    "ImageUnits",
    "Place",
)
