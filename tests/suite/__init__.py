"""Runs all of Kindling's tests, in lanes beside one another, and tells where the time went: ``python tests/suite --help``."""
