"""The explorer: its state, its solver, and the page in a real browser."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import jax
import numpy as np
import pytest
from bokeh.document import Document
from bokeh.models import LogTicker
from hypothesis import given
from hypothesis import strategies as st
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect
from typer.testing import CliRunner

import jspline
from jspline._text import offset
from jspline.cli import app
from jspline.cli._explore_page import Page, even_ticks, log_ticker
from jspline.cli._explore_solve import Solver, edges
from jspline.cli._explore_state import INITS, TARGETS, State, from_query, rounded
from jspline.plot import THEMES

POINTS = ((-1.0, 0.5), (0.0, -1.0), (1.0, 2.0))


def parsed(query):
    from urllib.parse import parse_qs

    return {name: [v.encode() for v in values] for name, values in parse_qs(query).items()}


@given(
    st.builds(
        State,
        target=st.sampled_from(list(TARGETS)),
        width=st.integers(1, 200),
        alpha=st.integers(-20, 20).map(lambda k: float(f"{10 ** (k / 10):.4g}")),
        init=st.sampled_from(INITS),
        seed=st.integers(0, 2**32 - 1),
        time=st.integers(0, 100),
        neuron=st.just(-1) | st.just(0),
        points=st.just(()) | st.just(POINTS),
    )
)
def test_an_address_holds_the_state(state):
    assert from_query(parsed(state.query()), State(), 24) == (state, [])


def test_an_address_holds_what_the_command_has_other_defaults_for():
    """Bug: with a CSV, an address of a built-in function did not say so, and led back to the CSV."""
    default = State(target="data", width=20)
    for state in (State(), State(width=20), default, State(target="data")):
        assert from_query(parsed(state.query(default)), default, 24) == (state, [])


@given(st.floats(-1e12, 1e12), st.floats(1e-3, 1e3))
def test_an_address_holds_points_far_from_0(far, span):
    """Bug: to five digits of themselves, points at 1.7e9 were one."""
    points = rounded(tuple((far + k * span, k * span / 7 - far) for k in range(4)))
    assert from_query(parsed(State(points=points).query()), State(), 24) == (State(points=points), [])
    grain = 1e-3 * span + 1e-15 * abs(far)
    np.testing.assert_allclose(points, [(far + k * span, k * span / 7 - far) for k in range(4)], atol=grain, rtol=1e-15)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("width=many", "width = many: it must be a whole number from 1 to 200."),
        ("width=0", "it must be a whole number from 1 to 200."),
        ("width=2.5", "it must be a whole number from 1 to 200."),
        ("alpha=nan", "it must be a number from 0.01 to 100."),
        ("alpha=1e9", "it must be a number from 0.01 to 100."),
        ("seed=-1", "seed = -1: it must be a whole number"),
        ("target=data", "it must be one of sine"),
        ("init=magic", "it must be one of he"),
        ("points=1~2", "it must hold 2 to 24 points"),
        ("points=1~2_1~3", "must differ in x"),
        ("points=1~2_x~3", "it must be a number"),
        ("points=" + "_".join(f"{k}~0" for k in range(25)), "it must hold 2 to 24 points"),
        ("colour=red", "there is no such setting."),
        ("neuron=60", "there are 50 neurons."),
        ("time=%FF%FE", "it must be a whole number from 0 to 100."),
    ],
)
def test_bad_addresses_fall_back_with_a_sentence(query, sentence):
    state, complaints = from_query(parsed(query), State(), 24)
    assert state == State()
    assert len(complaints) == 1
    assert sentence in complaints[0]


def test_padding_changes_nothing():
    """The flow, its views and the spectrum are those of the net and the data without padding."""
    x, y = np.array([-1.0, 0.0, 0.5, 1.5, 2.0]), np.array([0.0, 1.0, -1.0, 0.5, 0.2])
    solver = Solver(9, 8)
    run = solver.run(x, y, State(width=6, alpha=0.5, seed=3))
    scaled, units = jspline.Dataset(x, y).standardize()
    data = jspline.Dataset(scaled.x, scaled.y, scaled.weight * 2 / 5)
    net = jspline.rescale(jspline.init.he(6).sample(6, key=jax.random.fold_in(jax.random.key(3), 0)), 0.5)
    sol = jspline.flow(net, data, 1000.0, rtol=1e-4, atol=1e-7, ts=run.times)
    # The padding counts in the norm of an error, so the steps are others: equal to the tolerance.
    np.testing.assert_allclose(run.loss, jax.vmap(lambda n: jspline.loss(n, data))(sol.nets), rtol=2e-2, atol=1e-5)
    assert run.beta.shape == (101, 6)
    view, last = (
        solver.look(run, 40, 2),
        jax.tree.map(lambda leaf: leaf[40, :6] if leaf.ndim > 1 else leaf[40], run.nets),
    )
    along = jspline.landscape.slice_breakpoint(last, data, 2)
    np.testing.assert_allclose(view.slice, along((run.grid - units.x_mean) / units.x_scale), rtol=1e-8, atol=1e-12)
    knots = jspline.landscape.classify_knots(last, data, 2)
    np.testing.assert_array_equal(view.slice_types, knots.slice)
    np.testing.assert_array_equal(view.flow_types, knots.flow)
    gram = np.linalg.eigvalsh(np.asarray(jspline.gram(last, data)))[::-1][:5]
    np.testing.assert_allclose(view.eigenvalues, gram, rtol=1e-8, atol=1e-10 * gram[0])
    middle = (edges(run)[0::2] + edges(run)[1::2]) / 2
    drives = jspline.landscape.drive(last, data, (middle - units.x_mean) / units.x_scale)
    scale = np.max(np.abs(view.psi))
    np.testing.assert_allclose((view.psi[0, 0::2] + view.psi[0, 1::2]) / 2, drives.right, atol=1e-9 * scale)
    np.testing.assert_allclose((view.psi[1, 0::2] + view.psi[1, 1::2]) / 2, drives.left, atol=1e-9 * scale)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--width", "201"], "--width must be from 1 to 200; got 201."),
        (["--alpha", "1e4"], "--alpha must be from 0.01 to 100; got 10000."),
        (["--init", "magic"], "--init must be one of he"),
        (["--port", "70000"], "--port must be from 0 to 65535; got 70000."),
        (["--x", "time"], "name the file too."),
        (["nothere.csv"], "nothere.csv does not exist"),
    ],
)
def test_bad_arguments(arguments, sentence):
    result = CliRunner().invoke(app, ["explore", *arguments])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert sentence in result.stderr


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr("jspline.cli._encode.importlib.import_module", missing)
    result = CliRunner().invoke(app, ["explore"])
    assert result.exit_code == 2
    assert "The explorer needs the package bokeh: pip install" in result.stderr


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The command as a user starts it, on a free port."""
    path = tmp_path_factory.mktemp("explore") / "my.csv"
    path.write_text("time,height\n0,1\n1,3\n2,2\n3,2\n4,0\n")
    command = [sys.executable, "-m", "jspline", "explore", str(path), "--port", "0", "--no-show", "--width", "20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said = ""
        for line in process.stdout:
            said += line
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                break
        else:
            raise AssertionError(said)
        yield found[0], int(found[1])
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        finally:
            process.kill()


@pytest.mark.browser
def test_only_loopback_listens_and_other_origins_are_refused(served):
    address, port = served
    # Every socket that listens on this port is bound to 127.0.0.1.
    with open("/proc/net/tcp") as v4, open("/proc/net/tcp6") as v6:
        rows = [line.split() for line in [*v4.readlines()[1:], *v6.readlines()[1:]]]
    bound = {r[1].split(":")[0] for r in rows if r[3] == "0A" and int(r[1].split(":")[1], 16) == port}
    assert bound == {"0100007F"}
    names = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for name in names:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((name, port), timeout=5)
    page = urllib.request.urlopen(address).read().decode()
    assert not re.search(r"(src|href)=\"https?://(?!127)", page), "everything comes from here"
    token = re.search(r'"token":"([^"]+)"', page)[1]

    def connect(origin):
        url = f"ws://127.0.0.1:{port}/ws"
        headers = {"Origin": origin, "Sec-WebSocket-Protocol": f"bokeh, {token}"}

        async def attempt():
            connection = await websocket_connect(HTTPRequest(url, headers=headers))
            connection.close()

        # In a thread: the browser of the other tests may hold this one's loop.
        ThreadPoolExecutor(1).submit(asyncio.run, attempt()).result()

    for origin in ("http://evil.example", f"http://evil.example:{port}", "null"):
        with pytest.raises(HTTPClientError, match="403"):
            connect(origin)
    connect(address.rstrip("/"))


def opened(browser, address, errors, width=1600):
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    page.on("console", lambda m: errors.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda r: errors.append(r.url) if "127.0.0.1" not in r.url and r.url[:4] != "data" else None)
    page.goto(address)
    page.wait_for_selector(".last", timeout=60_000)
    return page


def changed(page, before):
    page.wait_for_function(SHOWN + f" !== '{before}'", timeout=60_000)
    return page.inner_text(".last")


SHOWN = "Bokeh.documents[0].get_model_by_name('facts').text.match(/last'>([^<]*)/)[1]"

# What is on the page: Bokeh's document keeps models that were replaced for some seconds more.
PICTURES = """const pictures = (views) => views.flatMap((v) => v.canvas_view ? [v] : pictures(v.child_views ?? []));
  const find = (name) => pictures(Bokeh.index.roots).find((v) => v.model.name === name);"""

WHERE = (
    f"([name, k]) => {{ {PICTURES}"
    + """
  const view = find(name);
  const source = view.model.renderers.map((r) => r.data_source).find((s) => s.data.x && s.data.x.length < 30);
  const box = view.canvas_view.el.getBoundingClientRect();
  return [box.x + view.frame.x_scale.compute(source.data.x[k]), box.y + view.frame.y_scale.compute(source.data.y[k])];
}"""
)


@pytest.mark.browser
def test_the_page_is_driven(served, browser):
    address, _ = served
    errors = []
    page = opened(browser, address, errors)
    first = page.inner_text(".last")
    # A slider, by the keyboard.
    page.locator(".noUi-handle").nth(1).focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    changed(page, first)
    page.wait_for_function("location.search.includes('alpha=0.5012')")
    second = page.inner_text(".last")
    # A datum, by the mouse: upwards.
    x, y = page.evaluate(WHERE, ["function", 2])
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 30, steps=4)
    page.mouse.move(x, y - 60, steps=4)
    page.mouse.up()
    page.wait_for_function("location.search.includes('points=')")
    third = changed(page, second)
    assert len({first, second, third}) == 3
    query = page.evaluate("location.search")
    state, complaints = from_query(parsed(query[1:]), State(target="data", width=20), 24)
    assert complaints == []
    assert state.points[2][0] == pytest.approx(2, abs=0.1)
    assert state.points[2][1] > 2.3
    # A second tab has a state of its own; a reload keeps this one; the first goes on working.
    other = opened(browser, address, errors)
    assert other.inner_text(".last") == first
    page.reload()
    page.wait_for_selector(".last", timeout=60_000)
    assert page.inner_text(".last") == third
    page.click("text=Put the data back")
    assert changed(page, third) == second
    # Bad things in an address are said, and left out.
    bad = opened(browser, address + "?width=wide&seed=3", errors)
    assert "width = wide: it must be a whole number from 1 to 200." in bad.inner_text(".alert")
    assert "seed=3" in bad.evaluate("location.search")
    # A seed that is none is refused, and the box shows the one that holds; the names of the CSV stay with its data.
    for seed in ("-5", "1.5"):
        bad.locator("input.bk-input").first.fill(seed)
        bad.locator("input.bk-input").first.press("Enter")
        bad.wait_for_selector(f"text=The seed must be a whole number from 0 to 4294967295; got {seed}.", timeout=60_000)
        assert bad.locator("input.bk-input").first.input_value() == "3"
    names = f"() => {{ {PICTURES} return find('function').model.below[0].axis_label.text; }}"
    assert bad.evaluate(names) == "time"
    bad.evaluate("Bokeh.documents[0].get_model_by_name('target').value = 'sine'")
    bad.wait_for_function("location.search.includes('target=sine')", timeout=60_000)
    assert bad.evaluate(names) == "x"
    # The pictures follow a browser that asks for dark, and back.
    paper = "[...new Set(pictures(Bokeh.index.roots).map((v) => v.model.background_fill_color))].join()"
    for scheme in ("dark", "light"):
        bad.emulate_media(color_scheme=scheme)
        bad.wait_for_function(f"() => {{ {PICTURES} return {paper} === '{THEMES[scheme].paper}'; }}", timeout=60_000)
        assert bad.evaluate(f"() => {{ {PICTURES} return pictures(Bokeh.index.roots).length; }}") == 6
    bad.wait_for_timeout(300)
    assert errors == []


