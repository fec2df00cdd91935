import numpy as np
import pytest
import soundfile

from eval.gathering.statistics import gather
from eval.gathering.stored_features import StoredFeatures
from eval.metrics import similarity
from eval.samples import ClipFormat
from tests.eval.small import folder_samples
from tests.originals import EVAL, assert_near
from wavegan_tf.core.errors import UserError

GOLDEN = np.load(EVAL / "similarity.npz")


def test_from_clips_to_the_distances_of_the_original(tmp_path):
    (tmp_path / "clips").mkdir()
    for i in range(6):
        soundfile.write(tmp_path / "clips" / f"{i}.wav", GOLDEN[f"clip_{i}"], 16000)
    samples = folder_samples(tmp_path / "clips", ClipFormat())
    stored = gather(samples, [], ["d_self"], str(tmp_path), "fake").neighbours
    order = [int(path[-5]) for path in samples.paths]
    assert stored is not None and len(stored) == 6
    assert_near(stored[0:6].reshape(6, 128, 128), GOLDEN["features"][order])
    np.testing.assert_array_equal(stored[1:5:2], stored[0:6][[1, 3]])
    np.testing.assert_array_equal(stored[4:99], stored[-2:])
    assert stored[6:8].shape == (0, 16384)
    np.testing.assert_allclose(similarity(stored, stored, True, 4), GOLDEN["nn/all_exclude_self"], rtol=1e-5)


def test_files_that_cannot_be_used_are_named(tmp_path):
    path = tmp_path / "features"
    with pytest.raises(UserError, match=f"^{path}: cannot be read \\(No such file"):
        StoredFeatures(str(path), 4)
    path.write_bytes(b"123456789")
    with pytest.raises(UserError, match=f"^{path}: 9 bytes are not whole rows of 2 float32 numbers$"):
        StoredFeatures(str(path), 2)
