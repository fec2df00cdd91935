"""Names that a package offers, imported when they are first asked for, so that importing the package stays cheap."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Mapping
from typing import Any

_OFFERED = "_offered"


class _Package(types.ModuleType):
    """A package whose public names are imported on first use, and are not hidden by submodules of the same name."""

    def __getattr__(self, name: str) -> Any:
        module = self.__dict__[_OFFERED].get(name)
        if module is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(module), name)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # Importing package.train would put the module in the place of the function `train`.
        if not (isinstance(value, types.ModuleType) and name in self.__dict__[_OFFERED]):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__dict__[_OFFERED]})


def offer(package: str, names: Mapping[str, str]) -> None:
    """Lets a package offer `names`, each with the module that defines it."""
    module = sys.modules[package]
    module.__dict__[_OFFERED] = dict(names)
    module.__class__ = _Package
