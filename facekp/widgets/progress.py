"""A training, watched while it runs: its curve, a few faces, the time that is left."""

import sys
import time

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facekp import plots
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.models import KeypointModel
from facekp.predict import predict
from facekp.runs import fitting
from facekp.widgets.live import bundle, ipywidgets, picture, png


def sentence(line: dict, epochs: int) -> str:
    """Where the training stands, from a line of its curve."""
    left = line["seconds"] / line["epoch"] * (epochs - line["epoch"])
    rest = "done" if line["epoch"] >= epochs else f"about {duration(left)} left"
    error = f"held-out faces {line['val_rmse']:.2f} px (mean face {line['mean_face_rmse']:.2f} px)"
    speed = f"{line['images_per_second']:.0f} images/s"
    return f"epoch {line['epoch']} of {epochs}, {rest}; loss {line['loss']:.3f}, {error}, {speed}"


def duration(seconds: float) -> str:
    """``5 s``, ``3 min 20 s``, ``2 h 05 min``."""
    s = round(seconds)
    if s < 60:
        return f"{s} s"
    return f"{s // 60} min {s % 60:02d} s" if s < 3600 else f"{s // 3600} h {s % 3600 // 60:02d} min"


def draw(curve: list[dict], epochs: int, faces: Faces, points: np.ndarray) -> Figure:
    """Loss and error over the epochs, and beside them ``faces`` with the predicted ``points`` (N, K, 2)."""
    figure = Figure(figsize=(9.0, 3.6))
    _curves(figure.add_axes((0.07, 0.15, 0.38, 0.73)), curve, epochs)
    axis = figure.add_axes((0.53, 0.04, 0.46, 0.92))
    image, corners = mosaic(faces.grey().images)
    plots.draw_face(axis, image)
    for places, colour, marker in ((faces.keypoints, plots.TRUTH, "o"), (points, plots.PREDICTED, "x")):
        there = (places + corners).reshape(-1, 2)
        plots.draw_points(axis, there, faces.scheme, colour, marker=marker, lines=False)
    axis.axis("off")
    return figure


def mosaic(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The images (N, H, W) side by side in two rows as one, and (N, 1, 2): by how much each one's points move.

    One panel instead of N: a picture costs half as much.
    """
    n, H, W = images.shape
    columns = -(-n // 2)
    rows = -(-n // columns)
    sheet = np.full((rows * columns, H, W), 255, images.dtype)
    sheet[:n] = images
    row, column = np.divmod(np.arange(n), columns)
    whole = sheet.reshape(rows, columns, H, W).swapaxes(1, 2).reshape(rows * H, columns * W)
    return whole, np.stack([column * W, row * H], -1)[:, None]


def _curves(axis: Axes, curve: list[dict], epochs: int) -> None:
    """The held-out error in pixels on the left scale, the loss on the right one."""
    epoch = [line["epoch"] for line in curve]
    axis.plot(epoch, [line["val_rmse"] for line in curve], ".-", color=plots.SERIES[0])
    axis.axhline(curve[0]["mean_face_rmse"], color=plots.BASELINE, ls="--", lw=1)
    axis.set(xlim=(0, epochs + 0.5), ylim=(0, None), xlabel="epoch")
    axis.set_title("RMSE on held-out faces (px, blue), dashed: mean face; loss (orange)", fontsize=8, loc="left")
    loss = axis.twinx()
    loss.plot(epoch, [line["loss"] for line in curve], ".:", color=plots.SERIES[1])
    loss.set_ylim(0, None)
    for a, colour in ((axis, plots.SERIES[0]), (loss, plots.SERIES[1])):
        a.tick_params(axis="y", labelcolor=colour, labelsize=8)


def in_notebook() -> bool:
    """Whether a kernel runs this program (Jupyter, Colab, VS Code), so that there may be someone to look."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class Monitor:
    """Called after every epoch of a training; see :func:`facekp.widgets.monitor`."""

    def __init__(self, faces: Faces, epochs: int, share: float = 0.02) -> None:
        self.faces, self.epochs, self.share = faces, epochs, share
        self.curve: list[dict] = []
        self.spent = 0.0  # seconds in this class
        self.last = 0.0  # seconds that the last picture took
        self.drawn = 0  # pictures
        self._handle = None
        self.still = b""

    def __call__(self, line: dict, model: KeypointModel) -> None:
        """Take in a line of the curve, and draw if the budget allows it."""
        began = time.perf_counter()
        if self.curve and line["epoch"] <= self.curve[-1]["epoch"]:  # another training has begun: another picture
            self.curve, self._handle = [], None
        self.curve.append(line)
        if not in_notebook():
            print(sentence(line, self.epochs), flush=True)
        elif self.affordable():
            self.show(model)
            self.last = time.perf_counter() - began
        else:
            self.words.value = sentence(line, self.epochs)
        self.spent += time.perf_counter() - began

    def affordable(self) -> bool:
        """The first and the last picture always; in between, while it and the last one still fit into the share."""
        if len(self.curve) == 1 or self.curve[-1]["epoch"] >= self.epochs:
            return True
        trained = self.curve[-1]["seconds"] - self.curve[0]["seconds"]
        return self.spent + 2 * self.last <= self.share * trained

    def show(self, model: KeypointModel) -> None:
        """Draw the curve and what ``model`` says about the faces."""
        from IPython.display import display

        faces = fitting(model, self.faces)
        points, _ = predict(model, faces)
        self.drawn += 1
        self.still = png(draw(self.curve, self.epochs, faces, points))
        if self._handle is None:
            self._open()
        self.picture.value, self.words.value = self.still, sentence(self.curve[-1], self.epochs)
        if self._handle is None:
            self._handle = display(self, display_id=True)
        elif self.curve[-1]["epoch"] >= self.epochs:
            self._handle.update(self)  # a stored notebook then keeps the last picture, not the first

    def _open(self) -> None:
        """The widgets, made when the first picture is there."""
        w = ipywidgets()
        self.picture, self.words = picture(), w.HTML()
        self.box = w.VBox([self.words, self.picture])

    def __repr__(self) -> str:
        return f"Training monitor, {self.epochs} epochs"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return bundle(self.box, self.still, repr(self))


def monitor(faces: Faces, epochs: int, count: int = 6, share: float = 0.02) -> Monitor:
    """A picture that is drawn while ``fit`` runs::

        fit(model, train, val, config, callback=monitor(val, config.epochs))

    It shows the loss, the error on the held-out faces, the first ``count`` faces with the predictions of the averaged
    weights, and how long it will take. The line of text changes after every epoch, the picture as often as the budget
    allows: the first and the last time always. In a terminal there is only the text.

    Args:
        faces: whose predictions to show, ``val`` say.
        epochs: of the training: ``config.epochs``.
        count: how many faces.
        share: of the training time that drawing may take.

    Raises:
        InputError: a number that makes no sense, no face, or (in a notebook) no ipywidgets.
    """
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1 or count < 1 or not 0 < share <= 1:
        raise InputError("Expected the number of epochs (config.epochs) and of faces, and a fraction of the time "
                         f"between 0 and 1; found {epochs!r}, {count!r} and {share!r}.")
    if not len(faces):
        raise InputError("Expected at least one face to show; found none.")
    if in_notebook():
        ipywidgets()
    return Monitor(faces.select(slice(count)), epochs, share)
