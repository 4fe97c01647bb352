# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a machine in RAM tells its boot host that Ignition has failed, and why: by one more word on the kernel's command line.

The word is a credential from which systemd's debug generator makes a drop-in for all of Ignition's units, in whichever initrd they
are: nothing that is signed changes, and a boot that goes well sends nothing. It needs systemd 256 or newer; an older one, such as
that of LTS 4081, ignores it.
"""

from __future__ import annotations

import base64

from .._routes import routes

#: A drop-in of all units whose names begin with it.
_UNIT = "ignition-.service"

#: Runs before the emergency shell, while the network is still up; it starts the network if Ignition has needed none. ``$$`` and
#: ``%n`` are systemd's. What is sent is short, and harmless in a URL and in a log: no blank, no quotation mark, nothing that is
#: long enough for a token, no password and no query of a URL. The boot host answers 404, which curl takes for an answer. A
#: backslash would be one for systemd.
_DROP_IN = (
    "[Service]\n"
    "ExecStopPost=-/bin/bash -c '[ $$SERVICE_RESULT = success ]&&exit;journalctl --sync;"
    'm=`journalctl -ocat -u%n|grep -a "gnition failed"|tail -n1`;m=$${{m#*gnition failed: }};'
    'r="://[^ /]*@|[?][^ ]*|[A-Za-z0-9_-]{{40,}}";while [[ $$m =~ $$r ]];do m=$${{m/"$$BASH_REMATCH"/+}};done;'
    "p=[^A-Za-z0-9_.:/+-];m=$${{m//$$p/+}};"
    "systemctl --no-block start systemd-networkd;"
    "for i in 1 2 3 4 5 6;do curl -sm5 {url}?$${{m:0:160}}&&break;sleep 3;done'\n"
)


def drop_in(base: str) -> str:
    """The drop-in that tells the boot host at the URL *base*."""
    return _DROP_IN.format(url=routes.url(base, routes.FAILURES, "%p"))


def kernel_word(base: str) -> str:
    encoded = base64.b64encode(drop_in(base).encode()).decode()
    return f"systemd.set_credential_binary=systemd.unit-dropin.{_UNIT}:{encoded}"


__all__ = ("drop_in", "kernel_word")
