# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that the table of the spec refers to, by the part of the config they apply to.

A rule is called with a value and a scope, and yields findings whose paths are relative to the value. Rules of a
structure get an object (a dict of the fields that are set); rules of a field get its value if it is set, those of a required
field also get None if it is not.
"""
