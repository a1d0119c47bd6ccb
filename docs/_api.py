"""Pages written before the site is built: one for each public module, one for the paper's statements, the errata."""

import inspect
import re
from pathlib import Path

import jspline
import jspline.cli
import jspline.ensemble
import jspline.meanfield
import jspline.penalty
import jspline.plot
from jspline import claims

MODULES = {
    "jspline": ("The package", "eq1"),
    "jspline.charts": ("Charts", "eq1"),
    "jspline.datasets": ("Data", "th3"),
    "jspline.init": ("Initializations and their laws", "th1"),
    "jspline.activation": ("Which data a neuron sees", "eq5"),
    "jspline.problem": ("Problems", "eq5"),
    "jspline.objective": ("Loss and gradient", "eq5"),
    "jspline.curvature": ("Curvature", "th5"),
    "jspline.landscape": ("The landscape", "th3"),
    "jspline.dynamics": ("Gradient flow", "th6"),
    "jspline.kernel": ("The linear regime", "th7"),
    "jspline.pwl": ("Piecewise-linear baselines", "th4"),
    "jspline.descent": ("Discrete training", "th6"),
    "jspline.meanfield": ("Infinite width", "text-pde"),
    "jspline.penalty": ("Weight decay", "text-pde"),
    "jspline.ensemble": ("Ensembles", "text-regimes"),
    "jspline.claims": ("The paper's claims", "eq1"),
    "jspline.plot": ("Pictures", "eq1"),
}
"""Public modules: a title, and the statement of the paper that what is in them rests on where it names none itself."""

BY_NAME = {
    "jspline.charts": {"charge": "th6", "lengths": "th6", "rescale": "text-speed", "roughness": "text-roughness",
                       "slope_variation": "text-roughness", "variation_norm": "text-roughness"},
    "jspline.datasets": {"smooth_gap": "fig11", "sharp_gap": "fig11", "teacher": "fig9", "quadratic": "fig9",
                         "orthogonal": "lit-orthogonal"},
    "jspline.init": {"Balanced": "th6", "FromData": "table1", "UniformBreakpoints": "table1", "Spiky": "table3",
                     "flat": "text-regimes", "from_curvature": "eq3", "separation_probability": "lemma1"},
    "jspline.objective": {"predict": "eq1"},
    "jspline.curvature": {"Columns": "eq4", "columns": "eq4", "residual_blocks": "eq4", "delta_slopes": "fig6",
                          "DeltaSlopes": "fig6", "flat": "fig5", "kernel": "lemma2", "tangent": "lemma2",
                          "ZeroModes": "remark2"},
    "jspline.landscape": {"Drive": "eq6", "drive": "eq6", "drift_outside": "eq6", "Zeros": "text-extrema",
                          "drive_zeros": "text-extrema", "is_lonely": "lemma1", "partitions": "lemma1",
                          "CriticalPoint": "th4", "Pieces": "th4", "pieces": "th4", "count_fits": "th4",
                          "cancel_in_gap": "fig5", "rotate_about_datum": "fig5", "Knots": "fig3",
                          "PlaneCriticality": "th4", "Cells": "eq1", "cells": "eq1",
                          "Alignment": "lit-alignment", "alignment_maximisers": "lit-alignment"},
    "jspline.dynamics": {"spline_field": "eq6"},
    "jspline.kernel": {"natural_cubic": "eq9", "weighted_spline": "cor4", "regime": "table2", "WideFit": "cor4",
                       "lazy_distance": "text-regimes", "LazyDistance": "text-regimes"},
    "jspline.pwl": {"sparsest_interpolant": "fig9", "criterion": "fig9"},
    "jspline.descent": {"train": "fig9", "BatchNormNet": "table1", "DeepNet": "fig9"},
    "jspline.ensemble": {"LawBins": "th1", "LawBlock": "th1", "LawSample": "th1"},
    "jspline.plot": {"census": "remark2", "eigenvalues": "remark2", "hessian_figure": "remark2", "loss_slice": "th3",
                     "law_figure": "th1", "fit_figure": "fig9", "sweep_figure": "text-regimes",
                     "events_figure": "lit-holzmueller", "drives": "fig7", "drive_signs": "fig7",
                     "breakpoint_paths": "fig7", "flow_figure": "fig7", "Film": "fig7", "Reel": "fig7", "reel": "fig7",
                     "film_html": "fig7", "film_times": "fig7", "first_change": "fig7", "travelled": "fig7",
                     "event_ticks": "fig7", "event_name": "fig7", "delta_slopes": "th1"},
}  # fmt: skip
"""The statements of names whose docstrings name none, where they do not rest on that of their module."""

