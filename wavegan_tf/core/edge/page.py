"""An instrument in a web page: one HTML file with a model, its runtime and all that is needed to play it.

The page asks for nothing from anywhere, so that it runs from a double click as from any server.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_WEB = Path(__file__).parent / "web"
_NAMES = {"wavegan": "WaveGAN drum machine", "specgan": "SpecGAN drum machine", "gansynth": "GANSynth keyboard"}


def make_page(model: bytes, metadata: Mapping[str, Any], title: str | None = None) -> str:
    """A drum machine (WaveGAN, SpecGAN) or a keyboard (GANSynth) as a whole HTML document.

    Args:
      model: a TensorFlow Lite file with the signature `serving_default`: float32 z [1, latent_dim], and where the model
        has them int32 pitch [1] and label [1], to float32 audio [1, samples, channels].
      metadata: what its model.json has: model, sample_rate, latent_dim, latent ("uniform" or "normal"), samples,
        num_channels and whatever else is known of it.
      title: the page's heading; None names the model.
    """
    if title is None:
        title = _NAMES[metadata["model"]]
    template = string.Template((_WEB / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(title),
        # By which the browser keeps what was set on this page apart from other pages.
        page=hashlib.sha256(model).hexdigest()[:16],
        style="".join((_WEB / name).read_text(encoding="utf-8") for name in ("page.css", "src/keyboard/keyboard.css")),
        # "<" would end the element in which this stands.
        metadata=json.dumps(dict(metadata), allow_nan=False).replace("<", "\\u003c"),
        worker=_packed((_WEB / "built" / "worker.js").read_bytes()),
        runtime=_text((_WEB / "built" / "runtime.wasm.xz").read_bytes()),
        model=_packed(model),
        licences=html.escape((_WEB / "licences.txt").read_text(encoding="utf-8")),
        script=(_WEB / "built" / "page.js").read_text(encoding="utf-8"),
    )


def _packed(data: bytes) -> str:
    return _text(gzip.compress(data, 9, mtime=0))


def _text(data: bytes) -> str:
    """Base 85, a fifteenth shorter than base 64; a comma stands for its "<", which could end an element."""
    return base64.b85encode(data).decode("ascii").replace("<", ",")
