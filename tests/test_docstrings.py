"""The examples in docstrings run and give what they show."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Packages whose public functions all have an example, and other modules with examples.
PACKAGES = ("wavegan_tf", "specgan_tf", "gansynth_tf", "eval.metrics")
API = ("wavegan_tf.api", "specgan_tf.api", "gansynth_tf.api")
OTHERS = ("wavegan_tf.core.errors", "wavegan_tf.core.serving.loading", "wavegan_tf.core.serving.model")


def modules_of(package: str) -> list[str]:
    """The package and all modules under it, by their full names."""
    found = importlib.import_module(package)
    return [package, *(module.name for module in pkgutil.walk_packages(found.__path__, f"{package}."))]


@pytest.mark.parametrize(
    "name", [*modules_of("eval.metrics"), *OTHERS, *(pytest.param(name, marks=pytest.mark.slow) for name in API)]
)
def test_examples_run(name, monkeypatch):
    monkeypatch.chdir(ROOT)  # paths in examples are those of a clone
    importlib.import_module(name)
    module = sys.modules[name]  # an attribute of the package by this name may be a function
    results = doctest.testmod(module, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    assert results.failed == 0


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_function_has_an_example(package):
    module = importlib.import_module(package)
    functions = [getattr(module, name) for name in module.__all__ if inspect.isfunction(getattr(module, name))]
    assert functions
    for function in functions:
        assert doctest.DocTestParser().get_examples(inspect.getdoc(function) or ""), function.__qualname__
