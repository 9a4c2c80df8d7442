"""spiking.py against its slow twin, which walks the steps of one neuron: `python3 models/training/spiking_test.py`."""

import torch

from spiking import SpikingLayer, fire


def walk(weights, bias, levels, t_max, rectify):
    """Level of one neuron, step by step. `bias` is a level and may be negative: it then arrives after read-out."""
    n = t_max - 1
    arrivals = [(2 * n - int(q), w) for q, w in zip(levels, weights)] + [(2 * n - bias, 1.0)]
    arrivals.append((2 * n, -sum(weights)))  # counter weight
    current = potential = 0.0
    last = 3 * n if rectify else 4 * n - 1
    for step in range(last):
        current += sum(w for at, w in arrivals if at == step)
        potential += current
        if potential >= t_max - 0.5:
            return min(3 * n - step, 2 * n)
    return 3 * n - last


def main():
    torch.manual_seed(1)
    early = 0
    for trial in range(400):
        t_max, fan_in, out = (4, 8, 16)[trial % 3], 1 + trial % 7, 5
        n, rectify = t_max - 1, trial % 2 == 0
        # weights and biases on a grid of 1/16: sums are exact, so the two must agree on ties as well
        weight, bias = torch.randint(-24, 25, (out, fan_in)) / 16.0, torch.randint(-32, 33, (out,)) / 16.0
        layer = SpikingLayer(weight, bias, False, rectify)
        levels = torch.randint(0, 2 * n + 1, (6, fan_in)).float()
        found, fired_early, _ = fire(layer, levels, t_max)
        early += int(fired_early.sum())
        for i in range(len(levels)):
            for k in range(out):
                bias_level = int(torch.round(bias[k] * n))
                expected = walk(weight[k].tolist(), bias_level, levels[i].tolist(), t_max, rectify)
                assert found[i, k] == expected, (trial, t_max, levels[i], weight[k], bias_level, found[i, k], expected)
    print(f"400 layers, 12000 neurons, {early} early spikes: all as walked step by step")


if __name__ == "__main__":
    main()
