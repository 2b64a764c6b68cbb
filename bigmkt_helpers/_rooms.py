"""Packages whose rooms open only when somebody asks for what is in them."""

import importlib
import sys


def open_on_demand(package, rooms):
    """What such a package needs: its ``__all__``, ``__getattr__`` and ``__dir__``.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    rooms : dict
        Name of a module of the package and the public names in it.

    Returns
    -------
    names : list of str
    getter, lister : callable
        As PEP 562 wants them.

    Examples
    --------
    >>> names, getter, lister = open_on_demand("collections", {"abc": ["Sized", "Hashable"]})
    >>> names
    ['Hashable', 'Sized']
    >>> getter("Sized").__name__
    'Sized'
    """
    room_of = {name: room for room, names in rooms.items() for name in names}
    names = sorted(room_of)

    def getter(name):
        if name not in room_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{room_of[name]}"), name)

    def lister():
        return sorted({*vars(sys.modules[package]), *names})

    return names, getter, lister
