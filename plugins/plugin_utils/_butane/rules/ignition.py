# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section ``ignition``: proxies, and configs that are merged into this one or replace it.

Source: Ignition's ``types/proxy.go``; Butane's ``base/util`` for the configs.
"""

from __future__ import annotations

from collections.abc import Iterator

from .. import urls
from ..structure import Finding, Object, Scope, error, warning


def inline_config_is_valid(resource: Object, scope: Scope) -> Iterator[Finding]:
    """An inline config is checked as Ignition would; one from a local file is not, nor is it in the reference."""
    if "inline" in resource and not {"local", "source"} & resource.keys():
        yield from scope.check_inner(resource["inline"])


def is_proxy(url: str, _scope: Scope) -> Iterator[Finding]:
    try:
        if urls.parse(url).scheme not in ("http", "https"):
            yield error("proxies must be http(s)")
    except urls.UrlError as failure:
        yield error(str(failure))


def is_secure_proxy(url: str, scope: Scope) -> Iterator[Finding]:
    findings = list(is_proxy(url, scope))
    yield from findings
    if url and not findings and urls.parse(url).scheme == "http":
        yield warning("insecure plaintext HTTP proxy specified for HTTPS resources")
