"""The network: three convolutions, two max-pools and a dense layer, as torch modules."""

import torch.nn.functional as F
from torch import nn

WEIGHTED = ("conv1", "conv2", "conv3", "fc1")


class LeNet(nn.Module):
    """1x28x28 in [0, 1] -> 10 logits. The third convolution sees the whole 4x4 map, so it acts as a dense layer.

    With `norm` a BatchNorm follows each convolution: for training only; `fold` makes the plain network.
    """

    def __init__(self, channels, norm):
        super().__init__()
        a, b, c = channels
        self.conv1 = nn.Conv2d(1, a, 5)  # [a, 24, 24], pooled to 12 x 12
        self.conv2 = nn.Conv2d(a, b, 5)  # [b, 8, 8], pooled to 4 x 4
        self.conv3 = nn.Conv2d(b, c, 4)  # [c, 1, 1]
        self.fc1 = nn.Linear(c, 10)
        self.norm1, self.norm2, self.norm3 = (nn.BatchNorm2d(k) if norm else nn.Identity() for k in channels)

    def forward(self, x):
        return self.outputs(x)[-1]

    def outputs(self, x):
        """Output of each weighted layer before its ReLU, in the order of WEIGHTED."""
        one = self.norm1(self.conv1(x))
        two = self.norm2(self.conv2(F.max_pool2d(one.relu(), 2)))
        three = self.norm3(self.conv3(F.max_pool2d(two.relu(), 2)))
        return one, two, three, self.fc1(three.relu().flatten(1))


def fold(trained, channels):
    """The same function without BatchNorm: its mean, deviation, gain and offset go into the convolution before it."""
    plain = LeNet(channels, norm=False)
    plain.fc1.load_state_dict(trained.fc1.state_dict())
    for i in (1, 2, 3):
        conv, norm, target = (getattr(m, f"{n}{i}") for m, n in ((trained, "conv"), (trained, "norm"), (plain, "conv")))
        gain = norm.weight.data / (norm.running_var + norm.eps).sqrt()
        target.weight.data = conv.weight.data * gain[:, None, None, None]
        target.bias.data = (conv.bias.data - norm.running_mean) * gain + norm.bias.data
    return plain.eval()
