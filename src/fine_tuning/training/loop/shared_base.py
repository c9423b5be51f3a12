"""Several trainings of adapters that compute on one base model together.

Its frozen weights are in memory once. Each training runs as it would alone, in a thread with a trainer, an adapter, an
optimizer and files of its own; where it would pass a batch through the layers, it meets the others. Their batches are
laid end to end, so that a linear layer multiplies them with its frozen weights in one product, and adds to the tokens
of each training what that one's adapter gives. The losses are those of trainings alone, as no token sees another's.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import NamedTuple

import torch

from fine_tuning.training.loop import packing
from fine_tuning.training.loop.gpu_kernels import use_fused_layers
from fine_tuning.training.loop.library_types import Network
from fine_tuning.training.loop.lora_layers import Adapter, LeanLinear, product
from fine_tuning.training.loop.meeting import Meeting
from fine_tuning.training.loop.memory_estimate import Needed
from fine_tuning.training.loop.packing import PackedInputs
from fine_tuning.training.loop.training_config import TrainingConfig, can_share_base

OWN = ("base_model_path", "precision")  # what all of them have alike


class Part(NamedTuple):
    """The tokens of one training, of all that are laid end to end."""

    training: int
    tokens: slice


class Passed(NamedTuple):
    """What a training gets for its batch: `hidden`, (tokens, size), ends its own graph; `whole` goes on from there."""

    hidden: torch.Tensor
    tokens: slice
    whole: torch.Tensor


class SharedBase:
    """The base model of several trainings.

    Args:
        trainings: their number.
    """

    def __init__(self, trainings: int) -> None:
        self._meeting = Meeting(range(trainings))
        self._alike: tuple[object, ...] | None = None
        self._plain: Network | None = None
        self._whole: Network | None = None
        self._networks: dict[int, Mapping[str, LeanLinear]] = {}
        self._parts: list[Part] = []
        self._claimed: dict[int, int] = {}

    def place(self, training: int) -> Place:
        """The place of one of the trainings, which are numbered from 0."""
        return Place(self, training)

    def turn(self, training: int) -> AbstractContextManager[None]:
        """Have the turn; see `Meeting.turn`."""
        return self._meeting.turn(training)

    def network(self, config: TrainingConfig, load: Callable[[], Network]) -> tuple[Network, bool]:
        """A model of its own for a training, and whether its weights are those that all share.

        Args:
            load: loads the base model.
        """
        alike = tuple(getattr(config, name) for name in OWN)
        if not can_share_base(config.model_dump()) or self._alike not in (None, alike):
            return load(), False
        if self._plain is None:
            loaded = load()
            if not packing.can_pack(loaded):
                return loaded, False
            if torch.cuda.is_available():
                loaded = loaded.to("cuda")  # before its weights are shared
            self._plain, self._alike = loaded.requires_grad_(requires_grad=False), alike
        return _with_same_weights(self._plain), True

    def join(self, training: int, network: Network) -> None:
        """Take part with this network, in place of an earlier one of the training."""
        decoder = network.get_decoder()
        self._networks[training] = {
            name: layer for name, layer in decoder.named_modules() if isinstance(layer, LeanLinear)
        }

    def meet(self, training: int, inputs: PackedInputs) -> Passed:
        """Pass packed rows through the layers, together with those of the others."""
        return self._meeting.meet(training, inputs, self._forward)

    def go_back(self, training: int, passed: Passed) -> None:
        """Add to the gradients of the adapter, where the loss has left one at `passed.hidden`."""
        self._meeting.meet(training, passed, self._backward)

    def leave(self, training: int) -> None:
        """Let the others go on without this one."""
        self._meeting.leave(training)

    def claim(self, training: int, need: Needed) -> int:
        """Note the memory of a training's batches; returns the bytes of the others."""
        self._claimed.pop(training, None)
        others = sum(self._claimed.values())
        self._claimed[training] = need.activations
        return others

    @property
    def whole(self) -> Network:
        """The model whose layers have the adapters of all."""
        if self._whole is None:
            assert self._plain is not None  # noqa: S101 - it is there from the first network on
            self._whole = _with_same_weights(self._plain)
            use_fused_layers(self._whole)
            decoder = self._whole.get_decoder().train()
            for name, layer in list(decoder.named_modules()):
                if isinstance(layer, torch.nn.Linear):
                    decoder.set_submodule(name, _SharedLinear(layer, partial(self._adapters, name)))
        return self._whole

    def _adapters(self, name: str) -> list[Adapter]:
        found = ((part.tokens, self._networks[part.training].get(name)) for part in self._parts)
        return [_adapter(tokens, layer) for tokens, layer in found if layer is not None]

    def _forward(self, inputs: Mapping[int, PackedInputs]) -> dict[int, Passed]:
        self._parts, start = [], 0
        for training, each in inputs.items():
            tokens = slice(start, start := start + len(torch.as_tensor(each["position_ids"])[0]))
            self._parts.append(Part(training, tokens))
        with torch.enable_grad():
            joined = packing.end_to_end(list(inputs.values()))
            whole = self.whole.get_decoder()(use_cache=False, **joined).last_hidden_state[0]
        return {
            training: Passed(whole.detach()[tokens].requires_grad_(), tokens, whole) for training, tokens in self._parts
        }

    def _backward(self, passed: Mapping[int, Passed]) -> dict[int, None]:
        whole = next(iter(passed.values())).whole
        grad = torch.zeros_like(whole)
        for each in passed.values():
            if each.hidden.grad is not None:
                grad[each.tokens] = each.hidden.grad
        torch.autograd.backward(whole, grad)
        return dict.fromkeys(passed)


