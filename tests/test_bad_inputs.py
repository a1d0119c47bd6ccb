"""Bad input ends in one sentence: of every command, with exit status 2, before any work, and nothing is lost; of every
public function, as a `ValueError` or a `TypeError`."""

import gzip
import re
import traceback
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from registry import public_functions, uncovered
from typer.testing import CliRunner

import jspline
from jspline import (
    Dataset,
    Polar,
    ReLUNet,
    Spline,
    curvature,
    datasets,
    descent,
    dynamics,
    ensemble,
    init,
    kernel,
    landscape,
    meanfield,
    penalty,
    pwl,
)
from jspline.cli import app

GOOD = b"x,y\n0,1\n1,3\n1.5,2\n2,2\n4,0\n"
CSVS = {
    "good.csv": GOOD,
    "utf16.csv": "x,y\n0,1\n1,2\n".encode("utf-16")[2:],
    "latin.csv": "größe,y\n0,1\n1,2\n".encode("latin-1"),
    "zipped.csv": gzip.compress(GOOD, mtime=0),
    "nul.csv": b"x,y\n0,1\n1,\0\n",
    "header.csv": b"x,y\n",
    "blank.csv": b"\n\n   \n,,\n",
    "one_column.csv": b"x\n1\n2\n3\n",
    "one_row.csv": b"3,4\n",
    "booleans.csv": b"x,y\n0,true\n1,false\n",
    "complex.csv": b"x,y\n0,1+2j\n1,3\n",
    "hex.csv": b"x,y\n0,0x10\n1,3\n",
    "underscore.csv": b"x,y\n0,1_000\n1,3\n",
    "percent.csv": b"x,y\n0,10%\n1,30%\n",
    "money.csv": b"x,y\n0,$10\n1,$30\n",
    "units.csv": b"x,y\n0,10 cm\n1,3 cm\n",
    "fraction.csv": b"x,y\n0,1/2\n1,3/4\n",
    "infinite.csv": b"x,y\n0,1\ninf,3\n2,1\n",
    "overflow.csv": b"x,y\n0,1\n1e999,3\n2,1\n",
    "minus.csv": "x,y\n0,\N{MINUS SIGN}5\n1,3\n".encode(),
    "quoted_newline.csv": b'x,y\n0,"1\n2"\n1,3\n',
    "open_quote.csv": b'x,y\n0,"1\n1,3\n2,4\n',
    "ragged.csv": b"x,y\n0,1\n1,2,3\n",
    "short.csv": b"x,y,z\n0,1,2\n1,2\n3,4,5\n",
    "missing.csv": b"x,y\n0,\n1,2\n2,3\n",
    "all_missing.csv": b"x,y\nNA,1\nNA,2\n",
    "mixed_head.csv": b"x,1\n0,1\n1,2\n",
    "twice.csv": b"y,y\n0,1\n1,2\n",
    "no_day.csv": b"x,y\n2020-02-30,1\n2020-03-01,2\n",
    "dates_mixed.csv": b"x,y\n2020-01-01,1\n3,2\n",
    "zones_mixed.csv": b"x,y\n2020-01-01T00:00Z,1\n2020-01-02T00:00,2\n",
    "y_dates.csv": b"x,y\n0,2020-01-01\n1,2020-01-02\n",
    "equal_x.csv": b"x,y\n3,1\n3,2\n3,5\n",
    "huge.csv": b"x,y\n0,1e300\n1,-1e300\n",
    "json.csv": b'{"x": [1, 2], "y": [3, 4]}\n',
    "html.csv": b"<!doctype html>\n<html><body>404</body></html>\n",
    "spaces.csv": b"x y\n1 2\n3 4\n",
    "pdf.csv": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
}
OF_FILES = {
    "utf16.csv": "is not a text file in UTF-8",
    "latin.csv": "is not a text file in UTF-8",
    "zipped.csv": "is not a text file in UTF-8",
    "pdf.csv": "is not a text file in UTF-8",
    "nul.csv": "is not a text file in UTF-8",
    "header.csv": "has 0 rows of data; at least 2 are needed.",
    "blank.csv": "is empty.",
    "one_column.csv": "has one column; two are needed",
    "one_row.csv": "has 1 row of data; at least 2 are needed.",
    "booleans.csv": "line 2 is 'true'.",
    "complex.csv": "line 2 is '1+2j'.",
    "hex.csv": "line 2 is '0x10'.",
    "underscore.csv": "line 2 is '1_000'.",
    "percent.csv": "line 2 is '10%'.",
    "money.csv": "line 2 is '$10'.",
    "units.csv": "line 2 is '10 cm'.",
    "fraction.csv": "line 2 is '1/2'",
    "infinite.csv": "column 'x' must hold finite numbers; line 3 is 'inf'.",
    "overflow.csv": "column 'x' must hold finite numbers; line 3 is '1e999'.",
    "minus.csv": "must hold finite numbers; line 2 is",
    "quoted_newline.csv": "must hold finite numbers; line 2 is",
    "open_quote.csv": "has",
    "ragged.csv": "has 3 cells in line 3 and 2 in line 1; every row must have as many.",
    "short.csv": "has 2 cells in line 3 and 3 in line 1",
    "missing.csv": "1 of 3 are missing, the first in line 2.",
    "all_missing.csv": "2 of 2 are missing",
    "mixed_head.csv": "has both names and numbers",
    "twice.csv": "has two columns 'y'",
    "no_day.csv": "column 'x' must hold dates; line 2 is '2020-02-30', which is none.",
    "dates_mixed.csv": "must hold dates of one kind",
    "zones_mixed.csv": "must hold dates of one kind",
    "y_dates.csv": "line 2 is '2020-01-01'",
    "equal_x.csv": "All x are equal",
    "huge.csv": "must be at most",
    "json.csv": "",
    "html.csv": "has one column",
    "spaces.csv": "has one column",
}
DATA = ("flow", "film", "hessian", "fit", "explore", "meanfield")
"""The commands that read a CSV file."""
SMALL = {
    "flow": ["--width", "3", "--inits", "1", "--t1", "0.01"],
    "film": ["--width", "3", "--t1", "0.01"],
    "hessian": ["--width", "3", "--at", "init"],
    "fit": [],
    "explore": ["--no-show", "--port", "0"],
    "law": ["--neurons", "100"],
    "meanfield": ["--t1", "0.01", "--frames", "3", "--width", "0"],
    "sweep": ["--inits", "1"],
    "audit": ["--only", "th5"],
}
LONG = "a" * 300
OF_COMMANDS: list[tuple[str, str]] = []
"""The words after `jspline`, and what the sentence says. CSV is a table, DIR a folder, FILE a file, EMPTY no letter."""


def of(command, *cases):
    OF_COMMANDS.extend((f"{command} {words}".strip(), sentence) for words, sentence in cases)


# What every command that reads data refuses alike.
for each in DATA:
    subject = f"{each} "
    of(
        each,
        ("DIR", "is a folder, not a CSV file."),
        ("https://a.b/c.csv", "https://a.b/c.csv is an address: download the file, and give its name."),
        ("FILE/inside", "cannot be read"),
        ("DIR/nothere.csv", "does not exist, and is no built-in data set"),
        (LONG, "cannot be read"),
        ("CSV --x nosuch", "has no column 'nosuch'; it has 'x', 'y'."),
        ("CSV --x y --y y", "must be two columns"),
        ("CSV --x x,x", "The inputs must be different columns; 'x' was given twice."),
        ("CSV --x x,z", "has no column 'z'; it has 'x', 'y'."),
        ("CSV --x x,y --y y", "must be different columns; 'y' was given as both."),
        ("CSV --x x,y", "are inputs: there must be one for the outputs."),
        ("CSV --x X", "has no column 'X'"),
        ("CSV --x EMPTY", "has no column ''"),
        ("CSV --y 2", "has no column '2'"),
        ("nile --y flow", "nile is built in."),
        ("Nile", "does not exist"),
        ("CSV --x", "Option '--x' requires an argument"),
        ("CSV --device abacus", "--device abacus is not available here; available: cpu."),
        ("CSV --device EMPTY", "--device"),
        ("CSV CSV", "unexpected extra argument"),
        ("CSV --nonsense", "No such option: --nonsense"),
    )
    if each != "hessian":
        of(each, ("trees", "This command is for one input; trees has 2 inputs, diameter_in, height_ft: see jspline"))
    if each != "explore":
        of(each, ("", "Missing argument"), ("EMPTY", "The name of a CSV file must not be empty."))
        of(
            each,
            ("CSV --out FILE", "Cannot write to the folder"),
            ("CSV --out FILE/below", "Cannot write to the folder"),
        )
        of(
            each,
            (f"CSV --out {LONG}", "Cannot write to the folder"),
            ("CSV --out /proc/x", "Cannot write to the folder"),
        )
    if each != "fit":
        for number in ("-1", "4294967296", "9223372036854775808", "-9223372036854775809"):
            of(each, (f"CSV --seed {number}", "--seed must be from 0 to 2^32 - 1"))
        for word in ("1.5", "1e3", "one", "0x10", "EMPTY", "true"):
            of(each, (f"CSV --width {word}", "Invalid value for '--width'"), (f"CSV --seed {word}", "for '--seed'"))
        of(each, ("CSV --width -5", "--width must be"))
    if each not in ("fit", "meanfield"):
        for number in ("nan", "inf", "-inf", "0", "-0.0", "-2", "1e999"):
            of(each, (f"CSV --alpha {number}", "--alpha must be"))
        of(each, ("CSV --width 0", "--width must be"))
        of(each, ("CSV --alpha two", "Invalid value for '--alpha'"), ("CSV --alpha 1,5", "for '--alpha'"))
        for word in ("He", "EMPTY", "he,glorot", "he_biased"):
            of(each, (f"CSV --init {word}", "--init must be one of he, glorot"))
for option in ("scale", "tol", "t1", "rtol"):
    for number in ("nan", "inf", "0", "-0.0", "-2"):
        of("meanfield", (f"CSV --{option} {number}", f"--{option} must be positive and finite; got"))
of("meanfield", ("CSV --rtol 2.5", "--rtol must be less than 1, a part of each number; got 2.5."))
for option in ("frames", "max-nodes"):
    for number in ("0", "-3", "99999999999"):
        of("meanfield", (f"CSV --{option} {number}", f"--{option} must be"))
    of("meanfield", (f"CSV --{option} 1e3", f"Invalid value for '--{option}'"))
for word in ("EMPTY", "Balanced", "he"):
    of("meanfield", (f"CSV --init {word}", "--init must be balanced or gaussian; got"))
for each in ("flow", "film", "hessian"):
    for option in ("t1", "rtol"):
        for number in ("nan", "inf", "0", "-1e-3"):
            of(each, (f"CSV --{option} {number}", f"--{option} must be positive and finite; got"))
    for number in ("0", "-1"):
        of(each, (f"CSV --max-steps {number}", f"--max-steps must be at least 1; got {number}."))
    of(each, ("CSV --max-steps 1e4", "Invalid value for '--max-steps'"))
    of(each, ("CSV --rtol 1", "--rtol must be less than 1, a part of each number; got 1."))
    of(each, ("CSV --alpha 1e300", "--alpha must leave squares of weights finite in float64; 1e300 makes a weight of"))
    of(each, ("CSV --alpha 1e-320", "makes a weight of inf."), ("CSV --out EMPTY", "'--out': must name a folder"))
