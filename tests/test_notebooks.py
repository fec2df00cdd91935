"""The notebooks run from top to bottom."""

from __future__ import annotations

import json
from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def test_notebooks_are_kept_without_outputs():
    assert [path.name for path in NOTEBOOKS] == ["gansynth.ipynb"]
    for path in NOTEBOOKS:
        cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
        assert cells and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells), path


@pytest.mark.slow
def test_gansynth_notebook_trains_plays_and_scores(tmp_path):
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    text = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
    shown = [kind for output in outputs if "data" in output for kind in output["data"]]
    assert "training is over" in text and "is now" in text
    # Three real notes, three of a scale, five between two sounds; and the tune.
    assert shown.count("image/png") == 11 and sum("<audio" in str(output.get("data")) for output in outputs) == 12
    scores = json.loads(text[text.rindex('{\n "real"') :])
    assert scores["real"]["right_percent"] > 90 > 60 > scores["noise"]["right_percent"]
    assert scores["GANSynth"]["right_percent"] > scores["noise"]["right_percent"]
