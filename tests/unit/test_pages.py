"""What the pages show exists: pages, headings, commands with their options, files that are typed from them, and messages."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import os
import pathlib
import posixpath
import re
import shlex
import subprocess

import pytest
import yaml
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node

ROOT = pathlib.Path(__file__).parents[2]
INDEX = ROOT / "docs" / "index.md"
#: Those that `docs/conf.py` makes the site of, and the first page of the repository
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "*/README.md", "roles/*/README.md", "tests/bench/README.md")
    for path in ROOT.glob(pattern)
    if not path.relative_to(ROOT).parts[0].startswith(".")
)
OUTSIDE = re.compile(r"[a-z]+:|//")
FENCE = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?\s*\)")

_spec = importlib.util.spec_from_file_location("picture", ROOT / "tests" / "picture.py")
picture = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(picture)


def name_of(page):
    return str(page.relative_to(ROOT))


every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def anchors(page):
    """A forge's names of the headings, which are the site's, too."""
    found = []
    for heading in re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        name = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        numbered = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(1)))
        found.append(next(one for one in numbered if one not in found))
    return found


def links(page):
    """Those within the repository. What generates a page may have escaped every character that is no letter."""
    found = LINK.findall(re.sub(r"\\([!-/:-@[-`{-~])", r"\1", FENCE.sub("", page.read_text())))
    return [link for link in found if not OUTSIDE.match(link)]


def toctree():
    """Every entry of the site's index, as a path from the top."""
    trees = re.findall(r"^```\{toctree\}\n(.*?)^```$", INDEX.read_text(), re.DOTALL | re.MULTILINE)
    entries = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    named = [re.sub(r"^.*<(.*)>$", r"\1", entry) for entry in entries]
    return [posixpath.normpath(posixpath.join("docs", entry)) for entry in named]


def test_every_page_is_in_the_sites_index_once():
    of_the_site = [name_of(page).removesuffix(".md") for page in PAGES if page not in (INDEX, ROOT / "README.md")]
    assert sorted([*of_the_site, "docs/collections/index"]) == sorted(toctree())


@every_page
def test_what_a_page_links_to_is_there(page):
    for link in links(page):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT.resolve()), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_is_one_page():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 100


def test_pictures_are_drawn_from_their_texts():
    made = picture.pictures()
    assert made
    for path, svg in made.items():
        assert path.read_text() == svg, "run python3 tests/picture.py"


def test_a_pictures_text_is_in_it_to_the_letter():
    svg = picture.picture("$ a <b> & c\n\n  d  e\n", "a & b")
    assert "$ a &lt;b&gt; &amp; c</text>" in svg
    assert 'x="32"' in svg and ">d  e</text>" in svg


# Commands -----------------------------------------------------------------------------------------------------------------


STARTS = ("ansible-playbook ", "make ", "ansible boot_hosts ")


def commands(page):
    """What somebody types: lines of their own, and code within a sentence, where playbooks are often said alone."""
    text = page.read_text().replace("\\\n", " ")
    shown = [line.strip() for line in text.splitlines() if re.match(r"(    |\t)\S", line)]
    for code in re.findall(r"`([^`\n]+)`", FENCE.sub("", text)):
        shown.append(re.sub(r"^(?:playbooks/)?([a-z_]+\.yml) (?=-)", r"ansible-playbook playbooks/\1 ", code))
    return [part.strip() for line in shown for part in line.split("&&") if part.strip().startswith(STARTS)]


#: What was typed before is in the history of changes
TYPED = [page for page in PAGES if page.name != "CHANGELOG.md"]
COMMANDS = [(page, command) for page in TYPED for command in dict.fromkeys(commands(page))]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))


def words(command):
    return shlex.split(command, comments=True)


def of(program):
    found = [(page, command) for page, command in COMMANDS if words(command)[0] == program]
    return pytest.mark.parametrize(
        ("page", "command"), found, ids=[f"{name_of(page)}: {command}" for page, command in found]
    )


