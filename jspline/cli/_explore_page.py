"""The page of the explorer: controls, six pictures, and what happens when something is moved."""

import html
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jinja2
import numpy as np
from bokeh.document import Document
from bokeh.events import ConnectionLost, DocumentReady
from bokeh.layouts import column, row
from bokeh.models import (
    Button,
    ColumnDataSource,
    CustomJS,
    CustomJSTickFormatter,
    Div,
    FixedTicker,
    GlobalInlineStyleSheet,
    HoverTool,
    InlineStyleSheet,
    LogAxis,
    LogTicker,
    PlainText,
    PointDrawTool,
    Range1d,
    Select,
    Slider,
    Span,
    Spinner,
    TapTool,
    TextInput,
)
from bokeh.plotting import figure

from jspline._text import counted, exact, labels, offset, shifted
from jspline.cli._explore_solve import Run, Solver, edges
from jspline.cli._explore_state import INITS, TARGETS, WIDTH, Points, State, from_query, rounded
from jspline.plot import KNOTS, THEMES, TICKS, date_ticks

X_TICKS, ROOM = 4, 20
"""Ticks of dates, and characters of all numbers along x: for three pictures beside the controls, on a small screen."""


class Page:
    """One visitor's page. Every change becomes a new `State`; `update` shows it."""

    def __init__(self, doc: Document, solver: Solver, default: State, given: Points, names: tuple[str, str]):
        """Build the page for the document of a visit, at the state that its address says, or else the default.

        The solver is shared by all visits; `given` are the data of the command line, `names` those of their axes.
        """
        self.doc, self.solver, self.given, self.names = doc, solver, given, names
        context = doc.session_context
        said = context.request.arguments if context is not None and context.request is not None else {}
        self.default = default
        self.state, self.complaints = from_query(said, default, solver.points)
        self.run: Run | None = None
        self.solved: Any = None
        self.colours = THEMES["light"]
        self.pending = self.quiet = False
        self.narrow = InlineStyleSheet(css=COLUMN_CSS)
        self._controls()
        self._pictures()
        self.address = TextInput(visible=False, name="address")
        self.address.js_on_change("value", CustomJS(code=PUSH))
        # Only the browser knows whether its reader likes it dark; controls follow by their style sheets.
        self.scheme = TextInput(visible=False, name="scheme", value="light")
        self.scheme.on_change("value", self._painted)
        doc.js_on_event(DocumentReady, CustomJS(args={"scheme": self.scheme}, code=READY))
        # Bokeh's own way back leaves its warning on the page, and can be caught in the middle of a message.
        doc.config.update(reconnect_session=False, notify_connection_status=False)
        doc.js_on_event(ConnectionLost, CustomJS(code=LOST))
        self.right = column(
            self.message, *self._rows(), sizing_mode="stretch_both", min_height=640, stylesheets=[self.narrow]
        )
        sheets = [GlobalInlineStyleSheet(css=PAGE_CSS), self.narrow]
        roots = (self.controls, self.right, self.address, self.scheme)
        doc.add_root(row(*roots, sizing_mode="stretch_both", stylesheets=sheets))
        doc.title = "jspline: a network learning"
        doc.template = jinja2.Template(PAGE)
        self.update()

    # Controls.

    def _controls(self) -> None:
        s, wide = self.state, {"width": 250, "stylesheets": [CONTROLS_CSS]}
        targets = [*TARGETS, *(["data"] if self.given else [])]
        self.target = Select(title="Function to learn", options=targets, value=s.target, name="target", **wide)
        self.init = Select(title="Initialization", options=list(INITS), value=s.init, name="init", **wide)
        self.width = Slider(title="Width", start=1, end=WIDTH, step=1, value=s.width, name="width", **wide)
        # In tenths of the decimal logarithm.
        power = round(10 * math.log10(s.alpha))
        self.alpha = Slider(title="Scale alpha (small: adaptive)", start=-20, end=20, step=1, value=power, name="alpha",
                            format=CustomJSTickFormatter(code=POWER), **wide)  # fmt: skip
        # Without limits: the spinner would take another number for one beyond them, and not say so.
        self.seed = Spinner(title="Seed", step=1, value=s.seed, name="seed", **wide)
        clock = CustomJSTickFormatter(args={"times": self.solver.times.tolist()}, code=CLOCK)
        self.time = Slider(title="Time t", start=0, end=100, step=1, value=s.time, format=clock, name="time", **wide)
        self.reset = Button(label="Put the data back", name="reset", **wide)
        self.facts = Div(name="facts", **wide)
        self.message = Div(name="message", disable_math=True, sizing_mode="stretch_width", stylesheets=[CONTROLS_CSS])
        self.target.on_change("value", self._take(lambda v: {"target": v, "points": ()}))
        self.init.on_change("value", self._take(lambda v: {"init": v}))
        self.width.on_change("value", self._take(lambda v: {"width": v, "neuron": -1}))
        self.alpha.on_change("value", self._take(lambda v: {"alpha": float(f"{10 ** (v / 10):.4g}")}))
        self.seed.on_change("value", self._seeded)
        self.time.on_change("value", self._take(lambda v: {"time": v}))
        self.reset.on_click(lambda: self._change(points=()))
        parts = (self.target, self.init, self.width, self.alpha, self.seed, self.time, self.facts, self.reset)
        self.controls = column(*parts, Div(text=HELP, **wide), width=270, stylesheets=[self.narrow])

    def _take(self, how: Callable[[Any], dict[str, Any]]) -> Callable[[str, Any, Any], None]:
        return lambda attribute, old, new: None if self.quiet else self._change(**how(new))

    def _change(self, **what: Any) -> None:
        """Note the change. A slider that is moved quickly sends many; they are shown together."""
        self.state, self.complaints = replace(self.state, **what), []
        if not self.pending:
            self.pending = True
            self.doc.add_next_tick_callback(self.update)

    def _refuse(self, sentence: str) -> None:
        """Show the state as it was, and say why."""
        self._change()
        self.complaints = [sentence]

    def _seeded(self, attribute: str, old: Any, new: Any) -> None:
        if self.quiet:
            return
        if new is not None and 0 <= new < 2**32 and new == int(new):
            self._change(seed=int(new))
        else:
            got = "none" if new is None else exact(new)
            self._refuse(f"The seed must be a whole number from 0 to {2**32 - 1}; got {got}.")

    def _dragged(self, attribute: str, old: Any, new: Any) -> None:
        if self.quiet:
            return
        pairs = [(x, y) for x, y in zip(new["x"], new["y"], strict=True) if x is not None and y is not None]
        points = rounded(tuple(sorted(pairs)))
        if len({x for x, _ in points}) < 2:
            self._refuse("Two points at least must differ in x: the data are back.")
        else:
            self._change(points=points)

    def _tapped(self, attribute: str, old: Any, new: Any) -> None:
        if new and not self.quiet:
            self._change(neuron=int(new[0]))

    # Pictures.

    def _rows(self) -> list[Any]:
        return [row(*line, sizing_mode="stretch_both", stylesheets=[self.narrow]) for line in self.figures]

    def _painted(self, attribute: str, old: str, new: str) -> None:
        """Draw all pictures again in the colours that the browser asks for."""
        self.colours = THEMES["dark" if new == "dark" else "light"]
        self._pictures()
        self.update()  # before they are shown: empty pictures on logarithmic axes make the browser complain
        self.right.children = [self.message, *self._rows()]

    def _pictures(self) -> None:
        self.x_range, self.solved = Range1d(-1, 1), None
        self.sources = {name: ColumnDataSource({key: [] for key in keys.split()}) for name, keys in COLUMNS.items()}
        self.sources["points"].on_change("data", self._dragged)
        self.sources["neurons"].selected.on_change("indices", self._tapped)
        self.main, drive, plane, self.along = self._function(), self._drive(), self._plane(), self._slice()
        self.figures = [[self.main, plane, self._history()], [drive, self.along, self._spectrum()]]
        self.along_x = {self.main: None, drive: "", plane: "breakpoint beta", self.along: "this breakpoint"}

    def _picture(self, title: str, **options: Any) -> Any:
        c = self.colours
        p = figure(title=title, sizing_mode="stretch_both", min_width=220, min_height=220, tools="",
                   toolbar_location=None, output_backend="canvas", stylesheets=[InlineStyleSheet(css=PICTURE_CSS)],
                   **options)  # fmt: skip
        p.grid.grid_line_alpha, p.grid.grid_line_color = 0.25, c.quiet
        p.outline_line_color = None
        p.background_fill_color = p.border_fill_color = c.paper
        p.title.text_color = p.axis.axis_label_text_color = p.axis.major_label_text_color = c.ink
        p.axis.axis_line_color = p.axis.major_tick_line_color = p.axis.minor_tick_line_color = c.quiet
        for axis in p.axis:
            axis.formatter = CustomJSTickFormatter(
                args={"common": 0.0, "log": isinstance(axis, LogAxis), "said": []}, code=NUMBERS
            )
        for axis in p.xaxis:
            axis.ticker.desired_num_ticks = X_TICKS
        p.title.text_font_size = "14px"
        p.title.text_font_style = "normal"
        p.axis.axis_label_text_font_style = "normal"
        p.axis.major_label_text_font_size = p.axis.axis_label_text_font_size = "13px"
        return p

    def _function(self) -> Any:
        c, source = self.colours, self.sources
        p = self._picture("Function: drag data", x_range=self.x_range, y_range=Range1d(-1, 1), name="function")
        p.line("x", "y", source=source["fit"], color=c.ink, line_width=2.5)
        p.segment("beta", "low", "beta", "high", source=source["neurons"], color="colour", line_width=2,
                  nonselection_alpha=0.8)  # fmt: skip
        points = p.scatter("x", "y", source=source["points"], size=11, fill_color=c.paper, line_color=c.ink,
                           line_width=1.8)  # fmt: skip
        draw = PointDrawTool(renderers=[points], num_objects=self.solver.points)
        p.add_tools(draw)
        p.toolbar.active_drag = p.toolbar.active_tap = draw
        return p

    def _drive(self) -> Any:
        c = self.colours
        p = self._picture("The drive \N{GREEK SMALL LETTER PSI}, over its largest", x_range=self.x_range)
        for side, colour in (("right", c.right), ("left", c.left)):
            p.line("x", side, source=self.sources["drive"], color=colour, line_width=1.8, legend_label=f"{side}-facing")
        p.y_range = Range1d(-1.1, 1.1)
        p.add_layout(Span(location=0, dimension="width", line_color=c.quiet))
        p.legend.background_fill_alpha, p.legend.border_line_color = 0.6, None
        p.legend.background_fill_color, p.legend.label_text_color = c.paper, c.ink
        p.legend.label_text_font_size, p.legend.padding, p.legend.spacing = "12px", 2, 0
        return p

    def _plane(self) -> Any:
        p = self._picture("Neurons: choose one", x_range=self.x_range, name="plane")
        dots = p.scatter("beta", "mu", source=self.sources["neurons"], size=9, color="colour", alpha=0.75,
                         nonselection_alpha=0.55)  # fmt: skip
        dots.selection_glyph = dots.glyph.clone()
        dots.selection_glyph.update(size=14, line_color=self.colours.ink, line_width=2.5, fill_alpha=1)
        p.add_tools(
            TapTool(renderers=[dots]),
            HoverTool(renderers=[dots], tooltips=[("neuron", "@place"), ("beta", "@beta"), ("mu", "@mu")]),
        )
        p.yaxis.axis_label = "delta-slope mu"
        return p

    def _history(self) -> Any:
        p = self._picture("Loss", x_axis_type="log", y_axis_type="log")
        p.line("t", "loss", source=self.sources["history"], color=self.colours.ink, line_width=2)
        self.cursor = Span(location=1, dimension="height", line_color=self.colours.colours[0], line_width=2)
        p.add_layout(self.cursor)
        p.xaxis.axis_label = "time t"
        decades = 10.0 ** np.arange(*np.rint(np.log10(self.solver.times[[1, -1]])))
        p.xaxis.ticker = FixedTicker(ticks=decades[::2].tolist(), minor_ticks=decades[1::2].tolist())
        self.losses = p.yaxis[0]
        return p

    def _slice(self) -> Any:
        p = self._picture("Slice", x_range=self.x_range, name="slice")
        p.line("x", "y", source=self.sources["slice"], color=self.colours.ink, line_width=1.8)
        p.scatter("x", "y", source=self.sources["knots"], marker="marker", color="colour", size="size")
        self.here = Span(location=0, dimension="height", line_color=self.colours.colours[2], line_width=2)
        p.add_layout(self.here)
        p.yaxis.axis_label = "loss"
        return p

    def _spectrum(self) -> Any:
        p = self._picture("Eigenvalues, Gram matrix", y_axis_type="log")
        p.scatter("rank", "value", source=self.sources["spectrum"], size=8, color=self.colours.ink)
        p.xaxis.axis_label = "rank"
        self.sizes = p.yaxis[0]
        return p

    # Showing.

    def points(self) -> np.ndarray:
        """The data of the state, `(points, 2)`."""
        if self.state.points:
            return np.array(self.state.points)
        if self.state.target == "data":
            return np.array(self.given)
        data = TARGETS[self.state.target](20)
        return np.stack([np.asarray(data.x), np.asarray(data.y)], axis=1)

    def update(self) -> None:
        """Solve if something has changed that the flow depends on, and show the state."""
        self.pending, s = False, self.state
        xy = self.points()
        wanted = (s.width, s.alpha, s.init, s.seed, s.target, s.points)
        if self.run is None or self.solved != wanted:
            self.run, self.solved = self.solver.run(xy[:, 0], xy[:, 1], s), wanted
        r = self.run
        k = round(s.time / 100 * (len(r.times) - 1))
        seen = (r.beta[k] > r.grid[0]) & (r.beta[k] < r.grid[-1]) & (r.s[k] != 0)
        neuron = s.neuron if 0 <= s.neuron < s.width else int(np.argmax(np.where(seen, np.abs(r.mu[k]), -1)))
        view = self.solver.look(r, k, neuron)
        self.quiet = True
        try:
            self._show(xy, r, k, neuron, seen, view)
        finally:
            self.quiet = False
        lines = [*self.complaints, *([f"The flow did not reach its end: {r.warning}"] if r.warning else [])]
        alert = f"<p role='alert' class='alert' style='{ALERT}'>"
        self.message.text = "".join(f"{alert}{html.escape(line)}</p>" for line in lines)
        self.address.value = s.query(self.default)

    def _name_axes(self) -> None:
        """What the numbers of an axis have in common goes into its name; days are shown as dates."""
        x_name, y_name = self.names if self.state.target == "data" else ("x", "y")
        x, y = (offset(range_.start, range_.end) for range_ in (self.x_range, self.main.y_range))
        dates = date_ticks(x_name, self.x_range.start, self.x_range.end, X_TICKS)
        named = [(p.xaxis, x_name if name is None else name, x) for p, name in self.along_x.items()]
        for place, (axis, name, common) in enumerate(((self.main.yaxis, y_name, y), *named)):
            said: list[str] = []
            text = shifted(name, common)
            if place > 0:
                axis.ticker = FixedTicker(ticks=even_ticks(self.x_range.start, self.x_range.end, common))
                if dates is not None:
                    axis.ticker, said = FixedTicker(ticks=dates.at), dates.said
                    text = ", ".join(filter(None, (dates.name if name == x_name else name, dates.shared)))
            axis.formatter.update(args={"common": common, "log": False, "said": said})
            # Not a string: one with dollars would be taken for a formula.
            axis.axis_label = PlainText(text=text)

    def _show(self, xy: np.ndarray, r: Run, k: int, neuron: int, seen: np.ndarray, view: Any) -> None:
        s, c, source = self.state, self.colours, self.sources
        low, high = float(xy[:, 1].min()), float(xy[:, 1].max())
        tall = (high - low) or 1.0
        self.x_range.update(start=float(r.grid[0]), end=float(r.grid[-1]))
        self.main.y_range.update(start=low - 0.3 * tall, end=high + 0.2 * tall)
        self._name_axes()
        source["points"].data = {"x": xy[:, 0].tolist(), "y": xy[:, 1].tolist()}
        source["fit"].data = {"x": r.grid, "y": r.fit[k]}
        mu, largest = r.mu[k], float(np.max(np.abs(r.mu[k][seen]), initial=0.0)) or 1.0
        base = low - 0.29 * tall
        reach = 0.03 + 0.12 * np.sqrt(np.minimum(np.abs(mu) / largest, 1))
        source["neurons"].data = {
            "beta": np.where(r.s[k] != 0, r.beta[k], np.nan),
            "mu": mu,
            "low": np.full(mu.shape, base),
            "high": base + reach * tall,
            "colour": [c.right if side > 0 else c.left for side in r.s[k]],
            "place": list(range(mu.size)),
        }
        source["neurons"].selected.indices = [neuron]
        size = float(np.max(np.abs(view.psi))) or 1.0
        source["drive"].data = {"x": edges(r), "right": view.psi[0] / size, "left": view.psi[1] / size}
        after = r.times > 0
        losses = np.maximum(r.loss[after], 1e-32)
        source["history"].data = {"t": r.times[after], "loss": losses}
        self.losses.ticker = log_ticker(losses)
        self.cursor.location = float(max(r.times[k], r.times[after][0]))
        source["slice"].data = {"x": r.grid, "y": view.slice}
        x = edges(r)[1:-1:2]
        kinds = view.slice_types
        source["knots"].data = {
            "x": x,
            "y": view.at_knots,
            "marker": [{"passthrough": "dash", "repeller": "triangle", "attractor": "inverted_triangle"}[KNOTS[kind][0]]
                       for kind in kinds],
            "colour": [c.pick(KNOTS[kind][2]) for kind in kinds],
            "size": [7 if kind == 0 else 11 for kind in kinds],
        }  # fmt: skip
        self.along.title.text = f"Loss along breakpoint {neuron}"
        self.here.location = float(r.beta[k, neuron])
        values = view.eigenvalues
        there = values > 1e-14 * max(float(values[0]), 1e-300)
        source["spectrum"].data = {"rank": 1 + np.flatnonzero(there), "value": values[there]}
        self.sizes.ticker = log_ticker(values[there])
        self.facts.text = (
            f"<p role='status'>Loss <b class='loss'>{r.loss[k]:.6g}</b> at t = {r.times[k]:.4g}, "
            f"<b class='last'>{r.loss[-1]:.6g}</b> at t = {r.times[-1]:g}; {counted(r.steps, 'step')}.</p>"
            f"<p>Neuron {neuron}, on the {x.size} data: {_counts(view.slice_types)} of the slice, "
            f"{_counts(view.flow_types)} of the flow.</p>"
        )
        # The controls, where the change came from elsewhere.
        self.target.value, self.init.value, self.width.value, self.seed.value = s.target, s.init, s.width, s.seed
        self.reset.disabled = not s.points


