# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms of the words that become configuration, scripts or lines on a screen: one table, a row for each kind of word.

The form of a word depends on everything that reads it on its way: dnsmasq and nginx end a setting at the end of a line, at
blanks, commas or semicolons; systemd expands ``%``; shells and GRUB interpret quotes, ``$`` and backslashes; iPXE splits at
blanks, expands ``${`` and ends a command at the words ``||``, ``&&`` and ``;`` and at one that begins with ``#``. Needs only the
standard library.
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

#: What ends lines, moves cursors or reverses the reading order, and what is not a character: C0, DEL and C1, the separators of
#: lines and paragraphs, direction marks and embeddings, zero-width characters, and lone surrogates.
CONTROL = (
    "\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f"
)
_CONTROL = re.compile(f"[{CONTROL}]")

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_PATH = r"(?:/(?!\.\.?(?:/|$))[A-Za-z0-9_.+@:=~-]+)+"
#: As ``/dev/disk`` has them: udev writes characters that it does not allow as ``\x20``.
_LINK = r"[\w#+.:=@-](?:[\w#+.:=@-]|\\x[0-9a-f]{2})*"
_CREDENTIALS = r"(?:[A-Za-z0-9._~%!*+,:=-]+@)?"
_PORT = r"(?::[0-9]{1,5})?"
_AUTHORITY = rf"{_CREDENTIALS}(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]){_PORT}"
#: The characters of a URL that nothing on its way interprets.
_IN_URL = r"[A-Za-z0-9._~%!*+,:;=@&?#()/-]"
_FILLED_IN = r"\{(?:channel|board)\}"
#: As in the OCI distribution's references: a first part without a dot and a port is not a registry, but a part of the name.
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])"
_REGISTRY = rf"(?:localhost|(?=[A-Za-z0-9.-]*\.|[A-Za-z0-9-]+:|\[){_HOST}){_PORT}"
_IMAGE_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_SALT = r"[#%-)+-9<-\[\]-~]"
_SUM = r"[./0-9A-Za-z]"
#: What Flatcar's libxcrypt accepts, in the terms of crypt(5); each with its whole length.
_HASHES = {
    "yescrypt": rf"\$g?y\${_SUM}+\${_SUM}{{1,86}}\${_SUM}{{43}}",
    "scrypt": rf"\$7\${_SUM}{{11,97}}\${_SUM}{{43}}",
    "bcrypt": rf"\$2[abxy]\$[0-3][0-9]\${_SUM}{{53}}",
    "sha512crypt": rf"\$6\$(?:rounds=[1-9][0-9]{{3,8}}\$)?{_SALT}{{1,16}}\${_SUM}{{86}}",
    "sha256crypt": rf"\$5\$(?:rounds=[1-9][0-9]{{3,8}}\$)?{_SALT}{{1,16}}\${_SUM}{{43}}",
    "sha1crypt": rf"\$sha1\$[1-9][0-9]{{0,9}}\${_SUM}{{1,64}}\${_SUM}{{28}}",
    "md5crypt": rf"\$1\${_SALT}{{0,8}}\${_SUM}{{22}}",
}


class Form(NamedTuple):
    """How a word is written. ``expected`` completes the sentence "expected …" and is the remedy; ``example`` is a valid word."""

    pattern: re.Pattern[str]
    expected: str
    example: str


def _row(expression: str, expected: str, example: str) -> Form:
    return Form(re.compile(expression), expected.replace("{}", example), example)