for each in ("flow", "hessian", "fit"):
    for word in ("float16", "int32", "double", "EMPTY", "complex128"):
        of(each, (f"CSV --dtype {word}", "--dtype must be float32 or float64; got"))
of(
    "flow",
    ("CSV --inits 0", "--inits must be at least 1; got 0."),
    ("CSV --inits -3", "--inits must be at least 1; got -3."),
    ("CSV --inits 2.5", "Invalid value for '--inits'"),
    ("CSV --method Exact", "--method must be exact or diffrax; got Exact."),
    ("CSV --method EMPTY", "--method must be exact or diffrax"),
    ("CSV --compare --method diffrax", "--compare runs both methods"),
    ("CSV --compare yes", "unexpected extra argument"),
)
of(
    "film",
    ("CSV --fps 0", "--fps must be at least 1; got 0."),
    ("CSV --fps 29.97", "Invalid value for '--fps'"),
    ("CSV --seconds nan", "--seconds must be positive and finite"),
    ("CSV --seconds 0", "--seconds must be positive and finite"),
    ("CSV --seconds 1e9", "at most 20,000 frames"),
    ("CSV --height 239", "--height must be from 240 to 4320; got 239."),
    ("CSV --height -1", "--height must be from 240 to 4320"),
    ("CSV --format avi", "--format must be of"),
    ("CSV --format EMPTY", "--format must be of"),
    ("CSV --format ,", "--format must be of"),
    ("CSV --format html,,HTML", "--format must be of"),
    ("CSV --format html,html,", "--format must be of html, mp4, gif; got an empty one."),
    ("CSV --stills 1,,2", "--stills must be times with commas between them; got 1,,2."),
    ("figure_7 --width 3", "--width is for other data; figure_7 is a network of its own: leave it out."),
    ("figure_7 --alpha 2", "--alpha is for other data"),
    ("figure_7 --init glorot", "--init is for other data"),
    ("figure_7 --drop-missing", "--drop-missing is for other data"),
    ("CSV --pace slow", "--pace must be events or log; got slow."),
    ("CSV --theme EMPTY", "--theme must be"),
    ("CSV --theme blue", "--theme must be light or dark; got blue."),
    ("CSV --t1 5 --stills 6", "--stills must be from 0 to --t1, 5; got 6."),
    ("CSV --stills -1", "--stills must be from 0"),
    ("CSV --stills nan", "--stills must be"),
    ("CSV --stills 1,nan", "--stills must be"),
    ("CSV --stills nan,1", "--stills must be"),
    ("CSV --stills inf", "--stills must be from 0"),
    ("CSV --stills 1;2", "--stills must be times with commas between them; got 1;2."),
    ("figure_7 --x x", "--x"),
    ("figure_7 --width 0", "--width must be at least 1"),
)
of(
    "hessian",
    ("CSV --at start", "--at must be init or end; got start."),
    ("CSV --at EMPTY", "--at must be init or end"),
    ("CSV --width 3 --neuron 3", "--neuron must be from 0 to 2"),
    ("CSV --width 3 --neuron -1", "--neuron must be from 0 to 2"),
    ("CSV --width 3 --neuron 0 --neuron 7", "--neuron must be from 0 to 2"),
    ("trees --at end", "--at end needs the gradient flow, which is for one input"),
    ("trees --neuron 1", "--neuron slices along a breakpoint, of which there is none with several inputs"),
    ("trees --init uniform", "--init must be one of he, glorot, balanced, he_unbiased where there are several inputs"),
    ("trees --x diameter_in", "trees is built in."),
    ("CSV --neuron first", "Invalid value for '--neuron'"),
    ("CSV --neuron 0,1", "Invalid value for '--neuron'"),
    ("CSV --width 1000000", "takes"),
)
of(
    "fit",
    ("CSV --pieces EMPTY", "--pieces must be auto or a whole number"),
    ("CSV --pieces Auto", "--pieces must be auto or a whole number"),
    ("CSV --pieces 2.0", "--pieces must be auto or a whole number"),
    ("CSV --pieces nan", "--pieces must be auto or a whole number"),
    ("CSV --pieces -1", "--pieces must be auto or a whole number"),
    ("CSV --pieces 6", "--pieces must be at most the number of distinct x, 5; got 6."),
    ("CSV --pieces 99999999999999999999", "--pieces must be at most the number of distinct x"),
    ("CSV --most 0", "--most must be at least 1; got 0."),
    ("CSV --most -4", "--most must be at least 1; got -4."),
    ("CSV --most 6", "--most must be at most the number of distinct x"),
    ("CSV --most 2 --pieces 2", "--most is for --pieces auto"),
    ("CSV --most EMPTY", "Invalid value for '--most'"),
)
of(
    "explore",
    ("--x x", "--x and --y choose columns of a CSV file; name the file too."),
    ("CSV --port -1", "--port must be from 0 to 65535; got -1."),
    ("CSV --port 65536", "--port must be from 0 to 65535; got 65536."),
    ("CSV --port http", "Invalid value for '--port'"),
    ("CSV --width 100000", "--width must be from 1 to"),
    ("CSV --alpha 0.001", "--alpha must be from 0.01 to 100; got 0.001."),
    ("CSV --alpha 101", "--alpha must be from 0.01 to 100; got 101."),
    ("CSV --init he_unbiased", "--init must be one of"),
    ("--drop-missing --y y", "name the file too."),
)
of(
    "law",
    ("", "Missing argument"),
    ("EMPTY", "The law must be one of he, glorot, uniform, gaussian, balanced; got"),
    ("He", "The law must be one of he, glorot, uniform, gaussian, balanced; got He."),
    ("quantiles", "The law must be one of he, glorot, uniform, gaussian, balanced; got quantiles."),
    ("he --inputs x", "Invalid value for '--inputs'"),
    ("he glorot", "unexpected extra argument"),
    ("he --width 0", "must be at least 1"),
    ("he --width -1", "must be at least 1"),
    ("he --width 2.5", "Invalid value for '--width'"),
    ("he --neurons nan", "must be from 1"),
    ("he --neurons inf", "--neurons"),
    ("he --neurons 0", "must be from 1"),
    ("he --neurons -1e6", "must be from 1"),
    ("he --neurons 1e15", "--neurons"),
    ("he --neurons many", "Invalid value for '--neurons'"),
    ("he --seed -1", "--seed must be from 0 to 2^32 - 1"),
    ("he --seed 1e3", "Invalid value for '--seed'"),
    ("he --dtype float16", "--dtype must be float32 or float64; got float16."),
    ("he --dtype bfloat16", "--dtype must be float32 or float64; got bfloat16."),
    ("he --device tpu9", "--device tpu9 is not available here"),
    ("he --out FILE", "Cannot write to the folder"),
    ("he --out", "Option '--out' requires an argument"),
)
of(
    "audit",
    ("--only nothing", "No claim has the id 'nothing'; near it are lit-jin, th"),
    ("--only EMPTY", "--only must be ids with commas between them; got ''."),
    ("--only th5,,th5", "--only must be ids with commas between them; got 'th5,,th5'."),
    ("--only th5 --out EMPTY", "'--out': must name a folder, as . for the one you are in"),
    ("--only th5,th99", "th99"),
    ("--only TH5", "TH5"),
    ("--only th5;remark1", "th5;remark1"),
    ("--only ,", "--only"),
    ("--seed -1", "--seed must be from 0 to 2^32 - 1"),
    ("--seed 18446744073709551616", "--seed must be from 0 to 2^32 - 1"),
    ("--full=yes", "'--full' does not take a value"),
    ("th5", "unexpected extra argument"),
    ("--device EMPTY", "--device"),
    ("--only th5 --out FILE", "Cannot write to the folder"),
    ("--only th5 --out FILE/below", "Cannot write to the folder"),
)
of("sweep", ("", "Missing argument"), ("nosuch", "There is no sweep file nosuch"), ("FILE/inside", "FILE"))
of("sweep", ("DIR", "it is a folder"), (LONG, "File name too long"), ("EMPTY", "folder"))
of("sweep", ("regimes --inits 99999999999999 --out out", "at most 2,147,483,647; got 99999999999999."))
of("sweep", ("regimes --inits 0", "inits"), ("regimes --inits -1", "inits"), ("regimes --inits 1.5", "'--inits'"))
of("sweep", ("regimes --seed -1", "--seed must be from 0"), ("regimes --device abacus", "is not available here"))
of("sweep", ("regimes --resume", "out"), ("regimes --out FILE", "Cannot write to the folder"))
of(
    "sweep",
    ("regimes --out DIR/../FILE/x", "Cannot write to the folder"),
    ("regimes holzmueller", "unexpected extra argument"),
)
of(
    "",
    ("fly", "No such command 'fly'"),
    ("Flow CSV", "No such command 'Flow'"),
    ("--versio", "No such option: --versio"),
)
of("", ("--seed 1 flow CSV", "No such option: --seed"), ("EMPTY", "No such command ''"), ("-x", "No such option: -x"))

SWEEP = 'data = "nile"\n{top}\n[grid]\n{grid}\n[flow]\n{flow}\n'
GRID, FLOW = "alpha = [1.0]\ninits = 1", "t1 = 0.01\nrtol = 1e-3"
OF_SWEEPS: dict[str, tuple[str, str]] = {
    "not TOML": ("alpha = = 1", "is not TOML"),
    "a key twice": ("seed = 1\nseed = 2", "is not TOML"),
    "a table twice": ("[grid]\n[grid]", "is not TOML"),
    "an open quote": ('title = "', "is not TOML"),
    "JSON": ('{"data": "nile"}', "is not TOML"),
    "empty": ("", "my.toml: `data` must be named"),
    "grid is a number": ("grid = 1", "my.toml: [grid] and [flow] must be tables."),
    "flow is a list": ("flow = []", "my.toml: [grid] and [flow] must be tables."),
    "grid is a list of tables": (
        'data = "nile"\n[[grid]]\nalpha = [1.0]',
        "my.toml: [grid] and [flow] must be tables.",
    ),
    "no flow": ('data = "nile"\n[grid]\nalpha = [1.0]\ninits = 1', "needs `rtol`"),
    "no grid": ('data = "nile"\n[flow]\nt1 = 1.0\nrtol = 1e-3', "inits"),
    "no t1": (SWEEP.format(top="", grid=GRID, flow="rtol = 1e-3"), "t1"),
    "no inits": (SWEEP.format(top="", grid="alpha = [1.0]", flow=FLOW), "inits"),
    "data is a number": ("data = 1", ": `data` "),
    "data is a date": ("data = 2020-01-31", ": `data` "),
    "data is a list": ('data = ["nile"]', ": `data` "),
    "data is a table": ("[data]\nfile = 1", ": `data` "),
    "data is empty": ('data = ""', ""),
    "data is not there": ('data = "nothere.csv"\n[grid]\ninits = 1\n[flow]\nt1 = 1.0\nrtol = 1e-3', "does not exist"),
    "columns of built-in data": (SWEEP.format(top='x = "year"', grid=GRID, flow=FLOW), "nile is built in."),
    "data with a zero byte": (
        'data = "a\\u0000b"\n[grid]\ninits = 1\n[flow]\nt1 = 1.0\nrtol = 1e-3',
        "cannot be the name",
    ),
    "binary": ("\0\0", "is not TOML"),
}
for name, top, sentence in (
    ("an unknown key", "speed = 1", "my.toml: the top does not know"),
    ("a key of another place", "t1 = 1.0", "my.toml: the top does not know"),
    ("a nested table", "[deep.er]\nx = 1", "my.toml: the top does not know"),
    ("a title that is a number", "title = 5", "my.toml: `title` must be a string; got 5."),
    ("a title that is a time", "title = 07:32:00", ": `title` "),
    ("a width that is a string", 'width = "100"', ": `width` "),
    ("a width that is a fraction", "width = 2.5", ": `width` "),
    ("a width that is true", "width = true", "my.toml: `width` must be a whole number; got true."),
    ("a width of 0", "width = 0", "`width`"),
    ("a negative width", "width = -3", "`width`"),
    ("an alpha of 0", "alpha = 0", ": `alpha` "),
    ("an alpha that is nan", "alpha = nan", ": `alpha` "),
    ("an alpha that is inf", "alpha = inf", ": `alpha` "),
    ("an alpha that is true", "alpha = true", "my.toml: `alpha` must be a number; got true."),
    ("a seed that is true", "seed = true", ": `seed` "),
    ("a negative seed", "seed = -1", ": `seed` "),
    ("a seed beyond 2^63", "seed = 9223372036854775808", ": `seed` "),
    ("a seed that is a fraction", "seed = 1.0", ": `seed` "),
    ("another dtype", 'dtype = "float16"', ": `dtype` "),
    ("a law that is none", 'init = "magic"', "my.toml: `init` must be one of"),
    ("a list of laws", 'init = ["he"]', ": `init` "),
    ("condense that is a number", "condense = 1", "my.toml: `condense` must be true or false; got 1."),
    ("condense without its law", "condense = true", ": `condense` "),
    ("an offset of other data", "offset = 1.0", ": `offset` "),
):
    OF_SWEEPS[name] = (SWEEP.format(top=top, grid=GRID, flow=FLOW) if "[" not in top[:1] else
                       SWEEP.format(top="", grid=GRID, flow=FLOW) + top, sentence)  # fmt: skip
