"""What is kept of a boot host's log, machine by machine."""

from __future__ import annotations

import json

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._records import records
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes
from hypothesis import given, settings
from hypothesis import strategies as st

NODE, OTHER, STRANGER = (f"52:54:00:77:00:{last}" for last in ("11", "12", "99"))
ADDRESS = "10.77.0.11"
MACHINES = records.read_machines(f"{NODE},id:*,{ADDRESS},n1\n{OTHER},id:*,10.77.0.12,n2\n")
PXE = "PXEClient:Arch:00007:UNDI:003016"
START = 1_800_000_000.0
WEEKS = 4
WEEK = 7 * 86_400


class Log:
    """A log that grows, loses its beginning, and is read from a cursor on as the journal is."""

    def __init__(self):
        self.entries, self.clock, self.number = [], START, 0

    def say(self, unit, *messages, seconds=0.01):
        for message in messages:
            self.number += 1
            self.clock = round(self.clock + seconds, 3)
            self.entries.append(records.Entry(f"c{self.number}", self.clock, f"kindling-{unit}.service", message))

    def dhcp(
        self, mac, *questions, number=7, vendor="", user="", tags="known, lan0", why="", seconds=0.01, address=ADDRESS
    ):
        """Each question with its answer, as dnsmasq tells them; with *why* it gives none."""
        for question in questions or ("DISCOVER", "REQUEST"):
            own = f" {address}" if question == "REQUEST" else ""
            answer = {"DISCOVER": "OFFER", "REQUEST": "ACK"}[question]
            lines = [
                "available DHCP subnet: 10.77.0.0/255.255.255.0",
                *([f"vendor class: {vendor}"] if vendor else []),
                *([f"user class: {user}"] if user else []),
                f"DHCP{question}(lan0){own} {mac} {why}",
                *([] if why else [f"tags: {tags}", f"DHCP{answer}(lan0) {address} {mac} "]),
            ]
            for line in lines:
                self.say("dnsmasq", f"dnsmasq-dhcp[12]: {number} {line}", seconds=seconds)

    def boot(self, mac=NODE, address=ADDRESS, program="snponly.efi"):
        self.dhcp(mac, vendor=PXE, address=address, tags="known, efi-x64, lan0")
        self.say("tftp", f"dnsmasq-tftp[13]: sent /srv/kindling/tftp/{program} to {address}")
        self.dhcp(mac, vendor=PXE, user="iPXE", address=address, tags="known, ipxe, efi-x64, lan0")
        for path in ("/boot.ipxe", "/images/amd64-usr/1.0.0/flatcar_production_pxe.vmlinuz"):
            self.get(path, address)
        self.dhcp(mac, address=address)

    def get(self, path, address=ADDRESS, status=200, size=100, agent="iPXE/1.21.1"):
        self.say("web", f'{address} "GET {path} HTTP/1.1" {status} {size} "{agent}"')

    def __call__(self, cursor):
        wanted = [number for number, entry in enumerate(self.entries) if entry.cursor == cursor]
        return iter(self.entries[wanted[0] if wanted else 0 :])


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def take(tmp_path, log):
    """Takes all that the log has; what there is to say."""

    def rounds(machines=MACHINES, weeks=WEEKS):
        said = records.take(tmp_path, log, machines, weeks)
        records.take(tmp_path, log, machines, weeks)  # dnsmasq says no more of its last packet
        return said

    return rounds


@pytest.fixture
def boots(tmp_path):
    return lambda mac=NODE: records.recorded(tmp_path, [mac])["boots"][mac]


def strangers(directory):
    return {one["mac"]: one for one in records.recorded(directory)["strangers"]}


def course(boot):
    return [
        " ".join(str(event[key]) for key in ("hop", "who", "what", "file", "status") if key in event)
        for event in boot["events"]
    ]


# Events ---------------------------------------------------------------------------------------------------------------


