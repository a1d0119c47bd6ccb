"""What a run computes, as a short text: the same in every process for the same values and programs, and only for these.

The fingerprint of a value is that of its kind and of its parts. `repr` is never asked, since it hides values: programs
are hashed equation by equation, arrays by dtype, shape and bytes, functions by their code and what it refers to, and
other objects by what pickling them would keep. Installed modules stand for themselves with their version.
"""

import dis
import hashlib
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented))
"""Types whose `repr` says all."""

NO_NUMBERS = {"name", "in_shardings", "out_shardings", "in_layouts", "out_layouts", "ctx_mesh", "mesh", "sharding"}
"""Parameters of equations that say what they are called, or where something lies, and decide no numbers."""


def fingerprint(value: Any) -> str:
    """Of anything made of plain values, arrays, functions, traced programs and objects that can be pickled.

    Raises:
        TypeError: for something else within it, such as a lock or a file.
    """
    return _Hasher().of(value).hex()[:16]


class _Hasher:
    """Digests of values, each made once."""

    def __init__(self) -> None:
        self.done: dict[int, tuple[bytes, Any]] = {}  # with the value: its id must not be given to another
        self.open: dict[int, int] = {}

    def of(self, value: Any) -> bytes:
        """The digest of a value."""
        if type(value) in PLAIN:
            return _digest(type(value).__name__, repr(value))
        if id(value) in self.done:
            return self.done[id(value)][0]
        if id(value) in self.open:  # it refers to itself: so many steps up
            return _digest("itself", str(len(self.open) - self.open[id(value)]))
        self.open[id(value)] = len(self.open)
        try:
            found = _digest(*self._parts(value))
        finally:
            del self.open[id(value)]
        self.done[id(value)] = found, value
        return found

    def _parts(self, value: Any) -> Iterator[Any]:
        """What decides a value, one after the other."""
        if isinstance(value, np.ndarray | np.generic | jax.Array):
            yield from self._array(value)
        elif isinstance(value, np.dtype):
            yield from ("dtype", str(value))
        elif isinstance(value, ClosedJaxpr):
            yield from ("program", self.of(value.jaxpr), *map(self.of, value.consts))
        elif isinstance(value, Jaxpr):
            yield from self._equations(value)
        elif isinstance(value, jax.core.AbstractValue):
            yield from _aval(value)
        elif isinstance(value, jax.tree_util.PyTreeDef):
            yield from ("tree", self.of(value.node_data()), *map(self.of, value.children()))
        elif isinstance(value, jax.Device):
            yield from ("device", value.platform, value.device_kind)
        elif isinstance(value, jax.sharding.Sharding):
            yield "sharding"
        elif type(value) in (tuple, list):
            yield from (type(value).__name__, *map(self.of, value))
        elif type(value) in (dict, types.MappingProxyType):
            yield "dict"
            for name, item in value.items():
                yield from (self.of(name), self.of(item))
        elif type(value) in (set, frozenset):
            yield from ("set", *sorted(map(self.of, value)))
        elif isinstance(value, types.ModuleType):
            yield from self._module(value)
        else:
            yield from self._code(value)

    def _array(self, value: Any) -> Iterator[Any]:
        if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
            yield from ("key", str(value.dtype), self.of(jax.random.key_data(value)))
            return
        if isinstance(value, np.ma.MaskedArray):
            yield from ("masked", self.of(value.data), self.of(np.ma.getmaskarray(value)))
            return
        array = np.asarray(value)
        if array.dtype.hasobject:
            yield from ("objects", str(array.shape), self.of(array.ravel().tolist()))
            return
        yield from ("array", str(array.dtype), str(array.shape), str(getattr(value, "weak_type", False)))
        yield array.tobytes()

    def _equations(self, program: Jaxpr) -> Iterator[Any]:
        number: dict[Any, int] = {}

        def named(variable: Any) -> bytes:
            if isinstance(variable, Literal):
                return _digest("literal", *_aval(variable.aval), self.of(variable.val))
            return _digest("variable", str(number.setdefault(variable, len(number))), *_aval(variable.aval))

        yield from ("equations", *map(named, (*program.constvars, *program.invars)))
        for equation in program.eqns:
            kind, context = equation.primitive.name, getattr(equation, "ctx", None)
            yield from ("equation", kind, *map(named, equation.invars), "gives", *map(named, equation.outvars))
            for name, parameter in sorted(equation.params.items()):
                # What a custom rule says of derivatives has been used, where it was wanted.
                rule = kind.startswith(("custom_jvp", "custom_vjp")) and not isinstance(parameter, Jaxpr | ClosedJaxpr)
                if name not in NO_NUMBERS and not rule:
                    yield from (name, self.of(parameter))
            for name in ("compute_type", "threefry_partitionable", "xla_metadata"):
                yield self.of(getattr(context, name, None))
        yield from ("returns", *map(named, program.outvars))

    def _module(self, module: types.ModuleType) -> Iterator[Any]:
        yield from ("module", module.__name__)
        version = _version(module.__name__)
        if version is not None:
            yield version
        elif getattr(module, "__file__", None):
            yield Path(str(module.__file__)).read_bytes()

    def _code(self, value: Any) -> Iterator[Any]:
        """Functions and classes, and whatever else they are made of."""
        version = _version(str(getattr(value, "__module__", None)))
        name = getattr(value, "__qualname__", None)
        if isinstance(name, str) and version is not None and "<" not in name and not hasattr(value, "__self__"):
            yield from ("installed", str(value.__module__), name, version)
        elif isinstance(value, types.FunctionType):
            yield from ("function", self.of(value.__code__), self.of(value.__defaults__), self.of(value.__kwdefaults__))
            yield self.of(value.__closure__)
            if version is None:
                for used in sorted(_globals(value.__code__) & value.__globals__.keys()):
                    yield from (used, self.of(value.__globals__[used]))
        elif isinstance(value, types.CodeType):
            yield from ("code", value.co_code, *(self.of(part) for part in _within(value)))
        elif isinstance(value, types.MethodType):
            yield from ("method", self.of(value.__func__), self.of(value.__self__))
        elif isinstance(value, types.BuiltinFunctionType):
            owner = value.__self__
            yield from ("builtin", value.__qualname__, self.of(None if isinstance(owner, types.ModuleType) else owner))
        elif isinstance(value, types.CellType):
            yield from ("cell", *([self.of(value.cell_contents)] if _is_filled(value) else []))
        elif isinstance(value, type):
            yield from self._class(value)
        elif isinstance(value, property):
            yield from ("property", self.of(value.fget), self.of(value.fset))
        elif hasattr(value, "__wrapped__"):  # compiled, cached, a static or a class method
            yield from ("wrapped", type(value).__name__, self.of(value.__wrapped__))
        else:
            yield from ("object", self.of(type(value)), self.of(self._pickled(value)))

    def _class(self, value: type) -> Iterator[Any]:
        yield from ("class", value.__qualname__, *map(self.of, value.__bases__))
        for name, member in sorted(vars(value).items()):
            # Those that dataclasses write say nothing that the fields do not.
            written = isinstance(member, types.FunctionType) and member.__code__.co_filename != "<string>"
            if (written or not name.startswith("__")) and not name.startswith("_abc_"):
                yield from (name, self.of(member))

    def _pickled(self, value: Any) -> Any:
        try:
            found = value.__reduce_ex__(4)
        except Exception:
            found = None
        if found is None or isinstance(value, types.GeneratorType):
            kind = f"{type(value).__module__}.{type(value).__qualname__}"
            raise TypeError(
                "What a run computes must be made of plain values, arrays, functions and objects that can be pickled, "
                f"to be known again; there is a {kind} in it."
            )
        # What it is made with, its state, and what lists and dictionaries hold.
        return found if isinstance(found, str) else [list(p) if hasattr(p, "__next__") else p for p in found]


