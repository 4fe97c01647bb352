# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Flatcar variant of Butane to Ignition, in pure Python.

    result = translate(source, files_dir="files")
    print(dumps(result.checked()))

``translate`` takes a mapping or YAML text and never raises for what a config says; ``Result.checked`` raises ``ButaneError``. The
language is defined in ``schema``; everything else reads that table.
"""

from __future__ import annotations

from .encode import dumps
from .report import ButaneError, Entry, Origin, Report
from .schema import DEFAULT_VERSION
from .translate import Result, translate, with_header

__all__ = ("DEFAULT_VERSION", "ButaneError", "Entry", "Origin", "Report", "Result", "dumps", "translate", "with_header")
