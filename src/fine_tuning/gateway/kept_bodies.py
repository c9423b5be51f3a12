"""Bodies of calls that the gateway keeps in memory: each up to a size, and all within one budget."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fine_tuning._util.memory_budget import MemoryBudget

PIECE_BYTES = 64 << 10


class BodyLimits(NamedTuple):
    """How much is kept: `most` bytes of a body, and of all together what `memory` has a place for."""

    most: int
    memory: MemoryBudget


class KeptBody:
    """A body as it arrives; its bytes are counted for as long as anybody holds it.

    Attributes:
        content: what was added. The first piece is shared, not copied.
        lacked_memory: a piece was refused since all bodies together have too many bytes.
    """

    def __init__(self, limits: BodyLimits) -> None:
        self._limits = limits
        self._counted = 0
        self.content: bytes | bytearray = b""
        self.lacked_memory = False

    def __del__(self) -> None:
        self._limits.memory.give_back(self._counted)

    def add(self, piece: bytes) -> bool:
        """Keep a piece; False where there is no place for it, and nothing was added."""
        if len(self.content) + len(piece) > self._limits.most:
            return False
        if not self._limits.memory.take(len(piece)):
            self.lacked_memory = True
            return False
        self._counted += len(piece)
        if not self.content:
            self.content = piece
            return True
        if isinstance(self.content, bytes):
            self.content = bytearray(self.content)
        self.content += piece
        return True

    def whole(self) -> bytes:
        """All of it, when nothing more is added."""
        self.content = bytes(self.content)
        return self.content

    def pieces(self) -> Iterator[bytes]:
        """All of it, in pieces that a connection can take one by one."""
        for start in range(0, len(self.content), PIECE_BYTES):
            yield bytes(self.content[start : start + PIECE_BYTES])