def even_ticks(low: float, high: float, common: float) -> list[float]:
    """Round numbers above `common` from `low` to `high`, as many as their labels have room for."""
    unit = 10.0 ** math.floor(math.log10(high - low))
    for step in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0):
        first, last = (low - common) / (step * unit), (high - common) / (step * unit)
        at = step * unit * np.arange(math.ceil(first), math.floor(last) + 1)
        if sum(len(text) for text in labels(at)) <= ROOM:
            break
    return (common + at).tolist()


def log_ticker(values: np.ndarray) -> Any:
    """Ticks for a logarithmic axis of these numbers: between half a decade and two, Bokeh's own name the top alone."""
    powers = np.log10([np.min(values), np.max(values)]) if values.size else np.zeros(2)
    if not 0.5 < powers[1] - powers[0] < 2.5:
        return LogTicker()
    decades = 10.0 ** np.arange(math.floor(powers[0]) - 1, math.ceil(powers[1]) + 1)
    return FixedTicker(ticks=np.outer(decades, [1, 2, 5]).ravel().tolist())


def _counts(types: np.ndarray) -> str:
    """How many attractors and repellers, in words."""
    named = ((2, "attractor"), (1, "repeller"))
    return " and ".join(counted(int(np.sum(types == kind)), name) for kind, name in named)


