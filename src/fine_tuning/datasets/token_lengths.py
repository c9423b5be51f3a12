"""Token lengths of rows: percentiles, histogram, and rows over usual limits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fine_tuning.store.records.manifests import TokenLengths

BINS = 40
LIMITS = (256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536)  # of a row, as trainers are set


def describe(tokens: NDArray[np.int32]) -> TokenLengths | None:
    """Percentiles, a histogram and the rows over each usual limit; None where the tokens of a row are unknown.

    Returns:
        rows, total, mean, p50, p95, p99, longest, histogram (edges and counts; the last edge is the longest row) and
        over (rows longer than each limit that cuts any off).
    """
    if not len(tokens) or (tokens < 0).any():
        return None
    counts, edges = np.histogram(tokens, BINS, (0, max(int(tokens.max()), 1)))
    p50, p95, p99 = np.percentile(tokens, (50, 95, 99)).tolist()
    over = {str(limit): int((tokens > limit).sum()) for limit in LIMITS}
    return {
        "rows": len(tokens),
        "total": int(tokens.sum()),
        "mean": float(tokens.mean()),
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "longest": int(tokens.max()),
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
        "over": {limit: rows for limit, rows in over.items() if rows},
    }
