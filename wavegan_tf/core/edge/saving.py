"""An exported model as one file: a TensorFlow Lite model with its metadata, or a page that plays it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wavegan_tf.core.edge import conversion, flatbuffer, graphs, metadata, options
from wavegan_tf.core.errors import UserError, one_line
from wavegan_tf.core.files import display_name
from wavegan_tf.core.folders import output_file
from wavegan_tf.core.reading import MAX_DESCRIPTION_BYTES, read_json
from wavegan_tf.core.writing import write_file

MakePortable = Callable[[Any, Mapping[str, Any]], conversion.Portable]


def save(
    make_portable: MakePortable,
    model_dir: str,
    exported: Mapping[str, Any],
    path: str,
    weights: str,
    title: str | None,
) -> dict[str, Any]:
    """Writes the file, and beside a .tflite its metadata as .json.

    Args:
      make_portable: signatures of a SavedModel, and its metadata -> the model. It raises KeyError, TypeError or
        ValueError where these do not say what it needs.
      model_dir: the SavedModel, which may be run.
      exported: its metadata.
      path: of the file, .tflite or .html.
      weights: one of `options.WEIGHTS`.
      title: of a page; None for one by the model.

    Returns:
      The metadata of the file.

    Raises:
      UserError: the model lacks something or cannot be converted, or the file cannot be written.
    """
    options.check(exported["model"], path, weights, title)
    options.check_playable(exported, path)
    with output_file(path, "output"):
        if not options.is_page(path):
            _require_free(path)
        model, described = make(make_portable, model_dir, exported, weights)
        shown = f"--output={display_name(path)}"
        if options.is_page(path):
            from wavegan_tf.core.edge.page import make_page

            write_file(path, make_page(model, described, title), shown)
        else:
            write_file(path, model, shown)
            write_file(options.metadata_path(path), metadata.as_text(described), shown)
    return described


def make(
    make_portable: MakePortable, model_dir: str, exported: Mapping[str, Any], weights: str
) -> tuple[bytes, dict[str, Any]]:
    """The TensorFlow Lite model, its metadata within, and these; the arguments are those of `save`."""
    shown = f"--model_dir={model_dir}"
    saved = graphs.load(model_dir)
    try:
        portable = make_portable(saved.signatures, exported)
        metadata.as_text(exported)  # a page cannot read NaN
    except (KeyError, TypeError, ValueError, UserError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else one_line(error)
        raise UserError(f"{shown}: lacks what a conversion needs ({reason}); export the run again") from None
    try:
        model = conversion.convert(portable, saved, weights)
    except conversion.Inconvertible as error:
        raise UserError(f"{shown}: cannot be converted ({error})") from None
    described = metadata.describe(exported, weights, portable.latent, portable.inputs, flatbuffer.output_shape(model))
    flatbuffer.embed(model, metadata.as_text(described))
    return flatbuffer.packed(model), described


def _require_free(path: str) -> None:
    """Raises UserError if something else stands where the metadata are to be, such as those of a SavedModel."""
    beside = options.metadata_path(path)
    try:
        found = read_json(beside, MAX_DESCRIPTION_BYTES)
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or "inputs" not in found:
        raise UserError(
            f"--output={display_name(path)}: its description would replace {display_name(beside)}, which is none; "
            "name another file"
        )
