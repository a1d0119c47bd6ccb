"""The film: its arrays against brute force, its frames against a full drawing, its files against their decoders."""

import base64
import json
import re

import av
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from helpers import break_pictures, lost_nothing
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

import jspline
from jspline import plot
from jspline.claims.paper import _fig7
from jspline.cli import app
from jspline.cli._film import watch, write
from jspline.cli._problem import choose_law, pose

CSV = "time,height\n0,1\n1,3\n1,2\n2,2\n4,0\n5,1\n"
SMALL = ["--width", 6, "--t1", 20, "--seconds", 1, "--fps", 12, "--height", 240, "--stills", "0,2,20"]


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One film in every format."""
    folder = tmp_path_factory.mktemp("film")
    path = folder / "my <b> data.csv"
    path.write_text(CSV)
    opened = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
        result = run("film", path, *SMALL, "--format", "html,mp4", "--format", "gif", "--show", "--out", folder / "o")
    assert result.exit_code == 0, result.output
    assert opened == [(folder / "o" / "film.html").as_uri()]
    return folder / "o", result.output


def test_a_picture_that_fails_loses_nothing(tmp_path, monkeypatch):
    path = tmp_path / "my.csv"
    path.write_text(CSV)
    break_pictures(monkeypatch)
    result = run("film", path, *SMALL, "--out", tmp_path / "o")
    lost_nothing(result, tmp_path / "o", "film.nc", "film.html")


def test_ctrl_c_before_there_is_anything_keeps_nothing_and_says_so(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("jspline.cli._film.run", interrupted)
    result = run("film", "nile", *SMALL, "--out", tmp_path / "o")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted; nothing was kept.\n"


def test_stills_at_times_that_differ_little_are_different_files(tmp_path, monkeypatch):
    """Bug: 1234567 and 1234568 were both film_1.23457e+06.png."""
    saved = []
    monkeypatch.setattr("jspline.plot.Film.save", lambda film, path, k: path.touch() or saved.append(k))
    frames = np.zeros(2)
    held = plot.Reel(*[frames] * 4, *[np.ones((2, 2))] * 4, frames, np.ones((2, 2, 2)), *[np.ones((2, 2, 1))] * 2,
                     np.ones(2), 0.0, frames[:0], frames[:0].astype(int))  # fmt: skip
    held = held._replace(times=np.array([1234567.0, 1234568.0]), grid=np.array([0.0, 1.0]))
    names = write(tmp_path, held, {}, [], [1234567.0, 1234568.0], {"fps": 12, "theme": "light", "height": 240})
    assert {"film_1234567.png", "film_1234568.png"} <= set(names)
    assert saved[-2:] == [0, 1]


def test_it_says_how_to_watch(monkeypatch, capsys, tmp_path):
    watch(tmp_path / "film.html", show=False)
    assert f"Open {tmp_path / 'film.html'} in a browser; space plays" in capsys.readouterr().out
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    watch(tmp_path / "film.mp4", show=True)
    assert capsys.readouterr().out == f"No browser was found here: open {tmp_path / 'film.mp4'} in one.\n"


@pytest.fixture(scope="module")
def flowed():
    """A flow with sixteen nets on the way and its data, ties and weights included."""
    data = jspline.Dataset([-1.0, -0.4, 0.3, 0.3, 0.9], [0.5, -0.7, 0.2, 1.0, -0.4], [1.0, 0.5, 2.0, 1.0, 1.0])
    net = jspline.init.he(6).sample(6, key=jax.random.key(4))
    ts = jnp.concatenate([jnp.zeros(1), jnp.geomspace(1e-3, 10.0, 15)])
    return jspline.flow(net, data, 10.0, rtol=1e-4, atol=1e-7, ts=ts, method=jspline.dynamics.Exact(events=100)), data


def test_everything_is_written_and_agrees(made):
    out, said = made
    names = {"film.html", "film.mp4", "film.gif", "film.png", "film.svg", "film.nc", "run.json"}
    assert {p.name for p in out.iterdir()} == names | {"film_0.png", "film_2.png", "film_20.png"}
    for phrase in ("6 points, 5 distinct time", "The film begins at t =", "Loss from", "Wrote"):
        assert phrase in said
    ds = xr.open_dataset(out / "film.nc")
    assert ds.sizes["frames"] == 12
    assert {0.0, 2.0, 20.0} <= set(ds.times.values)
    assert np.all(np.diff(ds.times.values) > 0)
    # The function is the spline of its breakpoints, up to a constant: slopes on either side add up.
    reach = (ds.grid.values[:, None] - ds.beta.values[5]) * ds.s.values[5]
    shape = np.maximum(reach, 0) @ (ds.mu.values[5] * ds.s.values[5])
    offset = ds.fit.values[5] - shape
    np.testing.assert_allclose(offset, offset[0], atol=1e-9)
    assert np.all(np.diff(ds.loss.values) <= 1e-12)
    assert json.loads((out / "run.json").read_text())["arguments"]["stills"] == "0,2,20"


def test_it_is_the_first_network_of_the_flow_command(made):
    data = pose(str(made[0].parent / "my <b> data.csv"), None, None)
    net = data.units.restore(choose_law("he", 6, data.data).sample(6, key=jax.random.fold_in(jax.random.key(0), 0)))
    beta = xr.open_dataset(made[0] / "film.nc").beta.values[0]
    np.testing.assert_allclose(beta, net.to_spline().beta, rtol=1e-10)


def test_films_decode(made):
    out, _ = made
    with av.open(str(out / "film.mp4")) as file:
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    # 12 frames, the first and the last held for a second.
    assert len(frames) == 12 + 2 * 11
    assert frames[0].shape == (240, 426, 3)
    with Image.open(out / "film_20.png") as picture:
        still = np.asarray(picture.convert("RGB"), float)
    distance = [np.mean(np.abs(frame - still[:240, :426])) for frame in frames]
    assert np.argmin(distance) >= 22, "the end of the film is its last still"
    with Image.open(out / "film.gif") as gif:
        assert gif.n_frames >= 3
        assert gif.info["loop"] == 0


def test_the_page_is_self_contained(made):
    out, _ = made
    page = (out / "film.html").read_text()
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:)|https?://|@import|url\(", page)
    assert "<b>" not in page.split("<script", 1)[0], "the name of a file is text, not markup"
    ds = xr.open_dataset(out / "film.nc")
    facts = json.loads(page.split('id="reel">')[1].split("</script>")[0])
    assert facts["width"] == 6
    assert facts["title"].endswith("my <b> data")
    fit = np.frombuffer(base64.b64decode(facts["fit"]), "<f4").reshape(ds.fit.shape)
    np.testing.assert_allclose(fit + facts["bases"]["fit"], ds.fit.values, rtol=1e-6, atol=1e-6)


@pytest.mark.browser
def test_the_page_plays(made, browser):
    out, _ = made
    errors = []
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((out / "film.html").as_uri())
    page.wait_for_function("clock.textContent === 't = 20.0'", timeout=20_000)
    page.wait_for_function("document.getElementById('play').textContent === 'Play'")
    drawn = "film.toDataURL()"
    last = page.evaluate(drawn)
    page.keyboard.press("Home")
    assert page.inner_text("#clock") == "t = 0"
    assert page.evaluate(drawn) != last
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.input_value("#scrub") == "2"
    page.keyboard.press("Shift+ArrowRight")
    assert page.input_value("#scrub") == "11"
    assert page.evaluate(drawn) == last
    page.evaluate("scrub.value = 4; scrub.dispatchEvent(new Event('input'))")
    times = xr.open_dataset(out / "film.nc").times.values
    assert float(page.inner_text("#clock").removeprefix("t = ")) == pytest.approx(times[4], rel=1e-2)
    page.keyboard.press("Space")
    assert page.inner_text("#play") == "Pause"
    context.close()
    # Somebody who asks for less motion sees the end, at rest.
    calm = browser.new_context(reduced_motion="reduce")
    page = calm.new_page()
    page.goto((out / "film.html").as_uri())
    assert page.inner_text("#clock") == "t = 20.0"
    assert page.inner_text("#play") == "Play"
    calm.close()
    assert errors == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--format", "avi"], "--format must be of html, mp4, gif; got avi."),
        (["--format", ","], "--format must be of html, mp4, gif; got an empty one."),
        (["--pace", "slow"], "--pace must be events or log; got slow."),
        (["--theme", "blue"], "--theme must be light or dark; got blue."),
        (["--seconds", "0"], "--seconds must be positive and finite; got 0."),
        (["--seconds", "1e6"], "A film holds at most 20,000 frames"),
        (["--fps", "0"], "--fps must be at least 1; got 0."),
        (["--height", "2"], "--height must be from 240 to 4320; got 2."),
        (["--stills", "1,then"], "--stills must be times with commas between them; got 1,then."),
        (["--stills", "-1"], "--stills must be from 0 to --t1, 1000; got -1."),
        (["--stills", "2000"], "--stills must be from 0 to --t1, 1000; got 2000."),
        (["--seed", "-1"], "--seed must be from 0"),
    ],
)
def test_bad_arguments(tmp_path, arguments, sentence):
    out = tmp_path / "o"
    result = run("film", "sine", *arguments, "--out", out)
    assert result.exit_code == 2
    assert result.stderr.startswith("jspline: ")
    assert result.stderr.count("\n") == 1
    assert sentence in result.stderr
    assert not out.exists()


def test_a_missing_encoder_is_named(tmp_path, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr("jspline.cli._encode.importlib.import_module", missing)
    result = run("film", "sine", "--format", "mp4", "--out", tmp_path / "o")
    assert result.exit_code == 2
    assert "An mp4 film needs the package av: pip install" in result.stderr


def test_the_drive_and_its_zeros_by_brute_force(flowed):
    sol, data = flowed
    reel = plot.reel(sol, data)
    x, y, p = (np.asarray(a) for a in (data.x, data.y, data.weight))
    found = 0
    for k in (0, 7, 15):
        net = jax.tree.map(lambda leaf: leaf[k], sol.nets)  # noqa: B023
        e = p * (y - np.asarray(net(x)))

        def psi(beta, side):
            seen = x > beta if side == 0 else x < beta
            return np.sum(e[seen]) + beta * np.sum((e * x)[seen])  # noqa: B023

        low, high = reel.edges[0::2], reel.edges[1::2]
        for side in (0, 1):
            for a, b, at_a, at_b in zip(low, high, reel.psi[k, side, 0::2], reel.psi[k, side, 1::2], strict=True):
                np.testing.assert_allclose((at_a + at_b) / 2, psi((a + b) / 2, side), atol=1e-12)
                near = 1e-9 * (b - a)
                np.testing.assert_allclose([at_a, at_b], [psi(a + near, side), psi(b - near, side)], atol=1e-7)
            for zero, sign in zip(reel.zeros[k, side], reel.signs[k, side], strict=True):
                assert (sign == 0) == np.isnan(zero)
                if sign:
                    found += 1
                    assert sign * psi(zero - 1e-7, side) < 0 < sign * psi(zero + 1e-7, side)
            # And there is one wherever the sign changes.
            fine = np.linspace(x[0] - 0.07, x[-1] + 0.07, 4001)
            values = np.sign([psi(b, side) for b in fine])
            values = values[values != 0]
            inside = np.abs(reel.zeros[k, side] - (x[0] + x[-1]) / 2) < (x[-1] - x[0]) / 2 + 0.07
            there = np.unique(reel.zeros[k, side][inside & (reel.signs[k, side] != 0)])  # ties have one each
            assert np.sum(values[1:] * values[:-1] < 0) == there.size
    assert found > 5
    np.testing.assert_allclose(reel.loss[-1], float(sol.loss), rtol=1e-10)
    assert reel.event_times.size == int(sol.events.total)


def test_days_are_shown_as_dates_on_the_page(flowed):
    sol, data = flowed
    film = plot.Film(plot.reel(sol, data), x_name="when (days since 2020-01-31)", height=240)
    facts = json.loads(plot.film_html(film).split('id="reel">')[1].split("</script>")[0])
    assert facts["x_name"] == "when"
    coarse, *_, fine = facts["x_dates"]
    assert 2 <= len(coarse["at"]) <= len(fine["at"])
    assert all(film.x_range[0] <= day <= film.x_range[1] for day in fine["at"])
    assert len(fine["at"]) == len(fine["said"])
    assert "2020" in fine["shared"]
    other = plot.film_html(plot.Film(plot.reel(sol, data), height=240))
    assert '"x_dates": []' in other


def test_a_reel_needs_nets_on_the_way():
    data = jspline.datasets.six_points()
    sol = jax.eval_shape(lambda: jspline.flow(jspline.init.he(6).sample(6, key=jax.random.key(0)), data, 1.0,
                                              rtol=1e-3, atol=1e-6))  # fmt: skip
    with pytest.raises(ValueError, match="give `ts` to"):
        plot.reel(sol, data)


def test_a_frame_is_the_figure(flowed, tmp_path):
    """What is updated in place is what a drawing from nothing gives; the first frame and the last are not alike."""
    reel = plot.reel(*flowed)
    film = plot.Film(reel, title="A film", height=240)
    frames = [frame.astype(int) for frame in (f.copy() for f in film.frames([0, 15, 3, 15]))]
    np.testing.assert_array_equal(frames[1], frames[3])
    path = tmp_path / "last.png"
    plot.Film(reel, title="A film", height=240).save(path, 15)
    with Image.open(path) as picture:
        whole = np.asarray(picture.convert("RGB"), int)
    assert whole.shape == frames[1].shape
    apart = [np.mean(np.abs(frame - whole)) for frame in frames]
    assert apart[1] < 0.2 * min(apart[0], apart[2])
    # Labels and ticks too, where there is room for other ones, up to the edges of letters.
    plain = plot.Film(reel._replace(grid=reel.grid * 2.0), height=1080)
    frame = next(plain.frames([15])).astype(int)
    plain.save(path, 15)
    with Image.open(path) as picture:
        assert np.mean(np.abs(frame - np.asarray(picture.convert("RGB"), int)).max(axis=-1) > 60) < 1e-4


@given(
    st.floats(1e-6, 1.0),
    st.floats(2.0, 1e6),
    st.integers(10, 80),
    st.lists(st.floats(1e-7, 1e6), max_size=30),
    st.lists(st.floats(0, 1), max_size=5),
)
@example(1.0, 2.0, 10, [], [5e-324])
@example(1.0, 2.0, 10, [1e-07, 1.0000000000000001e-07], [1.72e-26])
def test_times_of_frames(first, last, frames, events, parts):
    stills = sorted({part * last for part in parts})
    times = plot.film_times(first, last, frames, events=events, stills=stills)
    assert times.shape == (frames,)
    assert times[0] == 0
    assert times[-1] == last
    assert np.all(np.diff(times) > 0)
    assert set(stills) <= set(times)


def test_how_far_the_picture_has_moved(flowed):
    sol, data = flowed
    times, way = plot.travelled(sol, data)
    np.testing.assert_array_equal(times, sol.ts)
    np.testing.assert_array_equal(plot.travelled(sol, jspline.Problem(data))[1], way)
    assert way[0] == 0
    assert way[-1] == pytest.approx(1)
    assert np.all(np.diff(way) >= 0)
    # By hand, for the step from time 3 to time 4.
    x, low, high = np.linspace(data.x[0], data.x[-1], 65), float(data.x[0]), float(data.x[-1])
    fit = np.abs(np.diff([np.asarray(jax.tree.map(lambda leaf: leaf[k], sol.nets)(x)) for k in range(16)], axis=0))  # noqa: B023
    beta = np.abs(np.diff(np.asarray(jax.vmap(lambda net: net.to_spline().beta)(sol.nets)).clip(low, high), axis=0))
    parts = [fit.max(axis=1), beta.mean(axis=1)]
    assert way[4] - way[3] == pytest.approx(sum(part[3] / part.sum() for part in parts) / 2)


def test_a_burst_of_events_runs_slowly():
    """Half of the frames follow the events, the other half log t."""
    events = np.linspace(10, 11, 201)
    slow = plot.film_times(1e-3, 1e3, 601, events=events)
    even = plot.film_times(1e-3, 1e3, 601)
    assert np.sum((slow > 10) & (slow < 11)) >= 300
    assert np.sum((even > 10) & (even < 11)) < 10
    np.testing.assert_allclose(np.diff(np.log(even[1:])), np.log(1e6) / 599, rtol=1e-9)
    assert np.diff(np.log(slow[1:])).max() < 2.1 * np.log(1e6) / 599
    # All of the motion in one stretch: half of the frames again, and a third where there are events elsewhere.
    motion = np.array([0.0, 1e-4, 0.1, 0.2, 1e3]), np.array([0.0, 0.0, 0.0, 1.0, 1.0])
    for others, least in (({}, 299), ({"events": events}, 199)):
        times = plot.film_times(1e-3, 1e3, 601, motion=motion, **others)
        assert np.sum((times >= 0.1) & (times <= 0.2)) >= least
    still = plot.film_times(1e-3, 1e3, 601, motion=(motion[0], np.zeros(5)))
    np.testing.assert_allclose(still, even)
    for arguments in ((0.0, 1.0, 9), (2.0, 1.0, 9), (1.0, np.inf, 9)):
        with pytest.raises(ValueError, match="0 < first < last"):
            plot.film_times(*arguments)
    with pytest.raises(ValueError, match="at least 5 frames"):
        plot.film_times(1.0, 9.0, 4, stills=[2.0, 3.0])
    with pytest.raises(ValueError, match="from 0 to 9"):
        plot.film_times(1.0, 9.0, 40, stills=[10.0])


@pytest.mark.full
def test_the_film_of_figure_7_has_the_five_times_of_the_figure(tmp_path):
    """The arrays of the frames at the five times are those of the flow that the audit's figure draws."""
    times = _fig7.TIMES
    arguments = ["--stills", ",".join(f"{t:g}" for t in times), "--seconds", 2, "--fps", 10, "--height", 240]
    result = run("film", "figure_7", *arguments, "--format", "mp4", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert len(list(tmp_path.glob("film_*.png"))) == 5
    ds = xr.open_dataset(tmp_path / "film.nc").set_index(frames="times").sel(frames=times)
    net, data = _fig7.problem(0)
    sol = jspline.flow(net, data, times[-1], rtol=1e-6, atol=1e-9, ts=times)
    height = np.ptp(np.asarray(data.y))
    grid = jnp.asarray(ds.grid.values)
    np.testing.assert_allclose(ds.fit.values, jax.vmap(lambda n: n(grid))(sol.nets), atol=1e-3 * height)
    near = jax.vmap(lambda n: jspline.landscape.drive(n, data, (data.x[1:] + data.x[:-1]) / 2))(sol.nets)
    middle = (ds.psi.values[..., 0::2] + ds.psi.values[..., 1::2])[..., 1:-1] / 2
    for mine, theirs in ((middle[:, 0], near.right), (middle[:, 1], near.left)):
        np.testing.assert_allclose(mine, theirs, atol=3e-3 * np.max(np.abs(theirs), axis=1).max())
    inside = np.abs(ds.beta.values[0]) < 2
    assert (
        np.max(np.abs(ds.beta.values - np.asarray(jax.vmap(lambda n: n.to_spline().beta)(sol.nets)))[:, inside]) < 0.1
    )
