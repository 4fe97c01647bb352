"""Prints the figures of the conformance test in pytest's summary, also when other processes ran the tests."""

from __future__ import annotations


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, figures in getattr(report, "user_properties", ()):
            if name == "conformance":
                terminalreporter.section("conformance with the reference")
                for what, (same, total) in figures.items():
                    terminalreporter.line(f"{what}: {same} of {total} ({100 * same / total:.1f} %)")
