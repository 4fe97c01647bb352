# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What iPXE's error numbers mean.

By iPXE's ``include/errno.h``: bits 30-24 are the POSIX error, 23-13 the file of iPXE that it comes from, 12-8 the case in that
file, and 7-0 the platform's own number, by which BIOS and UEFI differ: 404 is 2d0c613b in one and 2d0c618e in the other. So the
last two digits are not looked at. The link is that of iPXE itself, without them.
"""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(?:0x)?([0-9a-f]{1,8})", re.IGNORECASE)

#: By all but the platform's number: cases of ``httpcore.c``, which is file 0c6.
_CASES = {
    0x2D0C61: "the web server answered 404 Not Found",
    0x410C61: "the web server answered 403 Forbidden",
    0x020C61: "the web server answered 401 Unauthorized",
    0x1D0C64: "the web server refused the request (4xx)",
    0x1D0C65: "the web server failed (5xx)",
    0x1D0C62: "the answer is shorter or longer than the web server announced",
    0x1D0C61: "the web server's answer has an unknown status",
}

#: By the POSIX number.
_POSIX = {
    0x02: "it is not permitted",
    0x0B: "it was cancelled at the console",
    0x0E: "the connection was refused",
    0x0F: "the connection was reset: nothing listens on that port, or a firewall refuses it",
    0x17: "the host cannot be reached",
    0x1C: "the answer is not understood",
    0x1D: "an input or output error",
    0x26: "the network is down",
    0x28: "the network cannot be reached: no route to the boot host",
    0x2A: "there are no free network buffers",
    0x2C: "there is no such device",
    0x2D: "it was not found",
    0x2E: "it is not a program that this firmware can start",
    0x31: "there is not enough memory",
    0x34: "there is not enough memory for all of it",
    0x38: "the connection was lost",
    0x3C: "this iPXE does not support it",
    0x3D: "iPXE cannot do this with it",
    0x3E: "there is no such name or address",
    0x41: "it is not allowed",
    0x43: "the answer breaks the protocol",
    0x4C: "nobody answered in time",
}


def explained(number: str) -> str:
    """In words, with iPXE's own page for it."""
    code = _code(number)
    if not code:
        return "iPXE gives no error number"
    words = _CASES.get(code >> 8) or _POSIX.get(code >> 24) or "an error that is not in Kindling's table"
    return f"{words} (https://ipxe.org/err/{code >> 8:06x})"


def _code(number: str) -> int:
    found = _NUMBER.fullmatch(number)
    return int(found[1], 16) if found else 0


__all__ = ("explained",)