GUIDES = {
    "jspline": "tutorial",
    "jspline.charts": "idea",
    "jspline.activation": "idea",
    "jspline.objective": "idea",
    "jspline.curvature": "curvature",
    "jspline.landscape": "landscape",
    "jspline.dynamics": "sensitivity",
    "jspline.kernel": "baselines",
    "jspline.pwl": "baselines",
    "jspline.ensemble": "sweep",
    "jspline.claims": "audit",
    "jspline.plot": "film",
}
"""The page that shows a module at work."""

NAMED = re.compile(r"\b(theorem|corollary|lemma|remark|equation)s?\s+\(?(\d+)\)?", re.IGNORECASE)
SHORT = {"theorem": "th", "corollary": "cor", "lemma": "lemma", "remark": "remark", "equation": "eq"}
IDS = {claim.id: claim for claim in claims.CLAIMS}

MATHEMATICS = {
    "eq1": r"f(x) = b_0 + \sum_i v_i\,(w_i x + b_i)_+ = b_0 + \sum_i \mu_i\,(x - \beta_i)_{s_i},"
    r"\quad \beta_i = -b_i / w_i,\ \mu_i = w_i v_i,\ s_i = \mathrm{sgn}\,w_i",
    "eq2": r"f^{\prime\prime}(x) = \sum_i \mu_i s_i\,\delta(x - \beta_i)",
    "eq3": r"\mu_i s_i \approx \frac{f^{\prime\prime}(\beta_i)}{H\,p(\beta_i)}",
    "th1": r"p(\beta, \mu) = \frac{1}{2 \pi \sigma_v S} \exp\left(-\frac{|\mu|\,S}{\sigma_b \sigma_v \sigma_w}\right),"
    r"\quad S = \sqrt{\sigma_b^2 + \sigma_w^2 \beta^2}",
    "cor1": r"\beta \sim \mathrm{Cauchy}(0, \sigma_b / \sigma_w),\quad"
    r" p(\mu) = \frac{K_0(|\mu| / (\sigma_v \sigma_w))}{\pi \sigma_v \sigma_w}",
    "th2": r"\mathbb{E} \sum_i \mu_i^2 = H \sigma_w^2 \sigma_v^2,\quad"
    r" \mathrm{Var} \sum_i \mu_i^2 = 8 H \sigma_w^4 \sigma_v^4",
    "th3": r"L(\beta_i) = \mathrm{const} + \frac{1}{2} \sum_{n \in A_i} p_n (t_n + \mu_i \beta_i)^2",
    "remark1": r"P(\mathrm{lonely}) = \prod_{k < N} \left(1 - \frac{k}{H + 1}\right)",
    "eq5": r"\frac{\partial L}{\partial w_i} = -v_i X_i,\quad \frac{\partial L}{\partial b_i} = -v_i E_i,\quad"
    r"\frac{\partial L}{\partial v_i} = -(w_i X_i + b_i E_i),\quad"
    r" E_i = \sum_{n \in A_i} e_n,\ X_i = \sum_{n \in A_i} e_n x_n",
    "th5": r"\nabla^2 L = J^T \mathrm{diag}(p) J \quad \mathrm{where} \quad \nabla L = 0,\ \mathrm{all}\ v_i \neq 0",
    "eq6": r"\dot\beta_i = -\frac{\mu_i}{w_i^2} (E_i + \beta_i X_i)",
    "eq7": r"\dot\mu_i = (v_i^2 + w_i^2) X_i - w_i^2 \beta_i E_i",
    "th6": r"\dot w_i = v_i X_i,\quad \dot b_i = v_i E_i,\quad \dot v_i = w_i X_i + b_i E_i,\quad"
    r"c_i = v_i^2 - w_i^2 - b_i^2\ \mathrm{is\ conserved}",
    "th7": r"\min \sum_i (\mu_i - \mu_i(0))^2 / w_i(0)^2 \quad \mathrm{subject\ to} \quad \Phi \mu = y",
    "eq9": r"\min \int f^{\prime\prime}(x)^2\,dx \quad \mathrm{subject\ to} \quad f(x_n) = y_n",
    "eq10": r"\frac{\partial \mu}{\partial t}(\beta, s) = X - \beta E",
}
"""Formulas as the package uses them, after the corrections."""


