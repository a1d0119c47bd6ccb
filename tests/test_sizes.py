"""Numbers too large: each is refused in one sentence, before anything is allocated or looped over."""

import os
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from typer.testing import CliRunner

import jspline
from jspline import curvature, datasets, descent, dynamics, ensemble, init, landscape, pwl
from jspline._checks import check_memory
from jspline.cli import app
from jspline.datasets import Dataset

HUGE = 99_999_999_999_999_999_999
LARGE = 2**31 - 1
KEY = jax.random.key(0)
DATA = Dataset([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 0.5, 2.0])
NET = jspline.ReLUNet([1.0, -1.0, 2.0], [0.1, 0.2, -0.3], [1.0, 1.0, -1.0], 0.0)
TOL = {"rtol": 1e-3, "atol": 1e-6}


def grid(**axes):
    return ensemble.run(lambda point, key: {"a": jnp.zeros(4)}, {"t": [1.0], **axes}, key=KEY)


def flows(**options):
    return ensemble.flow(lambda point, key: (NET, DATA), {"inits": 1}, key=KEY, t1=1.0, **TOL, **options)


def histogram():
    return jax.eval_shape(lambda: ensemble.counts((10**7, 10**7), jnp.zeros(3, int), jnp.zeros(3, int)))


def law_block(width):
    return ensemble.LawBlock(init.he(100), width, ensemble.LawBins.around(1.0, 1.0))


MOST = "must be at most 2,147,483,647; got"

