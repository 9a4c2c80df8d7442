"""Trains the larger networks on Fashion-MNIST and leaves models/NAME/model.onnx.

    python3 models/training/large.py fashion-vgg fashion-mobilenet --data DIR

Ordinary networks: BatchNorm and ReLU6 stay in the file, the converter folds them. While they are trained, each layer gets as
much noise as rounding to 32 levels will make, so that what is learnt does not hang on less than that.
"""

import argparse
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import idx_data

MEAN, STD = 0.286, 0.353  # of byte / 255, taken off and divided by before the network
LEVELS = 31
EPOCHS = {"fashion-vgg": 3, "fashion-mobilenet": 4}
BATCH, RATE, SEED = 128, 6e-3, 1


class Rounding(nn.Module):
    """Uniform noise of one level's width while training; nothing afterwards."""

    def __init__(self, signed):
        super().__init__()
        self.signed = signed

    def forward(self, x):
        if not self.training:
            return x
        sample = x.detach().flatten()[:: max(1, x.numel() // 4096)]
        span = sample.max().clamp(min=0) - (sample.min().clamp(max=0) if self.signed else 0)
        return x + (torch.rand_like(x) - 0.5) * (span / LEVELS)


def block(i, o, kernel, stride=1, groups=1, act=nn.ReLU):
    """Convolution, BatchNorm and, unless `act` is None, an activation."""
    conv = nn.Conv2d(i, o, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(o), Rounding(act is None), *([act()] if act else []))


class Bottleneck(nn.Module):
    """MobileNetV2's: widened, one convolution a channel, narrowed without ReLU; added to its input where sizes agree."""

    def __init__(self, i, o, stride, widen=4):
        super().__init__()
        h = i * widen
        self.wide = block(i, h, 1, act=nn.ReLU6)
        self.depthwise = block(h, h, 3, stride, h, act=nn.ReLU6)
        self.narrow = block(h, o, 1, act=None)
        self.adds = stride == 1 and i == o

    def forward(self, x):
        y = self.narrow(self.depthwise(self.wide(x)))
        return x + y if self.adds else y


def mobilenet():
    stages = [(12, 12, 1), (12, 20, 2), (20, 20, 1), (20, 32, 2), (32, 32, 1)]
    body = [Bottleneck(i, o, stride) for i, o, stride in stages]
    head = [block(32, 64, 1, act=nn.ReLU6), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.1), nn.Linear(64, 10)]
    return nn.Sequential(block(1, 12, 3, 2, act=nn.ReLU6), *body, *head)


def vgg():
    first = [block(1, 16, 3), nn.MaxPool2d(2), block(16, 32, 3), nn.MaxPool2d(2)]
    return nn.Sequential(*first, block(32, 48, 3), block(48, 48, 3), nn.AvgPool2d(7), nn.Flatten(), nn.Linear(48, 10))


def fit(net, images, labels, epochs):
    batches = len(images) // BATCH
    optimiser = torch.optim.AdamW(net.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, epochs * batches)
    for epoch in range(epochs):
        net.train()
        started = time.time()
        for pick in torch.randperm(len(images))[: batches * BATCH].split(BATCH):
            loss = F.cross_entropy(net(prepare(images[pick])), labels[pick])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        print(f"epoch {epoch + 1} of {epochs}: loss {float(loss):.3f}, {time.time() - started:.0f} s", flush=True)
    return net.eval()


def prepare(images):
    return (images / 255.0 - MEAN) / STD


@torch.no_grad()
def accuracy(net, images, labels):
    pairs = zip(images.split(500), labels.split(500))
    return sum(int((net(prepare(x)).argmax(1) == y).sum()) for x, y in pairs) / len(images)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", choices=EPOCHS)
    parser.add_argument("--data", required=True, help="folder with the four IDX files")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train, test = (idx_data.load(arguments.data, split) for split in ("train", "test"))
    for name in arguments.names:
        torch.manual_seed(SEED)
        net = fit(vgg() if name == "fashion-vgg" else mobilenet(), *train, EPOCHS[name])
        print(f"{name}: {accuracy(net, *test):.4f} on the test set", flush=True)
        path = Path(__file__).parent.parent / name / "model.onnx"
        path.parent.mkdir(exist_ok=True)
        axes = {"x": {0: "batch"}, "y": {0: "batch"}}
        options = {"input_names": ["x"], "output_names": ["y"], "dynamic_axes": axes, "opset_version": 13}
        torch.onnx.export(net, prepare(test[0][:1]), str(path), **options)


if __name__ == "__main__":
    main()
