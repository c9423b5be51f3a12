"""The whole loop on real weights: time, memory, accuracy of base and fine-tuned model.

python benchmarks/bench_demo.py          # about six minutes on two cores
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import report

EVALUATIONS = """
import json
from fine_tuning import ABTestFramework, LocalFineTuner, ModelEvaluator
facts = {}
for result in ModelEvaluator().get_results():
    facts[result.model_type] = [result.accuracy, *result.accuracy_interval, result.test_set_size]
(test,) = ABTestFramework().get_all_results().values()
facts["ab"] = [test.model_a_samples, test.model_b_samples, test.p_value, test.statistical_significance]
(job,) = LocalFineTuner().list_jobs()
speeds = [e["data"]["tokens_per_second"] for e in LocalFineTuner().list_events(job["job_id"], 10_000)
          if "tokens_per_second" in e["data"]]
facts["training"] = [job["trained_tokens"], speeds[-1]]
print(json.dumps(facts))
"""


def demo(home: str) -> dict[str, Any]:
    """Seconds, peak memory and accuracies of one whole demo."""
    environment = {**os.environ, "FINE_TUNING_HOME": home}
    started, peak = time.monotonic(), 0
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen([*report.FT_CLI, "demo"], env=environment, stdout=printed, stderr=subprocess.STDOUT)
        while process.poll() is None:
            peak = max(peak, report.memory_of_tree(process.pid))
            time.sleep(0.25)
        seconds = time.monotonic() - started
        printed.seek(0)
        text = printed.read()
    if process.returncode:
        sys.exit(text)
    facts = json.loads(report.run_python(EVALUATIONS, FINE_TUNING_HOME=f"{home}/demo"))
    return {"seconds": seconds, "peak_bytes": peak, **facts}


def rate(facts: list[float]) -> str:
    """An accuracy with its number of examples and its interval."""
    accuracy, low, high, size = facts
    return f"{accuracy * 100:.1f} % of {size:.0f} (95 % interval {low * 100:.1f} % to {high * 100:.1f} %)"


def main() -> None:
    """Run the demo once."""
    with tempfile.TemporaryDirectory() as home:
        found = demo(home)
    ab, trained = found["ab"], found["training"]
    body = f"""
SmolLM2-135M, LoRA, one epoch; base and fine-tuned model get the same prompts, with the same short system prompt, and
answer greedily. Held-out mails share no near-duplicates with the training side; some share a sentence pattern with
other names, numbers and dates in it, since that is how the authored mails were made.

| | measured | target |
|---|---|---|
| whole demo after set-up | {found["seconds"]:.0f} s | at most 360 s |
| peak memory, all processes | {found["peak_bytes"] / 1e9:.2f} GB | at most 4 GB |
| exact match, base model | {rate(found["base"])} | under 20 % |
| exact match, fine-tuned model | {rate(found["fine_tuned"])} | at least 95 % |
| A/B test | {ab[0]:.0f} and {ab[1]:.0f} samples, always-valid p = {ab[2]:.1g} | a winner |
| training | {trained[0]:,.0f} tokens at {trained[1]:.0f} tokens/s | |
"""
    report.write("The demo", "bench_demo.py", body)


if __name__ == "__main__":
    main()
