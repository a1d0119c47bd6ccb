"""The page of an audit: formulas, files, and what a browser makes of it."""

import base64
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from helpers import break_pictures, lost_nothing
from typer.testing import CliRunner

from jspline import claims
from jspline.cli import app
from jspline.cli._maths import number, typeset

ONLY = "eq6,text-speed,lit-appella"


def audit(*arguments):
    done = CliRunner().invoke(app, ["audit", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("audit")
    audit("--only", ONLY, "--out", out)
    return out


def test_a_picture_that_fails_loses_nothing(folder, tmp_path, monkeypatch):
    """The page has all but the pictures."""
    out = tmp_path / "again"
    shutil.copytree(folder, out, ignore=shutil.ignore_patterns("*.png", "*.svg", "index.html", "audit.json"))
    break_pictures(monkeypatch)
    result = CliRunner().invoke(app, ["audit", "--only", ONLY, "--out", str(out)])
    lost_nothing(result, out, "audit.json", "index.html", "figures")
    page = (out / "index.html").read_text()
    assert all(f'id="{name}"' in page for name in ONLY.split(","))
    assert "data:image/png" not in page


FORMULAS = {
    "mu_i s_i = f''(beta_i) / (H p(beta_i))": "μ_i s_i = f″(β_i) / (H p(β_i))",
    "-(v / w) (E + beta X), eps being y - f": "−(v / w) (E + β X), ε being y − f",
    "mu != 0 where w_i = 0 < b_i": "μ ≠ 0 where w_i = 0 < b_i",
    "O_p(H^-1/2) as H -> infinity": "O_p(H^−1/2) as H → ∞",
    "least int f''^2 / nu + 4 A^2 / int nu": "least ∫ f″^2 / ν + 4 A^2 / ∫ ν",
    "a bound of 1e-05 or 2.5e+16": "a bound of 1 × 10^−5 or 2.5 × 10^16",
    "Glorot's delta-slopes, A Dirac delta, if a <b> & c": "Glorot's delta-slopes, A Dirac δ, if a <b> & c",
    "<eps, 1> and (x_n - beta_i)_{s_i}": "⟨ε, 1⟩ and (x_n − β_i)_s_i",
    "sum |mu_i| g, the sum of mu_i^2": "Σ |μ_i| g, the sum of μ_i^2",
    "`jspline.kernel` at b0, mu(x, -)": "jspline.kernel at b_0, μ(x, −)",
}


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas(text):
    """Read without markup, `_` for subscripts and `^` for superscripts."""
    html = str(typeset(text)).replace("<sub>", "_").replace("<sup>", "^")
    plain = re.sub(r"</?(i|sub|sup|code)>", "", html)
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&#39;", "'"), ("&amp;", "&")):
        plain = plain.replace(entity, character)
    assert plain == FORMULAS[text]


def test_numbers():
    assert str(number(-1.23456e-11)) == "−1.235 × 10<sup>−11</sup>"
    assert str(number(0.5)) == "0.5"
    assert str(number(2e5)) == "2 × 10<sup>5</sup>"


def test_the_page_shows_all_that_a_claim_has(folder):
    page = (folder / "index.html").read_text()
    for claim in claims.select(claims.CLAIMS, ONLY.split(",")):
        assert f'id="{claim.id}"' in page
        assert str(typeset(claim.statement)) in page
        assert f"jspline audit --only {claim.id} --seed 0" in page
    appella = page[page.index('<article class="claim holds" id="lit-appella"') :]
    assert "degrades rapidly" in appella
    picture = base64.b64decode(re.search(r"data:image/png;base64,([^\"]+)", appella)[1])
    assert picture == (folder / "figures" / "lit-appella.png").read_bytes()
    assert not re.search(r"(src|href)=.(https?:)?//", page)


def test_figures_come_with_their_arrays(folder):
    assert sorted(path.name for path in (folder / "figures").iterdir()) == [
        f"lit-appella.{kind}" for kind in ("nc", "png", "svg")
    ]
    with xr.open_dataset(folder / "figures" / "lit-appella.nc", engine="h5netcdf") as arrays:
        assert arrays.attrs["claim"] == "lit-appella"
        assert arrays.relus.shape == arrays.knots.shape
        assert arrays.uneven.sizes == {"uneven_0": arrays.knots.size, "uneven_1": 5}


def test_the_same_seed_gives_the_same_files(folder, tmp_path):
    audit("--only", ONLY, "--out", tmp_path)
    for name in ("index.html", "audit.json", *(f"figures/lit-appella.{kind}" for kind in ("nc", "png", "svg"))):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


KILLED = """
import os, signal, sys, jax
jax.config.update("jax_enable_x64", True)
from jspline import claims
first, second = claims.select(claims.CLAIMS, ["eq1", "lit-appella"])[::-1]
check = claims.Claim.run
claims.Claim.run = lambda claim, *how: os.kill(os.getpid(), signal.SIGKILL) if claim is second else check(claim, *how)
claims.audit([first, second], out=sys.argv[1])
"""


def test_arrays_outlive_a_kill(tmp_path, monkeypatch):
    environment = {**os.environ, "XLA_FLAGS": ""}
    dead = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], env=environment, check=False)
    assert dead.returncode == -signal.SIGKILL
    ran, check = [], claims.Claim.run

    def recording(claim, *how):
        ran.append(claim.id)
        return check(claim, *how)

    pair = claims.select(claims.CLAIMS, ["eq1", "lit-appella"])[::-1]
    with monkeypatch.context() as patch:
        patch.setattr(claims.Claim, "run", recording)
        done = claims.audit(pair, out=tmp_path)
    assert ran == ["eq1"]
    fresh = pair[0].run().evidence.arrays
    assert set(done[0].arrays) == set(fresh)
    for name, values in fresh.items():
        np.testing.assert_array_equal(done[0].arrays[name], values)


@pytest.mark.browser
def test_filters_and_links(folder, browser):
    page = browser.new_page()
    page.goto((folder / "index.html").as_uri())
    shown = "[...document.querySelectorAll('article')].filter(e => e.offsetHeight).map(e => e.id).join()"
    assert page.evaluate(shown) == "eq6,text-speed,lit-appella"
    page.click("button.fails")
    assert page.evaluate(shown) == "eq6"
    assert page.get_attribute("button.fails", "aria-pressed") == "true"
    page.evaluate("location.hash = '#lit-appella'")  # it is hidden, and a link asks for it
    page.wait_for_function("document.getElementById('lit-appella').offsetHeight > 0")
    assert page.evaluate(shown) == "eq6,text-speed,lit-appella"
    page.close()
