"""The page of an audit: one file with all that came out, which needs no network; and its figures and arrays."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr
from jinja2 import Environment, PackageLoader, StrictUndefined

from jspline import plot
from jspline._files import whole
from jspline.claims import VERDICTS, Audited
from jspline.cli._maths import number, typeset

MEANINGS = {
    "holds": "as printed",
    "conditional": "under a condition that the print lacks",
    "fails": "as printed; what holds in its place is tested too",
    "undecided": "at this budget",
}
PARTS = {"printed": "as printed", "condition": "under the condition", "corrected": "as corrected"}
LITERATURE = "lit-"


def write_arrays(audited: Sequence[Audited], folder: Path) -> None:
    """ID.nc with the arrays of every claim that has some, the axes of each with names of their own."""
    for claim, _, arrays in audited:
        if arrays:
            named = {key: ([f"{key}_{axis}" for axis in range(a.ndim)], a) for key, a in arrays.items()}
            with whole(folder / f"{claim.id}.nc") as path:
                xr.Dataset(named, attrs={"claim": claim.id, "title": claim.title}).to_netcdf(path, engine="h5netcdf")


def draw_figures(audited: Sequence[Audited], folder: Path, pictures: dict[str, Path]) -> None:
    """ID.png and ID.svg for every claim with a figure; `pictures` takes up the PNG of each.

    Raises what the first that failed raised, when all others are drawn.
    """
    failed = None
    for claim, _, arrays in audited:
        if claim.figure is None:
            continue
        try:
            figure = claim.figure(arrays)
            for suffix in (".svg", ".png"):
                with whole(folder / f"{claim.id}{suffix}") as path:
                    plot.save(figure, path)
                figure.set_layout_engine("none")  # it is laid out: not again for the next file
            pictures[claim.id] = folder / f"{claim.id}.png"
        except Exception as error:
            failed = failed or error
    if failed is not None:
        raise failed


def page(audited: Sequence[Audited], pictures: Mapping[str, Path]) -> str:
    """The HTML of all claims, with the figures inside."""
    records = [each.record for each in audited]
    first = records[0]
    groups = {
        "The paper": [record for record in records if not record["id"].startswith(LITERATURE)],
        "Other people's results": [record for record in records if record["id"].startswith(LITERATURE)],
    }
    environment = Environment(
        loader=PackageLoader("jspline.cli"), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined,
    )  # fmt: skip
    environment.filters.update(maths=typeset, number=number)
    return environment.get_template("audit.html").render(
        groups={name: group for name, group in groups.items() if group},
        counts={verdict: sum(record["verdict"] == verdict for record in records) for verdict in VERDICTS},
        total=len(records),
        meanings=MEANINGS,
        parts=PARTS,
        modules={each.claim.id: each.claim.check.__module__ for each in audited},
        pictures={name: base64.b64encode(path.read_bytes()).decode() for name, path in pictures.items()},
        commands={record["id"]: command(record) for record in records},
        budget=first["budget"],
        seed=first["seed"],
        versions=first["versions"],
    )


def command(record: Mapping[str, Any]) -> str:
    """What runs one claim again."""
    full = " --full" if record["budget"] == "full" else ""
    return f"jspline audit --only {record['id']} --seed {record['seed']}{full}"
