"""The examples in the documentation and the notebooks run."""

import os
import re
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
