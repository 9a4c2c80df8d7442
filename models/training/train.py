"""Trains one network and leaves its weights in models/NAME/build/weights.pt.

    python3 models/training/train.py mnist-lenet --data DIR

First as an ordinary network with BatchNorm and weight averaging; then, BatchNorm folded, for a few epochs as spikes:
the forward pass is the exact one of spiking.py, the gradient that of the ReLU network (straight through).
"""

import argparse
import copy
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import idx_data
from augment import augment
from lenet import LeNet, fold
from normalise import measure_scales, normalise
from recipes import RECIPES
from spiking import drive, encode, fire, ramp


def train(recipe, images, labels):
    """Images U8 and labels, without the held-out ones -> the plain network, trained."""
    torch.manual_seed(recipe.seed)
    model = LeNet(recipe.channels, norm=True)
    model = fit(model, lambda m, x: [m(x)], recipe.ann, recipe, images, labels)
    model = fold(model, recipe.channels)
    scales = measure_scales(model, images[: recipe.calibration], recipe.spiking_percentile)

    def ann_and_spiking(m, x):
        return [m(x), spiking_logits(m, x, scales, recipe.t_max)]

    return fit(model, ann_and_spiking, recipe.spiking, recipe, images, labels)


def fit(model, logits_of, stage, recipe, images, labels):
    """AdamW with a one-cycle rate on the summed losses of `logits_of`; returns the running average of the weights."""
    batches = len(images) // recipe.batch  # an epoch
    optimiser = torch.optim.AdamW(model.parameters(), lr=stage.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, stage.rate, stage.epochs * batches, pct_start=0.2)
    average = copy.deepcopy(model)
    for epoch in range(stage.epochs):
        started, total = time.time(), 0.0
        model.train()
        for pick in torch.randperm(len(images))[: batches * recipe.batch].split(recipe.batch):
            x, y = augment(images[pick] / 255.0, recipe), labels[pick]
            loss = sum(F.cross_entropy(z, y, label_smoothing=recipe.label_smoothing) for z in logits_of(model, x))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss)
            _average_into(average, model, 0.995)
        seconds = time.time() - started
        print(f"epoch {epoch + 1} of {stage.epochs}: loss {total / batches:.4f}, {seconds:.0f} s", flush=True)
    return average.eval()


def spiking_logits(model, x, scales, t_max, early=True):
    """Logits of the spiking network in units of the source network, differentiable straight through."""
    levels = encode(x, t_max)
    for layer, scale in zip(normalise(model, scales), scales):
        bias = layer.bias if layer.weight.dim() == 2 else layer.bias[:, None, None]
        smooth = drive(layer, levels) + bias * (t_max - 1)
        smooth = smooth.relu() if layer.rectify else smooth
        with torch.no_grad():
            exact = fire(layer, levels, t_max)[0] if early else ramp(layer, levels, t_max)
        levels = smooth + (exact - smooth).detach()
        levels = F.max_pool2d(levels, 2) if layer.pool else levels
    return levels * (scales[-1] / (t_max - 1))


# ---------------------------------------------------------------------------------------------------------------------


@torch.no_grad()
def _average_into(average, model, keep):
    for kept, new in zip(average.state_dict().values(), model.state_dict().values()):
        kept.copy_(new if not kept.is_floating_point() else keep * kept + (1 - keep) * new)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--data", required=True, help="folder with the four IDX files")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    recipe = RECIPES[arguments.name]
    build = Path(__file__).parent.parent / recipe.name / "build"
    build.mkdir(parents=True, exist_ok=True)
    images, labels = idx_data.load(arguments.data, "train")
    kept = len(images) - recipe.held_out
    torch.save(train(recipe, images[:kept], labels[:kept]).state_dict(), build / "weights.pt")


if __name__ == "__main__":
    main()
