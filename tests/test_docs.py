"""The examples in the documentation and the notebooks run."""

import importlib
import importlib.util
import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import jax
import jupytext
import matplotlib.pyplot as plt
import pytest
import typer
from sybil.document import Document
from sybil.parsers.markdown import PythonCodeBlockParser

from jspline.cli import app

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


@pytest.fixture(autouse=True)
def as_a_reader_has_it(monkeypatch):
    """JAX's usual promotion rules, and plots that do not open windows."""
    monkeypatch.setenv("JSPLINE_FAST", "1")
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield
    plt.close("all")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_examples(page):
    document = Document.parse(str(page), PythonCodeBlockParser())
    examples = list(document.examples())
    assert len(examples) == page.read_text().count("```python")
    for example in examples:
        example.evaluate()


OTHERS = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
COMMAND = typer.main.get_command(app)


def commands(text):
    """Every command that a page shows: lines of `sh` blocks and of indented ones, and what stands in backquotes."""
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    lines += re.findall(r"^    (\w.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    lines += re.findall(r"`([^`\n]+)`", text)
    for line in lines:
        for command in re.split(r"&&|\|\|?", line):
            # Names of commands alone, and those with a part left open, are no commands.
            words = shlex.split(command, comments=True) if not re.search(r"\.\.\.|[()]|\w'\w", command) else []
            if len(words) > 1 and words[0] in ("jspline", "python"):
                yield words


def parse(words):
    """What the command line itself makes of it, without running anything."""
    name, *rest = words
    if name.startswith("-"):
        return
    command = COMMAND.commands[name]
    with command.make_context(name, rest or [], resilient_parsing=not rest) as context:
        assert context.args == []


@pytest.mark.parametrize("page", [*PAGES, OTHERS[0], ROOT / "benchmarks/RESULTS.md"], ids=lambda path: path.name)
def test_commands_on_the_pages_are_commands(page):
    """Each `jspline` command parses, and each module or script that `python` is to run is there."""
    for words in commands(page.read_text()):
        if words[0] == "jspline":
            try:
                parse(words[1:])
            except typer.Exit:  # --help
                continue
            except Exception as error:
                raise AssertionError(f"{shlex.join(words)}: {error!r}") from error
        elif words[1] == "-m":
            assert importlib.util.find_spec(words[2]), shlex.join(words)
        elif not words[1].startswith("-"):
            assert (ROOT / words[1]).exists(), shlex.join(words)


def test_a_wrong_command_is_found():
    for text in ("`jspline fly mcycle`", "    jspline flow mcycle --depth 3\n", "```sh\njspline flow mcycle x\n```"):
        (words,) = commands(text)
        with pytest.raises(Exception, match=r"fly|--depth|unexpected extra argument"):
            parse(words[1:])


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda path: path.name)
def test_links_inside_the_repository(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        # The reference is written when the site is built, which checks links into it.
        assert target.startswith("api/") or (page.parent / target).exists(), target


THEORY = (ROOT / "docs/theory.md").read_text()


def test_sections_of_the_theory_that_docstrings_name_are_there():
    sections = set(re.findall(r"^##+ ([\d.]+) ", THEORY, re.MULTILINE))
    named = {
        section
        for path in (ROOT / "jspline").rglob("*.py")
        for listed in re.findall(r"theory\.md ([\d.]*\d(?:, [\d.]*\d)*)", path.read_text())
        for section in listed.split(", ")
    }
    assert len(named) > 40
    assert named <= sections, named - sections


def test_what_the_theory_points_at_is_there():
    """Each section has code and a proof, and each `path:name` is the function, class or constant `name` of a file."""
    for section in re.split(r"^### ", THEORY, flags=re.MULTILINE)[1:]:
        pointers = re.findall(r"`([\w/]+\.py):(\w+)`", section)
        title = section.partition("\n")[0]
        for path, name in pointers:
            defined = re.search(rf"^(?: *(?:def|class) )?{name}\b[^.]", (ROOT / path).read_text(), re.MULTILINE)
            assert defined, f"{title}: {path} has no {name}"
        told = [any(path.startswith(room) for path, _ in pointers) for room in ("jspline/", "tests/")]
        assert all(told) or "as for" in section, title


def test_the_gallery_is_what_its_script_writes():
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "docs/figures/gallery.py")
    gallery = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gallery)
    assert (ROOT / "docs/gallery.md").read_text() == gallery.page()
    for picture in gallery.PICTURES:
        assert (ROOT / "docs" / picture.file).exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    # Two minutes: it learns an initialization, and the page's own examples run always.
    [pytest.param(p, marks=pytest.mark.full) if p.stem == "sensitivities" else p for p in NOTEBOOKS],
    ids=lambda path: path.stem,
)
def test_notebooks(path):
    notebook = jupytext.read(path)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(cells) >= 3
    names = {}
    for cell in cells:
        exec(compile(cell.source, str(path), "exec"), names)
    assert os.environ["JSPLINE_FAST"] == "1"
    assert names["FAST"]


@pytest.mark.slow
def test_the_site_builds_and_every_public_name_is_on_it(tmp_path):
    """Without a warning and without a network; each function and class leads to a statement of the paper."""
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(ROOT / "docs"), str(tmp_path)]
    environment = {
        **os.environ,
        "no_proxy": "",
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    done = subprocess.run(build, capture_output=True, text=True, timeout=500, env=environment)
    assert done.returncode == 0, done.stderr
    rooms = [path.name for path in (ROOT / "jspline").iterdir() if (path / "__init__.py").exists()]
    for module in ["jspline", *(f"jspline.{room}" for room in sorted(rooms) if room != "cli")]:
        package = importlib.import_module(module)
        page = (tmp_path / "api" / f"{module}.html").read_text()
        for name in package.__all__:
            thing = getattr(package, name)
            if inspect.ismodule(thing):
                assert (tmp_path / "api" / f"{thing.__name__}.html").exists()
                continue
            # Names that the package takes from a room have their anchor there.
            entry = page.partition(f'id="{module}.{name}"')[2]
            entry = entry or page.partition(f'<span class="sig-name descname"><span class="pre">{name}</span>')[2]
            assert entry, f"{module}.{name} has no entry"
            if inspect.isfunction(thing) or inspect.isclass(thing):
                assert "paper.html#" in entry.split('<dt class="sig sig-object', 1)[0], f"{module}.{name}"
    for page in tmp_path.rglob("*.html"):
        outside = re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"(https?:[^\"]*)", page.read_text())
        assert outside == [], f"{page.name} loads {outside}"
    assert "<math" in (tmp_path / "api" / "paper.html").read_text()
    assert (tmp_path / "searchindex.js").exists()