def test_a_whole_boot_hop_by_hop(log, take, boots):
    log.boot()
    assert take() == []
    (boot,) = boots()
    assert course(boot) == [
        "dhcp firmware discover",
        "dhcp firmware offer",
        "dhcp firmware request",
        "dhcp firmware ack",
        "tftp sent /srv/kindling/tftp/snponly.efi",
        "dhcp ipxe discover",
        "dhcp ipxe offer",
        "dhcp ipxe request",
        "dhcp ipxe ack",
        "http iPXE/1.21.1 GET /boot.ipxe 200",
        "http iPXE/1.21.1 GET /images/amd64-usr/1.0.0/flatcar_production_pxe.vmlinuz 200",
        "dhcp system discover",
        "dhcp system offer",
        "dhcp system request",
        "dhcp system ack",
    ]
    assert (boot["name"], boot["begun"]) == ("n1", boot["events"][0]["at"])
    assert boot["events"][0]["vendor"] == PXE
    assert boot["events"][0]["tags"] == "known, efi-x64, lan0"


def test_an_answer_that_broke_off_how_long_it_took_and_which_script_it_was(log, take, boots):
    log.boot()
    log.say("web", f'{ADDRESS} "GET /images/i.cpio.gz HTTP/1.1" 200 5 "iPXE/1" 61.502 broken -')
    log.say("web", f'{ADDRESS} "GET /ipxe/{NODE.replace(":", "-")}.ipxe HTTP/1.1" 200 9 "iPXE/1" 0.001 whole own')
    take()
    *_, broken, script = boots()[0]["events"]
    assert (broken["broken"], broken["seconds"], broken["size"]) == (True, 61.502, 5)
    assert "script" not in broken
    assert (script["script"], script["seconds"]) == ("own", 0.001)
    assert "broken" not in script


def test_how_long_an_answer_took_makes_no_other_event(log, take, boots):
    for seconds in ("0.001", "0.002"):
        log.say("web", f'{ADDRESS} "GET /boot.ipxe HTTP/1.1" 200 9 "iPXE/1" {seconds} whole -')
    take()
    (event,) = boots()[0]["events"]
    assert (event["times"], event["seconds"]) == (2, 0.002)


@pytest.mark.parametrize(
    ("mac", "address", "kept"),
    [
        (NODE, ADDRESS, {NODE: ""}),
        (NODE, "10.77.0.12", {NODE: "10.77.0.12"}),  # whoever has that address says it of another
        (STRANGER, ADDRESS, {NODE: ""}),  # nobody knows that MAC address: what is left is who asked
    ],
)
def test_what_a_script_could_not_do(log, take, boots, mac, address, kept):
    path = routes.failure_path("kernel", "0x2d0c613b").replace(routes.BOOTED_MAC, mac.replace(":", "-"))
    log.say("web", f'{address} "GET {path} HTTP/1.1" 404 153 "iPXE/1" 0.000 whole -')
    take()
    for node in (NODE, OTHER):
        events = [event for boot in boots(node) for event in boot["events"]]
        assert [(event["file"], event["why"], event.get("address", "")) for event in events] == (
            [("kernel", "0x2d0c613b", kept[node])] if node in kept else []
        )


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("failed+to+create+files:+/sysroot/a_b:+exists", "failed to create files: /sysroot/a_b: exists"),
        ("hash+(token)+differs", "hash (token) differs"),
        ("", None),
        ("x" * 200, "x" * 200),
    ],
)
def test_what_ignition_says(log, take, boots, query, why):
    log.get(f"/failures/ignition-files?{query}", status=404, agent="curl/8.12.1")
    take()
    (event,) = boots()[0]["events"]
    assert (event["hop"], event["what"], event["file"], event.get("why")) == ("ignition", "failed", "files", why)


@pytest.mark.parametrize(
    "rest",
    [
        "ignition-files",
        "ignition-FILES?x",
        "ignition-files?a%20b",
        "ignition-files?a b",
        "ignition-?x",
        f"ignition-x?{'y' * 201}",
    ],
)
def test_what_is_nothing_that_ignition_says_is_a_request(log, take, boots, rest):
    log.get(f"/failures/{rest}", status=404)
    take()
    assert boots()[0]["events"][0]["hop"] == "http"


