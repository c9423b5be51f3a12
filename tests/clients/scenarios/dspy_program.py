"""dspy: programs by its chat and JSON adapters, and `lm.finetune`."""

import os
import sys
import tempfile
from typing import Literal

BASE_URL, MODEL = sys.argv[1:]
os.environ |= {"OPENAI_BASE_URL": BASE_URL, "OPENAI_API_KEY": "any"}  # where its provider looks
os.environ["DSPY_CACHEDIR"] = tempfile.mkdtemp()

import dspy  # noqa: E402 - reads the settings above
from dspy.clients.openai import OpenAIProvider  # noqa: E402


class Classify(dspy.Signature):
    """Classify a ticket."""

    ticket: str = dspy.InputField()
    kind: Literal["billing", "technical"] = dspy.OutputField()


lm = dspy.LM(f"openai/{MODEL}", max_tokens=60, temperature=0, cache=False, num_retries=0)
assert lm("Hello", max_tokens=8)
with dspy.context(lm=lm, adapter=dspy.JSONAdapter()):
    assert dspy.Predict(Classify)(ticket="My invoice is wrong.").kind in {"billing", "technical"}
responses = dspy.LM(f"openai/{MODEL}", model_type="responses", max_tokens=60, temperature=0, cache=False, num_retries=0)
assert responses("Hello", max_tokens=8)

rows = [
    {"messages": [{"role": "user", "content": f"{n} + 1?"}, {"role": "assistant", "content": str(n + 1)}]}
    for n in range(10)
]
OpenAIProvider.wait_for_job.__defaults__ = (0.5,)  # seconds between looks at a job, 20 by default
learner = dspy.LM(
    "openai/gpt-4o-mini-2024-07-18",
    provider=OpenAIProvider(),
    finetuning_model="openai/gpt-4o-mini-2024-07-18",
    num_retries=0,
)
trained = learner.finetune(rows, "chat", {"n_epochs": 1}).result()
assert isinstance(trained, dspy.LM), trained
assert trained("Hello", max_tokens=4), trained.model
