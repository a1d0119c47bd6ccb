"""Every public function and method by name: registries of kinds are held to it, so that a new one cannot escape."""

import inspect
from collections.abc import Callable

import jspline
import jspline.charts
import jspline.ensemble

MODULES = ["charts", "curvature", "datasets", "descent", "dynamics", "ensemble", "init", "kernel", "landscape"]
MODULES += ["activation", "meanfield", "objective", "penalty", "pwl"]


def public_functions() -> dict[str, Callable]:
    """By the name in its room, `kernel.flow`; methods and class methods behind their class, `init.Gaussian.pdf`."""
    found: dict[str, Callable] = {}
    for room in MODULES:
        module = getattr(jspline, room)
        names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
        for name in names:
            thing = getattr(module, name)
            if not getattr(thing, "__module__", "").startswith(f"jspline.{room}"):
                continue
            if inspect.isclass(thing):
                for key, member in inspect.getmembers(thing, inspect.isroutine):
                    own = any(key in vars(base) for base in thing.__mro__ if base.__module__.startswith("jspline"))
                    if own and (not key.startswith("_") or key == "__call__"):
                        found[f"{room}.{name}.{key}"] = member
            elif callable(thing):
                found[f"{room}.{name}"] = thing
    return found


def cell_methods() -> list[str]:
    """Those of `activation` that answer or change what is seen: no sums."""
    sums = (".over_data", ".over_neurons", ".pairs", ".between")
    kinds = ("activation.Ranks.", "activation.Mask.")
    return [name for name in public_functions() if name.startswith(kinds) and not name.endswith(sums)]


def uncovered(cases: set[str], exempt: dict[str, str]) -> str:
    """What a registry leaves out, says twice, or says of names that are gone; empty if nothing."""
    names = set(public_functions())
    faults = [
        f"neither a case nor an exemption: {sorted(names - cases - set(exempt))}" if names - cases - set(exempt) else ""
    ]
    faults += [f"both a case and an exemption: {sorted(cases & set(exempt))}" if cases & set(exempt) else ""]
    faults += [f"no public function: {sorted((cases | set(exempt)) - names)}" if (cases | set(exempt)) - names else ""]
    return "; ".join(filter(None, faults))
