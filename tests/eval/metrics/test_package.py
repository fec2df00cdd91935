"""The package of metrics: its public names, whatever was imported before, and what importing it takes."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from eval import metrics

MODULES = [module.name for module in pkgutil.iter_modules(metrics.__path__)]
FOLDER = Path(metrics.__file__).parent
ALLOWED = {"eval", "numpy", "scipy", "sklearn"}  # scikit-learn for k-means alone


@pytest.mark.parametrize("module", MODULES)
def test_a_name_is_the_function_whatever_was_imported_before(module):
    names = sorted(set(metrics.__all__) & set(MODULES))
    assert names == ["inception_score", "ndb", "similarity"]
    for before in (f"import eval.metrics.{module}", f"from eval.metrics.{module} import *", "import eval.metrics"):
        found: dict = {}
        exec(f"{before}\nfrom eval.metrics import {', '.join(names)}", found)
        assert all(inspect.isfunction(found[name]) for name in names)
    importlib.import_module(f"eval.metrics.{module}")
    assert all(inspect.isfunction(getattr(metrics, name)) for name in names)


def test_public_names_are_there_and_sorted():
    assert metrics.__all__ == sorted(metrics.__all__) and all(hasattr(metrics, name) for name in metrics.__all__)


def test_importing_it_takes_numpy_alone():
    program = "import sys; from eval.metrics import inception_score, frechet_distance, ndb; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    tops = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    heavy = {"scipy", "sklearn", "tensorflow", "keras", "librosa", "soundfile", "wavegan_tf", "gansynth_tf", "absl"}
    assert "numpy" in tops and not tops & heavy


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_metrics_know_no_network_and_no_file(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        for module in modules:
            top = module.partition(".")[0]
            assert top in ALLOWED or top in sys.stdlib_module_names, module
            assert top != "eval" or module.startswith("eval.metrics"), module
        called = node.func if isinstance(node, ast.Call) else None
        assert not (isinstance(called, ast.Name) and called.id == "open"), f"{path.name} opens a file"
