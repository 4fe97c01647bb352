"""Digests of variables: the same only for what is the same."""

from __future__ import annotations

import copy
import datetime

import pytest
from ansible.parsing.vault import EncryptedString
from ansible.template import trust_as_template
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.written import Digests, NoDigestError
from hypothesis import given
from hypothesis import strategies as st

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


def exactly(value):
    """Python finds 1, 1.0 and True equal, and dictionaries in another order."""
    if isinstance(value, dict):
        return ("dict", [(key, exactly(inner)) for key, inner in value.items()])
    if isinstance(value, list):
        return ("list", [exactly(inner) for inner in value])
    return (type(value).__name__, str(value))


@given(values, values)
def test_two_values_have_the_same_digest_only_if_they_are_the_same(one, other):
    digests = Digests()
    same = digests.of({"a": one}) == digests.of({"a": other})
    assert same == (exactly(one) == exactly(other))
    assert Digests().of({"a": copy.deepcopy(one)}) == Digests().of({"a": one})


@given(st.dictionaries(st.text(), values, max_size=4))
def test_the_order_of_variables_does_not_count(variables):
    assert Digests().of(variables) == Digests().of(dict(reversed(variables.items())))


VAULTED = "$ANSIBLE_VAULT;1.1;AES256\n6162"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{{ x }}", trust_as_template("{{ x }}")),
        (VAULTED, EncryptedString(ciphertext=VAULTED)),
        (EncryptedString(ciphertext=VAULTED), EncryptedString(ciphertext=f"{VAULTED}63")),
        ("2026-11-30", datetime.date(2026, 11, 30)),
        ([["a"], "b"], ["a", ["b"]]),
        ({"a": "b"}, ["a", "b"]),
    ],
)
def test_what_looks_the_same_is_not(one, other):
    assert Digests().of({"a": one}) != Digests().of({"a": other})
    assert Digests().of({"a": other}) == Digests().of({"a": copy.copy(other)})


def test_what_is_not_known_has_no_digest():
    with pytest.raises(NoDigestError, match="object"):
        Digests().of({"a": [object()]})