def test_a_nic_whose_own_program_is_ipxe_boots_anew_after_its_script(log, take, boots):
    for _ in range(2):
        log.dhcp(NODE, "DISCOVER", vendor=PXE, user="iPXE", tags="known, ipxe, bios, lan0")  # once more: nobody took it
        log.dhcp(NODE, vendor=PXE, user="iPXE", tags="known, ipxe, bios, lan0")
        log.get("/boot.ipxe")
        log.get(f"/ipxe/{NODE.replace(':', '-')}.ipxe")
        log.dhcp(NODE)
        log.say("web", f'{ADDRESS} "PUT /reports/(token)/running HTTP/1.1" 201 0 "curl/8"', seconds=60)
    take()
    assert sum(boot["boots"] for boot in boots()) == 2


def test_a_refused_request_has_the_network_that_it_came_from(log, take, boots):
    log.dhcp(NODE, "DISCOVER", vendor=PXE, why="ignored")
    take()
    (event,) = boots()[0]["events"]
    assert (event["why"], event["subnet"]) == ("ignored", "10.77.0.0/255.255.255.0")


@pytest.mark.parametrize("path", ["/failures/kernel/x/0x1", "/failures/a/b/c", "/failures/../kernel/0x1"])
def test_what_is_no_failure_of_a_script_is_a_request(log, take, boots, path):
    log.get(path, status=404)
    take()
    assert boots()[0]["events"][0]["hop"] == "http"


def test_requests_from_networks_that_are_not_served(log, take, tmp_path):
    for number in range(40):
        log.say("dnsmasq", f"dnsmasq-dhcp[1]: no address range available for DHCP request via 10.9.{number}.1")
    log.say("dnsmasq", "dnsmasq-dhcp[1]: no address range available for DHCP request via 10.9.39.1")
    take()
    found = records.recorded(tmp_path)["unserved"]
    assert len(found) == 16
    assert found[-1] | {"first": 0, "last": 0} == {"where": "via 10.9.39.1", "first": 0, "times": 2, "last": 0}


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (f"9 DHCPDISCOVER(lan0) {NODE} no address available", {"what": "discover", "why": "no address available"}),
        (f"9 DHCPNAK(lan0) 10.0.0.1 {NODE} wrong address", {"what": "nak", "why": "wrong address"}),
        (f"9 DHCPDECLINE(lan0) {ADDRESS} {NODE} ", {"what": "decline", "address": ADDRESS}),
        (f"9 PXE(lan0) {NODE} proxy-ignored", {"what": "pxe", "why": "proxy-ignored"}),
        (f"disabling DHCP static address {ADDRESS} for 10m", {"what": "put aside", "why": "for 10m"}),
        (
            f"not using configured address {ADDRESS} because it is leased to {OTHER}",
            {"what": "not given", "why": f"it is leased to {OTHER}"},
        ),
        (f"failed sending /srv/x to {ADDRESS}", {"hop": "tftp", "what": "failed", "file": "/srv/x"}),
        (f"file /srv/x not found for {ADDRESS}", {"hop": "tftp", "what": "not found", "file": "/srv/x"}),
        (
            f"file /srv/a to 10.77.0.12 not found for {ADDRESS}",
            {"hop": "tftp", "what": "not found", "file": "/srv/a to 10.77.0.12"},
        ),
    ],
)
def test_what_goes_wrong_is_an_event_too(log, take, boots, line, event):
    log.say("dnsmasq", line)
    take()
    ((found,),) = [boot["events"] for boot in boots()]
    assert {key: found[key] for key in event} == event
    assert boots(OTHER) == []


def test_the_program_that_dhcp_names(log, take, boots):
    log.dhcp(NODE, "DISCOVER", vendor=PXE)
    log.say("dnsmasq", "dnsmasq-dhcp[12]: 7 sent size: 12 option: 67 bootfile-name  snponly.efi")
    take()
    assert boots()[0]["events"][1]["file"] == "snponly.efi"


