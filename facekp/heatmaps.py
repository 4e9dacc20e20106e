"""Keypoints as heatmaps, and back: three kinds of target and six ways to read a peak.

Every function works on batches, on any device. Points inside this file are in *heatmap* pixels;
:func:`to_heatmap` and :func:`to_image` are the only doors between the two grids::

    image   | 0 | 1 | 2 | 3 |      (0, 0) is the centre of the first pixel
    heatmap |   0   |   1   |      stride 2: heatmap pixel 0 lies over image pixels 0 and 1,
                                   so its centre is image position 0.5
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def to_heatmap(points: Tensor, stride: float) -> Tensor:
    """Image pixels to heatmap pixels, any shape: ``(p + 0.5) / stride - 0.5``."""
    return (points + 0.5) / stride - 0.5


def to_image(points: Tensor, stride: float) -> Tensor:
    """Heatmap pixels to image pixels, the inverse of :func:`to_heatmap`."""
    return (points + 0.5) * stride - 0.5


def pair(x: float, y: float, like: Tensor) -> Tensor:
    """(2,) the vector (x, y), of ``like``'s type and on its device.

    Made there by two fill kernels; ``like.new_tensor([x, y])`` would copy it over and wait for the copy, in every step.
    """
    return torch.stack([like.new_full((), x), like.new_full((), y)])


def gaussian(points: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """One Gaussian of height 1 per point, centred on the point itself, not on the nearest pixel.

    Args:
        points: (B, K, 2) heatmap pixels; NaN gives an empty map.
        size: (h, w) of the maps.
        sigma: standard deviation in heatmap pixels.

    Returns:
        (B, K, h, w). A Gaussian is separable, so it is the outer product of two short rows.
    """
    h, w = size
    x = torch.arange(w, device=points.device, dtype=points.dtype)
    y = torch.arange(h, device=points.device, dtype=points.dtype)
    gx = torch.exp(-0.5 * ((x - points[..., 0:1]) / sigma) ** 2)  # (B, K, w)
    gy = torch.exp(-0.5 * ((y - points[..., 1:2]) / sigma) ** 2)  # (B, K, h)
    return gy.nan_to_num(0.0)[..., :, None] * gx.nan_to_num(0.0)[..., None, :]


def whole_pixel_gaussian(points: Tensor, size: tuple[int, int], sigma: float = 1.75) -> Tensor:
    """The target of Newell et al. 2016 as their code draws it: around the pixel that holds the point, cut to a window.

    ``img.lua`` of princeton-vl/pose-hg-train rounds down to a whole pixel, counted from the edge of the first, and
    copies ``image.gaussian(7)`` there: 7x7 pixels, sigma 0.25 * 7 = 1.75. Half a pixel is added back after decoding
    (``pose.lua``). As our points count from the centre of the first pixel, both together round to the nearest one.

    Args:
        points: (B, K, 2) heatmap pixels; NaN gives an empty map.
        size: (h, w) of the maps.
        sigma: standard deviation in heatmap pixels; the window reaches 2 sigma each way (7x7 for 1.75).

    Returns:
        (B, K, h, w).
    """
    pixel = (points + 0.5).floor()
    return gaussian(pixel, size, sigma) * _square(pixel, size, 2 * sigma)


def disc(points: Tensor, size: tuple[int, int], radius: float) -> Tensor:
    """(B, K, h, w): 1 in a disc around each point (B, K, 2), given in heatmap pixels, 0 elsewhere and where NaN."""
    h, w = size
    x = torch.arange(w, device=points.device, dtype=points.dtype)
    y = torch.arange(h, device=points.device, dtype=points.dtype)
    dx2 = (x - points[..., 0:1]).square()  # (B, K, w)
    dy2 = (y - points[..., 1:2]).square()  # (B, K, h)
    return (dy2[..., :, None] + dx2[..., None, :] <= radius**2).to(points.dtype)


def _square(points: Tensor, size: tuple[int, int], reach: float) -> Tensor:
    """(B, K, h, w): 1 where both axes are at most ``reach`` pixels from the point (B, K, 2), else 0."""
    near_x, near_y = ((torch.arange(n, device=points.device) - points[..., axis, None]).abs() <= reach
                      for axis, n in ((0, size[1]), (1, size[0])))  # (B, K, w), (B, K, h)
    return (near_y[..., :, None] & near_x[..., None, :]).to(points.dtype)


LGCN_SIGMAS = (1, 3, 5, 7, 9)


def kernel_rows(sigmas: tuple[float, ...] = LGCN_SIGMAS, device: torch.device | None = None) -> Tensor:
    """(S, d): one row per Gaussian of the kernel of Merget et al. 2018, each cut off at its own window.

    The kernel is the mean of S Gaussians of height 1, sharp in the middle with long tails:

        K(x, y) = 1/S * sum over s of g_s(x) g_s(y),   g_s(x) = exp(-x^2 / 2 s^2) where |x| <= (5 s - 1) / 2, else 0

    With the paper's five sigmas d = 45, K(0, 0) = 1, and all of K sums to 202.271.
    """
    half = int((5 * max(sigmas) - 1) / 2)
    x = torch.arange(-half, half + 1, dtype=torch.float32, device=device)
    return torch.stack([torch.exp(-0.5 * (x / s) ** 2) * (x.abs() <= (5 * s - 1) / 2) for s in sigmas])


def kernel_maps(points: Tensor, size: tuple[int, int], sigmas: tuple[float, ...] = LGCN_SIGMAS) -> Tensor:
    """The kernel of :func:`kernel_rows` placed at each point: (B, K, 2) heatmap pixels -> (B, K, h, w).

    It is what a convolution with the kernel makes of a single bright pixel, so a network that ends
    in that convolution can draw it exactly. A point between pixels is shared out over its four
    neighbours (bilinear weights), which keeps the centre of mass on the point.
    """
    rows = kernel_rows(sigmas, points.device).to(points.dtype)
    half = rows.shape[1] // 2
    gx, gy = (_placed(rows, half, points[..., axis], n) for axis, n in ((0, size[1]), (1, size[0])))
    return torch.einsum("sbkh,sbkw->bkhw", gy, gx) / len(rows)


def _placed(rows: Tensor, half: int, centre: Tensor, n: int) -> Tensor:
    """(S, B, K, n): ``rows`` (S, 2 half + 1) centred at ``centre`` (B, K) on an axis of n pixels; NaN gives zeros."""
    whole = centre.nan_to_num(-n - 2 * half).floor()
    part = (centre - whole).nan_to_num(0.0)
    index = torch.arange(n, device=centre.device) - whole[..., None].long()  # (B, K, n): pixels from the centre
    rows = F.pad(rows, (1, 1))  # a zero on either side, for everything outside the window

    def values(i: Tensor) -> Tensor:
        return rows[:, (i + half + 1).clamp(0, rows.shape[1] - 1)]

    return (1 - part[..., None]) * values(index) + part[..., None] * values(index - 1)


# ---- decoders: (B, K, h, w) -> (B, K, 2) heatmap pixels ---------------------------------------
# They want float32 or float64, and the heads see to it: a sum of bfloat16s has two or three digits.


def peak(maps: Tensor) -> Tensor:
    """(B, K): the highest value of each map, the simplest confidence."""
    return maps.amax(dim=(-2, -1))


def argmax(maps: Tensor) -> Tensor:
    """The brightest pixel. Whole pixels only: even a perfect map is off by 0.29 px RMSE per coordinate."""
    w = maps.shape[-1]
    flat = maps.flatten(-2).argmax(-1)  # (B, K)
    return torch.stack([flat % w, flat // w], dim=-1).to(maps.dtype)


def quarter_offset(maps: Tensor) -> Tensor:
    """The brightest pixel, moved a quarter pixel towards its brighter neighbour (Newell et al. 2016).

    Against a target with its centre on the point itself (:func:`gaussian`) an error of s / sqrt(48) is left, s being
    the stride: 0.144 heatmap pixels. Against the authors' whole-pixel target (:func:`whole_pixel_gaussian`) both
    neighbours are equal, nothing moves, and s / sqrt(12) is left, 0.289 pixels, as for :func:`argmax`.

    On the border there is only one neighbour. Here each axis is then left alone by itself; the authors' code moves
    a peak only where *both* axes are off the border.
    """
    p = argmax(maps)
    v = _window(maps, p, radius=1)  # (B, K, 3, 3)
    dx = v[..., 1, 2] - v[..., 1, 0]
    dy = v[..., 2, 1] - v[..., 0, 1]
    return p + 0.25 * torch.stack([dx.sign(), dy.sign()], dim=-1) * (_border_distance(maps, p) > 0)


def local_mean(maps: Tensor, radius: int = 3) -> Tensor:
    """The centre of mass of a small window around the brightest pixel.

    Only the window counts, so a background far away has no say. The window's smallest value is
    taken off first: a constant under the peak would pull the mean to the window's middle. Near the
    border the window shrinks, on both sides alike: half a window would pull the mean inwards.

    Args:
        maps: (B, K, h, w).
        radius: half the window's side. Best is about twice the peak's sigma: a smaller window cuts the
            peak unevenly (0.1 px off), a larger one only collects noise.
    """
    p = argmax(maps)
    v = _window(maps, p, radius)  # (B, K, d, d)
    v = (v - v.amin(dim=(-2, -1), keepdim=True)).clamp_min(0)
    step = torch.arange(-radius, radius + 1, device=maps.device, dtype=maps.dtype)
    inside = step.abs() <= _border_distance(maps, p)[..., None]  # (B, K, 2, d)
    v = v * (inside[..., 1, :, None] & inside[..., 0, None, :])
    mass = v.sum(dim=(-2, -1)).clamp_min(1e-12)
    dx = (v.sum(dim=-2) * step).sum(-1) / mass
    dy = (v.sum(dim=-1) * step).sum(-1) / mass
    return p + torch.stack([dx, dy], dim=-1)


def dark(maps: Tensor, blur: float = 0.0) -> Tensor:
    """One Newton step on the log of the map from its brightest pixel (DARK, Zhang et al. 2020).

    The log of a Gaussian is a parabola, so the step from any pixel near it lands on its centre
    exactly: with gradient g and Hessian H of the log-map, the top is at ``p - H^-1 g``. A peak on the
    border is stepped to from the pixel before the border, where g and H need no made-up neighbour.

    Args:
        maps: (B, K, h, w).
        blur: sigma of a Gaussian blur before the step. Predicted maps are not as smooth as targets, and the paper
            blurs them with the target's own sigma; heads do so by default. With 5 % pixel noise on peaks of sigma
            1.5 the error is 0.040 px with that blur and 0.129 px without (``local_mean``: 0.099 px).
            Peaks closer to the border than 2 * blur + 1 pixels go without, as the blur would need made-up values.
    """
    top = top_of_log(maps)
    if blur == 0:
        return top
    near = (_border_distance(maps, argmax(maps)) < 2 * blur + 1).any(-1, keepdim=True)  # (B, K, 1)
    return torch.where(near, top, top_of_log(_blur(maps, blur)))


def top_of_log(maps: Tensor) -> Tensor:
    """(B, K, 2): one Newton step on the logarithm of each map, from its brightest pixel."""
    h, w = maps.shape[-2:]
    p = argmax(maps)
    inner = torch.minimum(p, pair(w - 2, h - 2, p)).clamp_min(1)
    v = _window(maps, inner, radius=1).clamp_min(1e-10).log()  # (B, K, 3, 3)
    gx = 0.5 * (v[..., 1, 2] - v[..., 1, 0])
    gy = 0.5 * (v[..., 2, 1] - v[..., 0, 1])
    hxx = v[..., 1, 2] - 2 * v[..., 1, 1] + v[..., 1, 0]
    hyy = v[..., 2, 1] - 2 * v[..., 1, 1] + v[..., 0, 1]
    hxy = 0.25 * (v[..., 2, 2] - v[..., 2, 0] - v[..., 0, 2] + v[..., 0, 0])
    det = hxx * hyy - hxy * hxy
    step = torch.stack([hyy * gx - hxy * gy, hxx * gy - hxy * gx], dim=-1) / -det[..., None]
    # Only a true top (negative definite Hessian) has somewhere to go, and never further than a pixel.
    is_top = ((det > 1e-12) & (hxx < 0))[..., None]
    return p + torch.where(is_top, inner + step - p, torch.zeros_like(p)).clamp(-1, 1)


def softmax(maps: Tensor, temperature: float = 1.0) -> Tensor:
    """Each map as a probability: ``exp(maps / temperature)``, divided by its sum. Same shape."""
    return (maps.flatten(-2) / temperature).softmax(-1).view_as(maps)


def soft_argmax(maps: Tensor, temperature: float = 1.0) -> Tensor:
    """The mean position under ``softmax(maps / temperature)``: differentiable, no argmax inside.

    At temperature 1 it reads maps that were trained through it (:class:`facekp.heads.DSNTHead`), whose peaks rise
    far above 1. On a Gaussian of height 1 the whole background outweighs the peak, and the answer is
    the middle of the map: that needs about 0.05.
    """
    return _mean_position(softmax(maps, temperature))


def centroid(maps: Tensor) -> Tensor:
    """The centre of mass of the *whole* map. A warning, not a tool: see the heatmap chapter.

    A background of 0.003 everywhere, invisible in a figure, already moves it 3 px towards the
    middle of a 96x96 map.
    """
    maps = maps.clamp_min(0)
    return _mean_position(maps / maps.sum(dim=(-2, -1), keepdim=True).clamp_min(1e-12))


DECODERS = {"argmax": argmax, "quarter_offset": quarter_offset, "local_mean": local_mean, "dark": dark,
            "soft_argmax": soft_argmax, "centroid": centroid}


def _mean_position(p: Tensor) -> Tensor:
    """(B, K, 2): mean (x, y) under maps (B, K, h, w) that each sum to 1."""
    h, w = p.shape[-2:]
    x = torch.arange(w, device=p.device, dtype=p.dtype)
    y = torch.arange(h, device=p.device, dtype=p.dtype)
    return torch.stack([(p.sum(dim=-2) * x).sum(-1), (p.sum(dim=-1) * y).sum(-1)], dim=-1)


def _border_distance(maps: Tensor, p: Tensor) -> Tensor:
    """(B, K, 2): how many pixels there are between whole-pixel ``p`` (B, K, 2) and the nearer border, per axis."""
    h, w = maps.shape[-2:]
    return torch.minimum(p, pair(w - 1, h - 1, p) - p)


def _window(maps: Tensor, centre: Tensor, radius: int) -> Tensor:
    """(B, K, 2r+1, 2r+1): the values around whole-pixel ``centre`` (B, K, 2).

    Beyond the border the map is continued with its border values, so that a peak on the border
    has a neighbour on every side.
    """
    h, w = maps.shape[-2:]
    step = torch.arange(-radius, radius + 1, device=maps.device)
    x = (centre[..., 0].long()[..., None] + step).clamp(0, w - 1)  # (B, K, d)
    y = (centre[..., 1].long()[..., None] + step).clamp(0, h - 1)
    index = y[..., :, None] * w + x[..., None, :]  # (B, K, d, d)
    return maps.flatten(-2).gather(-1, index.flatten(-2)).view_as(index)


def _blur(maps: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of each map, (B, K, h, w), border values continued."""
    K = maps.shape[1]
    radius = max(1, round(3 * sigma))
    x = torch.arange(-radius, radius + 1, device=maps.device, dtype=maps.dtype)
    g = torch.exp(-0.5 * (x / sigma) ** 2)
    g = (g / g.sum()).expand(K, 1, -1)
    padded = F.pad(maps, [radius] * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, g[:, :, None, :], groups=K), g[:, :, :, None], groups=K)


def stack_list(raw: Tensor | list[Tensor]) -> list[Tensor]:
    """A list of maps in float32, whether the network gave one tensor or one per stack."""
    return [maps.float() for maps in (raw if isinstance(raw, list) else [raw])]
