# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends a run before its first task, with a sentence for the person who started it."""

from __future__ import annotations

from typing import NoReturn

from ansible.utils.display import Display

from .._schema.words import visible


def stop(message: str) -> NoReturn:
    """An Ansible error would be printed with the lines of the playbook, which are not at fault."""
    Display().display(f"[ERROR]: {visible(message)}", color="red", stderr=True)
    raise SystemExit(1)


__all__ = ("stop",)
