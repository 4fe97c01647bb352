# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run is ended before its first task: with a sentence for whoever started it."""

from __future__ import annotations

from typing import NoReturn

from ansible.utils.display import Display

from .._schema.words import visible


def stop(message: str) -> NoReturn:
    """An error of Ansible's would be printed with the lines of the playbook that asked, which are right."""
    Display().display(f"[ERROR]: {visible(message)}", color="red", stderr=True)
    raise SystemExit(1)


__all__ = ("stop",)
