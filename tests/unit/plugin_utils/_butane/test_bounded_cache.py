"""Results for shared texts are kept, up to a bound of memory."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import bounded_cache as module
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.bounded_cache import bounded_cache


class Counted:
    """A cached function, and what it was really called with."""

    def __init__(self, result=lambda text: (text, text)):
        self.calls = []

        @bounded_cache
        def function(text):
            self.calls.append(text)
            return result(text)

        self.function = function

    def calls_for(self, texts):
        """How often each text was computed."""
        before = len(self.calls)
        for text in texts:
            assert self.function(text) == (text, text)
        return len(self.calls) - before


@pytest.fixture(autouse=True)
def _bounds(monkeypatch):
    """Entries of up to 1,000 bytes are small; five of these are kept, and one large one."""
    monkeypatch.setattr(module, "_SMALL", 1000)
    monkeypatch.setattr(module, "_MOST_SMALL", 5 * (module._ENTRY + 3))
    monkeypatch.setattr(module, "_MOST_LARGE", 5000)


def test_a_text_is_computed_once():
    assert Counted().calls_for(["a", "b", "a", "b", "a"]) == 2


def test_what_was_used_last_is_kept():
    counted = Counted()
    assert counted.calls_for("abcde") == 5
    assert counted.calls_for("af") == 1
    assert counted.calls_for("acdef") == 0
    assert counted.calls_for("b") == 1


def test_small_texts_do_not_displace_a_large_one():
    counted = Counted()
    counted.calls_for(["x" * 1000, *"abcdefghij"])
    assert counted.calls_for(["x" * 1000]) == 0


def test_large_ones_are_bounded_too():
    counted = Counted()
    texts = [letter * 1000 for letter in "abc"]
    assert counted.calls_for(texts) == 3
    assert counted.calls_for([texts[2]]) == 0
    assert counted.calls_for([texts[0]]) == 1


def test_what_exceeds_the_bound_alone_is_not_kept():
    counted = Counted()
    assert counted.calls_for(["x" * 5000] * 3) == 3


def test_an_exception_is_not_kept():
    def fail(_text):
        raise ValueError

    counted = Counted(fail)
    for _ in range(2):
        with pytest.raises(ValueError):
            counted.function("a")
    assert counted.calls == ["a", "a"]
