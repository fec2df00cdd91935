"""How the fast forms are compared with the slow ones: the same examples every time, at sizes around every boundary."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

INTEGERS = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64)
FLOATS = (np.float16, np.float32, np.float64)


def examples(count: int) -> settings:
    """The first `count` examples that a test's own name leads to."""
    return settings(max_examples=count, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def sizes(block: int, k: int = 1) -> st.SearchStrategy[int]:
    """Numbers of rows about the edges of blocks, of which each holds `block`, where k are needed."""
    return st.sampled_from(sorted({1, k, block - 1, block, block + 1, 2 * block, 2 * block + k, 3 * block + 1} - {0}))


@st.composite
def rows(draw: st.DrawFn, n: int, d: int, kinds: tuple[type, ...] = (*FLOATS, *INTEGERS, np.bool_)) -> np.ndarray:
    """[n, d] of some type: few different numbers, so that rows coincide and tie, moved and scaled in all directions."""
    kind = draw(st.sampled_from(kinds))
    whole = np.array(draw(st.lists(st.integers(0, 3), min_size=n * d, max_size=n * d)), np.int64).reshape(n, d)
    if kind is np.float64:
        scale, offset = draw(st.sampled_from([(1, 0), (1, 1e8), (0.1, 1e5), (1e-23, 0), (1e-200, 0), (1e200, 0)]))
    elif kind is np.float32:
        scale, offset = draw(st.sampled_from([(1, 0), (1, 2**23), (0.1, 100), (1e-23, 0), (1e-43, 0), (1e38, -1e38)]))
    elif kind in (np.float16, np.bool_):
        scale, offset = draw(st.sampled_from([(1, 0), (1, -2)] if kind is np.float16 else [(1, 0)]))
    else:
        limits: np.iinfo = np.iinfo(kind)
        offset = draw(st.sampled_from([0, max(limits.min, -(2**53)), min(limits.max, 2**53) - 3]))
        return (whole + offset).astype(kind)
    return (whole * scale + offset).astype(kind)
