"""Random small changes to a batch of training images, as a camera would make them."""

import math

import torch
import torch.nn.functional as F


def augment(x, recipe):
    """x F32 [count, 1, 28, 28] in [0, 1] -> the same shape: turned, zoomed, shifted; if asked, mirrored and erased."""
    count = len(x)
    angle = _uniform(count, math.radians(recipe.rotate_degrees))
    zoom = 1 + _uniform(count, recipe.zoom)
    shift = _uniform((count, 2), recipe.shift_pixels / 14)  # affine_grid spans -1..1 over 28 pixels
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0) if recipe.flip else torch.ones(count)
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    row_x = torch.stack([cos * mirror, -sin, shift[:, 0]], 1)
    row_y = torch.stack([sin * mirror, cos, shift[:, 1]], 1)
    grid = F.affine_grid(torch.stack([row_x, row_y], 1), x.shape, align_corners=False)
    x = F.grid_sample(x, grid, align_corners=False)
    return _erase(x, recipe.erase) if recipe.erase else x


# ---------------------------------------------------------------------------------------------------------------------


def _uniform(shape, limit):
    return (torch.rand(shape) * 2 - 1) * limit


def _erase(x, share):
    """Sets a rectangle of 4 to 12 pixels a side to 0 in a share of the images."""
    count, _, height, width = x.shape
    top, left = torch.randint(0, height, (count, 1)), torch.randint(0, width, (count, 1))
    tall, wide = torch.randint(4, 13, (count, 1)), torch.randint(4, 13, (count, 1))
    rows, columns = torch.arange(height), torch.arange(width)
    in_rows, in_columns = (rows >= top) & (rows < top + tall), (columns >= left) & (columns < left + wide)
    hole = in_rows[:, :, None] & in_columns[:, None, :] & (torch.rand(count, 1, 1) < share)
    return x.masked_fill(hole[:, None], 0.0)
