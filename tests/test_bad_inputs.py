"""Bad input ends in one sentence: of every command, with exit status 2, before any work, and nothing is lost; of every
public function, as a `ValueError` or a `TypeError`."""

import gzip
import re

import pytest
from typer.testing import CliRunner

import jspline
from jspline.cli import app

GOOD = b"x,y\n0,1\n1,3\n1.5,2\n2,2\n4,0\n"
CSVS = {
    "good.csv": GOOD,
    "utf16.csv": "x,y\n0,1\n1,2\n".encode("utf-16"),
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
    "utf16.csv": "is not a text file in UTF-8.",
    "latin.csv": "is not a text file in UTF-8.",
    "zipped.csv": "is not a text file in UTF-8.",
    "pdf.csv": "is not a text file in UTF-8.",
    "nul.csv": "is not a text file in UTF-8.",
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
    "no_day.csv": "line 2 is '2020-02-30'",
    "dates_mixed.csv": "must hold dates of one kind",
    "zones_mixed.csv": "must hold dates of one kind",
    "y_dates.csv": "line 2 is '2020-01-01'",
    "equal_x.csv": "All x are equal",
    "huge.csv": "must be at most",
    "json.csv": "",
    "html.csv": "has one column",
    "spaces.csv": "has one column",
}
DATA = ("flow", "film", "hessian", "fit", "explore")
"""The commands that read a CSV file."""
SMALL = {
    "flow": ["--width", "3", "--inits", "1", "--t1", "0.01"],
    "film": ["--width", "3", "--t1", "0.01"],
    "hessian": ["--width", "3", "--at", "init"],
    "fit": [],
    "explore": ["--no-show", "--port", "0"],
    "law": ["--neurons", "100"],
    "sweep": ["--inits", "1"],
    "audit": ["--only", "th5"],
}
LONG = "a" * 300
OF_COMMANDS: list[tuple[str, str]] = []
"""The words after `jspline`, and what the sentence says. CSV is a good file, DIR a folder, FILE a file, EMPTY no letter."""


def of(command, *cases):
    OF_COMMANDS.extend((f"{command} {words}".strip(), sentence) for words, sentence in cases)


