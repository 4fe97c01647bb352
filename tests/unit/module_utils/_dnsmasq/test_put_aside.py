"""What dnsmasq's log tells of addresses that it gives nobody for a while."""

from __future__ import annotations

import json

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._dnsmasq import put_aside

PUT_ASIDE = "disabling DHCP static address 10.0.0.11 for 10m"


def said(*messages, start=1_800_000_000):
    """A line for each, a second apart, as the journal prints them."""
    return [
        json.dumps({"MESSAGE": message, "__REALTIME_TIMESTAMP": str((start + second) * 1_000_000)})
        for second, message in enumerate(messages)
    ]


def test_an_address_is_put_aside_for_ten_minutes_from_the_last_time_on():
    assert put_aside.read(said(PUT_ASIDE)) == {"10.0.0.11": 1_800_000_600}
    assert put_aside.read(said(PUT_ASIDE, PUT_ASIDE)) == {"10.0.0.11": 1_800_000_601}


def test_a_line_may_have_the_programs_name_before_it():
    """As dnsmasq writes to its standard error."""
    lines = said(
        f"dnsmasq-dhcp[7]: {PUT_ASIDE}", "dnsmasq-dhcp[7]: read /srv/kindling/fleet/current/dnsmasq/dhcp-hosts"
    )
    assert put_aside.read(lines[:1]) == {"10.0.0.11": 1_800_000_600}
    assert put_aside.read(lines) == {}


@pytest.mark.parametrize(
    "again", ["started, version 2.90 cachesize 150", "read /srv/kindling/fleet/current/dnsmasq/dhcp-hosts"]
)
def test_it_is_given_again_when_the_reservations_were_read_again(again):
    assert put_aside.read(said(PUT_ASIDE, again)) == {}
    assert put_aside.read(said(again, PUT_ASIDE)) == {"10.0.0.11": 1_800_000_601}


@pytest.mark.parametrize("own", ["vendor class", "client provides name", "user class"])
@pytest.mark.parametrize("program", ["", "dnsmasq-dhcp[7]: "])
def test_what_a_machine_says_of_itself_is_no_word_of_dnsmasqs(program, own):
    words = (PUT_ASIDE, "started, version 2.90", "read /srv/kindling/fleet/current/dnsmasq/dhcp-hosts")
    forged = [f"{program}4127 {own}: {word}" for word in words]
    assert put_aside.read(said(forged[0])) == {}
    assert put_aside.read(said(PUT_ASIDE, *forged[1:])) == {"10.0.0.11": 1_800_000_600}


@pytest.mark.parametrize(
    "line", ["", "no JSON", "[]", "{}", '{"MESSAGE": null}', '{"MESSAGE": [1, 2], "__REALTIME_TIMESTAMP": "x"}']
)
def test_what_nobody_can_read_says_nothing(line):
    assert put_aside.read([line, *said(PUT_ASIDE)]) == {"10.0.0.11": 1_800_000_600}


def test_without_a_journal_nothing_is_known(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert put_aside.put_aside() == {}