@pytest.mark.browser
def test_a_small_screen_shows_all_columns(served, browser):
    page = opened(browser, served[0], [], 1024)
    box = "v.canvas_view.el.getBoundingClientRect().toJSON()"
    boxes = page.evaluate(f"() => {{ {PICTURES} return pictures(Bokeh.index.roots).map((v) => {box}); }}")
    assert len({round(box["left"]) for box in boxes}) == 3
    assert all(box["right"] <= 1024 for box in boxes)


@pytest.mark.browser
def test_a_phone_shows_one_column(served, browser):
    errors = []
    page = opened(browser, served[0], errors, 390)
    box = "v.canvas_view.el.getBoundingClientRect().toJSON()"
    boxes = page.evaluate(f"() => {{ {PICTURES} return pictures(Bokeh.index.roots).map((v) => {box}); }}")
    help_text = page.locator("text=Drag a datum").bounding_box()
    tops = [box["top"] for box in boxes]
    assert tops[0] >= help_text["y"] + help_text["height"]
    assert all(box["bottom"] <= top for box, top in zip(boxes, tops[1:], strict=False))
    assert all(box["left"] >= 0 and box["right"] <= 390 and box["width"] > 260 for box in boxes)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert 'name="viewport"' in page.content()
    assert errors == []


