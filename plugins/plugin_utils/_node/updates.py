# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an installed machine updates itself. A machine in RAM never does: it boots what the boot host serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .._flatcar.reboot_window import why_no_window
from .._schema import fields
from .._schema.fields import Field
from .layer import Layer, file

if TYPE_CHECKING:
    from .node import Node

FIELDS = (
    Field(
        "flatcar_update_strategy",
        fields.choice("reboot", "etcd-lock", "off", "disabled"),
        "`reboot` after an update, `etcd-lock`: one machine after the other, `off`: a person reboots, `disabled`: no updates",
    ),
    Field("flatcar_update_window", fields.word("window start"), "when reboots may begin, such as `Thu 04:00`"),
    Field("flatcar_update_window_length", fields.word("window length"), "how long the window is, such as `1h`"),
    Field(
        "flatcar_update_server",
        fields.word("update server"),
        "the update server, such as `http://nebraska.example.com/v1/update/`",
    ),
    Field(
        "flatcar_update_group",
        fields.word("update group"),
        "the group on the update server; when not given, the stream of LTS that `flatcar_channel` names, else the image's channel",
    ),
)


def check(typed: Mapping[str, Any], _given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    start, length = typed["flatcar_update_window"], typed["flatcar_update_window_length"]
    if bool(start) != bool(length):
        missing, other = ("_length", "") if start else ("", "_length")
        message = f"missing: a window needs a start and a length, and flatcar_update_window{other} is set"
        yield f"flatcar_update_window{missing}", message
    elif start and (why := why_no_window(start, length)):
        yield "flatcar_update_window_length", why
    strategy = typed["flatcar_update_strategy"]
    if start and strategy in ("off", "disabled"):
        yield (
            "flatcar_update_window",
            f"flatcar_update_strategy is {strategy}, which never reboots: leave one of them out",
        )
    if strategy == "disabled" and typed["flatcar_update_server"]:
        yield (
            "flatcar_update_server",
            "flatcar_update_strategy is disabled, which asks no server: leave one of them out",
        )


def layers(node: Node) -> list[Layer]:
    """Source of the keys: flatcar.org, "Update and reboot strategies"; the file overrides the image's own.

    Every image of LTS has the group ``lts``, which leads to the next stream (flatcar.org, "Switching channels").
    """
    disabled = node.update_strategy == "disabled"
    settings = {
        "GROUP": node.update_group or _stream(node),
        "SERVER": "disabled" if disabled else node.update_server,
        "REBOOT_STRATEGY": "off" if disabled else node.update_strategy,
        "LOCKSMITHD_REBOOT_WINDOW_START": node.update_window and f'"{node.update_window}"',
        "LOCKSMITHD_REBOOT_WINDOW_LENGTH": node.update_window_length,
    }
    text = "".join(f"{key}={value}\n" for key, value in settings.items() if value)
    variables = (*(field.name for field in FIELDS), "flatcar_channel")
    return [Layer(variables, {"storage": {"files": [file("/etc/flatcar/update.conf", text, True)]}})] if text else []


def _stream(node: Node) -> str | None:
    """The LTS stream that an installed machine is to stay in."""
    return node.channel if node.channel.startswith("lts-") and node.boot_mode != "ram" else None


def notices(node: Node) -> Iterator[tuple[str, str]]:
    """What may be unexpected, though nothing is wrong: the variable, and what to do."""
    if node.version != "current" and node.boot_mode == "install" and node.update_strategy != "disabled":
        yield (
            "flatcar_version",
            f"{node.version} is only installed first: the node then updates itself to its group's release. To keep it, set "
            "flatcar_update_strategy: disabled; to choose the target, flatcar_update_server and flatcar_update_group",
        )


__all__ = ("FIELDS", "check", "layers", "notices")