ALERT = "margin: 4px 8px; padding: 4px 10px; border-left: 4px solid #D55E00; font-size: 14px"

HELP = """<p>Drag a datum; click beside the data to add one, and backspace removes the one that was clicked. Click a dot
to choose a neuron. The address holds all of this: share it.</p>
<p>Gradient flow of the mean squared error of the standardized data, from the first network of <code>jspline
flow</code>. Along a breakpoint a triangle down attracts it, and one up repels it; the flow moves w, b and v together,
and its types differ.</p>"""

PAGE = """{% extends base %}
{% block preamble %}<meta name="viewport" content="width=device-width, initial-scale=1">{% endblock %}"""

NARROW = "@media (max-width: 960px) { :host { flex: none !important; %s !important; } }"
COLUMN_CSS, PICTURE_CSS = NARROW % "flex-direction: column !important; height: auto", NARROW % "height: 300px"
"""Where they do not fit side by side, rows become columns, as high as what is in them."""

READY = """
document.documentElement.lang = "en";
const dark = matchMedia("(prefers-color-scheme: dark)");
const say = () => { scheme.value = dark.matches ? "dark" : "light"; };
dark.addEventListener("change", say);
say();
"""

LOST = f"""
const warning = document.createElement("p");
warning.setAttribute("role", "alert");
warning.style.cssText = "{ALERT}";
warning.textContent = "The connection was lost. The page comes back by itself once the explorer can be reached.";
document.body.prepend(warning);
// The address holds the state.
const again = () => fetch("/static/js/bokeh.min.js", {{ method: "HEAD", cache: "no-store" }}).then(
  () => window.location.reload(), () => setTimeout(again, 1000));
again();
"""