def test_a_packets_lines_may_come_in_two_rounds(log, take, boots, tmp_path):
    log.dhcp(NODE, "DISCOVER", vendor=PXE, tags="known, ipxe, lan0")
    last, log.entries = log.entries[-2:], log.entries[:-2]
    records.take(tmp_path, log, MACHINES, WEEKS)
    log.entries += last
    take()
    assert course(boots()[0]) == ["dhcp ipxe discover", "dhcp ipxe offer"]


def test_a_machines_name_is_without_the_dot_that_says_so():
    assert records.read_machines(f"{NODE},id:*,{ADDRESS},101.\n").names == {NODE: "101"}


def test_another_machines_transfer_may_end_between_a_packets_lines(log, take, boots):
    """TFTP is another process: journald has its lines wherever they came in."""
    log.dhcp(NODE, "DISCOVER", vendor=PXE, tags="known, efi-x64, lan0")
    log.say("tftp", "dnsmasq-tftp[13]: sent /srv/kindling/tftp/snponly.efi to 10.77.0.12")
    log.entries.insert(-3, log.entries.pop())
    take()
    assert course(boots()[0]) == ["dhcp firmware discover", "dhcp firmware offer"]
    assert [event["what"] for boot in boots(OTHER) for event in boot["events"]] == ["sent"]


def test_what_another_machine_says_of_itself_is_not_said_of_this_one(log, take, boots):
    """With the same transaction number, which everybody on the network hears."""
    log.say("dnsmasq", "7 available DHCP subnet: 10.77.0.0/255.255.255.0", f"7 vendor class: {PXE}")
    log.dhcp(NODE, "DISCOVER")
    take()
    assert course(boots()[0]) == ["dhcp system discover", "dhcp system offer"]


def test_tokens_and_queries_are_not_kept(log, take, tmp_path):
    token = "Tk_-" * 10 + "abc"
    log.get(f"/ignition/{token}.ign?secret=1")
    take()
    kept = (tmp_path / records.STATE).read_text()
    assert "/ignition/(token).ign" in kept
    assert token not in kept
    assert "secret" not in kept


# Boots ----------------------------------------------------------------------------------------------------------------


def test_a_firmwares_question_begins_a_boot_and_its_retries_do_not(log, take, boots):
    for _ in range(4):
        log.dhcp(NODE, "DISCOVER", vendor=PXE, why="ignored", seconds=2)
    log.boot()
    log.boot(program="other.efi")
    take()
    assert [boot["events"][0]["times"] for boot in boots()] == [4, 1]


def test_a_question_after_a_while_is_a_new_boot(log, take, boots):
    for _ in range(2):
        log.dhcp(NODE, "DISCOVER", vendor=PXE, why="ignored")
        log.clock += 3600
        log.dhcp(NODE, "DISCOVER", vendor=PXE, why="no address available")
        log.clock += 3600
    take()
    assert len(boots()) == 4


def test_where_another_server_answers_dhcp_the_first_script_begins_a_boot(log, take, boots):
    for status in (200, 404):
        log.get("/boot.ipxe")
        log.get("/boot.ipxe")
        log.get("/images/amd64-usr/1.0.0/flatcar_production_pxe.vmlinuz", status=status)
    take()
    assert [boot["events"][0]["times"] for boot in boots()] == [2, 2]


def test_a_renewal_is_no_boot(log, take, boots):
    log.boot()
    for _ in range(50):
        log.clock += 1800
        log.dhcp(NODE, "REQUEST")
    take()
    (boot,) = boots()
    assert boot["events"][-1]["times"] == 51
    assert boot["last"] > boot["begun"] + 50 * 1800


def test_boots_that_are_alike_are_told_once_with_their_times(log, take, boots):
    for _ in range(500):
        log.boot()
    log.boot(program="other.efi")
    log.boot()
    take()
    assert [boot["boots"] for boot in boots()] == [500, 1, 1]
    assert len(boots()[0]["again"]) == records.AGAIN
    assert boots()[0]["events"][0]["at"] == boots()[0]["again"][-1]


