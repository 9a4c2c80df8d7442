"""Percentile normalisation: which activation of the source network becomes the value 1.0, layer by layer."""

import torch

from lenet import WEIGHTED
from spiking import SpikingLayer


@torch.no_grad()
def measure_scales(model, images, percentile):
    """[S_1 .. S_4]: that percentile of each layer's outputs before ReLU over all images, channels and positions.

    Measured in the source network, so the scales do not depend on each other or on biases not yet scaled.
    """
    outputs = [torch.cat(parts).flatten() for parts in zip(*(model.outputs(x / 255.0) for x in images.split(500)))]
    return [_percentile(values, percentile) for values in outputs]


def normalise(model, scales):
    """Spiking layers of a plain network: w' = w * S(l-1) / S(l), b' = b / S(l). Gradients pass through."""
    layers = []
    for i, name in enumerate(WEIGHTED):
        module, before = getattr(model, name), scales[i - 1] if i else 1.0
        weight, bias = module.weight * (before / scales[i]), module.bias / scales[i]
        layers.append(SpikingLayer(weight, bias, pool=i < 2, rectify=i < 3))
    return layers


# ---------------------------------------------------------------------------------------------------------------------


def _percentile(values, percentile):
    """The value that `percentile` % of the values do not exceed."""
    rank = min(len(values), max(1, round(len(values) * percentile / 100)))
    return float(values.kthvalue(rank).values)
