"""Makes model.onnx of a trained network: `python3 models/training/export.py mnist-lenet`. `deno task models:convert` reads it."""

import argparse
from pathlib import Path

import torch

from lenet import LeNet
from recipes import RECIPES


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=RECIPES)
    recipe = RECIPES[parser.parse_args().name]
    folder = Path(__file__).parent.parent / recipe.name
    model = LeNet(recipe.channels, norm=False).eval()
    model.load_state_dict(torch.load(folder / "build" / "weights.pt"))
    names = {"input_names": ["x"], "output_names": ["y"], "dynamic_axes": {"x": {0: "batch"}, "y": {0: "batch"}}}
    torch.onnx.export(model, torch.zeros(1, 1, 28, 28), str(folder / "model.onnx"), opset_version=13, **names)


if __name__ == "__main__":
    main()
