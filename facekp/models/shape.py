"""A shape model of the whole face: which 15 points go together (a PCA, Cootes et al. 1995).

A network finds each point for itself, and now and then takes a collar button for the mouth. The points of
a face, though, move together: a dozen directions (closer, turned, mouth open, ...) explain nearly all of
their spread. Merget et al. 2018 fit such a model to their network's maps, to catch what cannot be a face; here it is
fitted to the decoded points, weighted by their confidence, so that it serves every heatmap network.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ShapeModel:
    """Mean face plus directions; learnt with :meth:`learn`.

    Faces are not aligned first: shift, size and turn of the head are among the directions.

    Attributes:
        mean: (2K,) pixels.
        directions: (n, 2K), orthonormal.
        spread: (n,) standard deviation of the faces along each direction, pixels.
        noise: standard deviation, per coordinate, of what the directions leave over; pixels.
    """

    mean: Tensor
    directions: Tensor
    spread: Tensor
    noise: float

    @classmethod
    def learn(cls, keypoints: Tensor, directions: int = 12) -> "ShapeModel":
        """The mean and the first principal directions of complete faces (N, K, 2); faces with a NaN are left out."""
        x = keypoints.flatten(1)
        x = x[x.isfinite().all(1)]
        mean = x.mean(0)
        _, values, v = torch.linalg.svd(x - mean, full_matrices=False)
        variance = values.square() / max(1, len(x) - 1)
        n = min(directions, len(variance))
        rest = variance[n:].sum() / max(1, x.shape[1] - n)
        return cls(mean, v[:n], variance[:n].sqrt(), max(rest.sqrt().item(), 1e-3))

    def fit(self, points: Tensor, weight: Tensor, rounds: int = 5, limit: float = 3.0) -> Tensor:
        """The most probable face near ``points`` (B, K, 2), each trusted as much as its ``weight`` (B, K) in 0..1.

        Least squares for the n coefficients b of a face ``mean + b @ directions``: what the points say, weighted,
        against how unusual b is (in units of ``spread``). Then each point's weight is divided by
        1 + (distance / limit)^2 and the fit is repeated, so that a point far from any face loses its say.

        Args:
            points: image pixels; NaN has no weight.
            weight: e.g. the confidence of a heatmap head.
            rounds: how often to fit.
            limit: pixels from the face at which a point's weight is halved.
        """
        B, K, _ = points.shape
        x = points.nan_to_num(0.0).flatten(1) - self.mean  # (B, 2K)
        weight = weight.clamp(0, 1) * points.isfinite().all(-1)
        trust, fitted = weight, points
        prior = torch.diag((self.noise / self.spread.clamp_min(1e-6)).square())
        for _ in range(rounds):
            w = trust.repeat_interleave(2, dim=1)  # (B, 2K)
            normal = torch.einsum("ik,bk,jk->bij", self.directions, w, self.directions) + prior
            right = torch.einsum("ik,bk->bi", self.directions, w * x)
            b = torch.linalg.solve(normal, right)  # (B, n)
            fitted = (self.mean + b @ self.directions).view(B, K, 2)
            distance = (fitted - points.nan_to_num(0.0)).norm(dim=-1)  # (B, K)
            trust = weight / (1 + (distance / limit).square())
        return fitted

    def repair(self, points: Tensor, weight: Tensor, limit: float = 6.0) -> Tensor:
        """``points``, but those further than ``limit`` pixels from the fitted face, and NaN, are taken from the face.

        A face that is not in the model is fitted only coarsely (a pixel or two off), so good points stay as they are.
        """
        fitted = self.fit(points, weight)
        far = ~((points - fitted).norm(dim=-1) <= limit)
        return torch.where(far[..., None], fitted, points)
