"""Batches that no machine holds are refused from what a model says of itself, before it is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gansynth_tf import generate as gansynth_generate
from tests.eval.small import call
from wavegan_tf.core import memory
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving import commands


def described(folder: Path, **metadata: Any) -> str:
    """A folder that has of an exported model only what describes it."""
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "saved_model.pb").touch()
    common = {"sample_rate": 16000, "latent_dim": 100}
    (folder / "assets.extra" / "model.json").write_text(json.dumps({**common, **metadata}))
    return str(folder)


class Command:
    """A generate command of WaveGAN's kind."""

    def __init__(self, model: str):
        self._model = model

    def define_flags(self) -> None:
        commands.define_flags()
        commands.define_label()

    def main(self) -> None:
        commands.main(self._model)


MODELS: dict[str, tuple[Any, dict[str, int]]] = {
    "wavegan": (Command("wavegan"), {"slice_len": 16384, "num_channels": 2}),
    "specgan": (Command("specgan"), {"slice_len": 32768}),
    "gansynth": (gansynth_generate, {"audio_length": 32768, "min_pitch": 24, "max_pitch": 84}),
}


@pytest.mark.parametrize("model", MODELS)
def test_a_batch_that_no_machine_holds_is_refused_at_once(tmp_path, model):
    command, sizes = MODELS[model]
    model_dir = described(tmp_path / "model", model=model, **sizes)
    message = "^batch_size=2000000000: 2,000,000,000 clips of 32,868 numbers at a time need at least 244,885.7 GiB "
    with pytest.raises(UserError, match=message):
        call(command, f"--model_dir={model_dir}", f"--output_dir={tmp_path}/out", "--batch_size=2000000000")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("size", "is_held"), [(9, True), (10, True), (11, False)])
def test_the_border_is_the_memory_of_the_machine(tmp_path, monkeypatch, size, is_held):
    monkeypatch.setattr(memory, "of_machine", lambda: 4 * 10 * (100 + 50))
    model_dir = described(tmp_path / "model", model="wavegan", slice_len=50)
    # The next that is wrong is that there is no graph in the model.
    with pytest.raises(UserError, match=r"^model_dir=.*: cannot be loaded" if is_held else "^batch_size=11: "):
        call(MODELS["wavegan"][0], f"--model_dir={model_dir}", f"--output_dir={tmp_path}/out", f"--batch_size={size}")


def test_what_a_model_says_of_its_clips_may_be_nonsense(tmp_path):
    model_dir = described(tmp_path / "model", model="wavegan", slice_len="long")
    message = r"^model_dir=.*: assets.extra/model.json cannot be used \(slice_len is 'long', not a whole number"
    with pytest.raises(UserError, match=message):
        call(MODELS["wavegan"][0], f"--model_dir={model_dir}", f"--output_dir={tmp_path}/out")