def test_a_machine_is_known_by_each_of_its_addresses_and_nics(log, take, boots):
    more = records.read_machines(f"{NODE},{OTHER},id:*,{ADDRESS},n1\n{STRANGER},ignore\n")
    log.dhcp(OTHER, vendor=PXE)
    log.get("/boot.ipxe")
    log.dhcp(STRANGER, "DISCOVER", why="ignored")
    take(more)
    assert "http iPXE/1.21.1 GET /boot.ipxe 200" in course(boots(OTHER)[0])
    assert boots(NODE) == []
    assert course(boots(STRANGER)[0]) == ["dhcp system discover"]


def test_a_machine_that_the_inventory_lost_keeps_its_boots_until_they_are_old(log, take, boots, tmp_path):
    log.boot()
    take()
    nobody = records.read_machines("")
    log.dhcp(NODE, "DISCOVER", why="ignored")
    take(nobody)
    assert len(boots()) == 1
    assert set(strangers(tmp_path)) == {NODE}
    log.say("dnsmasq", *["started, version 2.90"] * 40, seconds=86_400)
    take(nobody)
    assert boots() == []
    assert not list(tmp_path.glob("*.jsonl"))


# Bounds ---------------------------------------------------------------------------------------------------------------


def test_of_a_boot_the_first_and_the_last_events_are_kept(log, take, boots):
    for number in range(500):
        log.get(f"/images/{number}")
    take()
    (boot,) = boots()
    assert len(boot["events"]) == records.EVENTS
    assert boot["left_out"] == 500 - records.EVENTS
    files = [int(event["file"].rpartition("/")[2]) for event in boot["events"]]
    half = records.EVENTS // 2
    assert files == [*range(half), *range(500 - half, 500)]


def test_of_a_machine_the_last_boots_are_kept(log, take, boots, tmp_path):
    for number in range(100):
        log.boot(program=f"{number}.efi")
        take()
        assert len(boots()) <= records.BOOTS + 1
    kept = [boot["events"][4]["file"] for boot in boots()]
    assert kept == [f"/srv/kindling/tftp/{number}.efi" for number in range(100 - len(kept), 100)]
    assert len(kept) >= 48


def test_no_day_takes_the_others_boots_away(log, take, boots):
    """Such as one on which somebody boots in the machine's name, each time in another way."""
    for number in range(20):
        log.boot(program=f"day{number}.efi")
        log.say("dnsmasq", "started, version 2.90")
        log.clock += 86_400
    for number in range(200):
        log.boot(program=f"{number}.efi")
    take()
    kept = [boot["events"][4]["file"].rpartition("/")[2] for boot in boots()]
    assert len(kept) <= records.BOOTS + 1
    assert [name for name in kept if name.startswith("day")] == [f"day{number}.efi" for number in range(20)]
    assert kept[-1] == "199.efi"


def test_old_boots_leave_first_by_the_logs_own_time(log, take, boots):
    log.boot(program="1.efi")
    for program in ("2.efi", "3.efi"):
        log.say("dnsmasq", *["started, version 2.90"] * 20, seconds=86_400)
        log.boot(program=program)
    take()
    assert [boot["events"][4]["file"].rpartition("/")[2] for boot in boots()] == ["2.efi", "3.efi"]


@pytest.mark.parametrize("jump", [10 * 365 * 86_400, -10 * 365 * 86_400])
def test_a_clock_that_jumps_takes_nothing_away(log, take, boots, jump):
    for number in range(6):
        log.boot(program=f"{number}.efi")
        log.clock += jump * (-1) ** number
    take()
    assert [boot["events"][4]["file"][-5:] for boot in boots()] == [f"{number}.efi" for number in range(6)]


def test_a_flood_of_strangers_takes_no_machines_boots(log, take, boots, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "STRANGERS", 100)
    monkeypatch.setattr(records, "RETURNED", 75)
    log.boot()
    flood(log, 5000)
    take()
    log.entries = log.entries[-10:]
    take()
    assert len(boots()) == 1
    assert len(strangers(tmp_path)) == 100