def _digest(*parts: bytes | str) -> bytes:
    """Of the parts in order; each is hashed by itself first, so that it is clear where one ends."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part.encode() if isinstance(part, str) else b"\0" + part).digest())
    return whole.digest()


def _aval(aval: Any) -> tuple[str, ...]:
    return type(aval).__name__, str(aval), str(getattr(aval, "weak_type", False))


def _version(module: str) -> str | None:
    """What stands for the code of an installed module, or one of Python's own or of this package; None for others."""
    root = module.split(".")[0]
    if root in sys.stdlib_module_names or root == "builtins":
        return "python"  # its version is among the surroundings, as is the code of this package
    if root == "jspline" and not module.startswith(("jspline.cli", "jspline.plot")):
        return "jspline"
    loaded = sys.modules.get(root)
    file = getattr(loaded, "__file__", None)
    if file is not None and any(Path(file).is_relative_to(sysconfig.get_path(p)) for p in ("purelib", "platlib")):
        return str(getattr(loaded, "__version__", ""))
    return None


def _within(code: types.CodeType) -> Iterator[Any]:
    """What decides a function's code, beside its instructions: not where it stands in which file."""
    yield from (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    yield from (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    yield from (code.co_consts, getattr(code, "co_exceptiontable", b""))


def _globals(code: types.CodeType) -> set[str]:
    """The names that the code, or a function within it, looks up outside."""
    inner = [_globals(part) for part in code.co_consts if isinstance(part, types.CodeType)]
    own = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return own.union(*inner)


def _is_filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is cell.cell_contents
    except ValueError:
        return False
