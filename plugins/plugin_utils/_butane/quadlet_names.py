# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of quadlets. Source: Butane's base translation of quadlets."""

from __future__ import annotations

EXTENSIONS = (".container", ".volume", ".network", ".kube", ".image", ".build", ".pod", ".artifact")
UNKNOWN_EXTENSION = (
    "unsupported file extension for quadlet: must be one of "
    ".container, .volume, .network, .kube, .image, .build, .pod, or .artifact"
)


def has_known_extension(name: str) -> bool:
    return name.endswith(EXTENSIONS)


def template_of(name: str) -> str | None:
    """For an instance (``web@blue.container``) the name of its template (``web@.container``), else None."""
    at, dot = name.find("@"), name.rfind(".")
    if at < 0 or dot < 0 or at == dot - 1:
        return None
    return f"{name[:at]}@{name[dot:]}"


__all__ = ("EXTENSIONS", "UNKNOWN_EXTENSION", "has_known_extension", "template_of")
