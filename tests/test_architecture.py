"""The rules of the house, read from the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODELS = ("wavegan_tf", "specgan_tf", "gansynth_tf")
PACKAGES = [name for name in (*MODELS, "eval") if (ROOT / name).is_dir()]
SOURCES = [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MAX_LINES, MAX_FUNCTION_LINES = 300, 60


def name_of(path):
    return str(path.relative_to(ROOT))


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path):
    """Full names of all that a module imports, wherever in it: `a.b` and, for `from a import b`, `a.b` too."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (above, node.module) if part)
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(name, *packages):
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def breaks_the_rules(path, name):
    """True if the module at `path` may not import `name`."""
    top, in_core = path.relative_to(ROOT).parts[0], within(".".join(path.relative_to(ROOT).parts), "wavegan_tf.core")
    if within(name, "eval"):
        return top != "eval"
    if not within(name, *MODELS):
        return False
    if within(name, "wavegan_tf.core") or name in ("wavegan_tf", "wavegan_tf.__version__"):
        return False
    if top == "eval":
        return name.split(".")[-1] in ("train", "trainer", "training") or within(name, *(f"{m}.train" for m in MODELS))
    return in_core or not within(name, top)


@pytest.mark.parametrize(
    ("path", "name", "wrong"),
    [
        ("wavegan_tf/core/training/loop.py", "wavegan_tf.core.options.option", False),
        ("wavegan_tf/core/training/loop.py", "tensorflow", False),
        ("wavegan_tf/core/training/loop.py", "wavegan_tf.config.WaveGANConfig", True),
        ("wavegan_tf/core/training/loop.py", "wavegan_tf.__version__", False),
        ("wavegan_tf/core/training/loop.py", "specgan_tf", True),
        ("wavegan_tf/core/training/loop.py", "eval.features", True),
        ("wavegan_tf/train.py", "wavegan_tf.config", False),
        ("wavegan_tf/train.py", "gansynth_tf.mel", True),
        ("specgan_tf/train.py", "wavegan_tf.core.audio.decode", False),
        ("specgan_tf/train.py", "specgan_tf.config", False),
        ("specgan_tf/train.py", "wavegan_tf.networks", True),
        ("gansynth_tf/mel.py", "specgan_tf.features", True),
        ("gansynth_tf/mel.py", "eval.features", True),
        ("eval/score.py", "eval.features", False),
        ("eval/score.py", "wavegan_tf.core.audio.decode", False),
        ("eval/score.py", "wavegan_tf.train.main", True),
        ("eval/score.py", "specgan_tf.train", True),
    ],
)
def test_this_test_knows_the_rules(path, name, wrong):
    assert breaks_the_rules(ROOT / path, name) is wrong


def test_relative_imports_are_followed(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "wavegan_tf" / "core" / "x.py"
    path.parent.mkdir(parents=True)
    path.write_text("from . import loop\nfrom .. import config\nfrom ..networks import G\nif 1:\n    import eval.a\n")
    assert list(imports(path)) == ["wavegan_tf.core.loop", "wavegan_tf.config", "wavegan_tf.networks.G", "eval.a"]


def test_there_is_something_to_check():
    assert "wavegan_tf" in PACKAGES and len(SOURCES) > 20


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_keep_to_the_rules(path):
    assert [name for name in imports(path) if breaks_the_rules(path, name)] == []


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=name_of)
def test_names_and_length(path):
    assert path.stem not in ("utils", "util", "misc", "helpers", "helper", "common")
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES * (1 if path in SOURCES else 1.2)


def graphs_of(tree):
    """The calls and decorators `tf.function` in a module."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node) == "tf.function"]


def without_autograph(tree):
    """Those calls that keep AutoGraph off."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "tf.function"]
    return [call for call in calls if any(ast.unparse(given) == "autograph=False" for given in call.keywords)]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_autograph_rewrites_no_graph(path):
    """Loops of tensors are written as such here, so rewriting takes seconds of a start for nothing."""
    tree = tree_of(path)
    assert len(graphs_of(tree)) == len(without_autograph(tree))


def test_a_graph_with_autograph_would_be_found():
    tree = ast.parse("@tf.function\ndef f(): ...\ng = tf.function(f, autograph=False)\nh = tf.function(f)")
    assert (len(graphs_of(tree)), len(without_autograph(tree))) == (3, 1)


def body_lines(function):
    """Lines of a function without its signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return function.end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=name_of)
def test_functions_are_short(path):
    functions = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert {node.name: body_lines(node) for node in functions if body_lines(node) > MAX_FUNCTION_LINES} == {}


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name == "__init__.py"], ids=name_of)
def test_packages_hold_a_docstring_and_a_version_and_public_names(path):
    tree = tree_of(path)
    assert ast.get_docstring(tree)
    exports = any(ast.unparse(node).startswith("__all__ = ") for node in tree.body)
    for node in tree.body[1:]:
        text = ast.unparse(node)
        if exports and (
            text.startswith(("__all__ = ", "if TYPE_CHECKING:", "offer(")) or isinstance(node, ast.ImportFrom)
        ):
            continue
        assert text.startswith("__version__ = ") or (
            # TensorFlow reads these variables when it is imported or starts.
            path.parent.name in PACKAGES and (text == "import os" or text.startswith("os.environ.setdefault('TF_"))
        ), text
