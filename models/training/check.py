"""Checks the files of one network: `python3 models/training/check.py mnist-lenet`. Prints what it found."""

import argparse
import gzip
import hashlib
import json
from pathlib import Path

import network_file
import safetensors_file
from recipes import RECIPES


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=RECIPES)
    folder = Path(__file__).parent.parent / parser.parse_args().name

    raw = folder / "build" / "network.raw.safetensors"
    manifest, tensors = network_file.check(raw.read_bytes())
    digest = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    assert manifest["provenance"]["source_sha256"] == digest, "the network was made from another model.onnx"
    print(f"{raw.name}: {raw.stat().st_size} bytes, {sum(t.size for t in tensors.values())} parameters")

    clip = folder / "clip.safetensors.gz"
    tensors, metadata = safetensors_file.decode(gzip.decompress(clip.read_bytes()))
    about, (count, *size) = json.loads(metadata["clip"]), tensors["frames"].shape
    assert size == [28, 28, 1] and tensors["labels"].shape == (count,)
    assert tensors["labels"].max() < len(about["labels"]) and about["labels"] == manifest["labels"]
    print(f"{clip.name}: {clip.stat().st_size} bytes, {count} frames")


if __name__ == "__main__":
    main()