def variables_of_roles():
    for spec in ROOT.glob("roles/*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(spec.read_text())["argument_specs"].values():
            yield from entry["options"]


#: What only checks, or only mirrors, takes what `site.yml` takes
ONE_RUN = {"site.yml", "check.yml", "images.yml"}


def options_of(playbook):
    """What its head says of `-e`."""
    heads = ONE_RUN if playbook in ONE_RUN else {playbook}
    texts = ((ROOT / "playbooks" / name).read_text().partition("\n- ")[0] for name in heads)
    return {option for text in texts for option in re.findall(r"\b([a-z]+_[a-z_]+)\b\"?[=:]", text)}


@of("make")
def test_a_make_command_has_a_target_and_variables_of_the_makefile(page, command):
    for word in words(command)[1:]:
        name, sign, _ = word.partition("=")
        if sign:
            assert re.search(rf"\$\({name}\)|\$\{{{name}\b", MAKEFILE) or f"{name} ?=" in MAKEFILE, name
        else:
            assert name in TARGETS


@of("ansible-playbook")
def test_a_playbook_that_is_shown_exists_and_takes_the_options_that_are_shown(page, command):
    given = words(command)[1:]
    playbooks = [word for word in given if word.startswith("playbooks/")]
    assert len(playbooks) == 1
    (playbook,) = playbooks
    if playbook == "playbooks/NAME.yml":
        return
    assert (ROOT / playbook).is_file()
    known = options_of(playbook.removeprefix("playbooks/")) | set(variables_of_roles())
    options = [value.partition("=")[0] for option, value in itertools.pairwise(given) if option == "-e"]
    assert set(options) <= known


@pytest.mark.parametrize("page", TYPED, ids=name_of)
def test_an_option_that_is_named_alone_is_one_of_some_playbook(page):
    playbooks = [options_of(path.name) for path in ROOT.glob("playbooks/*.yml")]
    known = set().union(*playbooks, variables_of_roles())
    named = re.findall(r"`-e ([a-z_]+)=", FENCE.sub("", page.read_text()))
    assert set(named) <= known


@of("ansible")
def test_a_module_that_is_shown_exists(page, command):
    given = words(command)
    module = given[given.index("-m") + 1]
    assert (ROOT / "plugins" / "modules" / f"{module.removeprefix('kindling.flatcar.')}.py").is_file()


#: Files of examples that a reader makes
MADE = re.compile(r"NAME|inventories/mine|playbooks/leases\.yml")
PATH = re.compile(r"`((?:container|docs|inventories|molecule|playbooks|plugins|roles|tests)/[\w./-]+)`")


@pytest.mark.parametrize("page", TYPED, ids=name_of)
def test_a_file_of_the_repository_that_is_named_is_there(page):
    named = [path for path in PATH.findall(FENCE.sub("", page.read_text())) if not MADE.search(path)]
    assert [path for path in named if not (ROOT / path).exists()] == []


# The first rack -----------------------------------------------------------------------------------------------------------


def typed_files(page):
    """The files that a page has somebody write: a block of code after the path of its file."""
    text = page.read_text()
    for found in re.finditer(r"`(inventories/mine/\S+)`(?:(?!```).)*?```yaml\n(.*?)```", text, re.DOTALL):
        yield found[1], found[2]


@pytest.mark.slow
def test_the_files_of_the_first_rack_are_an_inventory_without_mistakes(tmp_path):
    (tmp_path / ".ssh").mkdir()
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPbmxO9DGDIfwNh4WSVmWrMQkRlQVY8Znnm3P1OD0aJ2 you@controller\n"
    (tmp_path / ".ssh" / "id_ed25519.pub").write_text(key)
    files = dict(typed_files(ROOT / "docs" / "start.md"))
    assert len(files) == 6
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    answer = subprocess.run(
        ("ansible-playbook", "-i", str(tmp_path / "inventories" / "mine"), str(ROOT / "playbooks" / "validate.yml")),
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 nodes of 1 boot host: 0 problems" in answer.stdout, answer.stdout + answer.stderr
    assert "2 nodes of 1 boot host: 0 problems" in (ROOT / "docs" / "start.md").read_text()


def shown_variables():
    for page in (ROOT / "docs" / "flatcar.md", ROOT / "docs" / "installing.md"):
        for number, text in enumerate(re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)):
            yield pytest.param(yaml.safe_load(text), id=f"{page.stem} {number}")


@pytest.mark.parametrize("shown", list(shown_variables()))
def test_variables_of_a_node_that_are_shown_are_taken(shown):
    own = {"flatcar_rack": "rack-a", "flatcar_mac": "52:54:00:12:a0:01", "flatcar_address": "10.10.0.11"}
    node, problems = read_node("a01", {"flatcar_boot_mode": "ram", **own, **shown})
    assert node, problems


# Messages -----------------------------------------------------------------------------------------------------------------


def said():
    """All texts of the product: strings of its code, and its scripts, tasks and templates."""
    kinds = ("plugins/**/*.py", "plugins/**/*.sh", "roles/*/*/*", "playbooks/*.yml")
    for path in itertools.chain.from_iterable(map(ROOT.glob, kinds)):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            constants = (one.value for one in ast.walk(ast.parse(text)) if isinstance(one, ast.Constant))
            yield from (constant for constant in constants if isinstance(constant, str))
        else:
            yield " ".join(text.split())


def symptoms():
    """The messages in the first column of the tables of troubleshooting that begin with what somebody sees."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    for heading, rows in re.findall(r"^\| ([^|\n]+) \|[^\n]*\n\| ---[^\n]*\n((?:\|[^\n]*\n)+)", page, re.MULTILINE):
        if heading in ("hop", "what"):
            continue
        for row in rows.splitlines():
            yield from re.findall(r"`([^`]+)`", row.split("|")[1])


def test_messages_in_troubleshooting_are_the_products_own():
    texts = "\n".join(said())
    messages = list(symptoms())
    assert len(messages) > 40
    assert [message for message in messages if message not in texts and not message.endswith((".yml", ".efi"))] == []


def test_every_playbook_has_its_section():
    page = ROOT / "docs" / "playbooks.md"
    sections = re.findall(r"^\| \[`([a-z_]+)\.yml`\]\(#\1\)", page.read_text(), re.MULTILINE)
    playbooks = sorted(path.stem for path in ROOT.glob("playbooks/*.yml"))
    assert sorted(sections) == playbooks == sorted(set(anchors(page)) & set(playbooks))
    assert all(f"literalinclude}} ../playbooks/{name}.yml" in page.read_text() for name in playbooks)
