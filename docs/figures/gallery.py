"""The gallery: `python docs/figures/gallery.py` writes its page, and with names of pictures (or `all`) makes them.

A picture is made by the command that its caption shows, so this is also what to type to make it oneself.
"""

import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parent.parent


class Picture(NamedTuple):
    """A picture of the gallery.

    Attributes:
        file: where it is, from `docs/`.
        section: of the page.
        caption: what is to be seen.
        link: the page that explains it.
        command: what makes it; it writes the file itself, or into the folder that follows `--out`.
        out: the name of the file in that folder.
    """

    file: str
    section: str
    caption: str
    link: str
    command: str
    out: str = ""


PICTURES = (
    Picture("figures/mcycle.png", "Learning", "Sixteen networks learn the motorcycle data", "tutorial.md",
            "jspline flow mcycle --out demo", "flow.png"),
    Picture("figures/fit.png", "Learning", "The best piecewise-linear fits of the motorcycle data",
            "baselines.md", "jspline fit mcycle --out fit", "fit.png"),
    Picture("figures/holzmueller.png", "Learning", "Does a breakpoint ever reach a datum? 240,000 networks",
            "holzmueller.md", "jspline sweep holzmueller --out study", "sweep.png"),
    Picture("figures/film.png", "Watching", "The last frame of figure 7's film: breakpoints gather, and spread again",
            "film.md", "jspline film figure_7 --out film", "film.png"),
    Picture("figures/film_dark.png", "Watching", "A film for dark slides, small scale", "film.md",
            "jspline film sine --alpha 0.1 --theme dark --out film_dark", "film.png"),
    Picture("figures/explore.png", "Watching", "The explorer: drag a datum, and the network learns again", "explore.md",
            "python docs/figures/explore.py"),
    Picture("figures/paper_figure_2.png", "The idea", "Breakpoints, delta-slopes and orientations (figure 2)",
            "idea.md", "python docs/figures/paper.py"),
    Picture("figures/idea.png", "The idea", "Four neurons as a spline; active data are a suffix or a prefix",
            "idea.md", "python docs/figures/idea.py"),
    Picture("figures/paper_figure_1.png", "The idea", "One neuron's curve of equal functions (figure 1)", "idea.md",
            "python docs/figures/paper.py"),
    Picture("figures/hessian.png", "Laws and landscape",
            "Spectra before and after learning, and what the zeros come from", "curvature.md",
            "jspline hessian mcycle --out curvature", "hessian.png"),
    Picture("figures/law.png", "Laws and landscape", "An initialization's samples and its exact law",
            "api/jspline.init.md", "jspline law he --out law", "law.png"),
    Picture("figures/planes.png", "Laws and landscape", "Two inputs: where the neurons of a network fold the plane",
            "inputs.md", "python docs/figures/planes.py"),
    Picture("../benchmarks/figure_9.png", "Measured", "Pieces needed for a quadratic (figure 9)", "baselines.md",
            "python -m benchmarks figure_9"),
    Picture("../benchmarks/spiky.png", "Measured", "Spiky starts generalize worse", "../benchmarks/RESULTS.md",
            "python -m benchmarks spiky"),
)  # fmt: skip


def page() -> str:
    """The gallery's page."""
    lines = ["# Gallery", ""]
    lines += ["Each picture leads to the page that explains it; below stands the command that makes it."]
    section = ""
    for picture in PICTURES:
        if picture.section != section:
            section = picture.section
            lines += ["", f"## {section}"]
        image = f"[![{picture.caption}]({picture.file})]({picture.link})"
        lines += ["", f"{image}\\", f"{picture.caption}. `{picture.command}`"]
    return "\n".join([*lines, ""])


def make(picture: Picture) -> None:
    """Run its command, and take the picture from the folder that it wrote."""
    words = shlex.split(picture.command)
    program = [sys.executable, "-m", "jspline"] if words[0] == "jspline" else [sys.executable]
    with tempfile.TemporaryDirectory() as folder:
        if picture.out:
            words[words.index("--out") + 1] = folder
        subprocess.run([*program, *words[1:]], check=True, cwd=DOCS.parent)
        if picture.out:
            shutil.copy(Path(folder) / picture.out, DOCS / picture.file)


if __name__ == "__main__":
    (DOCS / "gallery.md").write_text(page(), encoding="utf-8")
    stems = {Path(picture.file).stem: picture for picture in PICTURES}
    asked = list(stems) if sys.argv[1:] == ["all"] else sys.argv[1:]
    if unknown := [name for name in asked if name not in stems]:
        sys.exit(f"There is no picture {unknown[0]}; choose from {', '.join(stems)}, or all.")
    for name in asked:
        make(stems[name])
