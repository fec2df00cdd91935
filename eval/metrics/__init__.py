"""The metrics of both papers as functions of arrays: NumPy and SciPy only, no network and no file."""
