"""Many networks at once: grids of them as labelled arrays, on any number of devices, in folders that survive.

ds = jspline.ensemble.flow(make, {"alpha": [0.1, 1.0, 10.0], "inits": 1000}, key=jax.random.key(0),
                           t1=1e3, rtol=1e-4, atol=1e-7, out="regimes")
"""

from jspline.ensemble._collect import collect, merge
from jspline.ensemble._flow import flow
from jspline.ensemble._law import LawBins, LawBlock, LawSample, kolmogorov
from jspline.ensemble._run import run
from jspline.ensemble._statistics import LogBins, Moments, Proportion, counts, proportion, wilson
from jspline.ensemble._store import Store, surroundings
from jspline.ensemble._tile import cores, programs_at_once, working_devices

__all__ = [
    "LawBins",
    "LawBlock",
    "LawSample",
    "LogBins",
    "Moments",
    "Proportion",
    "Store",
    "collect",
    "cores",
    "counts",
    "flow",
    "kolmogorov",
    "merge",
    "programs_at_once",
    "proportion",
    "run",
    "surroundings",
    "wilson",
    "working_devices",
]
