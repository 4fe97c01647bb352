# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may log in, and whether secrets may be served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._schema import fields, words
from .._schema.fields import Field, Invalid, Mistake
from .layer import Layer

if TYPE_CHECKING:
    from .node import Node

USER_NAME = fields.word("user")


def named(what: str) -> fields.Reader:
    """Reads what Butane itself describes; the transpiler checks its content."""

    def read(value: Any) -> Mapping:
        if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
            raise ValueError(f"expected a mapping with a name, as in Butane's {what}")
        return value

    read.butane = what
    return read


def _authorized_key(value: Any) -> str:
    """No message repeats it: people have given private keys."""
    try:
        return words.authorized_key(value)
    except ValueError as error:
        raise Invalid([Mistake("", str(error), value)]) from None


FIELDS = (
    Field(
        "flatcar_users",
        fields.list_of(named("passwd.users")),
        "users, each as in Butane's `passwd.users`",
        default=(),
        secret=True,
    ),
    Field("flatcar_authorized_keys", fields.list_of(_authorized_key), "SSH keys that may log in as core", default=()),
    Field(
        "flatcar_password_hashes",
        fields.MappingOf(USER_NAME, fields.word("password hash")),
        "password hashes by user, such as `{core: $y$…}`; keep them in a vault",
        default={},
        secret=True,
    ),
    Field(
        "flatcar_serve_secrets",
        fields.boolean,
        "serve what comes from a vault with the machine's config; it is refused otherwise. Password hashes are not secrets",
        default=False,
    ),
)


def layers(node: Node) -> list[Layer]:
    core = [{"name": "core", "ssh_authorized_keys": list(node.authorized_keys)}] if node.authorized_keys else []
    hashes = [{"name": name, "password_hash": found} for name, found in node.password_hashes.items()]
    parts = (
        ("flatcar_authorized_keys", core),
        ("flatcar_users", list(node.users)),
        ("flatcar_password_hashes", hashes),
    )
    return [Layer((variable,), {"passwd": {"users": users}}) for variable, users in parts if users]


__all__ = ("FIELDS", "USER_NAME", "layers", "named")
