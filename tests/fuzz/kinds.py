"""All readers of `make fuzz`, by name."""

from __future__ import annotations

from tests.fuzz import readers, sound_readers, tensorflow_readers

# Each module enters its own.
MODULES = (readers, sound_readers, tensorflow_readers)
READERS = readers.READERS
