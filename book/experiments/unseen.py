"""The photographs that shipped weights did not learn from."""

import numpy as np

from facekp import metrics
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.predict import predict
from facekp.pretrained import RESEARCH, card, load_pretrained


def unseen(name: str, photographs: Faces) -> Faces:
    """The faces that were held out when the weights called ``name`` were trained on ``photographs``.

    Args:
        name: of shipped weights that learnt from photographs; their card says how many faces were held out, and the
            RMSE there.
        photographs: as they were loaded for the training, all rows.

    Raises:
        InputError: these are other photographs: the RMSE on the faces held out is not the card's.
    """
    of = card(name)
    complete = photographs.complete()
    learnt = of.get("kinds", {}).get("photographs", of["faces"])  # some learnt from other faces as well
    expected = f"the photographs that {name} was trained on, of which {of['held_out']} were held out"
    if of["licence"] != RESEARCH or len(complete) != learnt + of["held_out"]:
        raise InputError(f"Expected {expected}; found {len(complete)} complete faces.")
    test = complete.split(of["held_out"] / len(complete), of["seed"])[1]
    found = metrics.rmse(predict(load_pretrained(name), test)[0], test.keypoints)
    if not np.isclose(found, of["rmse"], atol=0.01):
        raise InputError(f"Expected {expected} with an RMSE of {of['rmse']:.3f} px; found {found:.3f} px. Give the "
                         "same photographs, with the same --pixel-offset.")
    return test