PAGE_CSS = f"""
:root {{ color-scheme: light dark; }}
body {{ background: {THEMES["light"].paper}; color: {THEMES["light"].ink}; }}
@media (prefers-color-scheme: dark) {{ body {{ background: {THEMES["dark"].paper}; color: {THEMES["dark"].ink}; }} }}
"""

CONTROLS_CSS = f"""
@media (prefers-color-scheme: dark) {{
  :host {{ color: {THEMES["dark"].ink}; }}
  .bk-input, .bk-btn, .bk-spin-btn {{ background-color: #262B31 !important; color: {THEMES["dark"].ink} !important;
    border-color: {THEMES["dark"].quiet} !important; }}
  .noUi-target, .noUi-handle {{ background: #3A4149 !important; border-color: {THEMES["dark"].quiet} !important; }}
  /* The arrows are pictures in black. */
  .bk-spin-btn, select.bk-input {{ background-color: #5F6871 !important; }}
  .bk-btn[disabled], .bk-btn.bk-disabled {{ opacity: 0.5; }}
}}
"""

NUMBERS = f"""{TICKS}
if (said.length) return said[index];
const powers = ticks.map((t) => Math.log10(t));
if (log && ticks.length > 1 && powers.every((p) => Math.abs(p - Math.round(p)) < 1e-9))
  return raised(Math.round(powers[index]));
return log ? labels([tick])[0] : labels(ticks.map((t) => t - common))[index];
"""

POWER = "return String(+(10 ** (tick / 10)).toPrecision(3));"
CLOCK = "return String(+times[Math.round(tick / 100 * (times.length - 1))].toPrecision(3));"

PUSH = """
const query = cb_obj.value;
window.history.replaceState(null, "", window.location.pathname + (query ? "?" + query : ""));
"""

COLUMNS = {
    "points": "x y", "fit": "x y", "neurons": "beta mu low high colour place", "drive": "x right left",
    "history": "t loss", "slice": "x y", "knots": "x y marker colour size", "spectrum": "rank value",
}  # fmt: skip
"""What the pictures draw."""
