"""Where the data of a run are that goes on from another place."""

from __future__ import annotations

import pytest
from absl import flags as absl_flags

from wavegan_tf.core.audio.options import ClipOptions
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.preparation import options

PLACES = ("data_dir",)


@pytest.mark.parametrize(
    ("saved", "arguments", "given", "kept"),
    [
        (("a", "", False), [], (), ("a", "", False)),
        (("a", "", False), ["--data_prepared=b"], (), ("", "", False)),
        (("", "b", True), ["--data_dir=a"], (), ("", "", False)),
        (("", "b", True), [], ("data_dir",), ("", "", False)),
        (("", "b", True), ["--data_prepared=c"], (), ("", "b", True)),
        (("a", "", False), ["--data_dir=a", "--data_prepared=b"], (), ("a", "", False)),
    ],
)
def test_the_place_that_is_given_counts(monkeypatch, saved, arguments, given, kept):
    values = absl_flags.FlagValues()
    for name in (*PLACES, "data_prepared"):
        absl_flags.DEFINE_string(name, "", "", flag_values=values)
    values(["command", *arguments])
    monkeypatch.setattr(absl_flags, "FLAGS", values)
    folder, prepared, verify = saved
    before = ClipOptions(data_dir=folder, data_prepared=prepared, data_verify=verify)
    found = options.in_place(before, PLACES, given)
    assert (found.data_dir, found.data_prepared, found.data_verify) == kept


def test_one_place_is_needed():
    for place in (("a", ""), ("", "b")):
        options.require_one_place(*place)
    with pytest.raises(UserError, match="^data_dir: cannot be combined with data_prepared$"):
        options.require_one_place("a", "b")
    with pytest.raises(UserError, match="^data_dir must be given, or data_prepared after audio_prepare$"):
        options.require_one_place("", "")
