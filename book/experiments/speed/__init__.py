"""Speed, measured: every comparison side by side, in one run, on one machine. Nothing here is a test.

    reader.py      reading training.csv
    steps.py       training against the bare network, and against the usual way (baseline_loader.py)
    augmentation.py  augmentation and targets against kornia
    growth.py      time and memory against the number of faces
    serving.py     faces per second once trained
    measure.py     all of these but the first, as one record
"""