# What every command that reads data refuses alike.
for each in DATA:
    subject = f"{each} "
    of(
        each,
        ("DIR", "is a folder, not a CSV file."),
        ("FILE/inside", "cannot be read"),
        ("DIR/nothere.csv", "does not exist, and is no built-in data set"),
        (LONG, "cannot be read"),
        ("CSV --x nosuch", "has no column 'nosuch'; it has 'x', 'y'."),
        ("CSV --x y --y y", "must be two columns"),
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
    if each != "explore":
        of(each, ("", "Missing argument"), ("EMPTY", "is a folder, not a CSV file."))
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
        for number in ("nan", "inf", "-inf", "0", "-0.0", "-2", "1e999"):
            of(each, (f"CSV --alpha {number}", "--alpha must be"))
        for word in ("1.5", "1e3", "one", "0x10", "EMPTY", "true"):
            of(each, (f"CSV --width {word}", "Invalid value for '--width'"), (f"CSV --seed {word}", "for '--seed'"))
        of(each, ("CSV --width 0", "--width must be"), ("CSV --width -5", "--width must be"))
        of(each, ("CSV --alpha two", "Invalid value for '--alpha'"), ("CSV --alpha 1,5", "for '--alpha'"))
        for word in ("He", "EMPTY", "he,glorot", "he_biased"):
            of(each, (f"CSV --init {word}", "--init must be one of he, glorot"))
for each in ("flow", "film", "hessian"):
    for option in ("t1", "rtol"):
        for number in ("nan", "inf", "0", "-1e-3"):
            of(each, (f"CSV --{option} {number}", f"--{option} must be positive and finite; got"))
    for number in ("0", "-1"):
        of(each, (f"CSV --max-steps {number}", f"--max-steps must be at least 1; got {number}."))
    of(each, ("CSV --max-steps 1e4", "Invalid value for '--max-steps'"))
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
    ("EMPTY", "The law must be one of he, glorot, uniform; got"),
    ("He", "The law must be one of he, glorot, uniform; got He."),
    ("balanced", "The law must be one of he, glorot, uniform; got balanced."),
    ("he glorot", "unexpected extra argument"),
    ("he --width 0", "must be at least 1"),
    ("he --width -1", "must be at least 1"),
    ("he --width 2.5", "Invalid value for '--width'"),
    ("he --neurons nan", "must be at least 1"),
    ("he --neurons inf", "--neurons"),
    ("he --neurons 0", "must be at least 1"),
    ("he --neurons -1e6", "must be at least 1"),
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
    ("--only nothing", "nothing"),
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
of("sweep", ("DIR", "it is a folder"), (LONG, "Cannot read the sweep file"), ("EMPTY", "folder"))
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
    "empty": ("", "must name its `data`"),
    "grid is a number": ("grid = 1", "[grid] and [flow] of"),
    "flow is a list": ("flow = []", "[grid] and [flow] of"),
    "grid is a list of tables": ('data = "nile"\n[[grid]]\nalpha = [1.0]', "[grid] and [flow] of"),
    "no flow": ('data = "nile"\n[grid]\nalpha = [1.0]\ninits = 1', "needs `rtol`"),
    "no grid": ('data = "nile"\n[flow]\nt1 = 1.0\nrtol = 1e-3', "inits"),
    "no t1": (SWEEP.format(top="", grid=GRID, flow="rtol = 1e-3"), "t1"),
    "no inits": (SWEEP.format(top="", grid="alpha = [1.0]", flow=FLOW), "inits"),
    "data is a number": ("data = 1", "`data` of"),
    "data is a date": ("data = 2020-01-31", "`data` of"),
    "data is a list": ('data = ["nile"]', "`data` of"),
    "data is a table": ("[data]\nfile = 1", "`data` of"),
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
    ("an unknown key", "speed = 1", "the top of"),
    ("a key of another place", "t1 = 1.0", "the top of"),
    ("a nested table", "[deep.er]\nx = 1", "the top of"),
    ("a title that is a number", "title = 5", "`title` of"),
    ("a title that is a time", "title = 07:32:00", "`title` of"),
    ("a width that is a string", 'width = "100"', "`width` of"),
    ("a width that is a fraction", "width = 2.5", "`width` of"),
    ("a width that is true", "width = true", "`width`"),
    ("a width of 0", "width = 0", "`width`"),
    ("a negative width", "width = -3", "`width`"),
    ("an alpha of 0", "alpha = 0", "`alpha` of"),
    ("an alpha that is nan", "alpha = nan", "`alpha` of"),
    ("an alpha that is inf", "alpha = inf", "`alpha` of"),
    ("an alpha that is true", "alpha = true", "`alpha` of"),
    ("a seed that is true", "seed = true", "`seed` of"),
    ("a negative seed", "seed = -1", "`seed` of"),
    ("a seed beyond 2^63", "seed = 9223372036854775808", "`seed` of"),
    ("a seed that is a fraction", "seed = 1.0", "`seed` of"),
    ("another dtype", 'dtype = "float16"', "`dtype` of"),
    ("a law that is none", 'init = "magic"', "`init` must be one of"),
    ("a list of laws", 'init = ["he"]', "`init` of"),
    ("condense that is a number", "condense = 1", "`condense` of"),
    ("condense without its law", "condense = true", "`condense` in"),
    ("an offset of other data", "offset = 1.0", "`offset` in"),
):
    OF_SWEEPS[name] = (SWEEP.format(top=top, grid=GRID, flow=FLOW) if "[" not in top[:1] else
                       SWEEP.format(top="", grid=GRID, flow=FLOW) + top, sentence)  # fmt: skip
for name, grid, sentence in (
    ("an unknown axis", "beta = [1.0]\ninits = 1", "[grid] of"),
    ("an axis of the flow", "rtol = [1e-3]\ninits = 1", "[grid] of"),
    ("an axis twice", "alpha = [1.0]\nalpha = [2.0]\ninits = 1", "is not TOML"),
    ("an empty axis", "alpha = []\ninits = 1", "alpha"),
    ("a scalar axis", "alpha = 2.0\ninits = 1", "alpha"),
    ("an axis of a table", "alpha = {from = 1, to = 2}\ninits = 1", "alpha"),
    ("an axis of strings", 'alpha = ["1"]\ninits = 1', "`alpha`"),
    ("an axis of lists", "alpha = [[1.0], [2.0]]\ninits = 1", "`alpha`"),
    ("an axis of dates", "alpha = [2020-01-31]\ninits = 1", "`alpha`"),
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
    ("laws that are none", 'init = ["he", "magic"]\ninits = 1', "`init` must be one of"),
    ("laws that are numbers", "init = [1]\ninits = 1", "`init`"),
    ("a law for all", 'init = "he"\ninits = 1', "init"),
    ("offsets that are strings", 'offset = ["1"]\ninits = 1', "`offset` in"),
    ("no networks", "alpha = [1.0]\ninits = 0", "inits"),
    ("less than no networks", "alpha = [1.0]\ninits = -1", "inits"),
    ("half a network", "alpha = [1.0]\ninits = 0.5", "inits"),
    ("true networks", "alpha = [1.0]\ninits = true", "inits"),
    ("a list of networks", "alpha = [1.0]\ninits = [1, 2]", "inits"),
    ("a word of networks", 'alpha = [1.0]\ninits = "many"', "inits"),
):
    OF_SWEEPS[name] = SWEEP.format(top="", grid=grid, flow=FLOW), sentence