FORMS: Mapping[str, Form] = {
    # Strings for one line
    "line": _row(rf"[^{CONTROL}]+", "a non-empty string of one line without control characters", "Rack 7, left"),
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
        rf"{_NAME}", "the name of a file, without a folder, of letters, digits and . + - _, such as {}", "snponly.efi"
    ),
    "package": _row(r"[a-z0-9][a-z0-9.+-]*(:[a-z0-9-]+)?", "the name of a Debian package, such as {}", "nginx"),
    "serial number": _row(
        r"[!-~](?:[ -~]*[!-~])?",
        "a serial number as the disk reports it, in ASCII and in quotes, such as {}",
        "S3EXAMPLE1",
    ),
    # Places
    "path": _row(
        rf"{_PATH}/?",
        "an absolute path without blanks, quotes, $, %, ; and .., such as {}: it becomes configuration",
        "/srv/kindling/fleet",
    ),
    "mount point": _row(
        r"(?:/(?!\.\.?(?:/|$))[\w.+@:=,~-]+)+", "an absolute path without blanks, such as {}", "/var/lib/data"
    ),
    "device": _row(
        rf"/dev/(?:disk/by-(?:id|path|partlabel|partuuid|label|uuid)|md|mapper)/{_LINK}",
        "a stable device name: /dev/disk/by-id/…, by-path/…, by-partlabel/…, /dev/md/… or /dev/mapper/…",
        "/dev/disk/by-partlabel/data",
    ),
    "disk": _row(
        rf"/dev/disk/by-(?:id|path)/{_LINK}",
        "a disk by its stable id or its slot, such as {} or /dev/disk/by-path/pci-0000:00:17.0-ata-1",
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
    # What is fetched. A script, a kernel command line and a shell read these: allowed are the characters that none of them
    # interprets
    "URL": _row(
        rf"https?://{_AUTHORITY}(/{_IN_URL}*)?",
        "a URL that begins with http:// or https://, without blanks, quotes, $, braces and backslashes",
        "http://10.0.0.1/boot.efi",
    ),
    "update server": _row(
        rf"https?://{_AUTHORITY}(/[A-Za-z0-9._~%+,:=@/-]*)?",
        "a URL that begins with http:// or https://, of characters that no shell interprets, such as {}",
        "http://nebraska.example.com/v1/update/",
    ),
    "mirror": _row(
        rf"https?://{_CREDENTIALS}(?:[A-Za-z0-9._-]|{_FILLED_IN}|\[[0-9A-Fa-f:.]+\])+{_PORT}(?:/(?:{_IN_URL}|{_FILLED_IN})*)?"
        rf"|file:///(?:[A-Za-z0-9/_.+@:=~-]|{_FILLED_IN})+",
        "the URL of a mirror (https://, http:// or file://) without blanks and quotes; {channel} and {board} are replaced",
        "https://{channel}.release.flatcar-linux.net/{board}",
    ),
    "proxy": _row(
        rf"(?:(?:https?|socks[45]h?|socks5?)://)?{_AUTHORITY}/?",
        "the URL of a proxy, such as {}; percent-encode characters of a password that are not letters or digits (%40)",
        "http://proxy.example.com:3128",
    ),
    "no proxy": _row(
        r"[A-Za-z0-9.:*/\[\]_-]+(?:[, ]+[A-Za-z0-9.:*/\[\]_-]+)*,?",
        "names and addresses separated by commas, such as {}",
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
        r"[0-9a-f]{1,32}(\.[0-9]+)?",
        "a generation's name or its beginning, as `-e rollback_list=true` prints it",
        "3f2a",
    ),
    "architecture": _row(r"bios|efi-x64|efi-arm64|efi-ia32", "bios, efi-x64 or efi-arm64", "efi-x64"),
    "tag": _row(r"[a-z][a-z0-9-]{0,62}", "a tag of lower-case letters, digits and hyphens", "program-snponly"),
    "DHCP server": _row(
        r"|isc|kea|dnsmasq|mikrotik|windows|opnsense|pfsense|unifi",
        "isc, kea, dnsmasq, mikrotik, windows, opnsense, pfsense or unifi",
        "kea",
    ),
    # Settings of the services
    "lease time": _row(r"[0-9]{1,9}[smhdw]?|infinite", "a time as dnsmasq writes it, such as {} or 45m", "1h"),
    "access log": _row(
        rf"off|{_PATH}|syslog:server=(?:unix:)?[A-Za-z0-9/_.:\[\]-]+(?:,(?:nohostname|(?:facility|tag|severity)=[A-Za-z0-9_]+))*",
        "a target as in nginx's access_log, such as /dev/stdout, off or {}",
        "syslog:server=unix:/dev/log,nohostname,tag=kindling_web",
    ),
    "size": _row(r"[0-9]+(\.[0-9]+)? ?[A-Za-z]{0,3}", "a size such as {} or 0", "20M"),
    # The machine's system
    "console": _row(r"[A-Za-z][A-Za-z0-9]*(,[0-9a-z]+)?", "a console such as {}", "ttyS0,115200n8"),
    "kernel argument": _row(
        r"(?!#)(?!;$)(?!.*(?:\|\||&&))[!#%&(-\[\]-_a-~]+",
        "one kernel argument without blanks, quotes, $, backslashes, backquotes, || and &&, and no # or ; of its own, such as "
        "{}: iPXE, GRUB and the kernel would interpret them",
        "console=ttyS0,115200n8",
    ),
    "removed kernel argument": _row(
        r"(?!#)(?!;$)[!#%(),-Z\]_a-z{}~:&+]+",
        "one kernel argument without blanks, quotes, $, backslashes, backquotes, |, *, [ and ^, such as {}: Flatcar matches it "
        "as a pattern",
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
    "container image": _row(
        rf"(?:{_REGISTRY}/)?{_IMAGE_PART}(?:/{_IMAGE_PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?",
        "an image such as {}: its registry, its name in lower case, and a tag or a digest, without https:// and blanks",
        "ghcr.io/flatcar/hello:1.0",
    ),
    "environment name": _row(
        r"[A-Za-z_][A-Za-z0-9_.-]*", "the name of an environment variable, such as {}", "DATABASE_URL"
    ),
    "volume": _row(
        r"(?:(?:/(?!\.\.?(?:[/:]|$))[\w.+@=,~-]+)+|[A-Za-z0-9][A-Za-z0-9_.-]*):(?:/(?!\.\.?(?:[/:]|$))[\w.+@=,~-]+)+"
        r"(?::[A-Za-z]+(?:,[A-Za-z]+)*)?",
        "a volume in docker's form, in quotes: a directory of the machine or a volume's name, its path in the container, and "
        "options, such as {}",
        "/var/lib/data:/data:ro",
    ),
    "published port": _row(
        r"(?:(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:.]+\]):)?[0-9]{1,5}(?:-[0-9]{1,5})?:[0-9]{1,5}(?:-[0-9]{1,5})?"
        r"(?:/(?:tcp|udp|sctp))?",
        "a port of the machine and one of the container as docker publishes them, in quotes, such as {} or 127.0.0.1:53:53/udp",
        "8080:80",
    ),
    "password hash": _row(
        rf"!?(?:{'|'.join(_HASHES.values())})|[!*]{{1,2}}",
        "a whole hash as `mkpasswd --method=yescrypt` prints it ($y$, $6$, $5$ or $2b$ and what follows), not the password itself; "
        "* locks it",
        f"$y$j9T${'S' * 22}${'h' * 43}",
    ),
    "name in a table": _row(rf"[^{CONTROL}|]*", "a label or name of one line without |, such as {}", "data"),
    "MAC address": _row(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", "a MAC address such as {}", "52:54:00:12:34:56"),
    "unit": _row(
        r"[A-Za-z0-9:_.@\\-]{1,250}\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope|conf|network|netdev|link)",
        "a unit's or drop-in's name as systemd accepts it, such as {}",
        "hello.service",
    ),
    "file's path": _row(
        rf"/[^{CONTROL}]*", "an absolute path without control characters, such as {}", "/etc/motd.d/hello"
    ),
    "account text": _row(rf"[^{CONTROL}:]*", "a string of one line without colons, such as {}", "Rack operator"),
}


def read(kind: str, value: Any) -> str:
    """*value* as a word of the form *kind*. Raises ``ValueError`` with what was expected."""
    form = FORMS[kind]
    if not isinstance(value, str) or not form.pattern.fullmatch(value):
        raise ValueError(f"expected {form.expected}")
    return str(value)


# The kernel command line --------------------------------------------------------------------------------------------------

#: What Kindling itself sets on the kernel command line, and other names by which initrds have read the same.
_OWN_WORDS = {
    "initrd": "Kindling sets it",
    "flatcar.first_boot": "Kindling says when Ignition runs",
    "coreos.first_boot": "Kindling says when Ignition runs",
    "flatcar.config.url": "Kindling sets the URL of the config",
    "coreos.config.url": "Kindling sets the URL of the config",
}
_OWN_PREFIXES = ("ignition.", "kindling.")


def kernel_argument(value: Any, removed: bool = False) -> str:
    """A kernel argument, or with *removed* one that an installed system's command line loses. Raises ``ValueError``."""
    word = read("removed kernel argument" if removed else "kernel argument", value)
    name = word.partition("=")[0]
    # The kernel treats hyphens as underscores, and so do some programs that read its command line
    same = name.replace("-", "_").lower()
    why = _OWN_WORDS.get(same) or (
        "Kindling sets the arguments for Ignition and for itself" if same.startswith(_OWN_PREFIXES) else None
    )
    if why:
        raise ValueError(f"{name} belongs to Kindling ({why}): leave it out")
    return word


# Keys that may log in -------------------------------------------------------------------------------------------------------


class KeyType(NamedTuple):
    """The parts of a key after its type: how many bytes each has, or None for any number of them."""

    parts: tuple[int | None, ...]


#: What sshd accepts (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"); how each is made: RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709, 4;
#: OpenSSH's PROTOCOL.u2f.
KEY_TYPES: Mapping[str, KeyType] = {
    "ssh-ed25519": KeyType((32,)),
    "ssh-rsa": KeyType((None, None)),
    "ecdsa-sha2-nistp256": KeyType((8, 65)),
    "ecdsa-sha2-nistp384": KeyType((8, 97)),
    "ecdsa-sha2-nistp521": KeyType((8, 133)),
    "sk-ssh-ed25519@openssh.com": KeyType((32, None)),
    "sk-ecdsa-sha2-nistp256@openssh.com": KeyType((8, 65, None)),
}

#: The example inventory's placeholder for a key; nobody has its private half.
EXAMPLES_KEY = "IKindlingExampleKeyReplaceItWithYourOwn"

#: Bytes of the modulus: sshd accepts no shorter RSA keys (sshd_config(5), RequiredRSASize).
_SHORTEST_RSA = 1024 // 8

_OPTIONS = r'(?:(?:[A-Za-z0-9@.-]+(?:="(?:[^"\\]|\\.)*")?)(?:,[A-Za-z0-9@.-]+(?:="(?:[^"\\]|\\.)*")?)*[ \t]+)?'
_AUTHORIZED_KEY = re.compile(
    rf"{_OPTIONS}(?P<type>[a-z0-9-]+(?:-[A-Za-z0-9@.-]+)+)[ \t]+(?P<key>AAAA[A-Za-z0-9+/]*={{0,2}})(?:[ \t]+[^{CONTROL}]*)?"
)
_A_KEY = (
    "expected a public key on one line, such as ssh-ed25519 AAAAC3Nza… ops@example.com: copy the line of the file that ends "
    "in .pub"
)

#: What people give instead of a key, and the advice for each.
_NO_KEYS = (
    (
        re.compile(r".*(?:BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key-File|BEGIN SSH2 ENCRYPTED).*", re.DOTALL),
        "expected a public key: this is a private one, which belongs to its owner alone. Take it out of the inventory and of its "
        "history, make a new pair, and copy the line of the file that ends in .pub",
    ),
    (
        re.compile(r"\s*-{4,5} ?BEGIN .*", re.DOTALL),
        "expected a public key in OpenSSH's format, on one line: `ssh-keygen -i -f FILE` converts this one",
    ),
    (
        re.compile(r".*AAAA.*\n.*", re.DOTALL),
        "expected one key in each entry of the list, on one line without a newline: "
        "\"{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}\" is that of a file",
    ),
    (re.compile(r"""["'].*AAAA.*"""), "expected a public key without quotes of its own: these are a part of the value"),
    (
        re.compile(r".*AAAA\S*(?:\.\.\.|…).*"),
        "expected your own key where this has dots: copy the line of the file that ends in .pub",
    ),
    (
        re.compile(r"[a-z][a-z0-9+.-]*://\S+"),
        "expected the key itself, not a URL: sshd fetches nothing. Copy the line found there",
    ),
    (
        re.compile(r"~.*|\.{0,2}/.*|\S+\.pub"),
        "expected the key itself, not the name of its file: copy its line, or write "
        "\"{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}\"",
    ),
    (
        re.compile(r"AAAA[A-Za-z0-9+/]{12,}={0,2}(?:\s.*)?"),
        "expected the key's type before it: the line begins with a word such as ssh-ed25519 or ssh-rsa",
    ),
)


def authorized_key(value: Any) -> str:
    """A line of sshd's file of keys, whose type is checked against the key itself, and which must be complete. Raises
    ``ValueError``.

    The message never has the value in it: it may be a private key.
    """
    if not isinstance(value, str):
        raise ValueError(_A_KEY)
    why = _why_no_key(str(value))
    if why:
        raise ValueError(why)
    return str(value)


@functools.lru_cache(maxsize=4096)
def _why_no_key(line: str) -> str | None:
    """Cached, because many machines share people's keys."""
    found = None if _CONTROL.search(line.replace("\t", "")) else _AUTHORIZED_KEY.fullmatch(line.strip(" \t"))
    if not found:
        return next((said for pattern, said in _NO_KEYS if pattern.fullmatch(line.strip(" \t"))), _A_KEY)
    if "-cert-v0" in found["type"]:
        return f"{_A_KEY}; this is a certificate: give the key of its signer, with the option cert-authority before it"
    if EXAMPLES_KEY in found["key"]:
        return None  # has the form, but another name
    if found["type"] not in KEY_TYPES:
        return f"{_A_KEY}; sshd does not accept keys of the type {found['type']}: it accepts {', '.join(KEY_TYPES)}"
    return _why_not_whole(found["key"], found["type"])


def _why_not_whole(key: str, kind: str) -> str | None:
    try:
        own, *parts = _parts(base64.b64decode(key, validate=True))
    except ValueError:
        return f"{_A_KEY}; the key after {kind} is incomplete or corrupt"
    if own != kind.encode():
        return f"{_A_KEY}; what follows {kind} is a key of another type: {own.decode('ascii', 'replace')[:40]!r}"
    wanted = KEY_TYPES[kind].parts
    right = len(parts) == len(wanted) and all(
        size in (None, len(part)) for size, part in zip(wanted, parts, strict=True)
    )
    if not right or not all(parts):
        return f"{_A_KEY}; what follows {kind} does not have the length of such a key"
    if kind == "ssh-rsa" and len(parts[1].lstrip(b"\0")) < _SHORTEST_RSA:
        return f"{_A_KEY}; this RSA key has fewer than 1,024 bits, and sshd does not accept it"
    return None


def _parts(blob: bytes) -> list[bytes]:
    """The strings that a key is made of, each after its length (RFC 4251, section 5). Raises ``ValueError``."""
    parts = []
    while blob:
        size = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + size:
            raise ValueError("a part is truncated")
        parts.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    return parts


# What is printed -------------------------------------------------------------------------------------------------------------


def has_control(text: str) -> bool:
    return bool(_CONTROL.search(text))


def visible(text: str) -> str:
    r"""*text* for a screen: lines and tabs as they are, each other control character as Python writes it, such as ``\x1b``."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub(lambda found: found[0] if found[0] in "\n\t" else _escaped(found[0]), text)


def _escaped(character: str) -> str:
    return ascii(character)[1:-1]


__all__ = (
    "CONTROL",
    "EXAMPLES_KEY",
    "FORMS",
    "KEY_TYPES",
    "Form",
    "KeyType",
    "authorized_key",
    "has_control",
    "kernel_argument",
    "read",
    "visible",
)
