"""Makes clip.safetensors.gz: the first test images of a data set, for the demo.

    python3 models/training/clip.py mnist-lenet --data DIR

Tensors `frames` U8 [500, 28, 28, 1] and `labels` U8 [500]; `__metadata__.clip` holds names and licence as JSON.
"""

import argparse
import gzip
import json
from pathlib import Path

import numpy as np

import idx_data
import safetensors_file
from recipes import RECIPES

FRAMES = 500


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--data", required=True, help="folder with the four IDX files")
    arguments = parser.parse_args()
    recipe = RECIPES[arguments.name]
    images, labels = idx_data.load(arguments.data, "test")
    tensors = {
        "frames": images[:FRAMES].permute(0, 2, 3, 1).contiguous().numpy(),  # height, width, channel
        "labels": labels[:FRAMES].numpy().astype(np.uint8),
    }
    clip = {"format_version": 1, "name": recipe.name, "labels": recipe.labels}
    clip |= {"licence": recipe.data_licence, "source": recipe.data_source}
    data = safetensors_file.encode(tensors, {"clip": json.dumps(clip, separators=(",", ":"))})
    target = Path(__file__).parent.parent / recipe.name / "clip.safetensors.gz"
    target.write_bytes(gzip.compress(data, 9, mtime=0))


if __name__ == "__main__":
    main()