class Place:
    """The place of one training among those of a base model."""

    def __init__(self, base: SharedBase, training: int) -> None:
        self._base, self._training = base, training
        self._passed: Passed | None = None
        self.is_shared = False

    def turn(self) -> AbstractContextManager[None]:
        """For the thread of the training: it runs while the others wait where they meet, and the other way round."""
        return self._base.turn(self._training)

    def leave(self) -> None:
        """Let the others go on without this training."""
        self._base.leave(self._training)

    def network(self, config: TrainingConfig, load: Callable[[], Network]) -> Network:
        """The base model for this training; one of its own where it cannot share, and then the others do not wait."""
        found, self.is_shared = self._base.network(config, load)
        if not self.is_shared:
            self.leave()
        return found

    def join(self, network: Network) -> None:
        """Take part with this network, which has its adapters; see `SharedBase.join`."""
        if self.is_shared:
            self._base.join(self._training, network)

    def hidden(self, inputs: PackedInputs) -> torch.Tensor:
        """What the layers give for packed rows, (tokens, size), computed with the rows of the others.

        Its gradient goes no further until `go_back`.
        """
        self._passed = self._base.meet(self._training, inputs)
        return self._passed.hidden

    def go_back(self) -> None:
        """Pass the gradient of the loss on to the adapter, together with those of the others."""
        if self._passed is not None:
            passed, self._passed = self._passed, None
            self._base.go_back(self._training, passed)

    def others(self, need: Needed) -> int:
        """Bytes that the batches of the others take, while those of this training take what it needs."""
        return self._base.claim(self._training, need) if self.is_shared else 0

    @property
    def whole(self) -> Network:
        """The model whose layers are computed."""
        return self._base.whole


def own_weights(network: Network) -> None:
    """Let a network have weights of its own, before they are changed; others than fp32 are copied by the change."""
    for weight in network.parameters():
        if weight.dtype == torch.float32 and not weight.requires_grad:
            weight.data = weight.data.clone()


class _SharedLinear(torch.nn.Module):
    """A frozen linear layer with the adapters of those tokens that have one there."""

    def __init__(self, base: torch.nn.Linear, adapters: Callable[[], list[Adapter]]) -> None:
        super().__init__()
        self.base, self._adapters = base, adapters

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The adapted linear map of `x`, (..., in) to (..., out)."""
        return product(x, self.base, self._adapters())


def _adapter(tokens: slice, layer: LeanLinear) -> Adapter:
    name = layer.active_adapters[0]
    return Adapter(tokens, layer.scaling[name], layer.lora_A[name].weight, layer.lora_B[name].weight)


def _with_same_weights(network: Network) -> Network:
    """A copy of the layers, whose weights are in the same memory."""
    same: dict[int, object] = {id(each): each for each in network.buffers()}
    for weight in network.parameters():
        same[id(weight)] = torch.nn.Parameter(weight.data, requires_grad=False)
    copied: Network = copy.deepcopy(network, same)
    return copied
