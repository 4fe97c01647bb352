# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node: what the inventory says about one machine, typed and checked, and the Butane config that results.

``model`` combines the other modules, one concern each: a table of variables, the combinations that are wrong, and the Butane that
they become.
"""

from __future__ import annotations

from .boot import kernel_line
from .layer import Layer
from .model import (
    FRAGMENT,
    IDENTITY,
    NODE,
    OWNED,
    PLACE,
    check_butane,
    check_name,
    layers,
    merge_layers,
    node_variables,
    read_node,
    to_butane,
    unknown_variables,
    variable_of,
    warnings,
)
from .node import Node

__all__ = (
    "FRAGMENT",
    "IDENTITY",
    "NODE",
    "OWNED",
    "PLACE",
    "Layer",
    "Node",
    "check_butane",
    "check_name",
    "kernel_line",
    "layers",
    "merge_layers",
    "node_variables",
    "read_node",
    "to_butane",
    "unknown_variables",
    "variable_of",
    "warnings",
)