CASES = {
    "flow, max_steps": (lambda: jspline.flow(NET, DATA, 1.0, max_steps=HUGE, **TOL), f"`max_steps` {MOST} {HUGE}."),
    "flow, events": (
        lambda: jspline.flow(NET, DATA, 1.0, method=dynamics.Exact(events=HUGE), **TOL),
        f"`events` {MOST} {HUGE}.",
    ),
    "flow, a log": (
        lambda: jspline.flow(NET, DATA, 1.0, method=dynamics.Exact(events=LARGE), **TOL),
        "A log of 2,147,483,647 events takes 42",
    ),
    "sensitivity": (
        lambda: dynamics.sensitivity(NET, DATA, 1.0, max_steps=LARGE, **TOL),
        "A record of 2,147,483,647 steps of 3 neurons takes ",
    ),
    "start": (lambda: dynamics.start(NET, DATA, 1.0, method=dynamics.Exact(events=HUGE), **TOL), f"`events` {MOST}"),
    "advance": (lambda: dynamics.advance(dynamics.start(NET, DATA, 1.0, **TOL), HUGE), f"`steps` {MOST}"),
    "train, steps": (lambda: descent.train(NET, DATA, optax.sgd(0.1), HUGE), f"`steps` {MOST}"),
    "train, records": (lambda: descent.train(NET, DATA, optax.sgd(0.1), 3, records=HUGE), f"`records` {MOST}"),
    "train, a record": (
        lambda: descent.train(NET, DATA, optax.sgd(0.1), LARGE, records=LARGE),
        "A record of 2,147,483,647 losses takes ",
    ),
    "train, a batch": (
        lambda: descent.train(NET, DATA, optax.sgd(0.1), 3, batch_size=LARGE, key=KEY),
        "`batch_size` must be at most the number of data, ",
    ),
    "sharpness": (lambda: descent.sharpness(NET, DATA, iterations=HUGE), f"`iterations` {MOST}"),
    "a deep net": (lambda: descent.DeepNet.sample([10**6, 10**6], key=KEY), "A net of 1,000,002,000,000 weights takes"),
    "layers": (lambda: descent.DeepNet.from_net(NET, LARGE), "2,147,483,647 layers of 3 x 3 weights takes "),
    "spectral density": (
        lambda: curvature.spectral_density(NET, DATA, key=KEY, probes=LARGE),
        "2,147,483,647 probes of 10 nodes takes ",
    ),
    "extreme eigenvalues": (lambda: curvature.extreme_eigenvalues(NET, DATA, HUGE), "`k` must be at least 1 and less"),
    "he": (lambda: init.he(HUGE), f"`width` {MOST} {HUGE}."),
    "gaussian": (lambda: init.he(3).sample(LARGE, key=KEY), "A net of 2,147,483,647 neurons takes "),
    "uniform": (lambda: init.Uniform(1.0, 1.0, 1.0).sample(LARGE, key=KEY), "A net of 2,147,483,647 neurons takes "),
    "balanced": (lambda: init.Balanced(1.0).sample(LARGE, key=KEY), "A net of 2,147,483,647 neurons takes "),
    "breakpoints": (lambda: init.UniformBreakpoints(-1, 1).sample(LARGE, key=KEY), "A net of 2,147,483,647 neurons "),
    "from data": (lambda: init.FromData(DATA, "quantiles").sample(LARGE, key=KEY), "A net of 2,147,483,647 neurons "),
    "spikes": (lambda: init.Spiky(init.he(3), 1.0, HUGE), f"`count` {MOST}"),
    "roughness": (lambda: init.he(3).roughness_var(HUGE), f"`width` {MOST}"),
    "critical points": (lambda: landscape.critical_points(DATA, LARGE), "A net of 2,147,483,647 neurons takes "),
    "lonely": (lambda: landscape.lonely_probability(HUGE, 3), "`N` must be at most 9,007,199,254,740,992; got"),
    "lonely, a product": (lambda: landscape.lonely_probability(LARGE, LARGE), "The product of 2,147,483,647 factors "),
    "partitions": (lambda: landscape.partitions(LARGE, 10**6), "must be at most 100,000; got 1000000."),
    "lonely partitions": (lambda: landscape.lonely_partitions(10**6, LARGE), "must be at most 100,000; got 1000000."),
    "remark 1": (lambda: landscape.remark_1(10**200, 1), "`N` must be at most 9,007,199,254,740,992; got"),
    "a sine": (lambda: datasets.sine(HUGE), f"`n` {MOST}"),
    "a gap": (lambda: datasets.smooth_gap(LARGE), "A sample at 2,147,483,647 points takes "),
    "draws": (lambda: datasets.six_points(draws=10**400, key=KEY), "`draws` must be at most 4,611,686,018,427,387,904"),
    "inits": (lambda: grid(inits=HUGE), f"`inits` of the grid {MOST} {HUGE}."),
    "inits, memory": (lambda: grid(inits=LARGE), "A grid of 2,147,483,647 networks takes "),
    "inits, outputs": (lambda: grid(inits=600_000_000), "What is kept of 600,000,000 networks takes "),
    "a tile": (lambda: ensemble.run(lambda p, k: {"a": jnp.zeros(9)}, {"inits": 1}, key=KEY, tile=LARGE), "A tile of "),
    "ensemble.flow": (lambda: flows(max_steps=HUGE), f"`max_steps` {MOST}"),
    "blocks": (lambda: ensemble.collect(lambda key: 0, HUGE, key=KEY), "`blocks` must be at most 4,294,967,295; got"),
    "bins": (histogram, "A histogram of 100,000,000,000,000 bins takes "),
    "a law": (lambda: law_block(2**30), "`width` must be at most 33,554,431; got 1073741824."),
    "audit": (lambda: jspline.claims.audit([], seed=HUGE), "`seed` must be at most 4,294,967,295; got"),
    "pieces": (
        lambda: pwl.dynamic_programming(DATA, HUGE),
        "`pieces` must be at most the number of distinct x, 4; got",
    ),
}


@pytest.fixture
def small_memory(monkeypatch):
    """16 GiB, whatever the machine has."""
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 4 << 20}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)


@pytest.mark.parametrize("name", CASES)
def test_a_number_too_large_is_one_sentence(name, small_memory):
    call, sentence = CASES[name]
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        call()
    said = str(caught.value)
    assert said.endswith(".")
    assert "\n" not in said


def test_the_tables_of_pieces_are_asked_for_first(monkeypatch):
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": 100}.__getitem__)
    for method in (pwl.dynamic_programming, pwl.continuous):
        with pytest.raises(ValueError, match=r"^The table of 3 pieces of 4 data takes .*: ask for fewer pieces\.$"):
            method(DATA, 3)
    with pytest.raises(ValueError, match=r"vectors of 10 parameters takes .*: ask for fewer"):
        curvature.extreme_eigenvalues(NET, DATA, 2)


def test_what_fits_is_not_refused(small_memory):
    check_memory("Half", 8 << 30, "no")
    assert landscape.partitions(np.int64(10**9), 2) == (10**9 + 2) * (10**9 + 1) // 2
    assert init.he(LARGE).sigma_v > 0


