# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms of the words that become configuration, scripts or lines on a screen: one table, a row for each kind of word.

What reads a word on its way decides its form: dnsmasq and nginx end a setting at a line's end, at blanks, commas or semicolons;
systemd expands ``%``; shells and GRUB read quotes, ``$`` and backslashes; iPXE splits at blanks, expands ``${`` and ends a command
at the words ``||``, ``&&`` and ``;`` and at one that begins with ``#``. Needs the standard library alone.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

#: What ends lines, moves cursors or turns the order of what is read around, and what is no character: C0, DEL and C1, the
#: separators of lines and paragraphs, marks and embeddings of direction, characters without width, and halves of surrogate pairs.
CONTROL = (
    "\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f"
)
_CONTROL = re.compile(f"[{CONTROL}]")

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_PATH = r"(?:/(?!\.\.?(?:/|$))[A-Za-z0-9_.+@:=~-]+)+"
#: As ``/dev/disk`` has them: what udev does not know, it writes as ``\x20``.
_LINK = r"[\w#+.:=@-](?:[\w#+.:=@-]|\\x[0-9a-f]{2})*"
_CREDENTIALS = r"(?:[A-Za-z0-9._~%!*+,:=-]+@)?"
_PORT = r"(?::[0-9]{1,5})?"
_AUTHORITY = rf"{_CREDENTIALS}(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]){_PORT}"
#: What of a URL is read by none of those that read it on its way.
_IN_URL = r"[A-Za-z0-9._~%!*+,:;=@&?#()/-]"
_FILLED_IN = r"\{(?:channel|board)\}"


class Form(NamedTuple):
    """How a word is written. ``expected`` ends the sentence "expected …" and is the way out; ``example`` is a word of the form."""

    pattern: re.Pattern[str]
    expected: str
    example: str


def _row(expression: str, expected: str, example: str) -> Form:
    return Form(re.compile(expression), expected.replace("{}", example), example)


FORMS: Mapping[str, Form] = {
    # Texts for one line
    "line": _row(
        rf"[^{CONTROL}]+", "a text of one line that is not empty, and without control characters", "Rack 7, left"
    ),
    "host": _row(
        r"[A-Za-z0-9_][A-Za-z0-9_.:+-]{0,252}",
        "a name in the inventory of letters, digits, dots, hyphens, underscores, colons and plus signs, such as {}",
        "a01.rack-a",
    ),
    "rack": _row(
        r"[^\W_](?:[\w .:/()+-]{0,61}[\w.)+-])?",
        "a rack's name of at most 63 letters, digits, blanks and . : / ( ) + - _, such as {}",
        "room 2/r07",
    ),
    "label": _row(
        r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        "a host name: lower-case letters, digits and inner hyphens, at most 63 of them",
        "a01",
    ),
    "user": _row(r"[a-z_][a-z0-9_-]{0,31}", "a user's name, in lower case", "core"),
    "login": _row(
        r"[A-Za-z_][A-Za-z0-9_.-]{0,31}",
        "a user's or group's name of at most 32 letters, digits, dots, hyphens and underscores, such as {}",
        "core",
    ),
    "name": _row(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "a name of letters, digits, dots, hyphens and underscores", "hello"),
    "file name": _row(
        rf"{_NAME}",
        "the name of a file, without a folder, of letters, digits and . + - _, such as {}",
        "snponly.efi",
    ),
    "package": _row(r"[a-z0-9][a-z0-9.+-]*(:[a-z0-9-]+)?", "the name of a Debian package, such as {}", "nginx"),
    "serial number": _row(
        r"[!-~](?:[ -~]*[!-~])?",
        "a serial number as the disk prints it, in ASCII and in quotes, such as {}",
        "S3EXAMPLE1",
    ),
    # Places
    "path": _row(
        rf"{_PATH}/?",
        "a whole path without blanks, quotes, $, %, ; and .., such as {}: it becomes configuration",
        "/srv/kindling/fleet",
    ),
    "mount point": _row(
        r"(?:/(?!\.\.?(?:/|$))[\w.+@:=,~-]+)+", "an absolute path without blanks, such as {}", "/var/lib/data"
    ),
    "device": _row(
        rf"/dev/(?:disk/by-(?:id|partlabel|partuuid|label|uuid)|md|mapper)/{_LINK}",
        "a stable device name: /dev/disk/by-id/…, by-partlabel/…, /dev/md/… or /dev/mapper/…",
        "/dev/disk/by-partlabel/data",
    ),
    "disk": _row(
        rf"/dev/disk/by-id/{_LINK}",
        "a disk by its stable id, such as {}",
        "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4",
    ),
    "disk in RAM": _row(
        rf"/dev/(?:disk/by-(?:id|path|partlabel|partuuid|label|uuid)|md|mapper)/{_LINK}"
        r"|(?:https?|tftp|s3|gs)://[!-~]+|arn:[!-~]+",
        "a disk by its stable id, such as {}",
        "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4",
    ),
    "partition label": _row(
        r"[\w#+.=@-]{1,36}",
        "a label of at most 36 letters, digits and . + - _ = @ #, without blanks, such as {}",
        "data",
    ),
    "file system label": _row(
        r"[\w#+.=@-]{1,16}",
        "a label of at most 16 characters without blanks: letters, digits and . + - _ = @ #",
        "data",
    ),
    "interface": _row(
        r"[A-Za-z0-9_.-]{1,15}", "the name of an interface, such as {} or, for a VLAN, enp2s0.100", "enp2s0"
    ),
    "node's interface": _row(
        r"[a-z][a-z0-9_.-]{0,14}", "a name of at most 15 lower-case letters, digits, dots and hyphens", "lan0"
    ),
    # What is fetched. A script, a kernel's line and a shell read these: of a URL's characters, those that none of them reads
    "URL": _row(
        rf"https?://{_AUTHORITY}(/{_IN_URL}*)?",
        "a URL that begins with http:// or https://, without blanks, quotes, $, braces and backslashes",
        "http://10.0.0.1/boot.efi",
    ),
    "update server": _row(
        rf"https?://{_AUTHORITY}(/[A-Za-z0-9._~%+,:=@/-]*)?",
        "a URL that begins with http:// or https://, of characters that no shell reads, such as {}",
        "http://nebraska.example.com/v1/update/",
    ),
    "mirror": _row(
        rf"https?://{_CREDENTIALS}(?:[A-Za-z0-9._-]|{_FILLED_IN}|\[[0-9A-Fa-f:.]+\])+{_PORT}(?:/(?:{_IN_URL}|{_FILLED_IN})*)?"
        rf"|file:///(?:[A-Za-z0-9/_.+@:=~-]|{_FILLED_IN})+",
        "the URL of a mirror (https://, http:// or file://) without blanks and quotes; {channel} and {board} are filled in",
        "https://{channel}.release.flatcar-linux.net/{board}",
    ),
    "proxy": _row(
        rf"(?:(?:https?|socks[45]h?|socks5?)://)?{_AUTHORITY}/?",
        "the URL of a proxy, such as {}; what of a password is no letter or digit, as in URLs (%40)",
        "http://proxy.example.com:3128",
    ),
    "no proxy": _row(
        r"[A-Za-z0-9.:*/\[\]_-]+(?:[, ]+[A-Za-z0-9.:*/\[\]_-]+)*,?",
        "names and addresses with commas between them, such as {}",
        "localhost,.example.com,10.0.0.0/8",
    ),
    "signing key": _row(
        rf"(?:(?:https?|file)://)?[^{CONTROL}]+|-----BEGIN PGP PUBLIC KEY BLOCK-----[\t\n\r -~]+",
        "a URL, a path on the controller or the armored key itself",
        "https://www.flatcar.org/key.asc",
    ),
    "fingerprint": _row(
        r"(?:0x)?[0-9A-Fa-f ]{40,60}",
        "a fingerprint: 40 hexadecimal digits",
        "F88CFEDEFF29A5B4D9523864E25D9AED0593B34A",
    ),
    "SHA-256": _row(r"[0-9a-fA-F]{64}", "a SHA-256: 64 hexadecimal digits, in quotes", "0" * 64),
    "key": _row(r"[0-9a-f]{64}", "64 hexadecimal digits in lower case: `openssl rand -hex 32` prints a key", "0" * 64),
    "release": _row(r"[0-9]+\.[0-3]\.[0-9]+|current", "current or an exact release such as {}, in quotes", "4593.2.5"),
    "channel": _row(
        r"stable|beta|alpha|lts(-20[0-9][0-9])?", "stable, beta, alpha, lts or a stream such as {}", "lts-2024"
    ),
    "board": _row(r"amd64-usr|arm64-usr", "amd64-usr or arm64-usr", "amd64-usr"),
    "generation": _row(
        r"[0-9a-f]{1,32}(\.[0-9]+)?", "a generation's name or its beginning, as `-e fleet_list=true` prints it", "3f2a"
    ),
    "architecture": _row(r"bios|efi-x64|efi-arm64|efi-ia32", "bios, efi-x64 or efi-arm64", "efi-x64"),
    "tag": _row(r"[a-z][a-z0-9-]{0,62}", "a tag of lower-case letters, digits and hyphens", "program-snponly"),
    "DHCP server": _row(r"|isc|kea|dnsmasq|mikrotik", "isc, kea, dnsmasq or mikrotik", "kea"),
    # Settings of the services
    "lease time": _row(r"[0-9]{1,9}[smhdw]?|infinite", "a time as dnsmasq writes it, such as {} or 45m", "1h"),
    "access log": _row(
        rf"off|{_PATH}|syslog:server=(?:unix:)?[A-Za-z0-9/_.:\[\]-]+(?:,(?:nohostname|(?:facility|tag|severity)=[A-Za-z0-9_]+))*",
        "a place as nginx's access_log takes it, such as /dev/stdout, off or {}",
        "syslog:server=unix:/dev/log,nohostname,tag=kindling_web",
    ),
    "size": _row(r"[0-9]+(\.[0-9]+)? ?[A-Za-z]{0,3}", "a size such as {} or 0", "20M"),
    # The machine's system
    "console": _row(r"[A-Za-z][A-Za-z0-9]*(,[0-9a-z]+)?", "a console such as {}", "ttyS0,115200n8"),
    "kernel argument": _row(
        r"(?!#)(?!;$)(?!.*(?:\|\||&&))[!#%&(-\[\]-_a-~]+",
        "one kernel argument without blanks, quotes, $, backslashes, backquotes, || and &&, and no # or ; of its own, such as "
        "{}: iPXE, GRUB and the kernel would read them",
        "console=ttyS0,115200n8",
    ),
    "removed kernel argument": _row(
        r"(?!#)(?!;$)[!#%(),-Z\]_a-z{}~:&+]+",
        "one kernel argument without blanks, quotes, $, backslashes, backquotes, |, *, [ and ^, such as {}: Flatcar looks for it "
        "by a pattern",
        "quiet",
    ),
    "mount option": _row(r"[\w.:=/+@,-]+", "a mount option without blanks, quotes, % and $, such as {}", "noatime"),
    "time zone": _row(r"[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}", "a time zone such as {}", "Europe/Berlin"),
    "window start": _row(
        r"((Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?([01][0-9]|2[0-3]):[0-5][0-9]",
        "a time such as 04:00 or {}, in quotes",
        "Thu 04:00",
    ),
    "window length": _row(r"([1-9][0-9]*h)?([1-9][0-9]*m)?(?<=.)", "a time span such as 1h or {}", "1h30m"),
    "update group": _row(r"[A-Za-z0-9._-]+", "the name of a group or channel on the update server", "stable"),
    "container image": _row(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]*", "an image such as {}", "ghcr.io/flatcar/hello:1.0"),
    "password hash": _row(
        r"\$[A-Za-z0-9]+\$[!-9;-~]+|[!*]",
        "a hash as `mkpasswd --method=yescrypt` prints it, not the password itself; * locks it",
        "$y$j9T$abc$def",
    ),
    "name in a table": _row(rf"[^{CONTROL}|]*", "a label or name of one line without |, such as {}", "data"),
    "MAC address": _row(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", "a MAC address such as {}", "52:54:00:12:34:56"),
    "unit": _row(
        r"[A-Za-z0-9:_.@\\-]{1,250}\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope|conf|network|netdev|link)",
        "a unit's or drop-in's name as systemd takes it, such as {}",
        "hello.service",
    ),
    "file's path": _row(
        rf"/[^{CONTROL}]*", "an absolute path without control characters, such as {}", "/etc/motd.d/hello"
    ),
    "account text": _row(rf"[^{CONTROL}:]*", "a text of one line without colons, such as {}", "Rack operator"),
}


def read(kind: str, value: Any) -> str:
    """*value* as a word of the form *kind*. Raises ``ValueError`` with what was expected."""
    form = FORMS[kind]
    if not isinstance(value, str) or not form.pattern.fullmatch(value):
        raise ValueError(f"expected {form.expected}")
    return str(value)


# The kernel's line --------------------------------------------------------------------------------------------------------

#: What Kindling itself says on the kernel's line, and by which other names initrds have read the same.
_OWN_WORDS = {
    "initrd": "Kindling sets it",
    "flatcar.first_boot": "Kindling says when Ignition runs",
    "coreos.first_boot": "Kindling says when Ignition runs",
    "flatcar.config.url": "Kindling sets the URL of the config",
    "coreos.config.url": "Kindling sets the URL of the config",
}
_OWN_PREFIXES = ("ignition.", "kindling.")


def kernel_argument(value: Any, removed: bool = False) -> str:
    """One word of the kernel's line, or with *removed* one that an installed system's line loses. Raises ``ValueError``."""
    word = read("removed kernel argument" if removed else "kernel argument", value)
    name = word.partition("=")[0]
    # The kernel takes hyphens for underscores, and some of who reads its line do
    same = name.replace("-", "_").lower()
    why = _OWN_WORDS.get(same) or (
        "Kindling sets what Ignition and it are told" if same.startswith(_OWN_PREFIXES) else None
    )
    if why:
        raise ValueError(f"{name} belongs to Kindling ({why}): leave it out")
    return word


# Keys that may log in -------------------------------------------------------------------------------------------------------

_KEY_TYPE = r"(?:ssh|ecdsa|sk-ssh|sk-ecdsa|rsa|webauthn-sk)-[A-Za-z0-9@.-]+"
_OPTIONS = r'(?:(?:[A-Za-z0-9@.-]+(?:="(?:[^"\\]|\\.)*")?)(?:,[A-Za-z0-9@.-]+(?:="(?:[^"\\]|\\.)*")?)*[ \t]+)?'
_AUTHORIZED_KEY = re.compile(
    rf"{_OPTIONS}(?P<type>{_KEY_TYPE})[ \t]+(?P<key>[A-Za-z0-9+/]{{4,}}={{0,2}})(?:[ \t]+[^{CONTROL}]*)?"
)


def authorized_key(value: Any) -> str:
    """A line of sshd's file of keys, whose key says again of which type it is. Raises ``ValueError``."""
    found = (
        _AUTHORIZED_KEY.fullmatch(value.strip(" \t"))
        if isinstance(value, str) and not _CONTROL.search(value.replace("\t", ""))
        else None
    )
    if not found or not _says(found["key"], found["type"]):
        raise ValueError(
            "expected a public key on one line, such as ssh-ed25519 AAAAC3Nza… ops@example.com: copy the file that ends "
            "in .pub"
        )
    return str(value)


def _says(key: str, kind: str) -> bool:
    """Whether the *key* begins with the length and the name of its *kind* (RFC 4253, section 6.6), as far as it goes."""
    name = len(kind).to_bytes(4, "big") + kind.encode()
    beginning = base64.b64encode(name[: len(name) // 3 * 3]).decode()
    return key[: len(beginning)] == beginning[: len(key)]


# What is shown ---------------------------------------------------------------------------------------------------------------


def has_control(text: str) -> bool:
    return bool(_CONTROL.search(text))


def visible(text: str) -> str:
    r"""*text* for a screen: lines and tabs as they are, each other control character as Python writes it, such as ``\x1b``."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub(lambda found: found[0] if found[0] in "\n\t" else _escaped(found[0]), text)


def _escaped(character: str) -> str:
    return ascii(character)[1:-1]


__all__ = ("CONTROL", "FORMS", "Form", "authorized_key", "has_control", "kernel_argument", "read", "visible")
