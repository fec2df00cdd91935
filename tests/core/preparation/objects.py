"""A remote filesystem for Beam: objects in the memory of this process."""

from __future__ import annotations

import io

from apache_beam.io.filesystem import BeamIOError, CompressionTypes, FileMetadata, FileSystem

STORED: dict[str, bytes] = {}


class _Object(io.BytesIO):
    """A file that is stored when it is closed."""

    def __init__(self, path: str):
        super().__init__()
        self._path = path

    def close(self) -> None:
        if not self.closed:
            STORED[self._path] = self.getvalue()
        super().close()


class Objects(FileSystem):
    """Objects in the memory of this process, as a store of a cloud has them: without folders."""

    @classmethod
    def scheme(cls):
        return "objects"

    def join(self, basepath, *paths):
        return "/".join([basepath, *paths])

    def split(self, path):
        return tuple(path.rsplit("/", 1))

    def mkdirs(self, path):
        raise BeamIOError("no folders here")

    def has_dirs(self):
        return False

    def _list(self, dir_or_prefix):
        for path in sorted(STORED):
            if path.startswith(dir_or_prefix):
                yield FileMetadata(path, len(STORED[path]))

    def create(self, path, mime_type="", compression_type=CompressionTypes.AUTO):
        return _Object(path)

    def open(self, path, mime_type="", compression_type=CompressionTypes.AUTO):
        if path not in STORED:
            raise BeamIOError(f"{path} is not there")
        return io.BytesIO(STORED[path])

    def rename(self, source_file_names, destination_file_names):
        for source, target in zip(source_file_names, destination_file_names, strict=True):
            STORED[target] = STORED.pop(source)

    def exists(self, path):
        return path in STORED

    def delete(self, paths):
        for path in paths:
            STORED.pop(path, None)

    def copy(self, source_file_names, destination_file_names):
        raise NotImplementedError

    def size(self, path):
        return len(STORED[path])

    def last_updated(self, path):
        return 0.0

    def checksum(self, path):
        return None

    def metadata(self, path):
        return FileMetadata(path, len(STORED[path]))
