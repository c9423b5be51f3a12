"""lm-evaluation-harness: a task of choices by log-probabilities, and one of answers by chat."""

import json
import os
import sys
import tempfile
from pathlib import Path

import lm_eval
from lm_eval.tasks import TaskManager

BASE_URL, MODEL = sys.argv[1:]
TOKENS = f"tokenizer_backend=huggingface,tokenizer={os.environ['TOKENIZER']}"
ROWS = [
    {"question": "The capital of France is", "choices": [" Paris", " Rome"], "answer": 0},
    {"question": "The capital of Italy is", "choices": [" Paris", " Rome"], "answer": 1},
]
COMMON = """
dataset_path: json
dataset_kwargs: {data_files: {test: FOLDER/rows.jsonl}}
test_split: test
doc_to_text: question
"""
CHOICES = COMMON + "task: ours_choices\noutput_type: multiple_choice\ndoc_to_choice: choices\ndoc_to_target: answer\n"
ANSWERS = COMMON + (
    "task: ours_answers\noutput_type: generate_until\ndoc_to_target: '{{choices[answer]}}'\n"
    "generation_kwargs: {until: ['\\n'], max_gen_toks: 8}\nmetric_list: [{metric: exact_match}]\n"
)


def run(folder: Path, model: str, path: str, task: str, **more: bool) -> dict[str, float]:
    found = lm_eval.simple_evaluate(
        model,
        f"model={MODEL},base_url={BASE_URL}/{path},{TOKENS},num_concurrent=1,max_retries=1",
        [task],
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=0,
        **more,
    )
    return found["results"][task]


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (folder / "choices.yaml").write_text(CHOICES.replace("FOLDER", name))
    (folder / "answers.yaml").write_text(ANSWERS.replace("FOLDER", name))
    chosen = run(folder, "local-completions", "completions", "ours_choices")
    assert chosen["acc,none"] == 1.0, chosen
    told = run(folder, "local-chat-completions", "chat/completions", "ours_answers", apply_chat_template=True)
    assert 0 <= told["exact_match,none"] <= 1, told
