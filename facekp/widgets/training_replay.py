"""A training run, watched while it goes on or scrubbed through afterwards: its curves, its points on a few faces."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.models import KeypointModel
from facekp.predict import predict
from facekp.runs import fitting
from facekp.widgets.augmentation_playground import faces_data
from facekp.widgets.front import plain, widget, widget_class


def training_replay(runs: Mapping[str, Mapping], faces: Faces) -> Any:
    """Scrub through recorded runs, epoch by epoch: validation error, loss, learning rate, the points on ``faces``.

    Chapter: Training.

    Args:
        runs: by the name that is shown: ``curve``, as the record of a run has it, and ``by_epoch``, for each epoch the
            predicted points of each face as (x0, y0, x1, ...) in pixels.
        faces: those faces.

    Raises:
        InputError: no run, or one whose points are not those of ``faces``; anywidget is not installed.
    """
    shapes = {name: {len(points) for points in run["by_epoch"]} for name, run in runs.items()}
    if not runs or any(shape != {len(faces)} for shape in shapes.values()):
        raise InputError(f"Expected runs with the points of {len(faces)} faces after each epoch; found {shapes}.")
    return widget("training_replay", faces_data(faces) | {"runs": [
        {"name": name, "epochs": len(run["curve"]), "curve": run["curve"], "points": run["by_epoch"]}
        for name, run in runs.items()]})


def sentence(line: dict, epochs: int) -> str:
    """The progress of the training run, from a line of its curve."""
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


def in_notebook() -> bool:
    """Whether a kernel runs this program (Jupyter, Colab, VS Code), so that there may be someone to look."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class Monitor:
    """Called after every epoch of a training run; see :func:`facekp.widgets.monitor`."""

    def __init__(self, faces: Faces, epochs: int, fraction: float = 0.02) -> None:
        self.faces, self.epochs, self.fraction = faces, epochs, fraction
        self.curve: list[dict] = []
        self.points: list[list | None] = []  # of each epoch; None where the budget was spent
        self.spent = 0.0  # seconds in this class
        self.widget: Any = None

    def __call__(self, line: dict, model: KeypointModel) -> None:
        """Take in a line of the curve; in a notebook show it, with the model's points if the budget allows."""
        began = time.perf_counter()
        if self.curve and line["epoch"] <= self.curve[-1]["epoch"]:  # another run has begun: another widget
            self.curve, self.points, self.widget = [], [], None
        self.curve.append(line)
        if in_notebook():
            self.points.append(self.predicted(model) if self.within_budget() else None)
            self.show()
        else:
            print(sentence(line, self.epochs), flush=True)
        self.spent += time.perf_counter() - began

    def within_budget(self) -> bool:
        """The first and the last epoch always; in between while the time spent is within the budget."""
        if len(self.curve) == 1 or self.curve[-1]["epoch"] >= self.epochs:
            return True
        return self.spent <= self.fraction * (self.curve[-1]["seconds"] - self.curve[0]["seconds"])

    def predicted(self, model: KeypointModel) -> list:
        """The model's points of the faces."""
        points, _ = predict(model, fitting(model, self.faces))
        return plain(points.reshape(len(points), -1), 1)

    def show(self) -> None:
        """Send the curve and the points to the widget, which is displayed when there is something to see."""
        from IPython.display import display

        keys = ("epoch", "loss", "val_rmse", "mean_face_rmse", "lr")
        run = {"name": "this run", "epochs": self.epochs, "state": sentence(self.curve[-1], self.epochs),
               "curve": [{key: line[key] for key in keys} for line in self.curve], "points": list(self.points)}
        if self.widget is None:
            self.widget = widget("training_replay", faces_data(self.faces), {"runs": [run]})
            display(self.widget)
        self.widget.live = {"runs": [run]}


def monitor(faces: Faces, epochs: int, count: int = 6, fraction: float = 0.02) -> Monitor:
    """Curves and faces that follow ``fit`` while it runs, and can be scrubbed through afterwards::

        fit(model, train, val, config, callback=monitor(val, config.epochs))

    It shows the loss, the error on the held-out faces, the first ``count`` faces with the predictions of the averaged
    weights, and how long it will take. The curve grows after every epoch; the faces follow as often as the budget
    allows, after the first and the last epoch always. In a terminal there is only a line of text.

    Args:
        faces: whose predictions to show, ``val`` say.
        epochs: of the training run: ``config.epochs``.
        count: how many faces.
        fraction: of the training time that predicting may take.

    Raises:
        InputError: a number that makes no sense, no face, or (in a notebook) no anywidget.
    """
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1 or count < 1 or not 0 < fraction <= 1:
        raise InputError("Expected the number of epochs (config.epochs) and of faces, and a fraction of the time "
                         f"between 0 and 1; found {epochs!r}, {count!r} and {fraction!r}.")
    if not len(faces):
        raise InputError("Expected at least one face to show; found none.")
    if in_notebook():
        widget_class()
    return Monitor(faces.select(slice(count)), epochs, fraction)