for name, grid, sentence in (
    ("an unknown axis", "beta = [1.0]\ninits = 1", "my.toml: [grid] does not know"),
    ("an axis of the flow", "rtol = [1e-3]\ninits = 1", "my.toml: [grid] does not know"),
    ("an axis twice", "alpha = [1.0]\nalpha = [2.0]\ninits = 1", "is not TOML"),
    ("an empty axis", "alpha = []\ninits = 1", "alpha"),
    ("a scalar axis", "alpha = 2.0\ninits = 1", "alpha"),
    ("an axis of a table", "alpha = {from = 1, to = 2}\ninits = 1", "alpha"),
    ("an axis of strings", 'alpha = ["1"]\ninits = 1', "`alpha`"),
    ("an axis of lists", "alpha = [[1.0], [2.0]]\ninits = 1", "`alpha`"),
    ("an axis of dates", "alpha = [2020-01-31]\ninits = 1", "must be a list of numbers; got [2020-01-31]."),
    ("an axis with nan", "alpha = [nan]\ninits = 1", "`alpha`"),
    ("an axis with inf", "alpha = [1.0, inf]\ninits = 1", "`alpha`"),
    ("an axis with a negative", "alpha = [1.0, -1.0]\ninits = 1", "`alpha`"),
    ("an axis with true", "alpha = [true]\ninits = 1", "`alpha`"),
    ("an axis with a value twice", "alpha = [1.0, 1.0]\ninits = 1", "alpha"),
    ("widths of 0", "width = [0]\ninits = 1", "`width`"),
    ("widths with fractions", "width = [2.5]\ninits = 1", "`width`"),
    ("widths with true", "width = [true]\ninits = 1", "`width`"),
    ("widths that are words", 'width = ["wide"]\ninits = 1', "`width`"),
    ("a width for all", "width = 5\ninits = 1", "width"),
    ("laws that are none", 'init = ["he", "magic"]\ninits = 1', "my.toml: `init` must be one of"),
    ("laws that are numbers", "init = [1]\ninits = 1", "`init`"),
    ("a law for all", 'init = "he"\ninits = 1', "init"),
    ("offsets that are strings", 'offset = ["1"]\ninits = 1', ": `offset` "),
    ("no networks", "alpha = [1.0]\ninits = 0", "inits"),
    ("less than no networks", "alpha = [1.0]\ninits = -1", "inits"),
    ("half a network", "alpha = [1.0]\ninits = 0.5", "inits"),
    ("true networks", "alpha = [1.0]\ninits = true", "inits"),
    ("a list of networks", "alpha = [1.0]\ninits = [1, 2]", "inits"),
    ("a word of networks", 'alpha = [1.0]\ninits = "many"', "inits"),
):
    OF_SWEEPS[name] = SWEEP.format(top="", grid=grid, flow=FLOW), sentence
