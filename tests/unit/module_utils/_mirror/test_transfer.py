"""curl against a real server: redirects, credentials, proxies, refusals, limits."""

from __future__ import annotations

import base64
import json
import threading
import time

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror import transfer
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.errors import RangeIgnored, TransferError
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.progress import Progress, describe_progress
from release_server import Fault, ReleaseServer

pytestmark = pytest.mark.slow


@pytest.fixture
def other():
    server = ReleaseServer()
    yield server
    server.close()


def downloader(rate: int = 0, **changes) -> transfer.Downloader:
    settings = {"connect_timeout": 30, "stall_timeout": 30, "retries": 1, "backoff": 0.01, **changes}
    return transfer.Downloader(transfer.TransferSettings(**settings), transfer.RateLimit(rate))


def read_all(source: transfer.Source) -> bytes:
    content = bytearray()
    buffer = bytearray(65536)
    while size := source.read_into(buffer):
        content += buffer[:size]
    return bytes(content)


def test_credentials_stay_with_the_host_that_they_are_for(server, other):
    other.files["/file"] = b"content"
    server.files["/file"] = b"wrong"
    server.faults["/file"] = Fault("redirect", target=f"http://localhost:{other.port}/file")
    url = f"http://user:secret@127.0.0.1:{server.port}/file"
    assert downloader().read(url) == b"content"
    assert downloader().probe(url) == 7
    with downloader().stream(url, 0) as source:
        assert read_all(source) == b"content"
    expected = "Basic " + base64.b64encode(b"user:secret").decode()
    assert {headers.get("Authorization") for _verb, _path, headers in server.requests} == {expected}
    assert {headers.get("Authorization") for _verb, _path, headers in other.requests} == {None}


@pytest.mark.parametrize("setting", ["proxy", "no_proxy"])
@pytest.mark.parametrize("character", "\n\r\0\x1b\u2028\u202e")
def test_no_setting_becomes_another_option_of_curls(server, tmp_path, setting, character):
    server.files["/file"] = b"content"
    text = f'localhost{character}output = "{tmp_path}/written"{character}'
    with pytest.raises(TransferError, match="has a control character"):
        downloader(**{setting: text}).read(f"http://127.0.0.1:{server.port}/file")
    assert server.requests == []


def test_a_password_is_neither_in_messages_nor_in_the_process_list(server, monkeypatch):
    commands = []
    popen = transfer.subprocess.Popen
    monkeypatch.setattr(
        transfer.subprocess,
        "Popen",
        lambda command, **options: (commands.append(command), popen(command, **options))[1],
    )
    with pytest.raises(TransferError) as caught:
        downloader().read(f"http://user:secret@127.0.0.1:{server.port}/nothing")
    assert "secret" not in str(caught.value)
    assert "***@127.0.0.1" in str(caught.value)
    assert commands
    assert not any("secret" in word for command in commands for word in command)


def test_a_redirect_cannot_lead_to_a_local_file(server, tmp_path):
    (tmp_path / "local").write_bytes(b"local")
    server.faults["/file"] = Fault("redirect", target=f"file://{tmp_path}/local")
    with pytest.raises(TransferError):
        downloader().read(f"{server.url}/file")


@pytest.mark.parametrize(
    "url", ["ftp://host/file", "/etc/passwd", "http://host/a b", 'http://host/"\noutput = "/x', "-o/x"]
)
def test_only_plain_urls_are_asked_for(url):
    with pytest.raises(TransferError, match=r"not an http, https or file URL"):
        downloader().read(url)


def test_a_quote_in_a_url_ends_nothing(server):
    server.files['/a"b\\c'] = b"content"
    assert downloader().read(f'{server.url}/a"b\\c') == b"content"


