"""A full disk at every write of the commands: one line that names the place, exit code 1; the next run does it all."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from absl import flags as absl_flags

from tests import commands
from tests.eval.small import write_words
from tests.eval.tiny_models import write_model
from tests.failing_disk import Disk
from wavegan_tf.core import files, flags

# What a library says instead of a reason, or its own names beside it.
NONSENSE = re.compile(r"None|function_node|System error|decoded|Errno|\[Op:|bug|Traceback|tmp-")


def run(module: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Runs a command in this process, as `python -m` would: exit code, and the lines of its error."""
    before, run_command, codes = set(absl_flags.FLAGS), flags.run, []

    def here(main: Callable[[], None]) -> None:
        absl_flags.FLAGS(["command", *arguments])
        codes.append(flags.guarded(main))

    files._tidied.clear()  # as in a new process
    flags.run = here  # type: ignore[assignment]
    try:
        importlib.import_module(module).run()
    finally:
        flags.run = run_command
        for name in set(absl_flags.FLAGS) - before:
            delattr(absl_flags.FLAGS, name)
    return codes[0], "\n".join(line for line in capsys.readouterr().err.splitlines() if line.startswith("error: "))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    write_model(folder / "model" / "1")
    write_words(folder / "words", 4)
    np.save(folder / "p.npy", np.full([20, 10], 0.1))
    return folder


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if "tfevents" not in path.name)


# Module, arguments, and every which write is tried: a run that starts TensorFlow's own work takes longer.
CASES: dict[str, tuple[str, list[str], int]] = {
    "generate": (
        "wavegan_tf.generate", ["--model_dir=IN/model/1", "--output_dir=OUT/a/b", "--num_samples=1", "--overwrite"], 2,
    ),
    "interpolate": (
        "wavegan_tf.generate",
        ["--model_dir=IN/model/1", "--output_dir=OUT/a", "--interpolate", "--num_samples=2", "--interpolate_steps=1",
         "--format=flac", "--overwrite"], 5,
    ),
    "moments": (
        "specgan_tf.moments",
        ["--data_dir=IN/words", "--data_first_slice", "--data_moments_fp=OUT/a/m.npz", "--data_cache_dir=OUT/cache",
         "--data_cache_mb=0"], 5,
    ),
    "stored probabilities": ("eval.score", ["--probabilities_file=IN/p.npy", "--output_dir=OUT/a"], 1),
    "score": ("eval.score", ["--fake_dir=IN/words", "--metrics=d_self", "--output_dir=OUT/a"], 1),
    "resynthesize": ("eval.resynthesis", ["--data_dir=IN/words", "--output_dir=OUT/a", "--nospectrogram"], 1),
    "edge": ("wavegan_tf.core.edge.export", ["--model_dir=IN/model/1", "--output=OUT/a/m.tflite"], 1),
    "page": ("eval.listening_page", ["--set=a=IN/words", "--output=OUT/a/page.html"], 1),
}  # fmt: skip


def each_write(
    module: str, given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], every: int = 1
) -> tuple[int, int]:
    """Runs a command with the disk full from each write on, and again with room; how often it failed, and tries."""
    texts = [text.replace("OUT", str(tmp_path / "whole")) for text in given]
    with Disk(tmp_path / "whole", 1 << 30).entered() as disk:
        assert run(module, texts, capsys) == (0, "")
    failed = 0
    for first in range(1, disk.count + 1, every):
        out = tmp_path / str(first)
        texts = [text.replace("OUT", str(out)) for text in given]
        with Disk(out, first).entered():
            code, error = run(module, texts, capsys)
        assert code == 1 and error.count("\n") == 0 and str(out) in error and "full" in error, (first, code, error)
        assert not NONSENSE.search(error.replace(str(tmp_path), "")), error
        assert not any(".tmp-" in name for name in tree(out)) if out.exists() else True
        # A run that is trained has no use for what tells of its steps, and goes on without it.
        lost = re.compile(r".*/(stats.jsonl|preview/\d+.wav)" if "went on without it" in error else r"(?!)")
        code, error = run(module, texts, capsys)
        # Clips that are whole are not written over without being asked.
        assert code == 0 or "holds files; name a new or an empty folder" in error, (first, error)
        there, wanted = set(tree(out)), set(tree(tmp_path / "whole"))
        assert code or (there <= wanted and all(map(lost.fullmatch, wanted - there))), (first, wanted ^ there)
        failed += 1
    return failed, disk.count


@pytest.mark.parametrize("name", CASES)
def test_a_full_disk_at_every_write(name, place, tmp_path, capsys):
    module, given, every = CASES[name]
    failed, count = each_write(module, [text.replace("IN", str(place)) for text in given], tmp_path, capsys, every)
    assert failed == -(-count // every) >= 4


@pytest.mark.slow
def test_a_full_disk_at_every_write_of_a_training_and_an_export(tmp_path, capsys):
    drums = commands.few_drums(tmp_path / "drums")
    arguments = [f"--data_dir={drums}", *commands.tiny("wavegan"), "--train_steps=1", "--train_summary_secs=0"]
    train = ["--train_dir=OUT/run", *arguments]
    each_write("wavegan_tf.train", train, tmp_path / "train", capsys, every=3)
    export = [f"--train_dir={tmp_path}/train/whole/run", "--export_dir=OUT/models/1"]
    each_write("wavegan_tf.export", export, tmp_path / "export", capsys)
