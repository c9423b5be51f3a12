"""Rows of Arrow files: the stream format, as Hugging Face's datasets save it, and the file format (Feather).

Source: https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING

from fine_tuning.data_io.sources.raw_row import RawRow
from fine_tuning.data_io.sources.streams import open_uncompressed, read_position
from fine_tuning.data_io.sources.table_rows import rows_of_batches
from fine_tuning.errors import DataError

if TYPE_CHECKING:
    from pyarrow import RecordBatch

_FILE_MAGIC = b"ARROW1"


def arrow_rows(file: str) -> Iterator[RawRow]:
    """The rows of an Arrow file.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is not an Arrow file, or is damaged.
    """
    import pyarrow as pa

    with open_uncompressed(file) as stream, read_position(file, "row") as position:
        try:
            for row in rows_of_batches(_batches(stream), file):
                yield row
                position.last = row.line
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, EOFError) as error:
            reason = str(error).partition("\n")[0]
            raise DataError(f"{file}, after row {position.last}: not a readable Arrow file ({reason})") from None


def _batches(stream: IO[bytes]) -> Iterable[RecordBatch]:
    from pyarrow import ipc

    is_file = stream.read(len(_FILE_MAGIC)) == _FILE_MAGIC
    stream.seek(0)
    if not is_file:
        yield from ipc.open_stream(stream)
        return
    reader = ipc.open_file(stream)
    for number in range(reader.num_record_batches):
        yield reader.get_batch(number)
