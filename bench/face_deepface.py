"""`DeepFace.verify` exactly as shipped, in a process of its own: none of our settings reach it.

    python -m bench.face_deepface MODELS

A line of standard input is a JSON list of pairs of paths, a line of standard output
`{"same": [true | false | null where it found no face, ...], "cpu_seconds": ...}`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def _given(path: str) -> Any:
    """A path where DeepFace reads the format itself, else the pixels."""
    if Path(path).suffix.lower() in (".jpg", ".jpeg", ".png"):
        return path
    import cv2

    return cv2.imread(path)


def main() -> None:
    """Answer until the input ends."""
    models = Path(sys.argv[1]).absolute()
    os.environ["DEEPFACE_HOME"] = str(models)
    os.environ["DEEPFACE_BACKEND_ENGINE"] = "onnx"
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a library that prints must not speak into the answers
    from deepface import DeepFace

    def same(one: str, other: str) -> bool | None:
        try:
            found = DeepFace.verify(_given(one), _given(other), model_name="SFace", detector_backend="yunet")
        except ValueError:  # it finds no face
            return None
        return bool(found["verified"])

    for line in sys.stdin:
        pairs = json.loads(line)
        began = time.process_time()
        told = [same(one, other) for one, other in pairs]
        answers.write(json.dumps({"same": told, "cpu_seconds": time.process_time() - began}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