def test_curlrc_is_not_read(server, tmp_path, monkeypatch):
    (tmp_path / ".curlrc").write_text("fail-with-nonsense\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    server.files["/file"] = b"content"
    assert downloader().read(f"{server.url}/file") == b"content"


def test_proxy(server, other):
    """The proxy is asked for the full URL; a host in ``no_proxy`` is reached directly."""
    other.files["http://nowhere.invalid/file"] = b"by proxy"
    server.files["/file"] = b"directly"
    proxied = downloader(proxy=other.url, no_proxy="127.0.0.1")
    assert proxied.read("http://nowhere.invalid/file") == b"by proxy"
    assert proxied.read(f"{server.url}/file") == b"directly"


def test_proxy_variables(other, monkeypatch):
    other.files["http://nowhere.invalid/file"] = b"by proxy"
    monkeypatch.setenv("http_proxy", other.url)
    assert downloader().read("http://nowhere.invalid/file") == b"by proxy"


def test_local_files(tmp_path):
    (tmp_path / "file").write_bytes(b"0123456789")
    url = f"file://{tmp_path}/file"
    assert downloader().read(url) == b"0123456789"
    assert downloader().probe(url) == 10
    with downloader().stream(url, 4) as source:
        assert read_all(source) == b"456789"
    with pytest.raises(TransferError, match="no such file") as caught:
        downloader().probe(f"{url}.sig")
    assert caught.value.missing


def test_the_size_is_learnt_where_head_is_refused(server):
    server.files["/file"] = b"x" * 5000
    server.faults["/file"] = Fault("no-head")
    assert downloader().probe(f"{server.url}/file") == 5000


def test_the_size_of_a_redirected_file_is_not_that_of_the_redirect(server, other):
    other.files["/there"] = b"x" * 5000
    server.faults["/here"] = Fault("redirect", target=f"{other.url}/there")
    assert downloader().probe(f"{server.url}/here") == 5000


@pytest.mark.parametrize(("status", "retry", "missing"), [(404, False, True), (410, False, True), (403, False, False)])
def test_refusals_are_final(server, status, retry, missing):
    server.faults["/file"] = Fault("status", status=status)
    with pytest.raises(TransferError, match=str(status)) as caught:
        downloader().read(f"{server.url}/file")
    assert (caught.value.retry, caught.value.missing) == (retry, missing)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(server, status):
    server.files["/file"] = b"content"
    server.faults["/file"] = Fault("status", status=status, times=1)
    assert downloader().read(f"{server.url}/file") == b"content"


def test_nobody_answers():
    with pytest.raises(TransferError, match=r"nothing answers there; check the URL"):
        downloader().read("http://127.0.0.1:1/file")


def test_a_small_file_is_small(server):
    server.files["/file"] = b"x" * (transfer.SMALL + 1)
    with pytest.raises(TransferError, match="larger than expected"):
        downloader().read(f"{server.url}/file")


def test_range_ignored_is_told_before_any_byte(server):
    server.files["/file"] = b"x" * 1000
    server.faults["/file"] = Fault("no-range")
    with pytest.raises(RangeIgnored), downloader().stream(f"{server.url}/file", 500) as source:
        assert read_all(source) == b""


def test_pauses_grow(monkeypatch):
    pauses = []
    patient = downloader(retries=8, backoff=1.0)
    monkeypatch.setattr(patient.stop, "wait", pauses.append)

    def attempt():
        raise TransferError("busy", retry=True)

    with pytest.raises(TransferError):
        patient.retry(attempt)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_bandwidth_is_shared_and_kept(server):
    server.files["/file"] = b"x" * 400_000
    limited = downloader(rate=800_000)
    begin = time.monotonic()

    def fetch():
        with limited.stream(f"{server.url}/file", 0) as source:
            assert len(read_all(source)) == 400_000

    threads = [threading.Thread(target=fetch) for _number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begin > 0.9


def test_progress_is_told(tmp_path):
    progress = Progress(tmp_path / "progress.json")
    progress.step("downloading")
    progress.expect("amd64-usr/4593.2.5/kernel", 10 << 20)
    progress.expect("amd64-usr/4593.2.5/image", 90 << 20)
    progress.add("amd64-usr/4593.2.5/kernel", 10 << 20, transferred=False)
    progress.add("amd64-usr/4593.2.5/image", 40 << 20)
    progress.step("downloading")
    now = json.loads((tmp_path / "progress.json").read_text())
    before = {**now, "at": now["at"] - 10, "downloaded": 0}
    line = describe_progress(now, before)
    assert line == "downloading: 50 MiB of 100 MiB (50 %), 4 MiB/s, 12 s left; amd64-usr/4593.2.5/image 44 %"
    assert describe_progress(now, None).startswith("downloading: 50 MiB of 100 MiB (50 %); ")


def test_progress_without_files():
    assert describe_progress({"step": "looking", "files": {}, "downloaded": 0, "at": 1}, None) == "looking"
