"""Packages that only some commands need, and that come with an extra of this project."""

from __future__ import annotations

import importlib
from types import ModuleType

from wavegan_tf.core.errors import UserError

# Package -> the module of it that is used, and the extra in setup.py that brings it.
_MODULES = {"matplotlib": ("matplotlib.figure", "eval"), "scikit-learn": ("sklearn.cluster", "eval")}


def load(package: str) -> ModuleType:
    """The module of a package that is used here; a command calls this before it starts work that ends in using it.

    Raises:
      UserError: the package is missing; the message names the extra.
    """
    module, extra = _MODULES[package]
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UserError(f"{package} is missing: pip install 'adversarial-audio-tf[{extra}]'") from None
