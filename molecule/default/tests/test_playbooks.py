"""Every playbook, run once more on a boot host that is as it should be, and with a release that nobody vouches for."""

import pytest


@pytest.mark.parametrize(
    ("playbook", "arguments"), [("check.yml", ()), ("images.yml", ()), ("site.yml", ("--check", "--diff"))]
)
def test_it_changes_nothing(play, playbook, arguments):
    status, output = play(playbook, *arguments)
    assert status == 0, output
    assert output.count("changed=0") == 1, output


@pytest.mark.parametrize("name", ["boot-bookworm"], indirect=True, scope="session")
def test_a_release_that_the_pinned_key_did_not_sign_is_refused_and_the_served_one_stays(play, rack):
    before = rack.http("/images/amd64-usr/9999.2.0/version.txt")
    status, output = play("images.yml", flatcar_images_key_fingerprint="0123456789ABCDEF0123456789ABCDEF01234567")
    assert status != 0
    assert "0123456789ABCDEF0123456789ABCDEF01234567" in output
    assert rack.http("/images/amd64-usr/9999.2.0/version.txt") == before
