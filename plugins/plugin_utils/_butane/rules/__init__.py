"""The rules that the table of the spec refers to, by the part of the config that they are about.

A rule is called with a value and a scope, and yields findings whose paths are relative to the value. Rules of a
structure get an object (a dict of the fields that are set); rules of a field get its value, None if it is not set.
"""
