"""The examples in the documentation and the notebooks run."""

import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import jupytext
import matplotlib.pyplot as plt
import pytest
from sybil.document import Document
from sybil.parsers.markdown import PythonCodeBlockParser

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


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_links_inside_the_repository(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
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
