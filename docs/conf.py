"""The site: `sphinx-build -W docs build/site`. Pages in Markdown, mathematics as MathML, no network needed."""

import re
import sys
from pathlib import Path

import latex2mathml.converter
from docutils import nodes

import jspline

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from _api import IDS, statements, write_pages  # noqa: E402

project, author, copyright = "jspline", "the jspline authors", "2026, the jspline authors"
version = release = jspline.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["figures", "static"]
suppress_warnings = ["myst.xref_missing"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 4
html_theme, html_title = "furo", "jspline"
html_show_sourcelink = False
html_static_path, html_css_files = ["static"], ["gallery.css"]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_use_param, napoleon_use_ivar = False, True
nitpicky = False


def _mathml(self, node, display):
    self.body.append(latex2mathml.converter.convert(node.astext(), display=display))
    raise nodes.SkipNode


def _links_to_the_repository(app, doctree):
    """Links that leave the folder, which are right in a clone, lead to the pages that include those files."""
    for node in list(doctree.findall(nodes.reference)):
        for place, page in OUTSIDE.items():
            if node.get("refuri", "").split("#")[0].endswith(place):
                node["refuri"] = page


OUTSIDE = {"benchmarks/RESULTS.md": "performance.html", "CONTRIBUTING.md": "contributing.html"}


def _docstring(app, what, name, obj, options, lines):
    """Docstrings are plain text with `code`; nothing else is markup. At the end stand the statements they rest on."""
    text = "\n".join(lines)
    room, last = ".".join(obj.__module__.split(".")[:2]) if hasattr(obj, "__module__") else "", name.split(".")[-1]
    lines[:] = [_escaped(line) for line in lines]
    if what in ("function", "class"):
        links = ", ".join(f":ref:`{IDS[i].title} <{i}>`" for i in statements(text, room, last))
        lines += ["", f"Paper: {links}.", ""]


def _escaped(line):
    parts = line.split("`")
    for k in range(0, len(parts), 2):
        parts[k] = re.sub(r"([\\*|_])", r"\\\1", parts[k])
    if len(parts) % 2 == 0:
        return "\\`".join(parts)
    return "".join(part if k % 2 == 0 else f"``{part}``" for k, part in enumerate(parts))


def _skip(app, what, name, obj, skip, options):
    """Fields of named tuples are described with their class."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field") else None


def setup(app):
    """Typeset mathematics while building, in what browsers render themselves."""
    write_pages(HERE / "api")
    app.add_node(nodes.math, override=True, html=(lambda s, n: _mathml(s, n, "inline"), None))
    app.add_node(nodes.math_block, override=True, html=(lambda s, n: _mathml(s, n, "block"), None))
    app.connect("doctree-read", _links_to_the_repository)
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-docstring", _docstring, priority=400)