def flood(log, number, start=0):
    for face in range(start, start + number):
        mac = f"02:00:00:{face >> 16:02x}:{face >> 8 & 255:02x}:{face & 255:02x}"
        log.dhcp(mac, "DISCOVER", why="ignored", seconds=0.001)


def test_a_stranger_that_comes_back_is_kept_from_those_that_were_there_once(log, take, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "STRANGERS", 100)
    monkeypatch.setattr(records, "RETURNED", 75)
    for _ in range(3):
        log.dhcp(STRANGER, "DISCOVER", vendor=PXE, why="ignored")
        log.clock += 900
    flood(log, 1000)
    take()
    kept = strangers(tmp_path)
    assert len(kept) == 100
    assert (kept[STRANGER]["times"], kept[STRANGER]["vendor"]) == (3, PXE)
    assert kept[STRANGER]["last"] - kept[STRANGER]["first"] == pytest.approx(1800, abs=1)


def test_of_a_stranger_in_quarantine_its_address_is_told(log, take, tmp_path):
    log.dhcp(STRANGER, vendor=PXE, address="10.77.0.250")
    log.get("/boot.ipxe", "10.77.0.250")
    take()
    assert strangers(tmp_path)[STRANGER]["address"] == "10.77.0.250"
    assert strangers(tmp_path)[STRANGER]["times"] == 2


def test_whom_nobody_knows_by_address_is_nobody(log, take, tmp_path):
    log.get("/boot.ipxe", "10.99.0.1")
    take()
    assert records.recorded(tmp_path)["boots"] == {}
    assert strangers(tmp_path) == {}


# Hostile lines --------------------------------------------------------------------------------------------------------

HOSTILE = st.text(st.characters(codec="utf-8"), max_size=300)
PIECES = st.sampled_from(
    [
        '"',
        " ",
        "(",
        ")",
        "\x1b[2J",
        "\n",
        "\x00",
        "DHCPACK(lan0)",
        NODE,
        ADDRESS,
        "7 ",
        "tags: ipxe",
        " to ",
        "sent ",
        "9" * 400,
    ]
)
LINES = st.one_of(
    HOSTILE,
    st.lists(st.one_of(PIECES, HOSTILE), max_size=12).map("".join),
    HOSTILE.map(lambda text: f"7 vendor class: {text}"),
    HOSTILE.map(lambda text: f"7 client provides name: {text}"),
    HOSTILE.map(lambda text: f"7 DHCPDISCOVER(lan0) {NODE} {text}"),
    HOSTILE.map(lambda text: f'{ADDRESS} "GET /{text} HTTP/1.1" 200 1 "{text}"'),
    HOSTILE.map(lambda text: f"file {text} not found for {ADDRESS}"),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["dnsmasq", "web"]), LINES), max_size=20))
def test_no_line_stops_the_rest_or_gets_out_unclean(tmp_path_factory, lines):
    log, directory = Log(), tmp_path_factory.mktemp("records")
    for unit, line in lines:
        log.say(unit, line)
    log.boot(OTHER, "10.77.0.12")
    for _ in range(2):
        records.take(directory, log, MACHINES, WEEKS)
    found = records.recorded(directory)
    assert "dhcp system ack" in course(found["boots"][OTHER][-1])
    for text in texts(found):
        assert text.isprintable()
        assert len(text) <= 130


def texts(value):
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize(
    "line", [b"", b"no JSON", b"[]", b"{}", b'{"MESSAGE": null}', b"\xff\xfe", b'{"MESSAGE": [1, 999]}']
)
def test_what_is_no_entry_is_skipped(line):
    good = {"__CURSOR": "c", "__REALTIME_TIMESTAMP": "1000000", "_SYSTEMD_UNIT": "u", "MESSAGE": [104, 105, 255]}
    assert list(records.entries_of([line, json.dumps(good).encode()])) == [records.Entry("c", 1.0, "u", "hi\ufffd")]


