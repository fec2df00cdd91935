"""Rooms: which may import which, that none are entangled, and that none is crowded."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_architecture import MODELS, ROOT, SOURCES, imports, name_of, tree_of

CORE = "wavegan_tf.core"
AUDIO, NN, WORKERS, TRAINING, SERVING, EDGE, PREPARATION = (
    f"{CORE}.{name}" for name in ("audio", "nn", "workers", "training", "serving", "edge", "preparation")
)
# By room, the rooms that it may import. A package's own files are commands and its API, which stand above its rooms,
# and networks and features, which stand below them; that no modules import one another in a circle keeps them apart.
ARROWS: dict[str, tuple[str, ...]] = {
    CORE: (),
    AUDIO: (CORE,),
    NN: (CORE,),
    WORKERS: (CORE,),
    PREPARATION: (CORE, AUDIO),
    TRAINING: (CORE, AUDIO, NN, WORKERS),
    SERVING: (CORE, AUDIO),
    EDGE: (CORE, AUDIO, SERVING),
    f"{CORE}.dcgan": (CORE, AUDIO, NN, WORKERS, TRAINING, SERVING, PREPARATION),
    "gansynth_tf.notes": ("gansynth_tf", CORE, AUDIO, WORKERS, PREPARATION),
    "gansynth_tf.midi": (CORE, AUDIO, SERVING),
    "gansynth_tf.stages": (
        "gansynth_tf", "gansynth_tf.notes", CORE, AUDIO, NN, WORKERS, TRAINING, SERVING, PREPARATION,
    ),
    "eval.metrics": (),
    "eval.classifiers": ("eval", "eval.metrics", "gansynth_tf", "gansynth_tf.notes", CORE, AUDIO, NN),
    "eval.page": ("eval", "gansynth_tf", CORE, AUDIO, SERVING),
}
MOST_FILES = 20


def room_of(module: str) -> str:
    """The room that a module is in; a package's own files count as one."""
    rooms = [room for room in (*ARROWS, *MODELS, "eval") if module == room or module.startswith(f"{room}.")]
    return max(rooms, key=len, default="")


def modules() -> dict[str, Path]:
    """All modules and packages of the project by name."""
    found = {}
    for path in SOURCES:
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(path: Path) -> Iterator[str]:
    """Modules of the project that one imports, but for types."""
    of_types = {
        id(inner)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in of_types:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_arrows_run_one_way(path):
    room = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if room not in ARROWS:
        return  # a package's own files; see the other rules of test_architecture.py
    wrong = []
    for name in imports(path):
        target = room_of(name if name in MODULES else name.rpartition(".")[0])
        if target and target != room and target not in ARROWS[room] and name != "wavegan_tf.__version__":
            wrong.append(name)
    assert wrong == []


def test_no_modules_import_one_another():
    graph = {name: {other for other in imported(path) if other in MODULES} - {name} for name, path in MODULES.items()}
    done: set[str] = set()
    while len(done) < len(graph):
        free = {name for name in graph if name not in done and graph[name] <= done | set(MODELS)}
        assert free, f"in a circle: {sorted(set(graph) - done)}"
        done |= free


def test_metrics_need_numpy_and_scipy_only():
    standard = {"__future__", "collections", "dataclasses", "functools", "math", "typing"}
    allowed = standard | {"numpy", "scipy", "sklearn", "eval"}
    for path in (ROOT / "eval" / "metrics").glob("*.py"):
        assert {name.partition(".")[0] for name in imports(path)} <= allowed, path
        assert all(name.startswith("eval.metrics") for name in imports(path) if name.startswith("eval")), path


def test_rooms_are_not_crowded_and_say_what_they_are():
    for room in ARROWS:
        folder = ROOT.joinpath(*room.split("."))
        assert len(list(folder.glob("*.py"))) <= MOST_FILES, room
        assert ast.get_docstring(tree_of(folder / "__init__.py")), room
