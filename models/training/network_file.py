"""The network file of src/model/FORMAT.md, version 1: build one from normalised layers, check one."""

import json
import re

import numpy as np

import safetensors_file
from lenet import WEIGHTED

BIAS_MAX = 2.0  # a bias is a spike at step n * (2 - b), and the window opens at step 0


def build(recipe, layers, scales, percentile, ann_accuracy, source_sha256):
    """Bytes of the file, with neither self-test nor SNN accuracy."""
    tensors, entries, shape, before = {}, [], [1, 28, 28], "input"
    for i, (name, layer) in enumerate(zip(WEIGHTED, layers)):
        tensors[f"{name}.weight"] = layer.weight.detach().numpy().astype("<f4")
        tensors[f"{name}.bias"] = layer.bias.detach().numpy().astype("<f4")
        dense, out = layer.weight.dim() == 2, len(layer.bias)
        if dense:
            flat = [int(np.prod(shape)), 1, 1]
            entries.append({"name": "flatten", "kind": "flatten", "inputs": [before], "shape": flat})
            before, shape = "flatten", [out, 1, 1]
        else:
            kernel = list(layer.weight.shape[2:])
            shape = [out, shape[1] - kernel[0] + 1, shape[2] - kernel[1] + 1]
        entry = {"name": name, "kind": "dense" if dense else "conv2d", "inputs": [before], "shape": shape}
        entry |= {"weights": f"{name}.weight", "bias": f"{name}.bias", "rectify": layer.rectify}
        entry["scale"] = scales[i] / (scales[i - 1] if i else 1.0)
        if not dense:
            entry |= {"kernel": kernel, "stride": [1, 1], "padding": [0, 0, 0, 0], "dilation": [1, 1], "groups": 1}
        entries.append(entry)
        before = name
        if layer.pool:
            before, shape = f"pool{i + 1}", [out, shape[1] // 2, shape[2] // 2]
            entry = {"name": before, "kind": "max_pool", "inputs": [name], "shape": shape}
            entries.append(entry | {"kernel": [2, 2], "stride": [2, 2], "padding": [0, 0, 0, 0]})
    manifest = {
        "format_version": 1,
        "name": recipe.name,
        "convention": "quartz-2023",
        "t_max": recipe.t_max,
        "input": {"shape": [1, 28, 28], "color": "grey", "mean": [0], "std": [1]},
        "layers": entries,
        "output_scale": scales[-1],
        "normalisation": {"method": "joint", "percentile": percentile},
        "labels": list(recipe.labels),
        "provenance": {
            "source": "model.onnx",
            "source_sha256": source_sha256,
            "converter": "models/training 1",
            "calibration_frames": recipe.calibration,
            "ann_accuracy": ann_accuracy,
            "snn_accuracy": None,
            "snn_accuracy_frames": None,
        },
        "self_test": None,
    }
    return safetensors_file.encode(tensors, {"quartz": json.dumps(manifest)})


def check(data):
    """Raises AssertionError if bytes are not such a file; returns (manifest, tensors)."""
    tensors, metadata = safetensors_file.decode(data)
    manifest = json.loads(metadata["quartz"])
    assert list(manifest) == MANIFEST_KEYS, f"manifest keys {list(manifest)}"
    assert list(manifest["provenance"]) == PROVENANCE_KEYS
    assert re.fullmatch("[0-9a-f]{64}", manifest["provenance"]["source_sha256"])
    assert all(re.fullmatch("[a-z0-9_-]+", label) for label in manifest["labels"])
    shapes, scale = {"input": manifest["input"]["shape"]}, 1.0
    for layer in manifest["layers"]:
        assert set(layer) == COMMON_KEYS | LAYER_KEYS[layer["kind"]], f"{layer['name']}: keys {set(layer)}"
        assert len(layer["inputs"]) == 1, f"{layer['name']}: one input expected"
        expected = _output_shape(layer, shapes[layer["inputs"][0]], tensors)
        assert layer["shape"] == expected, f"{layer['name']}: shape {layer['shape']}, expected {expected}"
        shapes[layer["name"]] = layer["shape"]
        if "weights" in layer:
            weight, bias = tensors[layer["weights"]], tensors[layer["bias"]]
            assert weight.dtype == bias.dtype == np.float32 and np.isfinite(weight).all()
            assert np.abs(bias).max() <= BIAS_MAX, f"{layer['name']}: bias outside [-2, 2]"
            scale *= layer["scale"]
    assert abs(scale / manifest["output_scale"] - 1) < 1e-9, "output_scale is not the product of the scales"
    assert manifest["layers"][-1]["shape"] == [len(manifest["labels"]), 1, 1]
    return manifest, tensors


# ---------------------------------------------------------------------------------------------------------------------

MANIFEST_KEYS = ["format_version", "name", "convention", "t_max", "input", "layers", "output_scale", "normalisation"]
MANIFEST_KEYS += ["labels", "provenance", "self_test"]
PROVENANCE_KEYS = ["source", "source_sha256", "converter", "calibration_frames", "ann_accuracy", "snn_accuracy"]
PROVENANCE_KEYS += ["snn_accuracy_frames"]
COMMON_KEYS = {"name", "kind", "inputs", "shape"}
WEIGHT_KEYS = {"weights", "bias", "rectify", "scale"}
LAYER_KEYS = {
    "conv2d": WEIGHT_KEYS | {"kernel", "stride", "padding", "dilation", "groups"},
    "dense": WEIGHT_KEYS,
    "max_pool": {"kernel", "stride", "padding"},
    "flatten": set(),
}


def _output_shape(layer, before, tensors):
    """Shape by geometry; asserts that weights and bias agree with it."""
    if layer["kind"] == "flatten":
        return [int(np.prod(before)), 1, 1]
    if layer["kind"] == "dense":
        out, width = tensors[layer["weights"]].shape
        assert width == int(np.prod(before)) and tensors[layer["bias"]].shape == (out,)
        return [out, 1, 1]
    (top, left, bottom, right), kernel, stride = layer["padding"], layer["kernel"], layer["stride"]
    dilation = layer.get("dilation", [1, 1])
    height = (before[1] + top + bottom - dilation[0] * (kernel[0] - 1) - 1) // stride[0] + 1
    width = (before[2] + left + right - dilation[1] * (kernel[1] - 1) - 1) // stride[1] + 1
    if layer["kind"] == "max_pool":
        return [before[0], height, width]
    out, fan_in, *size = tensors[layer["weights"]].shape
    assert size == kernel and fan_in * layer["groups"] == before[0] and tensors[layer["bias"]].shape == (out,)
    return [out, height, width]
