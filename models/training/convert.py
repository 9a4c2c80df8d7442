"""Makes model.onnx and build/network.raw.safetensors of a trained network, and measures both.

    python3 models/training/convert.py mnist-lenet --data DIR

The percentile is chosen by the accuracy of the spiking network on held-out training images; the test set is used once,
at the end. The raw file lacks the self-test and the SNN accuracy: the runtime's own kernel adds them.
"""

import argparse
import hashlib
from pathlib import Path

import torch

import idx_data
import network_file
from lenet import LeNet
from normalise import measure_scales, normalise
from recipes import RECIPES
from spiking import evaluate


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--data", required=True, help="folder with the four IDX files")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    recipe = RECIPES[arguments.name]
    folder = Path(__file__).parent.parent / recipe.name
    model = LeNet(recipe.channels, norm=False).eval()
    model.load_state_dict(torch.load(folder / "build" / "weights.pt"))

    images, labels = idx_data.load(arguments.data, "train")
    percentile, scales = choose_percentile(recipe, model, images, labels)
    layers = normalise(model, scales)
    test_images, test_labels = idx_data.load(arguments.data, "test")
    ann = ann_accuracy(model, test_images, test_labels)
    snn = evaluate(layers, test_images, test_labels, recipe.t_max)
    print(f"percentile {percentile}, scales {[round(s, 4) for s in scales]}")
    print(f"test set: ANN {ann:.4f}, SNN {snn['accuracy']:.4f}, ties {snn['ties']}")
    print(f"early {_percent(snn['early'])}, saturated {_percent(snn['saturated'])}")

    export_onnx(model, folder / "model.onnx")
    digest = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    data = network_file.build(recipe, layers, scales, percentile, ann, digest)
    (folder / "build" / "network.raw.safetensors").write_bytes(data)


def choose_percentile(recipe, model, images, labels):
    """The percentile with the best held-out SNN accuracy, and its scales. One whose biases do not fit is out.

    Equal accuracies: the largest percentile, because it has the fewest early spikes.
    """
    held_images, held_labels = images[-recipe.held_out :], labels[-recipe.held_out :]
    best = (-1.0, None, None)
    for percentile in recipe.percentiles:
        scales = measure_scales(model, images[: recipe.calibration], percentile)
        layers = normalise(model, scales)
        if max(float(layer.bias.abs().max()) for layer in layers) > network_file.BIAS_MAX:
            print(f"percentile {percentile}: a bias does not fit")
            continue
        found = evaluate(layers, held_images, held_labels, recipe.t_max, torch.float32)
        early = _percent(found["early"])
        print(f"percentile {percentile}: {found['accuracy']:.4f}, ties {found['ties']}, early {early}", flush=True)
        if found["accuracy"] >= best[0]:
            best = (found["accuracy"], percentile, scales)
    return best[1:]


@torch.no_grad()
def ann_accuracy(model, images, labels):
    right = sum(int((model(x / 255.0).argmax(1) == y).sum()) for x, y in zip(images.split(500), labels.split(500)))
    return right / len(images)


def export_onnx(model, path):
    names = {"input_names": ["x"], "output_names": ["y"], "dynamic_axes": {"x": {0: "batch"}, "y": {0: "batch"}}}
    torch.onnx.export(model, torch.zeros(1, 1, 28, 28), str(path), opset_version=13, **names)


# ---------------------------------------------------------------------------------------------------------------------


def _percent(shares):
    return " / ".join(f"{100 * share:.2f} %" for share in shares)


if __name__ == "__main__":
    main()
