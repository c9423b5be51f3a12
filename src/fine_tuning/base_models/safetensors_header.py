"""The header of a safetensors file: every tensor's type, shape and place, checked against the file's size.

The layout is 8 bytes of length, then JSON, then the tensors' bytes (https://huggingface.co/docs/safetensors).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

from fine_tuning._util.files import open_to_read, parse_json
from fine_tuning.errors import DataError

MAX_HEADER_BYTES = 32 << 20  # ten times that of a model with fifty thousand tensors
MAX_DIMENSIONS = 8
BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}


class StoredTensor(NamedTuple):
    """A tensor of a file: safetensors' name of its type, and its shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def is_float(self) -> bool:
        """Whether its values are floating-point numbers."""
        return "F" in self.dtype


def read_header(file: Path) -> dict[str, StoredTensor]:
    """The tensors of a file by name; no tensor is read.

    Raises:
        DataError: the file is not safetensors, is cut short or has bytes that no tensor owns.
    """
    try:
        return _tensors(*_header(file))
    except DataError as error:
        raise DataError(f"{file} is not a readable safetensors file ({error}); fetch or save it again") from None


def _header(file: Path) -> tuple[dict[str, Any], int]:
    """The header, and the number of bytes after it."""
    with open_to_read(file) as stream:
        size = file.stat().st_size
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or not 0 < length <= size - 8:
            raise DataError("it is cut short")
        if length > MAX_HEADER_BYTES:
            raise DataError(f"its header is larger than {MAX_HEADER_BYTES >> 20} MiB")
        header = parse_json(stream.read(length))
    if not isinstance(header, dict):
        raise DataError("its header is not an object")
    return header, size - 8 - length


def _tensors(header: dict[str, Any], size: int) -> dict[str, StoredTensor]:
    found, places = {}, []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        found[name], place = _tensor(name, entry)
        places.append(place)
    end = 0
    for start, stop in sorted(places):
        if start != end:
            raise DataError("its tensors overlap or leave gaps")
        end = stop
    if end != size:
        raise DataError("it is cut short" if end > size else "bytes follow its last tensor")
    return found


def _tensor(name: str, entry: Any) -> tuple[StoredTensor, tuple[int, int]]:
    """One tensor, and where its bytes start and end."""
    shown = name[:100]
    try:
        dtype, shape, (start, stop) = entry["dtype"], entry["shape"], entry["data_offsets"]
    except (KeyError, TypeError, ValueError):
        raise DataError(f"tensor {shown!r} has no type, shape or place") from None
    if not isinstance(dtype, str) or dtype not in BITS:
        raise DataError(f"tensor {shown!r} has the unknown type {str(dtype)[:20]!r}")
    if not isinstance(shape, list) or not all(type(each) is int and each >= 0 for each in (*shape, start, stop)):
        raise DataError(f"tensor {shown!r} has no shape of whole numbers")
    if len(shape) > MAX_DIMENSIONS:
        raise DataError(f"tensor {shown!r} has {len(shape)} dimensions")
    if (stop - start) * 8 != math.prod(shape) * BITS[dtype]:
        raise DataError(f"tensor {shown!r} has another size than its shape")
    return StoredTensor(dtype, tuple(shape)), (start, stop)
