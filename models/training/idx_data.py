"""Reads MNIST-like data: four IDX files in one folder, plain or gzipped."""

import gzip
import struct
from pathlib import Path

import numpy as np
import torch

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def load(folder, split):
    """Images U8 [count, 1, 28, 28] and labels I64 [count] of "train" or "test"."""
    images, labels = (_read_idx(Path(folder), name) for name in FILES[split])
    assert len(images) == len(labels), f"{len(images)} images but {len(labels)} labels"
    return torch.from_numpy(images[:, None].copy()), torch.from_numpy(labels.astype(np.int64))


# ---------------------------------------------------------------------------------------------------------------------


def _read_idx(folder, name):
    """An IDX file: two zero bytes, type 8 (U8), number of axes, the size of each as big-endian 32 bits, then data."""
    plain, zipped = folder / name, folder / f"{name}.gz"
    if not plain.exists() and not zipped.exists():
        raise SystemExit(f"Cannot find {name} or {name}.gz in {folder}")
    data = plain.read_bytes() if plain.exists() else gzip.decompress(zipped.read_bytes())
    zero, kind, axes = struct.unpack(">HBB", data[:4])
    if zero != 0 or kind != 8:
        raise SystemExit(f"{name} is not an IDX file of bytes")
    sizes = struct.unpack(f">{axes}I", data[4 : 4 + 4 * axes])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(sizes)
