import pytest

from eval import model_folders
from tests.eval.small import raises_user_error
from wavegan_tf.core.files import suggest_version


def test_a_folder_without_a_run_is_one_line(tmp_path):
    with raises_user_error("holds neither a run nor a SavedModel"):
        model_folders.model_of(str(tmp_path))
    (tmp_path / "config.json").write_text("{")
    with raises_user_error("config.json: cannot be read"):
        model_folders.model_of(str(tmp_path))


@pytest.mark.parametrize(
    ("versions", "newest"), [((), ""), (("1",), "1"), (("2", "10", "9"), "10"), (("old", "3"), "3"), (("b", "a"), "b")]
)
def test_the_newest_version_is_offered(versions, newest, tmp_path):
    (tmp_path / "99").mkdir()  # holds nothing
    for name in versions:
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").touch()
    hint = f"; did you mean {tmp_path / newest}?" if newest else ""
    assert suggest_version(str(tmp_path)) == hint
    with raises_user_error(f"^--model_dir={tmp_path}: holds no SavedModel"):
        model_folders.require_saved_model(str(tmp_path), "model_dir")
    if newest:
        model_folders.require_saved_model(str(tmp_path / newest), "model_dir")