@pytest.mark.browser
def test_after_a_dropped_connection_the_page_works_and_warns_no_more(served, browser):
    """Bug: the red banner stayed, over a page that worked again, or was caught in a loop of broken messages."""
    page = browser.new_context(viewport={"width": 1600, "height": 900}).new_page()
    page.add_init_script("""
      window.sockets = [];
      window.WebSocket = class extends WebSocket { constructor(...all) { super(...all); sockets.push(this); } };""")
    page.goto(served[0] + "?seed=3")
    page.wait_for_selector(".last", timeout=60_000)
    first = page.inner_text(".last")
    page.route("**/bokeh.min.js", lambda route: route.abort())  # out of reach
    page.evaluate("sockets.forEach((socket) => socket.close())")
    warning = "text=The connection was lost."
    page.wait_for_selector(warning, timeout=60_000)
    page.unroute("**/bokeh.min.js")
    page.wait_for_selector(warning, state="detached", timeout=60_000)
    page.wait_for_selector(".last", timeout=60_000)
    assert page.inner_text(".last") == first
    assert page.locator(".error").count() == 0
    page.evaluate("Bokeh.documents[0].get_model_by_name('width').value = 9")
    changed(page, first)
    assert "width=9" in page.evaluate("location.search")


def test_days_are_shown_as_dates():
    given = tuple((float(day), (day % 5) / 5) for day in range(0, 330, 55))
    doc = Document()
    names = ("when (days since 2020-01-31)", "height")
    page = Page(doc, Solver(9, 24), State(target="data", width=3), given, names)
    axis = page.main.xaxis[0]
    first = datetime(2020, 1, 31)
    days = [first + timedelta(days=day) for day in axis.ticker.ticks]
    assert all(day.day == 1 for day in days)
    assert axis.formatter.args["said"] == [f"{day:%b}" if day.month > 1 else f"{day:%Y}" for day in days]
    assert axis.axis_label.text == "when, 2020"
    page.state = replace(page.state, target="sine")
    page.update()
    assert axis.formatter.args["said"] == []
    assert axis.axis_label.text == "x"