# Rounds ---------------------------------------------------------------------------------------------------------------


def test_a_round_goes_on_where_the_last_one_ended(log, take, boots, tmp_path):
    log.boot()
    take()
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    take()
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    log.get("/ignition/x")
    take()
    assert [boot["boots"] for boot in boots()] == [1]
    assert all(event["times"] == 1 for event in boots()[0]["events"])


@pytest.mark.parametrize("entries", [1, 7, 10])
def test_what_is_written_in_between_changes_nothing(log, take, boots, tmp_path, monkeypatch, entries):
    for program in ("1.efi", "2.efi", "2.efi"):
        log.boot(program=program)
    log.dhcp(STRANGER, "DISCOVER", why="ignored")
    take()
    whole = records.recorded(tmp_path)
    for path in tmp_path.iterdir():
        path.unlink()
    monkeypatch.setattr(records, "_ENTRIES", entries)
    take()
    assert records.recorded(tmp_path) == whole


def test_a_log_that_was_cut_is_gone_on_with_and_that_is_said_once(log, take, boots):
    log.boot()
    take()
    log.entries.clear()
    log.boot(program="other.efi")
    assert take() == ["The log no longer has the last line that was recorded: continuing with what there is"]
    assert take() == []
    log.entries.clear()
    assert len(take()) == 1
    assert take() == []
    assert len(boots()) == 2


@pytest.mark.parametrize("later", [0, 60, -60])
def test_of_a_log_that_cannot_tell_what_is_new_only_what_is_later_is_taken(log, take, boots, tmp_path, later):
    log.boot()
    take()
    log.clock += later
    log.get("/ignition/x")

    def unknown(cursor):
        return log("") if not cursor else iter(())

    assert len(records.take(tmp_path, unknown, MACHINES, WEEKS)) == 1
    assert records.take(tmp_path, log, MACHINES, WEEKS) == []
    (boot,) = boots()
    assert {event["times"] for event in boot["events"]} == {1}
    assert (boot["events"][-1].get("file") == "/ignition/x") is (later >= 0)


def test_files_are_for_nobody_else(log, take, tmp_path):
    log.boot()
    log.boot(program="other.efi")
    take()
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {records.STATE: 0o600, f"{NODE.replace(':', '-')}.jsonl": 0o600}


def test_a_damaged_state_is_named_with_what_to_do(log, take, tmp_path):
    (tmp_path / records.STATE).write_text("{}")
    with pytest.raises(records.RecordsError, match=r"state\.json is damaged: remove it"):
        take()


def test_without_the_state_what_is_filed_is_not_counted_twice(log, take, boots, tmp_path):
    for program in ("1.efi", "2.efi", "2.efi", "3.efi"):
        log.boot(program=program)
    take()
    before = boots()
    (tmp_path / records.STATE).unlink()
    take()
    assert boots() == before


def test_a_damaged_line_of_a_file_is_left_out(log, take, boots, tmp_path):
    log.boot()
    log.boot(program="2.efi")
    take()
    file = tmp_path / f"{NODE.replace(':', '-')}.jsonl"
    file.write_text("{}\nno JSON\n" + file.read_text())
    log.boot(program="3.efi")
    take()
    assert len(boots()) == 3


@pytest.mark.parametrize("torn", [1, 40, 200])
def test_what_was_half_appended_is_appended_whole(log, take, boots, tmp_path, torn):
    log.boot(program="1.efi")
    log.boot(program="2.efi")
    log.boot(program="3.efi")
    records.take(tmp_path, log, MACHINES, WEEKS)
    file = tmp_path / f"{NODE.replace(':', '-')}.jsonl"
    whole = file.read_text()
    file.write_text(whole[:-torn])
    assert len(boots()) == 3
    take()
    assert file.read_text() == whole


class KilledError(Exception):
    pass


