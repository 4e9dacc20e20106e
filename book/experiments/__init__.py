"""The experiments behind the book's tables. They use the library; the library knows nothing of them.

Each runs from the root of a checkout and writes JSON records, which are kept when it is called again::

    python -m book.experiments.run_plan --help                   the training runs of a plan file (book/plans)
    python -m book.experiments.synthetic_to_real DATA OUT_DIR    synthetic faces and photographs, each tested on both
    python -m book.experiments.coverage DATA OUT.json            whether radii contain what they promise
    python -m book.experiments.own_labels OUT.json               error against labels, on beetles instead of faces
    python -m book.experiments.other_libraries DATA OUT.json     the shipped networks beside dlib and MediaPipe
    python -m book.experiments.face_detector OUT_DIR             the face detector's training
    python -m book.experiments.speed --help                      reading, training, augmentation, prediction
"""
