"""The network as spikes (convention quartz-2023): levels in, levels out, exact to the step, early spikes included.

T = t_max, n = T - 1. A value v is the level q = n * v, sent as a spike at step 2n - q of the consumer's window.
A neuron adds the weight of each arrived spike to its current and, at each step, the current to its potential:

    V(s) = sum of w_j * max(0, s - (2n - q_j) + 1)       for s < 2n, the bias being one more source of weight 1

* It fires as soon as V >= T - 1/2. At s < 2n that is an early spike, of level 3n - s, saturated at 2n.
* Otherwise the counter weight at step 2n leaves a ramp of slope 1, and the level is floor(sum w q + q_bias + 1/2):
  at least 0 with a rectifier, at least -(T - 2) without (a silent output counts as a spike at the last step, 4n - 1).

No loop over neurons: with u = 2n - s, V(s) is the layer applied to max(0, q - u + 1), one product for each step.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass
class SpikingLayer:
    weight: torch.Tensor  # normalised; [out, in, kernel y, kernel x] or [out, in]
    bias: torch.Tensor  # normalised; [out]
    pool: bool  # a 2 x 2 max-pool of levels follows
    rectify: bool


def encode(images, t_max):
    """Bytes or values in [0, 1] -> levels, half to even, as the runtime does."""
    values = images.double() / 255 if images.dtype == torch.uint8 else images
    return torch.round(values * (t_max - 1))


def ramp(layer, levels, t_max):
    """One layer's levels as if no neuron fired early: right for all but a few, in a fraction of the time."""
    bias = torch.round(layer.bias * (t_max - 1))
    bias = bias[:, None, None] if layer.weight.dim() == 4 else bias
    sums = torch.floor(drive(layer, levels) + bias + 0.5)
    return sums.clamp(0 if layer.rectify else 2 - t_max, 2 * (t_max - 1))


def fire(layer, levels, t_max):
    """One layer: its output levels, which neurons fired early, and which of those were above level 2n."""
    n = t_max - 1
    bias = torch.round(layer.bias * n)
    if layer.weight.dim() == 4:
        bias = bias[:, None, None]
    potential = drive(layer, levels) + bias.clamp(min=0)  # at step 2n - 1
    early_level = torch.zeros_like(potential)
    for u in range(1, int(max(levels.max(), bias.max())) + 1):  # backwards in time, so that the first crossing stays
        v = potential if u == 1 else drive(layer, (levels - (u - 1)).clamp(min=0)) + (bias - (u - 1)).clamp(min=0)
        early_level[v >= t_max - 0.5] = n + u
    early = early_level > 0
    late = torch.floor(potential + bias.clamp(max=0) + 0.5).clamp(min=0 if layer.rectify else 2 - t_max)
    return torch.where(early, early_level.clamp(max=2 * n), late), early, early_level > 2 * n


def drive(layer, x):
    """Weighted sums of a layer's inputs, without the bias."""
    return F.conv2d(x, layer.weight) if layer.weight.dim() == 4 else F.linear(x.flatten(1), layer.weight)
