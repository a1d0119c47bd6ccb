"""Formulas as they stand in claims, `mu_i s_i = f''(beta_i) / (H p(beta_i))`, set in HTML without fonts or scripts.

Sentences are words and formulas mixed, in plain ASCII: names of Greek letters, `_` and `^`, single letters. What is
written so is set so; all else stays as it is.
"""

import re

from markupsafe import Markup, escape

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "eps": "ε", "epsilon": "ε", "eta": "η", "theta": "θ",
    "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "phi": "φ", "Phi": "Φ", "psi": "ψ", "omega": "ω",
}  # fmt: skip
WORDS = {"int": "∫", "infinity": "∞", "sum": "Σ"}
SIGNS = {"!=": "≠", "<=": "≤", ">=": "≥", "->": "→", "+-": "±", "<<": "≪", ">>": "≫"}

TOKEN = re.compile(
    r"""
      `(?P<code>[^`]+)`
    | (?P<number>(?<![\w.])\d+(?:\.\d+)?e[-+]?\d+)
    | (?P<operator>\b(?:int|infinity)\b|\bsum(?=\ \|?(?:\(|[A-Za-z]+[_^'])))
    | (?<![A-Za-z])(?P<letter>GREEK)(?![A-Za-z]|-[a-z]{2})(?P<index>\d*)(?P<primes>'{0,2})
    | (?<![A-Za-z'])(?P<latin>[B-HJ-Zb-z]|[Aa](?=[_^']\S)|A(?=\ [(+=/-]))(?![A-Za-z]|[-'][a-z])
      (?P<at>\d*)(?P<dashes>'{0,2})
    | (?<=[\w)\]}'|])_(?:\{(?P<low>[^}]*)\}|(?P<lower>[A-Za-z0-9]+))
    | (?<=[\w)\]}'|])\^(?:[({](?P<up>[^)}]*)[)}]|(?P<upper>-?[A-Za-z0-9]+(?:\.\d+)?(?:/\d+)?))
    | \bsqrt(?=\()(?P<root>)
    | <(?P<inner>[A-Za-z_]+,\ [A-Za-z0-9_]+)>
    | (?P<sign>!=|<=|>=|->|\+-|<<|>>)
    | (?P<minus>(?:(?<=\s)|(?<=[(\[,=/])|^)-(?=[\w(<|.)]|\s))
    """.replace("GREEK", "|".join(sorted(GREEK, key=len, reverse=True))),
    re.VERBOSE,
)


def typeset(text: str) -> Markup:
    """A sentence as HTML, all that is not a formula escaped."""
    parts, end = [], 0
    for match in TOKEN.finditer(text):
        parts += [escape(text[end : match.start()]), _set(match)]
        end = match.end()
    return Markup("").join([*parts, escape(text[end:])])


def number(value: float | None, digits: int = 4) -> Markup:
    """With powers of ten set as such."""
    if value is None:
        return Markup("not finite")
    mantissa, _, power = f"{value:.{digits}g}".replace("-", "−").partition("e")
    return Markup("{}{}").format(mantissa, _power(power)) if power else Markup(mantissa)


def _power(power: str) -> Markup:
    return Markup(" × 10<sup>{}</sup>").format(re.sub(r"^([-−]?)\+?0*", r"\1", power).replace("-", "−"))


def _set(match: re.Match[str]) -> Markup:
    found = {name: part for name, part in match.groupdict().items() if part is not None}
    match found:
        case {"code": code}:
            return Markup("<code>{}</code>").format(code)
        case {"number": value}:
            mantissa, power = value.split("e")
            return Markup("{}{}").format(mantissa, _power(power))
        case {"operator": word}:
            return Markup(WORDS[word])
        case {"letter": name, "index": index, "primes": primes}:
            return _symbol(GREEK[name], index, primes)
        case {"latin": name, "at": index, "dashes": primes}:
            return _symbol(name, index, primes)
        case {"low": inner} | {"lower": inner}:
            return Markup("<sub>{}</sub>").format(typeset(inner))
        case {"up": inner} | {"upper": inner}:
            return Markup("<sup>{}</sup>").format(typeset(inner))
        case {"root": _}:
            return Markup("√")
        case {"inner": inner}:
            return Markup("⟨{}⟩").format(typeset(inner))
        case {"sign": sign}:
            return Markup(SIGNS[sign])
    return Markup("−")


def _symbol(name: str, index: str, primes: str) -> Markup:
    low = Markup("<sub>{}</sub>").format(index) if index else ""
    return Markup("<i>{}</i>{}{}").format(name, {"": "", "'": "′", "''": "″"}[primes], low)