def write_pages(folder: Path) -> None:
    """Write all of them, and touch only what has changed."""
    folder.mkdir(exist_ok=True)
    pages = {f"{name}.md": _module(name, title) for name, (title, _) in MODULES.items()}
    pages |= {"index.md": _index(), "paper.md": _paper(), "errata.md": _errata()}
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _names(module: str) -> list[str]:
    thing = jspline
    for part in module.split(".")[1:]:
        thing = getattr(thing, part)
    here = thing.__all__ if hasattr(thing, "__all__") else [n for n, v in vars(thing).items() if _own(n, v, module)]
    return sorted(n for n in here if not inspect.ismodule(getattr(thing, n)))


def _own(name: str, value: object, module: str) -> bool:
    return not name.startswith("_") and getattr(value, "__module__", None) == module


def _module(module: str, title: str) -> str:
    thing = jspline
    for part in module.split(".")[1:]:
        thing = getattr(thing, part)
    lines = [f"# {title}: `{module}`", ""]
    lines += [f"At work: [](../{GUIDES[module]}.md).", ""] if module in GUIDES else []
    lines += ["```{eval-rst}", f".. automodule:: {module}", "   :no-members:", ""]
    for name in _names(module):
        value = getattr(thing, name)
        # Under the package's own name only once: there a name that lives in a room is a link to it.
        kind = "autoclass" if inspect.isclass(value) else "autofunction" if inspect.isroutine(value) else "autodata"
        if kind == "autodata" or not callable(value):
            lines += [f".. py:data:: {module}.{name}", "", f"   {_constant(value)}", ""]
            continue
        if not inspect.isclass(value) and not inspect.isroutine(value):
            kind = "autofunction"
        lines += [f".. {kind}:: {module}.{name}"]
        lines += ["   :members:"] if kind == "autoclass" else []
        lines += ["   :no-index:"] if module == "jspline" and name in ELSEWHERE else []
        lines += [""]
    return "\n".join([*lines, "```", ""])


def _constant(value: object) -> str:
    text = repr(value)
    return f"``{text}``" if len(text) < 90 and "`" not in text else f"A {type(value).__name__}."


ELSEWHERE: set[str] = {name for module in MODULES if module != "jspline" for name in _names(module)}
"""Names that a module of the package has too."""


def _index() -> str:
    lines = ["# Reference", "", "```{toctree}", ":maxdepth: 1", "", "paper", *MODULES, "```", ""]
    lines += ["Every public name, with the statement of the paper it rests on.", ""]
    return "\n".join(lines)


def _paper() -> str:
    lines = [
        "# The paper's statements",
        "",
        "The formulas are those that the package uses: where the print is wrong, the",
    ]
    lines += [
        "repaired ones. [The audit](../audit.md) checks each statement; [the errata](errata.md) say what differs.",
        "",
    ]
    for claim in claims.CLAIMS:
        lines += [
            f"({claim.id})=",
            f"## {claim.id}: {claim.title}",
            "",
            f"*{claim.source}.* {_plain(claim.statement)}",
            "",
        ]
        if claim.id in MATHEMATICS:
            lines += ["$$", MATHEMATICS[claim.id], "$$", ""]
        for word in ("condition", "corrected"):
            if getattr(claim, word):
                lines += [f"**{word.capitalize()}.** {_plain(getattr(claim, word))}", ""]
    return "\n".join(lines)


def _errata() -> str:
    lines = ["# Errata", "", "What the audit finds different from the print. Each line is a claim that runs, with the"]
    lines += ["numbers that decide it: [how, and what comes out](../audit.md).", ""]
    lines += ["| statement | printed | condition that the print lacks | what holds instead |", "|---|---|---|---|"]
    for claim in claims.CLAIMS:
        if claim.condition or claim.corrected:
            cells = (claim.statement, claim.condition, claim.corrected)
            row = " | ".join(_plain(cell).replace("|", "\\|") for cell in cells)
            lines.append(f"| [{claim.id}](#{claim.id}): {claim.title} | {row} |")
    return "\n".join([*lines, ""])


def _plain(text: str) -> str:
    return re.sub(r"([*_<>$\[\]])", r"\\\1", text)


def statements(docstring: str, module: str, name: str) -> list[str]:
    """The ids that a docstring names, or the one that the thing or its module rests on."""
    found = [SHORT[kind.lower()] + number for kind, number in NAMED.findall(docstring)]
    found = [name for name in dict.fromkeys(found) if name in IDS]
    return found or [BY_NAME.get(module, {}).get(name) or MODULES.get(module, ("", "eq1"))[1]]
