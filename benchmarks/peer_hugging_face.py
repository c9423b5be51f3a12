"""The pipeline of bench_datasets.py with Hugging Face datasets, datasketch and a tokenizer called row by row."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from bpe_openai import get_encoding
from datasets import disable_progress_bars, load_dataset
from datasketch import MinHash, MinHashLSH

WORDS = re.compile(r"\w+")
THRESHOLD = 0.8


def is_fit(row: dict[str, Any]) -> bool:
    """Whether a row can be trained on and is rated well enough."""
    messages = row["messages"]
    filled = all((message["content"] or "").strip() for message in messages)
    return filled and messages[-1]["role"] == "assistant" and (row["rating"] is None or row["rating"] >= 3)


def build(file: str, folder: str) -> tuple[int, int]:
    """Rows read and kept."""
    disable_progress_bars()
    rows = load_dataset("json", data_files=file, split="train", cache_dir=str(Path(folder) / "cache"))
    read = len(rows)
    rows = rows.filter(is_fit)
    encoding = get_encoding("o200k_base")

    def facts(row: dict[str, Any]) -> dict[str, Any]:
        asked = " ".join(m["content"] for m in row["messages"][:-1] if m["role"] != "system")
        words = WORDS.findall(asked.lower())
        signature = MinHash(num_perm=64)
        for at in range(max(1, len(words) - 2)):
            signature.update(" ".join(words[at : at + 3]).encode())
        content = json.dumps(row["messages"], sort_keys=True)
        return {
            "tokens": sum(len(encoding.encode_ordinary(m["content"])) for m in row["messages"]),
            "signature": signature.hashvalues,
            "content": hashlib.sha256(content.encode()).hexdigest(),
        }

    rows = rows.map(facts)
    lsh, seen, keep = MinHashLSH(threshold=THRESHOLD, params=(16, 4), num_perm=64), set[str](), []
    kept: dict[int, MinHash] = {}
    scheme = MinHash(num_perm=64).scheme
    for place, row in enumerate(rows.select_columns(["signature", "content"])):
        if row["content"] in seen:
            continue
        seen.add(row["content"])
        signature = MinHash(num_perm=64, hashvalues=row["signature"], scheme=scheme)
        if not any(signature.jaccard(kept[other]) >= THRESHOLD for other in lsh.query(signature)):
            lsh.insert(place, signature)
            kept[place] = signature
            keep.append(place)
    rows = rows.select(keep).select_columns(["messages", "tokens"]).shuffle(seed=42)
    held = rows.train_test_split(0.2, seed=42)
    both = held["test"].train_test_split(0.5, seed=42)
    for name, part in (("train", held["train"]), ("validation", both["train"]), ("test", both["test"])):
        part.select_columns(["messages"]).to_json(Path(folder) / f"{name}.jsonl")
    return read, len(keep)
