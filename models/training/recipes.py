"""What is trained: one recipe for each bundled network. All that a run depends on, apart from the data, is here."""

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Stage:
    epochs: int
    rate: float  # highest learning rate of the one-cycle schedule


@dataclass(frozen=True)
class Recipe:
    name: str
    labels: tuple  # class ids, [a-z0-9_-]
    channels: tuple  # outputs of conv1, conv2, conv3
    data_licence: str
    data_source: str
    flip: bool = False  # mirror left and right at random (clothes yes, digits no)
    erase: float = 0.0  # share of training images with a random rectangle set to 0
    rotate_degrees: float = 10.0
    shift_pixels: float = 2.0
    zoom: float = 0.1
    label_smoothing: float = 0.05
    ann: Stage = Stage(epochs=20, rate=4e-3)
    spiking: Stage = Stage(epochs=4, rate=5e-4)
    grid: Optional[Stage] = None  # epochs with weights on the grid of 8 bits
    spiking_percentile: float = 99.9  # scale of the activations while the network is fine-tuned as spikes
    batch: int = 128
    seed: int = 1
    t_max: int = 16
    held_out: int = 5000  # last training images: not trained on
    calibration: int = 5000  # first training images: measure the activations


MNIST = Recipe(
    name="mnist-lenet",
    labels=tuple("0123456789"),
    channels=(12, 24, 72),
    data_licence="CC-BY-SA-3.0",
    data_source="MNIST test set (Yann LeCun, Corinna Cortes), first 500 images",
)

FASHION = Recipe(
    name="fashion-lenet",
    labels=("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot"),
    channels=(16, 32, 128),
    data_licence="MIT",
    data_source="Fashion-MNIST test set (Zalando SE), first 500 images",
    flip=True,
    erase=0.3,
    rotate_degrees=5.0,
    shift_pixels=1.5,
    ann=Stage(epochs=30, rate=4e-3),
    grid=Stage(epochs=3, rate=2e-4),
)

RECIPES = {recipe.name: recipe for recipe in (MNIST, FASHION)}