@pytest.mark.parametrize("step", range(30))
def test_a_round_that_is_killed_loses_nothing_and_counts_nothing_twice(tmp_path, monkeypatch, step):
    log = Log()

    def rounds(directory, kill_at=None):
        """Three rounds, one of which is killed before a step that changes something on the disk."""
        log.entries.clear()
        log.clock, log.number = START, 0
        left = [kill_at]
        for number in range(3):
            for machine in (NODE, OTHER):
                for program in ("a.efi", "a.efi", f"{number}.efi"):
                    log.boot(machine, MACHINE_ADDRESSES[machine], program)
            with monkeypatch.context() as patched:
                for name in ("replace", "unlink"):
                    patched.setattr(records.Path, name, killing(getattr(records.Path, name), left))
                for name in ("fsync", "sync"):
                    patched.setattr(records.os, name, killing(getattr(records.os, name), left))
                try:
                    records.take(directory, log, MACHINES, WEEKS)
                except KilledError:
                    left[0] = None
                    records.take(directory, log, MACHINES, WEEKS)
        records.take(directory, log, MACHINES, WEEKS)  # dnsmasq says no more of its last packet
        return records.recorded(directory)

    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    assert rounds(tmp_path / "killed", step) == rounds(tmp_path / "whole")


MACHINE_ADDRESSES = {NODE: ADDRESS, OTHER: "10.77.0.12"}


def killing(function, left):
    def step(*arguments, **options):
        if left[0] is not None:
            if left[0] == 0:
                raise KilledError
            left[0] -= 1
        return function(*arguments, **options)

    return step


def test_what_is_written_is_read_as_it_was(log):
    log.boot()
    log.boot(program="other.efi")
    log.dhcp(STRANGER, "DISCOVER", why="ignored")
    book = records.Book()
    book.read(log(""), MACHINES)
    assert json.dumps(records.Book.of_data(json.loads(json.dumps(book.as_data()))).as_data()) == json.dumps(
        book.as_data()
    )


def test_the_program_says_what_it_needs(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(records, "journal", lambda cursor: iter(()))
    reservations = tmp_path / "dhcp-hosts"
    arguments = [str(tmp_path), f"--reservations={reservations}", "--weeks=4"]
    assert records.main(arguments) == 0, "nothing is published yet"
    reservations.mkdir()
    assert records.main(arguments) == 1
    assert "dhcp-hosts" in capsys.readouterr().err


def test_what_machines_fetch_is_known_by_its_place():
    own = (records._FIRST_SCRIPT, records._SCRIPTS, records._IMAGES, records._PROGRAMS, records._FAILURES)
    places = (routes.SCRIPTS, routes.IMAGES, routes.PROGRAMS, routes.FAILURES)
    assert own == (f"/{routes.FIRST_SCRIPT}", *(f"/{place}/" for place in places))


# Machines with another address ---------------------------------------------------------------------------------------------

OWN_SCRIPT = f"/ipxe/{NODE.replace(':', '-')}.ipxe"


@pytest.mark.parametrize("elsewhere", ["10.77.0.200", "10.77.0.12"])
def test_a_machine_that_asks_from_another_address_is_known_by_its_script(tmp_path, log, take, elsewhere):
    """Whether that address is nobody's or another machine's."""
    log.get("/boot.ipxe", elsewhere)
    log.get(OWN_SCRIPT, elsewhere)
    take()
    assert records.misplaced(tmp_path) == {NODE: (elsewhere, log.clock)}


def test_a_machine_at_its_own_address_is_in_its_place_again(tmp_path, log, take):
    log.get(OWN_SCRIPT, "10.77.0.200")
    take()
    log.boot()
    log.get(OWN_SCRIPT)
    take()
    assert records.misplaced(tmp_path) == {}


def test_who_asks_for_the_script_of_no_machine_is_not_kept(tmp_path, log, take):
    log.get(f"/ipxe/{STRANGER.replace(':', '-')}.ipxe", "10.77.0.200")
    log.get("/ipxe/unknown.ipxe", "10.77.0.200")
    take()
    assert records.misplaced(tmp_path) == {}
    assert strangers(tmp_path) == {}
