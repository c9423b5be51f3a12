"""The pipeline of bench_datasets.py as one would write it by hand with Polars and rensa."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
from bpe_openai import get_encoding
from rensa import RMinHash, RMinHashLSH

WORDS = re.compile(r"\w+")
MESSAGES = pl.List(pl.Struct({"role": pl.String, "content": pl.String}))
THRESHOLD = 0.8


def build(file: str, folder: str) -> tuple[int, int]:
    """Rows read and kept."""
    schema = {"messages": MESSAGES, "domain": pl.String, "rating": pl.Int64}
    frame = pl.read_ndjson(file, schema=schema, ignore_errors=False)
    read = len(frame)
    last = pl.col("messages").list.last().struct
    filled = pl.col("messages").list.eval(pl.element().struct.field("content").str.strip_chars().str.len_chars() > 0)
    frame = frame.filter(
        last.field("role") == "assistant", filled.list.all(), (pl.col("rating") >= 3) | pl.col("rating").is_null()
    )
    frame = frame.unique("messages", keep="first", maintain_order=True)
    frame = frame.sort("rating", descending=True, nulls_last=True, maintain_order=True)
    encoding = get_encoding("o200k_base")
    lsh = RMinHashLSH(threshold=THRESHOLD, num_perm=64, num_bands=16)
    hashes: dict[int, RMinHash] = {}
    keep, tokens = [], []
    for place, messages in enumerate(frame["messages"].to_list()):
        asked = " ".join(m["content"] for m in messages[:-1] if m["role"] != "system")
        words = WORDS.findall(asked.lower())
        shingles = [" ".join(words[at : at + 3]) for at in range(max(1, len(words) - 2))]
        signature = RMinHash(num_perm=64, seed=1)
        signature.update(shingles)
        near = any(signature.jaccard(hashes[other]) >= THRESHOLD for other in lsh.query(signature))
        keep.append(not near)
        tokens.append(sum(len(encoding.encode_ordinary(m["content"])) for m in messages))
        if not near:
            lsh.insert(place, signature)
            hashes[place] = signature
    frame = frame.with_columns(pl.Series("tokens", tokens)).filter(pl.Series(keep))
    frame = frame.sample(fraction=1.0, shuffle=True, seed=42)
    test, validation = len(frame) // 10, len(frame) // 10
    for name, start, count in (
        ("test", 0, test),
        ("validation", test, validation),
        ("train", test + validation, len(frame) - test - validation),
    ):
        frame.slice(start, count).select("messages").write_ndjson(Path(folder) / f"{name}.jsonl")
    return read, len(frame)
