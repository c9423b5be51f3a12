"""The network that is trained: adapters on a frozen base (LoRA), on a base in 4 bits (QLoRA), or all its weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from peft import PeftModel, set_peft_model_state_dict
from safetensors.torch import load_file
from torch.nn.functional import pad
from transformers import BitsAndBytesConfig, set_seed
from transformers.utils import ModelOutput

from fine_tuning.base_models.pretrained import load_network
from fine_tuning.export.merge import merge_adapter, save_merged
from fine_tuning.training.loop import attention, fsdp, packing, precision
from fine_tuning.training.loop.chat_tokens import IGNORED
from fine_tuning.training.loop.gpu_kernels import use_fused_layers
from fine_tuning.training.loop.library_types import Network, Tokenizer
from fine_tuning.training.loop.lora_layers import add_adapters
from fine_tuning.training.loop.output_loss import Summed, capped, summed_loss
from fine_tuning.training.loop.packing import PackedInputs
from fine_tuning.training.loop.shared_base import Place, own_weights
from fine_tuning.training.loop.training_config import TrainingConfig

ADAPTER_WEIGHTS = "adapter_model.safetensors"


def load(config: TrainingConfig, place: Place | None = None) -> Network:
    """The network; trained weights are fp32, frozen ones have the precision that is fast on this machine.

    Args:
        place: of a training among others on a base model that they share.
    """
    set_seed(config.seed)  # the adapters' random start
    if config.tuning == "full":
        network = base(config, torch.float32)
        _freeze_lower_layers(network, config.trained_layers)
    else:
        plain = partial(base, config, _fast(config))
        network = add_adapters(plain() if place is None else place.network(config, plain), config)
    use_fused_layers(causal(network))
    compute_labelled_only(causal(network), place.hidden if place is not None and place.is_shared else None)
    if place is not None:
        place.join(causal(network))
    return network


def _fast(config: TrainingConfig) -> torch.dtype:
    return torch.bfloat16 if precision.choose(config.precision) == "bf16" else torch.float32


def frozen(config: TrainingConfig) -> Network | None:
    """The base model as it was, where a training of all weights has to be measured against it; else None."""
    if config.tuning != "full":
        return None
    found = base(config, _fast(config)).requires_grad_(requires_grad=False).eval()
    compute_labelled_only(found)
    if fsdp.is_wanted(config):
        return found
    return found.to("cuda" if torch.cuda.is_available() else "cpu")


def base(config: TrainingConfig, dtype: torch.dtype) -> Network:
    """The base model; for QLoRA its linear layers are stored in 4 bits, and computed with in `dtype`."""
    four_bits = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    network = load_network(
        Path(config.base_model_path),
        dtype=dtype,
        attn_implementation=attention.NAME,
        quantization_config=four_bits if config.tuning == "qlora" else None,
        distributed_config=fsdp.plan(config),
    )
    if not network._supports_sdpa:  # its scores are capped or have sinks, which no kernel here does
        network.set_attn_implementation("eager")
    return network


def _freeze_lower_layers(network: Network, trained: int | None) -> None:
    if trained is None:
        return
    network.requires_grad_(requires_grad=False)
    for layer in network.get_decoder().layers[-trained:]:
        layer.requires_grad_()


def causal(network: Network) -> Network:
    """The transformers model without PEFT's wrapper."""
    return network.get_base_model() if isinstance(network, PeftModel) else network


def compute_labelled_only(model: Network, hidden_of: Callable[[PackedInputs], torch.Tensor] | None = None) -> None:
    """Let `model(input_ids=..., labels=..., attention_mask=...)` run the output layer on labelled positions only.

    With a vocabulary of 49,152 the logits of one token cost as much as a fifth of a 135M model; prompts need none.
    It then returns the logits in fp32, (labelled, vocabulary), and the labels, (labelled,), in the order of the rows;
    with `summed` what their losses sum up to, without having all logits at once.
    With a mask, which is of padding on the right, the rows are laid end to end where the model can keep them apart.
    Without labels the model answers as before.

    Args:
        hidden_of: computes what the layers give, (tokens, size), in their place while the model trains.
    """
    plain_forward = model.forward
    packs = packing.can_pack(model)

    def forward(
        input_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        *,
        summed: bool = False,
        **rest: object,
    ) -> ModelOutput | tuple[torch.Tensor, torch.Tensor] | Summed:
        if labels is None or input_ids is None:
            return plain_forward(input_ids=input_ids, attention_mask=attention_mask, **rest)
        targets = pad(labels[:, 1:], (0, 1), value=IGNORED)  # what each token has to predict
        if packs and attention_mask is not None:
            packed = packing.pack(input_ids, attention_mask)
            if model.training and hidden_of is not None:
                hidden = hidden_of(packed.inputs)
            else:
                hidden = model.get_decoder()(use_cache=False, **packed.inputs).last_hidden_state[0]
            targets = targets[packed.tokens]
        else:
            # Padding is on the right, where causal attention never looks: without a mask the faster kernel is used.
            hidden = model.get_decoder()(input_ids=input_ids, use_cache=False).last_hidden_state
        chosen = targets != IGNORED
        head = model.get_output_embeddings()
        if summed:
            return summed_loss(head, hidden[chosen], targets[chosen], cap)
        return capped(head(hidden[chosen]).float(), cap), targets[chosen]

    cap = getattr(model.config, "final_logit_softcapping", None)  # Gemma 2
    model.forward = forward


def save(network: Network, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the trained weights: the adapter, or all of the model."""
    if isinstance(network, PeftModel):
        network.save_pretrained(folder)
    else:
        save_merged(network, tokenizer, folder)


def load_weights(network: Network, folder: Path) -> None:
    """Load weights that `save` wrote into the network."""
    if isinstance(network, PeftModel):
        set_peft_model_state_dict(network, load_file(folder / ADAPTER_WEIGHTS))
        return
    found = load_network(folder, dtype=torch.float32)
    network.load_state_dict(found.state_dict())


def merged(network: Network, config: TrainingConfig, adapter: Path | None, *, is_shared: bool = False) -> Network:
    """The trained model in one piece, in fp32; see `export.merge`.

    Args:
        is_shared: whether others compute with the weights of the base model.
    """
    if is_shared:
        own_weights(network)
    if config.tuning != "qlora":
        return merge_adapter(network)
    return merge_adapter(network, adapter, partial(base, config.model_copy(update={"tuning": "lora"}), torch.float32))
