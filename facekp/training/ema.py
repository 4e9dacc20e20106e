"""The moving average of the weights: what is evaluated and kept."""

import copy

import torch

from facekp.models import KeypointModel


class EMA:
    """An exponential moving average of a model's weights and batch-norm statistics.

    After step t the decay is ``min(decay, (1 + t) / (10 + t))``: young averages forget faster.

    Attributes:
        model: a copy of the model, in eval mode, whose numbers are the averages.
    """

    def __init__(self, model: KeypointModel, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay, self.steps = decay, 0
        pairs = zip(self.model.state_dict().values(), model.state_dict().values(), strict=True)
        # The lists are made once: walking through a model's modules takes longer than the average itself.
        floats = [(mine, new) for mine, new in pairs if mine.is_floating_point()]
        self.mine, self.new = [mine for mine, _ in floats], [new for _, new in floats]

    @torch.no_grad()
    def update(self) -> None:
        """Move the average a little towards the model as it now is."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.mine, self.new, 1 - decay)
