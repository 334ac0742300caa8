"""Whether the operator has supplied the weights of a passive liveness model: no package carries them.

Rules: para 35.
"""

from __future__ import annotations

from pathlib import Path

from rules.errors import BrokenContract

FOLDER = ".deepface/weights"
WEIGHTS = ("2.7_80x80_MiniFASNetV2.onnx", "4_0_0_80x80_MiniFASNetV1SE.onnx")


def supplied(models: Path) -> bool:
    """Whether both files lie in the folder of the models.

    Raises:
        BrokenContract: one of the two alone.
    """
    there = [(models / FOLDER / name).is_file() for name in WEIGHTS]
    if any(there) and not all(there):
        raise BrokenContract(f"passive liveness needs both files: {', '.join(WEIGHTS)}")
    return all(there)