for name, flow, sentence in (
    ("an unknown option", "rtol = 1e-3\natol = 1e-6", "my.toml: [flow] does not know"),
    ("a tolerance of 0", "t1 = 1.0\nrtol = 0.0", "rtol"),
    ("a tolerance of 1", "t1 = 1.0\nrtol = 1", "my.toml: `rtol` must be less than 1; got 1."),
    ("a negative tolerance", "t1 = 1.0\nrtol = -1e-3", "rtol"),
    ("a tolerance that is nan", "t1 = 1.0\nrtol = nan", "rtol"),
    ("a tolerance that is a string", 't1 = 1.0\nrtol = "1e-3"', ": `rtol` "),
    ("a tolerance that is true", "t1 = 1.0\nrtol = true", ": `rtol` "),
    ("an end that is negative", "t1 = -1.0\nrtol = 1e-3", "t1"),
    ("an end that is nan", "t1 = nan\nrtol = 1e-3", "t1"),
    ("an end that is a date", "t1 = 2020-01-31\nrtol = 1e-3", ": `t1` "),
    ("an end that is a list", "t1 = [1.0]\nrtol = 1e-3", ": `t1` "),
    ("until that is unknown", 't1 = 1.0\nrtol = 1e-3\nuntil = "bored"', "until"),
    ("until that is true", "t1 = 1.0\nrtol = 1e-3\nuntil = true", ": `until` "),
    ("steps that are fractions", "t1 = 1.0\nrtol = 1e-3\nmax_steps = 10.0", ": `max_steps` "),
    ("steps that are 0", "t1 = 1.0\nrtol = 1e-3\nmax_steps = 0", "max_steps"),
    ("steps that are negative", "t1 = 1.0\nrtol = 1e-3\nmax_steps = -5", "max_steps"),
    ("a loss that is nan", "t1 = 1.0\nrtol = 1e-3\nloss_tol = nan", "loss_tol"),
    ("a loss that is negative", "t1 = 1.0\nrtol = 1e-3\nloss_tol = -1.0", "loss_tol"),
    ("a gradient that is inf", "t1 = 1.0\nrtol = 1e-3\ngrad_tol = inf", "grad_tol"),
    ("a table of options", "t1 = 1.0\nrtol = 1e-3\n[flow.more]\nx = 1", "my.toml: [flow] does not know"),
):
    OF_SWEEPS[name] = SWEEP.format(top="", grid=GRID, flow=flow), sentence


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with all files that are named."""
    folder = tmp_path_factory.mktemp("files")
    for name, content in CSVS.items():
        (folder / name).write_bytes(content)
    (folder / "FILE").write_text("here first")
    (folder / "DIR").mkdir()
    return folder


@pytest.fixture
def folder(files, monkeypatch):
    """A folder to stand in, where no work is begun."""
    for name in ("_flow.integrate", "_film.run", "_hessian.integrate", "_hessian._agreement", "_fit._results"):
        monkeypatch.setattr(f"jspline.cli.{name}", begun)
    for name in ("_explore.warm", "_explore.serve", "_law.ensemble.LawBlock.draw"):
        monkeypatch.setattr(f"jspline.cli.{name}", begun)
    monkeypatch.setattr("jspline.claims.audit", begun)
    monkeypatch.setattr("jspline.ensemble.collect", begun)
    monkeypatch.setattr("jspline.ensemble._flow.Queue", begun)
    monkeypatch.chdir(files)
    return files


def begun(*_, **__):
    raise AssertionError("The work began.")


def contents(folder):
    return {path: path.is_file() and (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def refused(folder, words, sentence):
    """One sentence on stderr, exit status 2, no other word, and every file and folder as it was."""
    there = contents(folder)
    given = [{"CSV": "good.csv", "EMPTY": ""}.get(word, word) for word in words]
    result = CliRunner().invoke(app, given)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 2, result.output
    assert re.fullmatch(r"jspline: [^\n]+[.?]\n", result.stderr), result.stderr
    assert not re.search(r"Errno|Traceback|0x[0-9a-f]{6}|<class|\[/|jaxlib|got \.", result.stderr), result.stderr
    assert sentence in result.stderr
    assert result.stdout == ""
    assert there == contents(folder)


@pytest.mark.parametrize(("words", "sentence"), OF_COMMANDS)
def test_of_commands(folder, words, sentence):
    words = words.split(" ") if words else []
    refused(folder, [*words, *(SMALL.get(words[0], []) if words[-1:] == [""] else [])], sentence)


@pytest.mark.parametrize("command", DATA)
@pytest.mark.parametrize("name", OF_FILES)
def test_of_files(folder, command, name):
    out = [] if command == "explore" else ["--out", "out"]
    refused(folder, [command, name, *SMALL[command], *out], OF_FILES[name])


@pytest.mark.parametrize("name", OF_SWEEPS)
def test_of_sweeps(folder, unchecked, name):
    content, sentence = OF_SWEEPS[name]
    (folder / "my.toml").write_text(content)
    refused(folder, ["sweep", "my.toml", "--out", "out"], sentence)


NILE = Path(datasets.__file__).parent / "nile.csv"
X, Y = [-1.0, -0.25, 0.5, 1.5], [0.3, -0.2, 0.9, 0.1]
KEY = jax.random.key(0)
STRICT = {"rtol": 1e-3, "atol": 1e-6}


def good_arguments():
    """Good arguments, to be spoiled one by one."""
    data, net = Dataset(X, Y), ReLUNet([1.0, -1.0, 0.5], [0.1, 0.8, 0.2], [0.7, -0.4, 0.3], 0.1)
    numpy = np.asarray(X)
    return SimpleNamespace(
        data=data,
        net=net,
        spline=Spline([-0.5, 0.2, 1.3], [1.0, 1.0, -0.5], [1, 1, -1]),
        polar=Polar([1.0, 2.0], [0.1, 0.2], [0.0, 0.0]),
        nets=jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), net),
        sets=jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), data),
        data32=jax.tree.map(lambda leaf: leaf.astype("float32"), data),
        tied=Dataset([1.0, 1.0], [0.0, 1.0]),
        weightless=Dataset(X, Y, [0.0] * 4),
        law=init.Gaussian(1.0, 0.5, 2.0),
        wide=init.UniformBreakpoints(-1.0, 1.0),
        masked=np.ma.masked_array(numpy, numpy > 0),
        dates=np.array(["2020-01-01", "2020-01-02"], "datetime64[D]"),
        ragged=[[1.0], [1.0, 2.0]],
        density=curvature.SpectralDensity(jnp.ones((2, 3)), jnp.full((2, 3), 1 / 3), jnp.ones(()), 3),
        fit=pwl.sparsest_interpolant(data),
        segments=pwl.greedy_merge(data, 2),
    )


p = pytest.fixture(good_arguments, scope="module", name="p")


VALUES = {"a word": "here", "complex numbers": 1j, "nothing": None, "a list of words": ["1", "2"], "a map": {"x": 1.0}}
"""What is no array of real numbers."""
CALLS: dict[str, dict[str, Callable]] = {}
"""Of each public function the bad calls, by what is wrong with them."""


def also(name, **calls):
    CALLS.setdefault(name, {}).update({what.replace("_", " "): call for what, call in calls.items()})


def everywhere(name, of):
    """A function of points: what is none, and a batch of it."""
    for what, value in VALUES.items():
        CALLS.setdefault(name, {})[what] = lambda p, value=value: of(p)(value)
    also(name, booleans=lambda p: of(p)([True, False]), dates=lambda p: of(p)(p.dates))
    also(name, masked=lambda p: of(p)(p.masked), ragged=lambda p: of(p)(p.ragged), sets=lambda p: of(p)({1.0, 2.0}))


for room, who in (("charts.ReLUNet", "net"), ("charts.Polar", "polar"), ("charts.Spline", "spline")):
    everywhere(f"{room}.__call__", lambda p, who=who: getattr(p, who))
everywhere("charts.OneSided.__call__", lambda p: p.spline.one_sided())
everywhere("charts.Breakplanes.__call__", lambda p: p.net.to_breakplanes())
everywhere("charts.Breakplanes.to_net", lambda p: p.net.to_breakplanes().to_net)
everywhere("charts.Breakplanes.metric", lambda p: p.net.to_breakplanes().metric)
also("charts.Breakplanes.to_net", another_length=lambda p: p.net.to_breakplanes().to_net([0.0, 1.0]))
also("charts.Breakplanes.metric", another_length=lambda p: p.net.to_breakplanes().metric([0.0, 1.0]))
also(
    "charts.Breakplanes.of",
    a_spline=lambda p: jspline.Breakplanes.of(p.spline),
    none=lambda p: jspline.Breakplanes.of(None),
)
also("charts.Breakplanes.to_spline", of_two=lambda p: jspline.Breakplanes([1.0], [[1.0, 0.0]], [0.0]).to_spline())
also(
    "kernel.ridge",
    nothing=lambda p: kernel.ridge(p.net, p.data, 0.0),
    negative=lambda p: kernel.ridge(p.net, p.data, -1.0),
    nan=lambda p: kernel.ridge(p.net, p.data, float("nan")),
    penalties=lambda p: kernel.ridge(p.net, p.data, [1.0, 2.0]),
    word=lambda p: kernel.ridge(p.net, p.data, "1"),
    a_spline=lambda p: kernel.ridge(p.spline, p.data, 1.0),
    no_width=lambda p: kernel.ridge(p.law, p.data, 1.0),
    no_neurons=lambda p: kernel.ridge(p.law, p.data, 1.0, width=0),
    width_of_a_net=lambda p: kernel.ridge(p.net, p.data, 1.0, width=5),
    train=lambda p: kernel.ridge(p.net, p.data, 1.0, train="w"),
    other_inputs=lambda p: kernel.ridge(init.Gaussian(1.0, 1.0, 1.0, 2), p.data, 1.0, width=5),
    nets=lambda p: kernel.ridge(p.nets, p.data, 1.0),
    sets=lambda p: kernel.ridge(p.net, p.sets, 1.0),
    two_dtypes=lambda p: kernel.ridge(p.net, p.data32, 1.0),
)
PLANES = {"Gaussian": init.Gaussian(1.0, 0.5, 2.0, 2), "Balanced": init.Balanced(0.5, 2)}
for name, planes in PLANES.items():
    line = type(planes)(*([0.5] if name == "Balanced" else [1.0, 0.5, 2.0]))
    for method in ("cdf_eta", "cdf_gamma", "pdf_eta", "pdf_gamma"):
        everywhere(f"init.{name}.{method}", lambda p, law=planes, method=method: getattr(law, method))
        also(f"init.{name}.{method}", of_a_line=lambda p, law=line, method=method: getattr(law, method)(0.5))
    for method in ("pdf_eta_given_gamma", "cdf_eta_given_gamma", "pdf_norm_given_gamma", "cdf_norm_given_gamma"):
        everywhere(
            f"init.{name}.{method}", lambda p, law=planes, method=method: lambda value: getattr(law, method)(value, 0.3)
        )
        also(f"init.{name}.{method}", of_a_line=lambda p, law=line, method=method: getattr(law, method)(0.5, 0.3))
    for method in ("var_eta", "var_gamma"):
        also(f"init.{name}.{method}", of_a_line=lambda p, law=line, method=method: getattr(law, method)())
    also(
        f"init.{name}.separation_probability",
        one_input=lambda p, law=planes: law.separation_probability([[0.0]], [[1.0]]),
        words=lambda p, law=planes: law.separation_probability("a", "b"),
    )
    also(
        f"init.{name}.unseparated_pairs",
        no_width=lambda p, law=planes: law.unseparated_pairs([[0.0, 1.0], [1.0, 1.0]], 0),
        one_input=lambda p, law=planes: law.unseparated_pairs([[0.0], [1.0]], 3),
    )
also(
    "init.separation_probability",
    two_inputs=lambda p: init.separation_probability([[0.0, 1.0]], [[1.0, 1.0, 1.0]]),
    negative=lambda p: init.separation_probability([[0.0, 1.0]], [[1.0, 1.0]], sigma_b=-1.0),
    words=lambda p: init.separation_probability("a", "b"),
)
everywhere("kernel.RidgeFit.__call__", lambda p: kernel.ridge(p.net, p.data, 1.0))
everywhere("kernel.RidgeFit.variance", lambda p: kernel.ridge(p.net, p.data, 1.0).variance)
also(
    "dynamics.breakplane_field",
    charges=lambda p: dynamics.breakplane_field(p.net.to_breakplanes(), [1.0, 2.0], p.data),
    sets=lambda p: dynamics.breakplane_field(p.net.to_breakplanes(), 0.0, p.sets),
)
everywhere("charts.Spline.to_net", lambda p: p.spline.to_net)
everywhere("charts.Spline.to_polar", lambda p: p.spline.to_polar)
everywhere("pwl.Continuous.__call__", lambda p: p.fit)
everywhere("pwl.Segments.__call__", lambda p: p.segments)
also("charts.ReLUNet.__call__", a_batch=lambda p: p.nets(0.0))
also("charts.Spline.to_net", another_length=lambda p: p.spline.to_net([0.0, 1.0]))
also("charts.Spline.to_polar", another_length=lambda p: p.spline.to_polar([0.0, 1.0]))
also(
    "charts.Spline.from_lines",
    as_many_slopes=lambda p: Spline.from_lines([0.0, 1.0], [1.0, 2.0], 0.0),
    a_scalar=lambda p: Spline.from_lines(0.0, [1.0, 2.0], 0.0),
    decreasing=lambda p: Spline.from_lines([1.0, 0.0], [1.0, 2.0, 3.0], 0.0),
    words=lambda p: Spline.from_lines(["a"], [1.0, 2.0], 0.0),
    values=lambda p: Spline.from_lines([0.0], [1.0, 2.0], [0.0, 1.0]),
    matrices=lambda p: Spline.from_lines([[0.0]], [[1.0], [2.0]], 0.0),
)
also(
    "charts.rescale",
    zero=lambda p: jspline.rescale(p.net, 0.0),
    negative=lambda p: jspline.rescale(p.net, -1.0),
    nan=lambda p: jspline.rescale(p.net, float("nan")),
    infinite=lambda p: jspline.rescale(p.net, float("inf")),
    another_length=lambda p: jspline.rescale(p.net, [1.0, 2.0]),
    a_word=lambda p: jspline.rescale(p.net, "2"),
    complex_numbers=lambda p: jspline.rescale(p.net, 1j),
)
for name in ("roughness", "slope_variation", "total_delta_slope", "variation_norm"):
    also(f"charts.{name}", a_batch=lambda p, name=name: getattr(jspline, name)(p.nets))
    also(f"charts.{name}", data=lambda p, name=name: getattr(jspline, name)(p.data))
    if name != "variation_norm":
        also(
            f"charts.{name}",
            one_end=lambda p, name=name: getattr(jspline, name)(p.net, interval=(0.0,)),
            a_number=lambda p, name=name: getattr(jspline, name)(p.net, interval=1.0),
            backwards=lambda p, name=name: getattr(jspline, name)(p.net, interval=(1.0, 0.0)),
            nan=lambda p, name=name: getattr(jspline, name)(p.net, interval=(0.0, float("nan"))),
            words=lambda p, name=name: getattr(jspline, name)(p.net, interval=("a", "b")),
        )

OF_NET_AND_DATA = {
    "hessian": curvature.hessian, "gram": curvature.gram, "jacobian": curvature.jacobian,
    "spectrum": curvature.spectrum, "zero_modes": curvature.zero_modes, "theorem5": landscape.theorem5,
    "escape_direction": curvature.escape_direction,
}  # fmt: skip
for name, function in OF_NET_AND_DATA.items():
    also(
        f"{'landscape' if name == 'theorem5' else 'curvature'}.{name}",
        nets=lambda p, f=function: f(p.nets, p.data),
        sets=lambda p, f=function: f(p.net, p.sets),
        no_net=lambda p, f=function: f(None, p.data),
        another_chart=lambda p, f=function: f(p.polar, p.data),
    )
for name in ("predict", "loss", "value_and_grad", "relevant_sums"):
    function = getattr(jspline.objective, name)
    also(
        f"objective.{name}",
        nets=lambda p, f=function: f(p.nets, p.data),
        sets=lambda p, f=function: f(p.net, p.sets),
        another_chart=lambda p, f=function: f(p.polar, p.data),
        method=lambda p, f=function: f(p.net, p.data, method="fast"),
        a_list=lambda p, f=function: f(p.net, p.data, method=["sorted"]),
    )
also("curvature.hessian", method=lambda p: curvature.hessian(p.net, p.data, method="dense"))
also("curvature.gram", method=lambda p: curvature.gram(p.net, p.data, method="autodiff"))
for name in ("spectrum", "zero_modes"):
    also(f"curvature.{name}", matrix=lambda p, f=OF_NET_AND_DATA[name]: f(p.net, p.data, matrix="Hessian"))
also(
    "curvature.hvp",
    another_length=lambda p: curvature.hvp(p.net, p.data, [1.0, 2.0]),
    a_matrix=lambda p: curvature.hvp(p.net, p.data, np.ones((10, 1))),
    a_word=lambda p: curvature.hvp(p.net, p.data, "one"),
    matrix=lambda p: curvature.hvp(p.net, p.data, p.net, matrix="both"),
    another_width=lambda p: curvature.hvp(p.net, p.data, ReLUNet([1.0], [1.0], [1.0])),
    another_chart=lambda p: curvature.hvp(p.net, p.data, p.spline),
)
also(
    "curvature.ntk",
    a_number=lambda p: curvature.ntk(p.net, 1.0),
    empty=lambda p: curvature.ntk(p.net, []),
    a_matrix=lambda p: curvature.ntk(p.net, [[1.0]]),
    words=lambda p: curvature.ntk(p.net, ["a"]),
    nets=lambda p: curvature.ntk(p.nets, X),
)
also(
    "curvature.spectral_density",
    no_steps=lambda p: curvature.spectral_density(p.net, p.data, key=KEY, steps=0),
    one_probe=lambda p: curvature.spectral_density(p.net, p.data, key=KEY, probes=1),
    half_a_step=lambda p: curvature.spectral_density(p.net, p.data, key=KEY, steps=2.5),
    half_a_probe=lambda p: curvature.spectral_density(p.net, p.data, key=KEY, probes=2.5),
    a_seed=lambda p: curvature.spectral_density(p.net, p.data, key=0),
    keys=lambda p: curvature.spectral_density(p.net, p.data, key=jax.random.split(KEY)),
    matrix=lambda p: curvature.spectral_density(p.net, p.data, key=KEY, matrix="ntk"),
    no_net=lambda p: curvature.spectral_density(None, p.data, key=KEY),
)
also(
    "curvature.extreme_eigenvalues",
    none=lambda p: curvature.extreme_eigenvalues(p.net, p.data, 0),
    all=lambda p: curvature.extreme_eigenvalues(p.net, p.data, 10),
    half=lambda p: curvature.extreme_eigenvalues(p.net, p.data, 2.5),
    which=lambda p: curvature.extreme_eigenvalues(p.net, p.data, which="LA"),
    matrix=lambda p: curvature.extreme_eigenvalues(p.net, p.data, 2, matrix="ntk"),
)
everywhere("curvature.SpectralDensity.cdf", lambda p: p.density.cdf)
everywhere("curvature.SpectralDensity.pdf", lambda p: lambda t: p.density.pdf(t, 1.0))
also(
    "curvature.SpectralDensity.pdf",
    width_zero=lambda p: p.density.pdf(0.0, 0.0),
    width_negative=lambda p: p.density.pdf(0.0, -1.0),
    width_nan=lambda p: p.density.pdf(0.0, float("nan")),
    width_word=lambda p: p.density.pdf(0.0, "1"),
    width_list=lambda p: p.density.pdf(0.0, [1.0, 2.0]),
)
also(
    "curvature.SpectralDensity.moment",
    half=lambda p: p.density.moment(0.5),
    negative=lambda p: p.density.moment(-1),
    a_word=lambda p: p.density.moment("2"),
    true=lambda p: p.density.moment(True),
)
for what, call in {
    "a net": lambda p: curvature.delta_slopes(p.net, p.data),
    "sets": lambda p: curvature.delta_slopes(p.spline, p.sets),
}.items():
    CALLS.setdefault("curvature.delta_slopes", {})[what] = call
also(
    "curvature.escape_direction",
    tol_nan=lambda p: curvature.escape_direction(p.net, p.data, tol=float("nan")),
    tol_negative=lambda p: curvature.escape_direction(p.net, p.data, tol=-1.0),
    tol_word=lambda p: curvature.escape_direction(p.net, p.data, tol="small"),
)
also("landscape.theorem5", tol_negative=lambda p: landscape.theorem5(p.net, p.data, tol=-1.0))
also("landscape.theorem5", nan=lambda p: landscape.theorem5(ReLUNet([float("nan")], [1.0], [1.0]), p.data))
also("curvature.zero_modes", tol_negative=lambda p: curvature.zero_modes(p.net, p.data, tol=-1.0))
also("curvature.zero_modes", infinite=lambda p: curvature.zero_modes(ReLUNet([1.0], [float("inf")], [1.0]), p.data))

also("datasets.Dataset.merged", no_weight=lambda p: p.weightless.merged())
also("datasets.Dataset.merged", traced=lambda p: jax.eval_shape(lambda d: d.merged(), p.data))
also("datasets.Dataset.standardize", equal_x=lambda p: p.tied.standardize())
also("datasets.Dataset.standardize", no_weight=lambda p: p.weightless.standardize())
for name in ("load", "load_table"):
    function = getattr(datasets, name)
    for what, value in {
        "no name": "",
        "another name": "Nile",
        "a path": "nile.csv",
        "nothing": None,
        "a number": 3,
    }.items():
        CALLS.setdefault(f"datasets.{name}", {})[what] = lambda p, f=function, value=value: f(value)
    CALLS[f"datasets.{name}"]["a list"] = lambda p, f=function: f(["nile"])
for name in ("read_csv", "read_table"):
    function = getattr(datasets, name)
    also(
        f"datasets.{name}",
        no_file=lambda p, f=function: f("nothere.csv"),
        a_folder=lambda p, f=function: f("/"),
        a_zero_byte=lambda p, f=function: f("a\0b"),
        too_long=lambda p, f=function: f(LONG),
        inside_a_file=lambda p, f=function: f(__file__ + "/x"),
        bytes=lambda p, f=function: f(b"my.csv"),
        a_number=lambda p, f=function: f(3),
        nothing=lambda p, f=function: f(None),
        an_open_file=lambda p, f=function: f(StringIO("x,y\n1,2\n")),
        numbers_of_columns=lambda p, f=function: f(NILE, [1, 2]),
        no_column=lambda p, f=function: f(NILE, []),
        a_column_twice=lambda p, f=function: f(NILE, ["year", "year"]),
        all_columns=lambda p, f=function: f(NILE, ["year", "flow_1e8_m3"]),
    )
for name in ("quadratic", "sine", "square_wave", "smooth_gap", "sharp_gap", "teacher", "circles"):
    function = getattr(datasets, name)
    for what, value in {
        "one": 1, "none": 0, "negative": -4, "a fraction": 40.5, "a word": "40", "true": True, "nan": float("nan"),
    }.items():  # fmt: skip
        CALLS.setdefault(f"datasets.{name}", {})[what] = lambda p, f=function, value=value: f(value)
for name in ("quadratic", "sine", "square_wave"):
    function = getattr(datasets, name)
    also(
        f"datasets.{name}",
        backwards=lambda p, f=function: f(lo=1.0, hi=-1.0),
        no_length=lambda p, f=function: f(lo=1.0, hi=1.0),
        lo_nan=lambda p, f=function: f(lo=float("nan")),
        hi_infinite=lambda p, f=function: f(hi=float("inf")),
        lo_word=lambda p, f=function: f(lo="a"),
    )
also(
    "datasets.sine",
    frequency_nan=lambda p: datasets.sine(frequency=float("nan")),
    frequency_word=lambda p: datasets.sine(frequency="high"),
)
also(
    "datasets.square_wave",
    period_zero=lambda p: datasets.square_wave(period=0.0),
    period_negative=lambda p: datasets.square_wave(period=-1.0),
    period_nan=lambda p: datasets.square_wave(period=float("nan")),
    period_infinite=lambda p: datasets.square_wave(period=float("inf")),
)
also(
    "datasets.teacher",
    one_knot=lambda p: datasets.teacher(knots=[0.0], values=[1.0]),
    lengths=lambda p: datasets.teacher(knots=[0.0, 1.0], values=[1.0]),
    decreasing=lambda p: datasets.teacher(knots=[1.0, 0.0], values=[1.0, 2.0]),
    equal=lambda p: datasets.teacher(knots=[1.0, 1.0], values=[1.0, 2.0]),
    nan=lambda p: datasets.teacher(knots=[0.0, float("nan")], values=[1.0, 2.0]),
    no_key=lambda p: datasets.teacher(inputs=2),
    no_inputs=lambda p: datasets.teacher(inputs=0, key=KEY),
    no_width=lambda p: datasets.teacher(inputs=2, width=0, key=KEY),
    inputs_fraction=lambda p: datasets.teacher(inputs=1.5, key=KEY),
    values_nan=lambda p: datasets.teacher(knots=[0.0, 1.0], values=[1.0, float("nan")]),
    words=lambda p: datasets.teacher(knots=["a", "b"], values=[1.0, 2.0]),
)
also(
    "datasets.circles",
    one_radius=lambda p: datasets.circles(radii=[1.0]),
    a_radius=lambda p: datasets.circles(radii=1.0),
    negative_radius=lambda p: datasets.circles(radii=[1.0, -1.0]),
    radius_nan=lambda p: datasets.circles(radii=[1.0, float("nan")]),
    words=lambda p: datasets.circles(radii=["a", "b"]),
    fewer_points=lambda p: datasets.circles(2, radii=[1.0, 2.0, 3.0]),
)
also(
    "datasets.orthogonal",
    a_number=lambda p: datasets.orthogonal(1.0),
    a_matrix=lambda p: datasets.orthogonal([[1.0]]),
    words=lambda p: datasets.orthogonal(["a"]),
    nan=lambda p: datasets.orthogonal([1.0, float("nan")]),
    fewer_inputs=lambda p: datasets.orthogonal([1.0, 2.0], 1),
    inputs_fraction=lambda p: datasets.orthogonal([1.0], 1.5),
    a_seed=lambda p: datasets.orthogonal([1.0], key=3),
)
everywhere("datasets.reduce_inputs", lambda p: datasets.reduce_inputs)
also(
    "datasets.reduce_inputs",
    a_vector=lambda p: datasets.reduce_inputs(X),
    nan=lambda p: datasets.reduce_inputs([[1.0, float("nan")]]),
    zeros=lambda p: datasets.reduce_inputs([[0.0, 0.0]], lifted=False),
    traced=lambda p: jax.eval_shape(datasets.reduce_inputs, jnp.ones((3, 2))),
)
also(
    "datasets.Reduced.net",
    a_net_of_a_line=lambda p: datasets.reduce_inputs(jnp.eye(2)).net(p.net),
    a_spline=lambda p: datasets.reduce_inputs(jnp.eye(2)).net(p.spline),
)
also(
    "datasets.Reduced.restore",
    another_width=lambda p: datasets.reduce_inputs(jnp.eye(2)).restore(
        ReLUNet(jnp.ones((2, 2)), [0.0, 0.0], [1.0, 1.0]), ReLUNet(jnp.ones((3, 2)), [0.0] * 3, [1.0] * 3)
    ),
)
also(
    "datasets.six_points",
    no_key=lambda p: datasets.six_points(draws=5),
    no_draws=lambda p: datasets.six_points(key=KEY),
    none=lambda p: datasets.six_points(draws=0, key=KEY),
    half=lambda p: datasets.six_points(draws=2.5, key=KEY),
    a_seed=lambda p: datasets.six_points(draws=5, key=3),
    offset_nan=lambda p: datasets.six_points(float("nan")),
    offset_word=lambda p: datasets.six_points("1"),
    offsets=lambda p: datasets.six_points([1.0, 2.0]),
)
also("datasets.Units.restore", a_batch=lambda p: p.data.standardize()[1].restore(p.nets))
also("datasets.Units.restore", a_spline=lambda p: p.data.standardize()[1].restore(p.spline))

for name in ("flow", "start", "sensitivity"):
    function = getattr(dynamics, name)
    for what, given in {
        "t1 negative": {"t1": -1.0}, "t1 nan": {"t1": float("nan")}, "t1 word": {"t1": "1"},
        "t1 list": {"t1": [1.0, 2.0]}, "t1 nothing": {"t1": None}, "t1 complex": {"t1": 1j},
        "rtol list": {"rtol": [1e-3, 1e-4]}, "atol nothing": {"atol": None}, "loss_tol list": {"loss_tol": [0.0, 1.0]},
        "rtol zero": {"rtol": 0.0}, "rtol negative": {"rtol": -1.0}, "rtol nan": {"rtol": float("nan")},
        "rtol word": {"rtol": "1e-3"}, "atol infinite": {"atol": float("inf")}, "loss_tol negative": {"loss_tol": -1.0},
        "grad_tol nan": {"grad_tol": float("nan")},
    }.items():  # fmt: skip
        CALLS.setdefault(f"dynamics.{name}", {})[what] = lambda p, f=function, given=given: f(
            p.net, p.data, **{"t1": 1.0, **STRICT, **given}
        )
    also(
        f"dynamics.{name}",
        nets=lambda p, f=function: f(p.nets, p.data, 1.0, **STRICT),
        sets=lambda p, f=function: f(p.net, p.sets, 1.0, **STRICT),
        two_dtypes=lambda p, f=function: f(p.net, p.data32, 1.0, **STRICT),
        net_nan=lambda p, f=function: f(ReLUNet([float("nan")], [1.0], [1.0]), p.data, 1.0, **STRICT),
    )
for what, given in {
    "max_steps zero": {"max_steps": 0}, "max_steps fraction": {"max_steps": 10.5},
    "max_steps true": {"max_steps": True},
    "method": {"method": "euler"}, "a method's class": {"method": dynamics.Exact},
    "ts backwards": {"ts": [1.0, 0.5]}, "ts beyond": {"ts": [0.5, 2.0]}, "ts matrix": {"ts": [[0.5]]},
    "ts nan": {"ts": [float("nan")]}, "ts negative": {"ts": [-1.0, 0.5]}, "ts word": {"ts": "all"},
}.items():  # fmt: skip
    CALLS["dynamics.flow"][what] = lambda p, given=given: dynamics.flow(p.net, p.data, 1.0, **STRICT, **given)
for what, given in {
    "until": {"until": "bored"}, "events negative": {"events": -1}, "events fraction": {"events": 1.5},
}.items():  # fmt: skip
    CALLS["dynamics.flow"][what] = lambda p, given=given: dynamics.flow(
        p.net, p.data, 1.0, method=dynamics.Exact(**given), **STRICT
    )
also(
    "dynamics.flow",
    chart=lambda p: dynamics.flow(p.net, p.data, 1.0, method=dynamics.Diffrax(chart="fourier"), **STRICT),
)
also("dynamics.Solution.to_xarray", no_data=lambda p: dynamics.flow(p.net, p.data, 1.0, **STRICT).to_xarray(None))
also("dynamics.condense", biases=lambda p: dynamics.condense(p.net), a_batch=lambda p: dynamics.condense(p.nets))
also("dynamics.nothing_follows", a_batch=lambda p: dynamics.nothing_follows(p.nets, p.data))
also("dynamics.charge_drift", no_net=lambda p: dynamics.charge_drift(p.net, None))
also("dynamics.charge_drift", widths=lambda p: dynamics.charge_drift(p.net, ReLUNet([1.0], [1.0], [1.0])))
for name in ("net_field", "polar_field"):
    function = getattr(dynamics, name)
    also(f"dynamics.{name}", sets=lambda p, f=function, n=name: f(p.net if n == "net_field" else p.polar, p.sets))
also("dynamics.spline_field", sets=lambda p: dynamics.spline_field(p.spline, jnp.zeros(3), p.sets))

for name, law in {
    "Gaussian": lambda p: p.law, "Uniform": lambda p: init.Uniform(1.0, 0.5, 2.0),
    "Balanced": lambda p: init.Balanced(0.5),
    "UniformBreakpoints": lambda p: p.wide, "FromData": lambda p: init.FromData(p.data),
    "Spiky": lambda p: init.Spiky(p.law, 2.0, 1),
}.items():  # fmt: skip
    for what, value in {
        "zero": 0,
        "negative": -1,
        "a fraction": 2.5,
        "a word": "3",
        "true": True,
        "nothing": None,
    }.items():
        CALLS.setdefault(f"init.{name}.sample", {})[what] = lambda p, law=law, value=value: law(p).sample(
            value, key=KEY
        )
        for method in ("roughness_mean", "roughness_var", "roughness_tail"):
            if method == "roughness_mean" if name == "Spiky" else name != "FromData":
                CALLS.setdefault(f"init.{name}.{method}", {})[what] = lambda p, law=law, value=value, method=method: (
                    getattr(law(p), method)(value, *([1.0] if method == "roughness_tail" else []))
                )
    also(f"init.{name}.sample", a_seed=lambda p, law=law: law(p).sample(3, key=0))
    also(f"init.{name}.sample", keys=lambda p, law=law: law(p).sample(3, key=jax.random.split(KEY)))
    if name == "Spiky":
        continue
    for method in ("cdf_beta", "pdf_beta", *(("cdf_mu", "pdf_mu") if name != "FromData" else ())):
        also(
            f"init.{name}.{method}",
            a_word=lambda p, law=law, m=method: getattr(law(p), m)("x", **({"width": 3} if "mu" in m else {})),
            complex_numbers=lambda p, law=law, m=method: getattr(law(p), m)(1j, **({"width": 3} if "mu" in m else {})),
        )
    if name != "FromData":
        for method in ("pdf", "pdf_mu_given_beta"):
            also(f"init.{name}.{method}", words=lambda p, law=law, m=method: getattr(law(p), m)("x", "y", width=3))
for method in ("cdf_mu", "pdf_mu"):
    also(f"init.UniformBreakpoints.{method}", no_width=lambda p, m=method: getattr(p.wide, m)(0.0))
    also(f"init.UniformBreakpoints.{method}", half=lambda p, m=method: getattr(p.wide, m)(0.0, width=0.5))
for name in ("he", "glorot"):
    function = getattr(init, name)
    also(
        f"init.{name}",
        zero=lambda p, f=function: f(0),
        a_fraction=lambda p, f=function: f(2.5),
        a_word=lambda p, f=function: f("50"),
        bias_negative=lambda p, f=function: f(3, -1.0),
        bias_nan=lambda p, f=function: f(3, float("nan")),
        bias_word=lambda p, f=function: f(3, "none"),
        biases=lambda p, f=function: f(3, [1.0, 2.0]),
    )
also("init.flat", kind=lambda p: init.flat(p.net, "none"), a_batch=lambda p: init.flat(p.nets, "mirror"))
also("init.flat", odd=lambda p: init.flat(p.spline, "zero"))
also("init.from_curvature", no_density=lambda p: init.from_curvature(jnp.sin, None, jnp.asarray(X)))
also("init.from_curvature", no_function=lambda p: init.from_curvature(1.0, jnp.ones_like, jnp.asarray(X)))
also("init.from_curvature", words=lambda p: init.from_curvature(jnp.sin, jnp.ones_like, ["a"]))

for name in ("flow", "min_norm"):
    function = getattr(kernel, name)
    more = (1.0,) if name == "flow" else ()
    also(
        f"kernel.{name}",
        nets=lambda p, f=function, more=more: f(p.nets, p.data, *more),
        sets=lambda p, f=function, more=more: f(p.net, p.sets, *more),
        another_chart=lambda p, f=function, more=more: f(p.polar, p.data, *more),
    )
for what, value in {"negative": -1.0, "nan": float("nan"), "a word": "1", "a list": [1.0, 2.0], "complex": 1j}.items():
    CALLS["kernel.flow"][f"t {what}"] = lambda p, value=value: kernel.flow(p.net, p.data, value)
    CALLS.setdefault("kernel.weighted_spline", {})[f"t {what}"] = lambda p, value=value: kernel.weighted_spline(
        p.data, p.law, value
    )
also(
    "kernel.weighted_spline",
    sets=lambda p: kernel.weighted_spline(p.sets, p.law),
    no_law=lambda p: kernel.weighted_spline(p.data, None),
    a_number=lambda p: kernel.weighted_spline(p.data, 1.0),
    a_word=lambda p: kernel.weighted_spline(p.data, "he"),
)
also(
    "kernel.lazy_distance",
    backwards=lambda p: kernel.lazy_distance(p.net, p.net, 1.0, -1.0),
    from_nan=lambda p: kernel.lazy_distance(p.net, p.net, float("nan"), 1.0),
    widths=lambda p: kernel.lazy_distance(p.net, ReLUNet([1.0], [1.0], [1.0])),
    a_batch=lambda p: kernel.lazy_distance(p.nets, p.nets),
    word=lambda p: kernel.lazy_distance(p.net, p.net, "a", "b"),
)
for what, side in {"0": 0, "half": 0.5, "nan": float("nan"), "a list": [1, 2]}.items():
    CALLS.setdefault("kernel.WideFit.delta_slope", {})[f"facing {what}"] = lambda p, side=side: kernel.weighted_spline(
        p.data, p.law
    ).delta_slope(0.0, side)
also("kernel.natural_cubic", one_x=lambda p: kernel.natural_cubic(p.tied), sets=lambda p: kernel.natural_cubic(p.sets))
also("kernel.regime", nets=lambda p: kernel.regime(p.nets, p.data), sets=lambda p: kernel.regime(p.net, p.sets))

DECAYED = {"decay": 0.1, "train_b0": False}
for what, value in {
    "nothing": None, "a word": "wide", "a net": ReLUNet([1.0], [0.0], [1.0]), "he": init.he, "a class": init.Gaussian,
}.items():  # fmt: skip
    CALLS.setdefault("meanfield.nodes", {})[what] = lambda p, value=value: meanfield.nodes(value, p.data, 8)
    CALLS.setdefault("meanfield.flow", {})[what] = lambda p, value=value: meanfield.flow(
        value, p.data, 1.0, tol=0.1, **STRICT
    )
for what, value in {"nan": float("nan"), "zero": 0.0, "negative": -1.0, "a word": "cold", "two": [1.0, 2.0]}.items():
    CALLS.setdefault("meanfield.gibbs", {})[what] = lambda p, value=value: meanfield.gibbs(
        jspline.Problem(p.data, **DECAYED), value
    )
    CALLS["meanfield.flow"][f"t1 {what}"] = lambda p, value=value: meanfield.flow(
        p.law, p.data, value, tol=0.1, **STRICT
    )
    CALLS["meanfield.flow"][f"tol {what}"] = lambda p, value=value: meanfield.flow(
        p.law, p.data, 1.0, tol=value, **STRICT
    )
also(
    "meanfield.nodes",
    count=lambda p: meanfield.nodes(p.law, p.data, 1.5),
    sets=lambda p: meanfield.nodes(p.law, p.sets, 8),
)
also(
    "penalty.optimum",
    data=lambda p: penalty.optimum(p.data),
    sets=lambda p: penalty.optimum(jspline.Problem(p.sets, decay=0.1)),
)

for name in ("continuous", "dynamic_programming", "greedy_merge"):
    function = getattr(pwl, name)
    for what, value in {
        "zero": 0, "negative": -1, "too many": 5, "a fraction": 1.5, "another word": "best", "nothing": None,
        "true": True, "nan": float("nan"), "a list": [2],
    }.items():  # fmt: skip
        CALLS.setdefault(f"pwl.{name}", {})[what] = lambda p, f=function, value=value: f(p.data, value)
        if value not in (None, "best"):
            CALLS[f"pwl.{name}"][f"most {what}"] = lambda p, f=function, value=value: f(p.data, "auto", most=value)
    also(f"pwl.{name}", sets=lambda p, f=function: f(p.sets, 2), no_weight=lambda p, f=function: f(p.weightless, 2))
also("pwl.sparsest_interpolant", one_x=lambda p: pwl.sparsest_interpolant(p.tied))
also("pwl.sparsest_interpolant", sets=lambda p: pwl.sparsest_interpolant(p.sets))
also(
    "pwl.criterion",
    words=lambda p: pwl.criterion(["a"], 3),
    a_number=lambda p: pwl.criterion(1.0, 3),
    empty=lambda p: pwl.criterion([], 3),
    no_data=lambda p: pwl.criterion([1.0], 0),
    negative_data=lambda p: pwl.criterion([1.0], -3),
    a_word=lambda p: pwl.criterion([1.0], "3"),
    negative_floor=lambda p: pwl.criterion([1.0], 3, floor=-1.0),
    negative_sums=lambda p: pwl.criterion([1.0, -1.0], 3),
)

for name in ("count_fits", "lonely_bound", "lonely_partitions", "lonely_probability", "partitions", "remark_1"):
    function = getattr(landscape, name)
    for what, (n, h) in {
        "N negative": (-1, 3), "H negative": (3, -1), "N fraction": (2.5, 3), "H word": (3, "3"),
        "N nan": (float("nan"), 3),
        "N true": (True, 3), "H nothing": (3, None),
    }.items():  # fmt: skip
        CALLS.setdefault(f"landscape.{name}", {})[what] = lambda p, f=function, n=n, h=h: f(n, h)
also("landscape.lonely_probability", breakpoints=lambda p: landscape.lonely_probability(3, 3, breakpoints="odd"))
also("landscape.lonely_probability", bins=lambda p: landscape.lonely_probability(3, 3, bins="some"))
ALONG = {
    "slice_line": lambda *args: landscape.slice_line(*args, [1.0, 0.5]),
    "slice_rotation": lambda *args: landscape.slice_rotation(*args, [1.0, 0.5]),
}
for name, argument in (("slice_line", "direction"), ("slice_rotation", "towards")):
    function = getattr(landscape, name)
    for what, value in {
        "three": [1.0, 2.0, 3.0], "a number": 1.0, "nan": [1.0, float("nan")], "words": ["a", "b"], "nothing": None,
        "a matrix": [[1.0, 2.0]],
    }.items():  # fmt: skip
        CALLS.setdefault(f"landscape.{name}", {})[f"{argument} {what}"] = lambda p, f=function, value=value: f(
            p.net, p.data, 0, value
        )
also(
    "landscape.slice_rotation", parallel=lambda p: landscape.slice_rotation(p.net, p.data, 0, [p.net.w[0], p.net.b[0]])
)
for what, box in {
    "a number": 1.0, "one side": [0.0, 1.0], "backwards": [[1.0, 0.0], [0.0, 1.0]], "words": [["a", "b"], ["c", "d"]],
    "infinite": [[0.0, float("inf")], [0.0, 1.0]], "nothing": None, "ragged": [[0.0, 1.0], [0.0]],
}.items():  # fmt: skip
    also("landscape.cells", **{what: lambda p, box=box: landscape.cells(ReLUNet([[1.0, 2.0]], [0.0], [1.0]), box)})
also(
    "landscape.cells",
    one_input=lambda p: landscape.cells(p.net, [[0.0, 1.0], [0.0, 1.0]]),
    nets=lambda p: landscape.cells(p.nets, [[0.0, 1.0], [0.0, 1.0]]),
    data=lambda p: landscape.cells(p.data, [[0.0, 1.0], [0.0, 1.0]]),
)
also("landscape.alignment_maximisers", sets=lambda p: landscape.alignment_maximisers(p.sets))
also("landscape.alignment_maximisers", many=lambda p: landscape.alignment_maximisers(Dataset([[1.0] * 4], [1.0])))
for name in (*ALONG, "slice_bias", "slice_breakpoint", "slice_scale", "slice_gamma", "classify_knots"):
    function = ALONG.get(name, getattr(landscape, name))
    for what, i in {
        "negative": -1,
        "beyond": 3,
        "a fraction": 0.5,
        "a word": "0",
        "a list": [0, 1],
        "nothing": None,
    }.items():
        CALLS.setdefault(f"landscape.{name}", {})[what] = lambda p, f=function, i=i: f(p.net, p.data, i)
    also(f"landscape.{name}", nets=lambda p, f=function: f(p.nets, p.data, 0))
for name in ("cancel_in_gap", "rotate_about_datum", "drift_outside"):
    function = getattr(landscape, name)
    two = (1,) if name != "drift_outside" else ()
    also(f"landscape.{name}", beyond=lambda p, f=function, two=two: f(p.net, p.data, 7, *two, 0.1))
    also(f"landscape.{name}", word=lambda p, f=function, two=two: f(p.net, p.data, "0", *two, 0.1))
    if two:
        also(f"landscape.{name}", same=lambda p, f=function: f(p.net, p.data, 1, 1, 0.1))
for name in ("drive_zeros", "is_critical", "is_lonely", "pieces"):
    function = getattr(landscape, name)
    also(f"landscape.{name}", nets=lambda p, f=function: f(p.nets, p.data), sets=lambda p, f=function: f(p.net, p.sets))
also("landscape.is_critical", tol_negative=lambda p: landscape.is_critical(p.net, p.data, -1.0))
everywhere("landscape.drive", lambda p: lambda beta: landscape.drive(p.net, p.data, beta))
for what, value in {"zero": 0, "negative": -1, "a fraction": 1.5, "a word": "2", "true": True}.items():
    CALLS.setdefault("landscape.critical_points", {})[what] = lambda p, v=value: landscape.critical_points(p.data, v)
also("landscape.critical_points", most=lambda p: landscape.critical_points(p.data, 2, most=0))

for what, bad in {"nan": float("nan"), "infinity": float("inf")}.items():
    LOST = ReLUNet([1.0, -1.0, 0.5], [bad, 0.5, 1.0], [1.0, 1.0, -1.0])
    for name, call in {
        "landscape.is_lonely": lambda p, net: landscape.is_lonely(net, p.data),
        "landscape.pieces": lambda p, net: landscape.pieces(net, p.data),
        "landscape.classify_knots": lambda p, net: landscape.classify_knots(net, p.data, 0),
        "curvature.escape_direction": lambda p, net: curvature.escape_direction(net, p.data),
        "curvature.extreme_eigenvalues": lambda p, net: curvature.extreme_eigenvalues(net, p.data, 2),
    }.items():
        CALLS[name][f"a net with {what}"] = lambda p, call=call, net=LOST: call(p, net)
    CALLS["charts.Spline.to_net"][f"charges that are {what}"] = lambda p, bad=bad: p.spline.to_net(bad)
    CALLS["charts.Spline.to_polar"][f"charges that are {what}"] = lambda p, bad=bad: p.spline.to_polar(bad)
    CALLS["charts.Spline.from_lines"] |= {
        f"a knot at {what}": lambda p, bad=bad: Spline.from_lines([bad], [1.0, 2.0], 0.0),
        f"a slope of {what}": lambda p, bad=bad: Spline.from_lines([0.0], [1.0, bad], 0.0),
    }

for what, steps in {"none": 0, "negative": -1, "a fraction": 1.5, "a word": "9", "true": True}.items():
    CALLS.setdefault("descent.train", {})[what] = lambda p, s=steps: descent.train(p.net, p.data, optax.sgd(0.1), s)
also(
    "descent.train",
    sets=lambda p: descent.train(p.net, p.sets, optax.sgd(0.1), 3),
    no_key=lambda p: descent.train(p.net, p.data, optax.sgd(0.1), 3, batch_size=2),
    more_than_all=lambda p: descent.train(p.net, p.data, optax.sgd(0.1), 3, batch_size=99, key=KEY),
    no_batch=lambda p: descent.train(p.net, p.data, optax.sgd(0.1), 3, batch_size=0, key=KEY),
    records=lambda p: descent.train(p.net, p.data, optax.sgd(0.1), 3, records=0),
    optimizer=lambda p: descent.train(p.net, p.data, "sgd", 3),
    no_net=lambda p: descent.train(None, p.data, optax.sgd(0.1), 3),
    rate_word=lambda p: descent.train(p.net, p.data, optax.sgd(0.1), 3, learning_rate="fast"),
    rate_zero=lambda p: descent.train(p.net, p.data, optax.sgd(0.1), 3, learning_rate=0.0),
    rates=lambda p: descent.train(p.net, p.data, optax.sgd(0.1), 3, learning_rate=[0.1, 0.2]),
)
for what, count in {"none": 0, "negative": -2, "a fraction": 2.5}.items():
    CALLS.setdefault("descent.sharpness", {})[what] = lambda p, c=count: descent.sharpness(p.net, p.data, iterations=c)
    CALLS.setdefault("descent.DeepNet.from_net", {})[what] = lambda p, c=count: descent.DeepNet.from_net(p.net, c)
    CALLS.setdefault("descent.DeepNet.sample", {})[what] = lambda p, c=count: descent.DeepNet.sample([3, c], key=KEY)
also("descent.DeepNet.sample", empty=lambda p: descent.DeepNet.sample([], key=KEY))
also("descent.DeepNet.sample", a_number=lambda p: descent.DeepNet.sample(3, key=KEY))
also("descent.DeepNet.sample", a_word=lambda p: descent.DeepNet.sample("33", key=KEY))
also(
    "descent.DeepNet.to_spline",
    traced=lambda p: jax.eval_shape(lambda n: n.to_spline(), descent.DeepNet.from_net(p.net)),
)
everywhere("descent.DeepNet.__call__", lambda p: descent.DeepNet.from_net(p.net))
also("descent.BatchNormNet.from_net", sets=lambda p: descent.BatchNormNet.from_net(p.net, p.sets))

for what, grid in {
    "no inits": {}, "inits zero": {"inits": 0}, "inits true": {"inits": True}, "inits fraction": {"inits": 1.5},
    "inits list": {"inits": [1]}, "a scalar": {"a": 1.0, "inits": 1}, "empty": {"a": [], "inits": 1},
    "a string": {"a": "abc", "inits": 1}, "nan": {"a": [float("nan")], "inits": 1}, "twice": {"a": [1, 1], "inits": 1},
    "mixed": {"a": [1.0, "b"], "inits": 1}, "none": {"a": [None], "inits": 1}, "booleans": {"a": [True], "inits": 1},
    "complex numbers": {"a": [1j], "inits": 1}, "objects": {"a": np.array([object()]), "inits": 1},
    "a matrix": {"a": np.ones((2, 2)), "inits": 1}, "a set": {"a": {1, 2}, "inits": 1},
    "inits of many lines": {"inits": np.ones((9, 9))}, "one of many twice": {"a": [*range(9999), 0], "inits": 1},
}.items():  # fmt: skip
    CALLS.setdefault("ensemble.run", {})[what] = lambda p, g=grid: ensemble.run(
        lambda point, key: {"r": 1.0}, g, key=KEY
    )
    CALLS.setdefault("ensemble.flow", {})[what] = lambda p, g=grid: ensemble.flow(
        lambda point, key: (p.net, p.data), g, lambda sol, data: {"end": sol.t}, key=KEY, t1=1.0, **STRICT
    )
for what, k, n in (
    ("more", 3, 2),
    ("negative", -1, 2),
    ("of none", 0, 0),
    ("a word", "1", 2),
    ("nan", float("nan"), 2),
):
    CALLS.setdefault("ensemble.wilson", {})[what] = lambda p, k=k, n=n: ensemble.wilson(k, n)
for what, level in {"of 1": 1.0, "of 0": 0.0, "in percent": 95, "nan": float("nan"), "a word": "high"}.items():
    CALLS["ensemble.wilson"][f"a level {what}"] = lambda p, level=level: ensemble.wilson(1, 2, level)
    CALLS.setdefault("ensemble.proportion", {})[f"a level {what}"] = lambda p, v=level: ensemble.proportion([True], v)
also("ensemble.proportion", empty=lambda p: ensemble.proportion([]), scalar=lambda p: ensemble.proportion(True))
also(
    "ensemble.proportion", numbers=lambda p: ensemble.proportion([0.5, 3.0]), words=lambda p: ensemble.proportion(["a"])
)
for what, blocks in {"none": 0, "negative": -1, "a fraction": 1.5}.items():
    CALLS.setdefault("ensemble.collect", {})[what] = lambda p, b=blocks: ensemble.collect(lambda key: 1.0, b, key=KEY)
also("ensemble.LawBins.around", zero=lambda p: ensemble.LawBins.around(0.0, 1.0))
also("ensemble.LawBins.around", negative=lambda p: ensemble.LawBins.around(1.0, -1.0))

CLASSES: dict[str, Callable] = {
    "a net of lengths": lambda p: ReLUNet([1.0], [1.0, 2.0], [1.0]),
    "a net of nothing": lambda p: ReLUNet([], [], []),
    "a net of scalars": lambda p: ReLUNet(1.0, 1.0, 1.0),
    "a net of matrices": lambda p: ReLUNet([[1.0]], [[1.0]], [[1.0]]),
    "a net of words": lambda p: ReLUNet(["a"], [1.0], [1.0]),
    "a net with b0 a vector": lambda p: ReLUNet([1.0], [1.0], [1.0], [1.0]),
    "a net of complex numbers": lambda p: ReLUNet([1j], [1.0], [1.0]),
    "a net of booleans": lambda p: ReLUNet([True], [1.0], [1.0]),
    "a net with nothing": lambda p: ReLUNet(None, [1.0], [1.0]),
    "a net of objects": lambda p: ReLUNet(np.array([object()]), [1.0], [1.0]),
    "a net of dates": lambda p: ReLUNet(p.dates, [1.0, 2.0], [1.0, 2.0]),
    "a spline of another orientation": lambda p: Spline([0.0], [1.0], [2.0]),
    "a spline of lengths": lambda p: Spline([0.0], [1.0, 2.0], [1.0]),
    "a polar net of lengths": lambda p: Polar([0.0], [1.0, 2.0], [1.0]),
    "data of lengths": lambda p: Dataset([1.0, 2.0], [1.0]),
    "data of none": lambda p: Dataset([], []),
    "data of scalars": lambda p: Dataset(1.0, 2.0),
    "data of matrices": lambda p: Dataset([[1.0]], [[1.0]]),
    "data of words": lambda p: Dataset(["a"], [1.0]),
    "data with nan": lambda p: Dataset([1.0, float("nan")], [1.0, 2.0]),
    "data with infinity": lambda p: Dataset([1.0, 2.0], [1.0, float("inf")]),
    "data with negative weights": lambda p: Dataset([1.0, 2.0], [1.0, 2.0], [1.0, -1.0]),
    "data with weights that are nan": lambda p: Dataset([1.0, 2.0], [1.0, 2.0], [1.0, float("nan")]),
    "data with infinite weights": lambda p: Dataset([1.0, 2.0], [1.0, 2.0], [1.0, float("inf")]),
    "data with fewer weights": lambda p: Dataset([1.0, 2.0], [1.0, 2.0], [1.0]),
    "data whose constant is nan": lambda p: Dataset([1.0], [1.0], constant=float("nan")),
    "data with constants": lambda p: Dataset([1.0], [1.0], constant=[1.0, 2.0]),
    "data that are complex": lambda p: Dataset([1.0], [1j]),
    "data that are masked": lambda p: Dataset(p.masked, Y),
    "data that are dates": lambda p: Dataset(p.dates, [1.0, 2.0]),
    "data of decimals and words": lambda p: Dataset(np.array([1.0, "b"], object), [1.0, 2.0]),
    "a gaussian of width 0": lambda p: init.Gaussian(0.0, 1.0, 1.0),
    "a gaussian of nan": lambda p: init.Gaussian(1.0, float("nan"), 1.0),
    "a gaussian of negative outputs": lambda p: init.Gaussian(1.0, 1.0, -1.0),
    "a gaussian of words": lambda p: init.Gaussian("a", 1.0, 1.0),
    "a gaussian of vectors": lambda p: init.Gaussian([1.0, 2.0], 1.0, 1.0),
    "a uniform law of vectors": lambda p: init.Uniform(1.0, 1.0, [1.0, 2.0]),
    "a balanced law of a vector": lambda p: init.Balanced([1.0]),
    "uniform breakpoints in many intervals": lambda p: init.UniformBreakpoints([0.0, 1.0], 2.0),
    "breakpoints of a vector of scales": lambda p: init.FromData(p.data, "quantiles", [1.0, 2.0]),
    "breakpoints of a list of rules": lambda p: init.FromData(p.data, ["quantiles"]),
    "spikes of heights": lambda p: init.Spiky(p.law, [1.0, 2.0], 1),
    "spikes of no law": lambda p: init.Spiky("he", 1.0, 1),
    "a uniform law of nothing": lambda p: init.Uniform(0.0, 1.0, 1.0),
    "a balanced law of nothing": lambda p: init.Balanced(0.0),
    "breakpoints backwards": lambda p: init.UniformBreakpoints(1.0, -1.0),
    "breakpoints up to infinity": lambda p: init.UniformBreakpoints(0.0, float("inf")),
    "breakpoints of another rule": lambda p: init.FromData(p.data, "deciles"),
    "breakpoints of one x": lambda p: init.FromData(p.tied),
    "spikes of negative height": lambda p: init.Spiky(p.law, -1.0, 1),
    "half a spike": lambda p: init.Spiky(p.law, 1.0, 0.5),
}

BAD_KEYS = {
    "a seed": 0,
    "a word": "key",
    "nothing": None,
    "a list": [0, 1],
    "numbers": np.zeros(2),
    "three numbers": np.zeros(3, np.uint32),
    "a number of theirs": np.uint32(0),
    "keys": jax.random.split(KEY),
    "old keys": np.zeros((3, 2), np.uint32),
}
TAKE_KEYS = {
    "init.Gaussian.sample": lambda p, key: p.law.sample(3, key=key),
    "init.Uniform.sample": lambda p, key: init.Uniform(1.0, 0.5, 2.0).sample(3, key=key),
    "init.Balanced.sample": lambda p, key: init.Balanced(0.5).sample(3, key=key),
    "init.UniformBreakpoints.sample": lambda p, key: p.wide.sample(3, key=key),
    "init.FromData.sample": lambda p, key: init.FromData(p.data).sample(3, key=key),
    "init.Spiky.sample": lambda p, key: init.Spiky(p.law, 2.0, 1).sample(3, key=key),
    "datasets.six_points": lambda p, key: datasets.six_points(draws=5, key=key),
    "datasets.teacher": lambda p, key: datasets.teacher(5, inputs=2, key=key),
    "curvature.spectral_density": lambda p, key: curvature.spectral_density(p.net, p.data, key=key),
    "descent.train": lambda p, key: descent.train(p.net, p.data, optax.sgd(0.1), 3, batch_size=2, key=key),
    "descent.DeepNet.sample": lambda p, key: descent.DeepNet.sample([3], key=key),
    "ensemble.run": lambda p, key: ensemble.run(lambda point, key: {"r": 1.0}, {"inits": 1}, key=key),
    "ensemble.flow": lambda p, key: ensemble.flow(
        lambda point, key: (p.net, p.data), {"inits": 1}, lambda sol, data: {"end": sol.t}, key=key, t1=1.0, **STRICT
    ),
    "ensemble.collect": lambda p, key: ensemble.collect(lambda key: 1.0, 2, key=key),
}
"""Every public function with a `key`."""
for name, call in TAKE_KEYS.items():
    for what, value in BAD_KEYS.items():
        CALLS.setdefault(name, {})[f"key: {what}"] = lambda p, call=call, value=value: call(p, value)

PART = "a part of others, which have checked what they hand to it"
ALONE = "it takes nothing that can be wrong"
RAW = "it takes numbers of any kind, and gives back what it was given by other functions"
PARTS = [
    "curvature.DeltaSlopes.",
    "curvature.flat",
    "curvature.lanczos",
    "curvature.tangent",
    "curvature.tridiagonal",
    "charts.lengths",
    "datasets.Units.x",
    "datasets.Units.y",
    "descent.BatchNormNet.on_batch",
    "descent.BatchNormNet.to_net",
    "dynamics.Events.",
    "dynamics.FlowTerm.",
    "dynamics.Rosenbrock.",
    "dynamics.Sensitivity.",
    "dynamics.advance",
    "dynamics.cell",
    "dynamics.finish",
    "dynamics.result_",
    "ensemble.LawBlock.",
    "ensemble.LogBins.",
    "ensemble.Moments.",
    "ensemble.Store.",
    "ensemble.counts",
    "ensemble.kolmogorov",
    "ensemble.merge",
    "ensemble.programs_at_once",
    "ensemble.surroundings",
    "ensemble.working_devices",
    "init.Law.",
    "kernel.WideFit.__call__",
    "kernel.WideFit.curvature",
    "landscape.Cells.",
    "landscape.PiecewiseQuadratic.",
    "landscape.PiecewiseTrigonometric.",
    "landscape.ScaleSlice.",
    "activation.",
    "meanfield.Cells.",
    "meanfield.Gibbs.",
    "meanfield.Labels.",
    "meanfield.MeanField.",
]
"""How the names of parts of others begin, which have checked what they hand on."""
ALONE = [
    "charts.Breakplanes.sort",
    "charts.Breakplanes.unit_net",
    "charts.ReLUNet.to_breakplanes",
    "charts.Polar.to_net",
    "charts.Polar.to_spline",
    "charts.ReLUNet.degenerate",
    "charts.ReLUNet.to_polar",
    "charts.ReLUNet.to_spline",
    "charts.Spline.one_sided",
    "charts.Spline.sort",
    "charts.Spline.unit_net",
    "charts.charge",
    "datasets.Dataset.tie_constant",
    "datasets.xor",
    "dynamics.compiler_options",
    "ensemble.cores",
]
EXEMPT = dict.fromkeys(ALONE, "it takes nothing that can be wrong") | {
    name: "a part of others" for name in public_functions() if name.startswith(tuple(PARTS))
}


def test_no_function_is_left_out():
    assert not uncovered(set(CALLS), EXEMPT)


def said(call, p):
    """The sentence that a call is refused with, by the package itself: not by what it is built on."""
    with pytest.raises((ValueError, TypeError, OSError)) as error:
        call(p)
    frames = [frame.filename for frame in traceback.extract_tb(error.value.__traceback__)]
    text = str(error.value)
    assert re.fullmatch(r"[A-Z`/'a-z][^\n]*\.", text), text
    assert "jspline" in frames[-1], (frames[-1], text)
    assert re.match(r"[A-Z`]", text) or isinstance(error.value, OSError) or "cannot be" in text, text


CASES = CLASSES | {f"{name}: {what}": call for name, calls in CALLS.items() for what, call in calls.items()}


@pytest.mark.parametrize("what", CASES)
def test_of_functions(unchecked, p, what):
    said(CASES[what], p)
