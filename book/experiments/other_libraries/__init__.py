"""The shipped networks beside what people install instead: dlib's 68 points and MediaPipe's face mesh.

Both bring their models with them from PyPI, and need an environment of their own (MediaPipe asks for an old protobuf)::

    python -m venv others
    others/bin/pip install -e . mediapipe==0.10.14 dlib-bin face_recognition_models "setuptools<81"
    others/bin/python -m book.experiments.other_libraries DATA OUT.json --pixel-offset 0.5

``methods`` finds eight points with each of them, ``compare`` measures the points. The record holds numbers alone.
"""