for name, flow, sentence in (
    ("an unknown option", "rtol = 1e-3\natol = 1e-6", "[flow] of"),
    ("a tolerance of 0", "t1 = 1.0\nrtol = 0.0", "rtol"),
    ("a negative tolerance", "t1 = 1.0\nrtol = -1e-3", "rtol"),
    ("a tolerance that is nan", "t1 = 1.0\nrtol = nan", "rtol"),
    ("a tolerance that is a string", 't1 = 1.0\nrtol = "1e-3"', "`rtol` of"),
    ("a tolerance that is true", "t1 = 1.0\nrtol = true", "`rtol` of"),
    ("an end that is negative", "t1 = -1.0\nrtol = 1e-3", "t1"),
    ("an end that is nan", "t1 = nan\nrtol = 1e-3", "t1"),
    ("an end that is a date", "t1 = 2020-01-31\nrtol = 1e-3", "`t1` of"),
    ("an end that is a list", "t1 = [1.0]\nrtol = 1e-3", "`t1` of"),
    ("until that is unknown", 't1 = 1.0\nrtol = 1e-3\nuntil = "bored"', "until"),
    ("until that is true", "t1 = 1.0\nrtol = 1e-3\nuntil = true", "`until` of"),
    ("steps that are fractions", "t1 = 1.0\nrtol = 1e-3\nmax_steps = 10.0", "`max_steps` of"),
    ("steps that are 0", "t1 = 1.0\nrtol = 1e-3\nmax_steps = 0", "max_steps"),
    ("steps that are negative", "t1 = 1.0\nrtol = 1e-3\nmax_steps = -5", "max_steps"),
    ("a loss that is nan", "t1 = 1.0\nrtol = 1e-3\nloss_tol = nan", "loss_tol"),
    ("a loss that is negative", "t1 = 1.0\nrtol = 1e-3\nloss_tol = -1.0", "loss_tol"),
    ("a gradient that is inf", "t1 = 1.0\nrtol = 1e-3\ngrad_tol = inf", "grad_tol"),
    ("a table of options", "t1 = 1.0\nrtol = 1e-3\n[flow.more]\nx = 1", "[flow] of"),
):
    OF_SWEEPS[name] = SWEEP.format(top="", grid=GRID, flow=flow), sentence


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to stand in with all files that are named, where no work is begun."""
    for name in ("_flow.integrate", "_film.run", "_hessian.integrate", "_hessian._agreement", "_fit._results"):
        monkeypatch.setattr(f"jspline.cli.{name}", begun)
    for name in ("_explore.warm", "_explore.serve", "_law.ensemble.LawBlock.draw"):
        monkeypatch.setattr(f"jspline.cli.{name}", begun)
    monkeypatch.setattr("jspline.claims.audit", begun)
    monkeypatch.setattr("jspline.ensemble.collect", begun)
    monkeypatch.setattr("jspline.ensemble._flow.Queue", begun)
    for name, content in CSVS.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "FILE").write_text("here first")
    (tmp_path / "DIR").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def begun(*_, **__):
    raise AssertionError("The work began.")


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(folder, words, sentence):
    """One sentence on stderr, exit status 2, no word of success, and every file as it was.

    A sweep says what it would do before it does it: some of it only the flow refuses.
    """
    there = contents(folder)
    given = [{"CSV": "good.csv", "EMPTY": ""}.get(word, word) for word in words]
    result = CliRunner().invoke(app, given)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 2, result.output
    assert re.fullmatch(r"jspline: [^\n]+[.?]\n", result.stderr), result.stderr
    assert not re.search(r"Errno|Traceback|0x[0-9a-f]{6}|<class|\[/|jaxlib", result.stderr), result.stderr
    assert sentence in result.stderr
    assert result.stdout == "" or given[0] == "sweep"
    assert there == contents(folder)


@pytest.mark.parametrize(("words", "sentence"), OF_COMMANDS)
def test_of_commands(folder, words, sentence):
    words = words.split(" ") if words else []
    refused(folder, [*words, *(SMALL.get(words[0], []) if words[-1:] == [""] else [])], sentence)


@pytest.mark.parametrize("command", DATA)
@pytest.mark.parametrize("name", OF_FILES)
def test_of_files(folder, command, name):
    refused(folder, [command, name, *SMALL[command]], OF_FILES[name])


@pytest.mark.parametrize("name", OF_SWEEPS)
def test_of_sweeps(folder, unchecked, name):
    content, sentence = OF_SWEEPS[name]
    (folder / "my.toml").write_text(content)
    refused(folder, ["sweep", "my.toml", "--out", "out"], sentence)
