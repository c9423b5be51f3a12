"""Names for the objects of transformers, PEFT, PyTorch and Ray in signatures.

mypy does not follow the imports of these libraries (see `pyproject.toml`), so that their attributes are not checked;
the names say what a parameter is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from ray.actor import ActorHandle
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Network: TypeAlias = "PreTrainedModel | PeftModel"  # with its adapters, if there are any
Tokenizer: TypeAlias = "PreTrainedTokenizerBase"
Batch: TypeAlias = "dict[str, torch.Tensor]"  # input_ids, labels, attention_mask; each (rows, longest row)
Actor: TypeAlias = "ActorHandle[Any]"  # a remote object on a Ray cluster