OPTIONS = [
    (["flow", "CSV", "--max-steps", HUGE], f"--max-steps {MOST} {HUGE}."),
    (["flow", "CSV", "--inits", HUGE], f"--inits {MOST} {HUGE}."),
    (["flow", "CSV", "--width", HUGE], f"--width {MOST} {HUGE}."),
    (["flow", "CSV", "--inits", 10**7], "To keep 10,000,000 networks of width 100 at 97 times takes "),
    (["flow", "CSV", "--width", 10**9], "To keep 16 networks of width 1,000,000,000 at 97 times takes "),
    (["film", "CSV", "--width", 10**9], "A net of 1,000,000,000 neurons takes 24.0 GB, more than half of the "),
    (["film", "CSV", "--fps", 10**400], "--fps must be at most 2,147,483,647; got 1000"),
    (["film", "CSV", "--max-steps", HUGE], f"--max-steps {MOST}"),
    (["hessian", "CSV", "--max-steps", HUGE], f"--max-steps {MOST}"),
    (["hessian", "CSV", "--width", 10**9], "A net of 1,000,000,000 neurons takes 24.0 GB"),
    (["hessian", "CSV", "--neuron", HUGE], "--neuron must be from 0 to 49"),
    (["law", "he", "--width", 99_999_999_999], "--width must be at most 2,147,483,647; got 99999999999."),
    (["law", "he", "--width", 10**9], "`width` must be at most 33,554,431; got 1000000000."),
    (["law", "he", "--neurons", "1e300"], "--neurons must be from 1 to 1e14; got 1e300."),
    (["fit", "CSV", "--pieces", HUGE], "--pieces must be at most the number of distinct x, 3; got"),
    (["explore", "--width", HUGE], "--width must be from 1 to 200; got"),
    (["explore", "--port", HUGE], "--port must be from 0 to 65535; got"),
    (["audit", "--seed", HUGE], "--seed must be from 0 to 2^32 - 1; got"),
    (["sweep", "regimes", "--inits", HUGE], f"`inits` of the grid {MOST} {HUGE}."),
    (["sweep", "regimes", "--inits", LARGE], " networks takes "),
]


@pytest.mark.parametrize(("arguments", "sentence"), OPTIONS)
def test_an_option_too_large_is_one_sentence(arguments, sentence, tmp_path, small_memory):
    path = tmp_path / "my.csv"
    path.write_text("x,y\n0,1\n1,3\n2,2\n")
    words = [str(path) if word == "CSV" else str(word) for word in arguments]
    out = ["--out", str(tmp_path / "out")] if words[0] not in ("explore",) else []
    result = CliRunner().invoke(app, [*words, *out])
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"grid": "inits = 99999999999999"}, f"`inits` of the grid {MOST} 99999999999999."),
        ({"grid": "inits = 2", "top": "width = 99999999999"}, f"`width` {MOST} 99999999999."),
        ({"grid": "inits = 2\nwidth = [99999999999]"}, f"`width` {MOST} 99999999999."),
        ({"grid": "inits = 2", "flow": "max_steps = 99999999999"}, f"`max_steps` {MOST} 99999999999."),
        ({"grid": "inits = 2", "top": f"alpha = {HUGE}{HUGE}{'0' * 400}"}, "`alpha`"),
    ],
)
def test_a_sweep_file_with_a_number_too_large_is_one_sentence(said, sentence, tmp_path, small_memory):
    path = tmp_path / "my.toml"
    flow = f"t1 = 1.0\nrtol = 1e-3\n{said.get('flow', '')}"
    path.write_text(f"data = 'nile'\n{said.get('top', '')}\n[grid]\n{said['grid']}\n[flow]\n{flow}\n")
    result = CliRunner().invoke(app, ["sweep", str(path)])
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_platform_that_is_not_there_is_one_sentence():
    """Bug: JAX_PLATFORMS=cuda without a GPU was an assertion's traceback."""
    asked = jax.config.jax_platforms
    jax.config.update("jax_platforms", "rocm")
    try:
        result = CliRunner().invoke(app, ["law", "he", "--neurons", "10"])
    finally:
        jax.config.update("jax_platforms", asked)
    assert result.exit_code == 2
    assert result.stderr == "jspline: JAX_PLATFORMS=rocm is not available here: leave it out, or set it to cpu.\n"
