# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The translation, phase by phase; each phase stops it on errors, as in the reference."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import yaml_text
from .check import duplicate_findings, forbidden_findings, refuses, rule_findings, source_findings
from .decode import Decoder
from .encode import encode
from .files import FilesDir
from .header import HeaderError, find_spec
from .inner_config import inner_findings
from .limits import Budget, LimitError
from .locate import Locator, OriginOf
from .lowering import Lowering
from .report import ERROR, ButaneError, Entry, Path, Report, render
from .schema import CONFIG, DEFAULT_VERSION, SPECS
from .structure import Finding, Form, Object, Scalar, Scope, Spec, error, walk
from .values import WrongTypeError, convert, describe, is_null

AuthorsPath = Callable[[Path], Path]


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome: a config in Ignition's form, or None if it was refused, and the report.

    ``authors_path`` maps a path of the config, in Butane's words, to the path that the author wrote.
    """

    config: dict[str, Any] | None
    report: Report
    authors_path: AuthorsPath = lambda path: path

    def checked(self) -> dict[str, Any]:
        """The config. Raises ButaneError if there is none."""
        if self.config is None:
            raise ButaneError(self.report)
        return self.config


def translate(
    source: Mapping | str | bytes,
    files_dir: str | os.PathLike | None = None,
    strict: bool = False,
    origin_of: OriginOf | None = None,
) -> Result:
    """Turns a Butane config of the Flatcar variant into an Ignition config.

    source: the config, as a mapping or as YAML text
    files_dir: where local files and trees are read, and nowhere else
    strict: refuse a config with any warning
    origin_of: returns the place of a value (or key) of the mapping in a file; YAML text brings its own

    Never raises for what a config says: problems are in the report, all those of a phase at once.
    """
    report = Report()
    translation = _Translation(report, FilesDir(files_dir), origin_of)
    config = translation.run(source)
    if strict and report.warnings:
        config = None
    return Result(config, report, translation.authors_path)


def with_header(source: Mapping | str | bytes) -> Mapping | str | bytes:
    """The config with the usual header, if it is a mapping without one. Text has to bring its own."""
    return {"variant": "flatcar", "version": DEFAULT_VERSION, **source} if isinstance(source, Mapping) else source


class _RefusedError(Exception):
    """The report has errors, and later phases would only add noise."""


class _Translation:
    def __init__(self, report: Report, files: FilesDir, origin_of: OriginOf | None) -> None:
        self._report = report
        self._files = files
        self._budget = Budget()
        self._origin_of = origin_of
        self._locator = Locator(None, None)
        self.authors_path: AuthorsPath = lambda path: path

    def run(self, source: Mapping | str | bytes) -> dict[str, Any] | None:
        try:
            raw = self._read(source)
            spec = self._find_spec(raw)
            authored = self._decode(raw, spec)
            self._check_source(authored, spec)
            generated, lowering = self._lower(authored, spec)
            self.authors_path = lambda path: lowering.lineage.source_of(path, generated)
            self._check_generated(generated, spec)
            return encode(CONFIG, generated, spec)
        except LimitError as limit:
            self._report_all([error(limit.message, *limit.path)])
        except _RefusedError:
            pass
        return None

    def _read(self, source: Mapping | str | bytes) -> Any:
        if not isinstance(source, str | bytes):
            self._locator = Locator(source, self._origin_of)
            return source
        try:
            raw = yaml_text.read(source)
        except yaml_text.YamlError as failure:
            self._report.add(Entry(ERROR, "$", f"Error unmarshaling yaml: {failure.message}", failure.origin))
            raise _RefusedError from failure
        self._locator = Locator(raw, yaml_text.origin_of)
        return raw

    def _find_spec(self, raw: Any) -> Spec:
        if is_null(raw):
            raw = {}
        if not isinstance(raw, Mapping):
            self._stop_at([error(f"a config must be a mapping, not {describe(raw)}")])
        try:
            return find_spec(self._header_field(raw, "variant"), self._header_field(raw, "version"), SPECS)
        except HeaderError as failure:
            self._report_all([error(failure.message, failure.field)])
            raise _RefusedError from failure

    def _header_field(self, raw: Mapping, name: str) -> str:
        value = yaml_text.unwrap(raw.get(name))
        try:
            return "" if is_null(value) else str(convert(value, Scalar.STRING))
        except WrongTypeError as failure:
            raise HeaderError(name, str(failure)) from failure

    def _decode(self, raw: Any, spec: Spec) -> Object:
        decoder = Decoder(spec, self._budget)
        config = decoder.decode(CONFIG, raw)
        self._stop_at(decoder.errors)
        self._report_all(decoder.warnings)
        return config

    def _check_source(self, authored: Object, spec: Spec) -> None:
        scope = Scope(spec, check_inner=lambda text: inner_findings(CONFIG, text, spec))
        self._stop_at(source_findings(walk(CONFIG, authored, spec, Form.BUTANE), scope))

    def _lower(self, config: Object, spec: Spec) -> tuple[Object, Lowering]:
        """Rewrites the author's config, in place, into the one that Ignition gets."""
        lowering = Lowering(spec, self._files, self._budget)
        lowering.lower(CONFIG, config)
        self._stop_at(lowering.errors)
        config.setdefault("ignition", {})["version"] = spec.ignition
        return config, lowering

    def _check_generated(self, generated: Object, spec: Spec) -> None:
        places = walk(CONFIG, generated, spec, Form.IGNITION)
        self._stop_at(forbidden_findings(places, spec))
        self._stop_at([*duplicate_findings(places), *rule_findings(places, Scope(spec))], self.authors_path)

    def _stop_at(self, findings: Iterable[Finding], authors_path: AuthorsPath = lambda path: path) -> None:
        found = list(findings)
        self._report_all(found, authors_path)
        if refuses(found):
            raise _RefusedError

    def _report_all(self, findings: list[Finding], authors_path: AuthorsPath = lambda path: path) -> None:
        for finding in findings:
            self._report.add(self._entry(finding, authors_path(finding.where)))

    def _entry(self, finding: Finding, path: Path) -> Entry:
        if finding.inner is not None:
            message = f"{finding.message} (in the config at {render(path)})"
            return Entry(finding.severity, render(finding.inner), message, self._locator.locate(path))
        locate = self._locator.locate_key if finding.at_key else self._locator.locate
        return Entry(finding.severity, render(path), finding.message, locate(path))


__all__ = ("Result", "translate", "with_header")
