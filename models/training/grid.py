"""Fine-tunes a trained network on the grid of 8-bit weights that the runtime counts with; rewrites build/weights.pt.

    python3 models/training/grid.py fashion-lenet --data DIR

First every layer is scaled so that its percentile codes 1.0, or a power of two, which changes no answer. Then its weights are
rounded, in the forward pass, to at most 127 steps of a power of two on either side; the gradient passes straight through.
`quartz convert` keeps such scales, so the runtime's integers are these weights, with nothing left to round.
"""

import argparse
import math
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils import parametrize

import idx_data
from lenet import WEIGHTED, LeNet
from normalise import measure_scales
from recipes import RECIPES
from train import fit, spiking_logits

LIMIT = 127  # steps on either side of 0


class Grid(nn.Module):
    """Weights to the nearest multiples of a power of two, outliers to the last one; gradient 1."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def forward(self, weight):
        return weight + (to_grid(weight, self.step) - weight).detach()

    def right_inverse(self, weight):
        return weight


def tune(recipe, model, images, labels):
    """The plain network, trained -> the same with weights on grids; images U8, without the held-out ones."""
    torch.manual_seed(recipe.seed)
    found = measure_scales(model, images[: recipe.calibration], recipe.spiking_percentile)
    # Scores keep their size, about: their softmax means something.
    scales = [1.0] * (len(found) - 1) + [2.0 ** round(math.log2(found[-1]))]
    rescale(model, found, scales)
    for name in WEIGHTED:
        module = getattr(model, name)
        step = best_step(module.weight.data)
        parametrize.register_parametrization(module, "weight", Grid(step))
        print(f"{name}: steps of 2^{math.log2(step):.0f}", flush=True)

    def ann_and_spiking(m, x):
        # The losses see scores of the size that they were trained for.
        return [z * (found[-1] / scales[-1]) for z in (m(x), spiking_logits(m, x, scales, recipe.t_max, early=False))]

    model = fit(model, ann_and_spiking, recipe.grid, recipe, images, labels)
    for name in WEIGHTED:
        parametrize.remove_parametrizations(getattr(model, name), "weight")
    drift = [now / scale for now, scale in zip(measure_scales(model, images[: recipe.calibration], recipe.spiking_percentile), scales)]
    print("percentiles, coded:", " ".join(f"{value:.3f}" for value in drift), flush=True)
    return model


@torch.no_grad()
def rescale(model, before, after):
    """Scales each layer's outputs by after / before. ReLU and max-pool commute with that, so no answer changes."""
    factors = [1.0] + [new / old for old, new in zip(before, after)]
    for i, name in enumerate(WEIGHTED):
        module = getattr(model, name)
        module.weight *= factors[i + 1] / factors[i]
        module.bias *= factors[i + 1]


def to_grid(weight, step):
    return (weight / step).round().clamp(-LIMIT, LIMIT) * step


def best_step(weight):
    """The power of two whose grid is nearest to the weights by squares, those that it clips included."""
    return min((2.0**e for e in range(-12, 3)), key=lambda step: float(((to_grid(weight, step) - weight) ** 2).sum()))


# ---------------------------------------------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=[name for name, recipe in RECIPES.items() if recipe.grid])
    parser.add_argument("--data", required=True, help="folder with the four IDX files")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    recipe = RECIPES[arguments.name]
    weights = Path(__file__).parent.parent / recipe.name / "build" / "weights.pt"
    model = LeNet(recipe.channels, norm=False)
    model.load_state_dict(torch.load(weights))
    images, labels = idx_data.load(arguments.data, "train")
    kept = len(images) - recipe.held_out
    torch.save(tune(recipe, model, images[:kept], labels[:kept]).state_dict(), weights)


if __name__ == "__main__":
    main()
