"""The notebooks: kept without outputs, in step with the API, and run from top to bottom in another folder."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import json
import re
import time
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from wavegan_tf.core.serving.model import GeneratorModel

ROOT = Path(__file__).parents[1]
NOTEBOOKS = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
OURS = ("wavegan_tf", "specgan_tf", "gansynth_tf", "eval")
METHODS = ("generate", "interpolate", "latents")
MAX_SILENT_SECONDS = 60


def cells_of(path: Path, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def program(path: Path) -> ast.Module:
    """All code cells, one after the other."""
    return ast.parse("\n".join("".join(cell["source"]) + "\n" for cell in cells_of(path, "code")), str(path))


def test_there_is_one_for_each_kind_of_sound():
    assert list(NOTEBOOKS) == ["gansynth", "wavegan_specgan"]


@pytest.mark.parametrize("path", NOTEBOOKS.values(), ids=NOTEBOOKS)
def test_it_is_kept_without_outputs_and_says_how_to_start_it(path):
    cells = cells_of(path, "code")
    assert cells and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    first = "".join(cells_of(path, "markdown")[0]["source"])
    assert "`make notebook`" in first and "minutes" in first
    assert re.search(r"^notebook:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", NOTEBOOKS.values(), ids=NOTEBOOKS)
def test_it_works_in_its_own_process(path):
    text = ast.unparse(program(path))
    assert not re.search(r"subprocess|os\.system|absl|FLAGS|sys\.path", text)


@pytest.mark.parametrize("path", NOTEBOOKS.values(), ids=NOTEBOOKS)
def test_every_name_is_defined(path):
    nodes = list(ast.walk(program(path)))
    known = set(dir(builtins)) | {node.arg for node in nodes if isinstance(node, ast.arg)}
    known |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    known |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            known |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    assert {node.id for node in nodes if isinstance(node, ast.Name)} - known == set()


def ours_in(tree: ast.Module) -> dict[str, Any]:
    """What the notebook imports of this project, by the names that it uses."""
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name: importlib.import_module(alias.name) for alias in node.names if alias.name in OURS}
        elif isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in OURS:
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")
                found[alias.name] = getattr(module, alias.name)
    return found


def called(node: ast.Call, ours: dict[str, Any]) -> Any:
    """The function of ours that a call is of, None for others."""
    function = node.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id in ours:
        return getattr(ours[function.value.id], function.attr)
    if isinstance(function, ast.Attribute) and function.attr in METHODS:
        return getattr(GeneratorModel, function.attr)
    return ours.get(function.id) if isinstance(function, ast.Name) else None


@pytest.mark.parametrize("path", NOTEBOOKS.values(), ids=NOTEBOOKS)
def test_every_call_of_ours_fits_the_api(path):
    tree = program(path)
    ours, checked = ours_in(tree), 0
    for node in ast.walk(tree):
        function = called(node, ours) if isinstance(node, ast.Call) else None
        if function is None:
            continue
        assert isinstance(node, ast.Call)
        positional = [None] * (len(node.args) + (getattr(GeneratorModel, function.__name__, None) is function))
        keywords = [keyword.arg for keyword in node.keywords if keyword.arg is not None]
        inspect.signature(function).bind_partial(*positional, **dict.fromkeys(keywords))
        checked += 1
    assert checked >= 10


class Watched(nbclient.NotebookClient):
    """Notes the longest time without any output."""

    longest, last = 0.0, 0.0

    def process_message(self, msg, cell, cell_index):
        now = time.monotonic()
        self.longest, self.last = max(self.longest, now - (self.last or now)), now
        return super().process_message(msg, cell, cell_index)


class Ran:
    """A notebook that was executed in an empty folder, with what it printed and showed."""

    def __init__(self, name: str, folder: Path):
        notebook = nbformat.read(NOTEBOOKS[name], as_version=4)
        client = Watched(notebook, timeout=1800, resources={"metadata": {"path": str(folder)}})
        client.execute()
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        shown = [output["data"] for output in outputs if "data" in output]
        self.text = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
        self.pictures = sum("image/png" in data for data in shown)
        self.players = sum("<audio" in data.get("text/html", "") for data in shown)
        self.tables = [data["text/markdown"] for data in shown if "text/markdown" in data]
        self.longest_silence = client.longest
        assert list(folder.iterdir()) == []


@pytest.fixture
def here(monkeypatch, tmp_path):
    """An empty folder to run in, with this checkout's packages before any that are installed."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


@pytest.mark.slow
def test_gansynth_plays_trains_and_scores(here):
    ran = Ran("gansynth", here)
    assert (ran.pictures, ran.players) == (4, 1 + 3 + 3 + 5 + 1 + 3 + 2)
    assert "data: 100 notes" in ran.text and "training is over" in ran.text and "stage 2 image" in ran.text
    found = re.findall(r"^(.+): (\d+)% of \d+ notes have the right pitch$", ran.text, re.MULTILINE)
    right = {name: int(percent) for name, percent in found}
    assert right["real"] > 90 and right["noise"] < 30
    assert right["GANSynth of this notebook"] > right["noise"] + 10
    assert ran.longest_silence < MAX_SILENT_SECONDS


@pytest.mark.slow
def test_wavegan_and_specgan_play_train_and_score(here):
    ran = Ran("wavegan_specgan", here)
    assert (ran.pictures, ran.players) == (3 + 1 + 2 + 1, 3 * 4 + 1 + 3 + 4 + 4)
    assert ran.text.count("generator updates") == 2 and "70 files" in ran.text and "\rstep " in ran.text
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in ran.tables[-1].splitlines()]
    distance = {row[0]: float(row[1]) for row in rows[2:]}
    assert distance["real, other half"] < distance["WaveGAN, trained"] < distance["white noise"]
    assert distance["real, other half"] < distance["SpecGAN, trained"] < distance["white noise"]
    assert distance["real, other half"] < distance["WaveGAN, mine"] < distance["white noise"]
    assert distance["real, other half"] < distance["SpecGAN, mine"] < distance["white noise"]
    assert ran.longest_silence < MAX_SILENT_SECONDS