def test_ticks_have_room_and_tell_the_loss():
    """Bug: in units of 1e-6 numbers ran into each other, and of a loss from 1 to 0.02 the top alone was named."""
    for low, high, ticks in (
        (-1.6e-7, 5.2e-6, [0, 2e-6, 4e-6]),
        (1.7e9 - 130, 1.7e9 + 3750, [1.7e9, 1.7e9 + 1e3, 1.7e9 + 2e3, 1.7e9 + 3e3]),
        (-1.2, 1.1, [-1, -0.5, 0, 0.5, 1]),
    ):
        np.testing.assert_allclose(even_ticks(low, high, offset(low, high)), ticks, rtol=1e-15, atol=1e-21)
    named = [t for t in log_ticker(np.array([1.0, 0.3, 0.017])).ticks if 0.017 <= t <= 1]
    np.testing.assert_allclose(named, [0.02, 0.05, 0.1, 0.2, 0.5, 1])
    for values in ([1.0, 0.9], [1.0, 1e-9], []):
        assert isinstance(log_ticker(np.array(values)), LogTicker)
    page = Page(Document(), Solver(9, 24), State(width=3), (), ("x", "y"))
    history = page.figures[0][2]
    np.testing.assert_allclose(history.xaxis[0].ticker.ticks, [1e-4, 1e-2, 1, 1e2])
    assert history.yaxis[0] is page.losses
