"""onnxruntime and OpenCV set up for this work: one thread a call, no spinning, no chatter."""

from __future__ import annotations

from pathlib import Path

import cv2
import onnxruntime


def session(path: Path, *, arena: bool = True, pattern: bool = True) -> onnxruntime.InferenceSession:
    """A session for one inference at a time per thread. Spinning threads make the slowest calls ten times slower.

    Args:
        arena: keep memory for the next call. Without, rarer and smaller models hold nothing between their calls.
        pattern: plan memory for the size of the input; not where that changes from call to call.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena, options.enable_mem_pattern = arena, pattern
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def calm_opencv() -> None:
    """OpenCV for the whole process: one thread a call, errors only."""
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
