"""A clip looked at once, frame by frame: everything that the checks compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from activities.integrations.biometrics import best_frame, continuity, images
from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.detection import FaceDetector
from activities.integrations.biometrics.faces import DeepFaceEngine
from activities.integrations.biometrics.fingerprints import fingerprint, mirrored
from activities.integrations.biometrics.mesh import FaceMesh, Pose, pose
from activities.integrations.biometrics.movements import Sample
from activities.integrations.biometrics.passive import Crops, MiniFasNet
from activities.integrations.biometrics.quality import cover, face_crop, others, sharpness


@dataclass
class Seen:
    """What is kept of one frame with a face. aligned: 112 x 112. cover: see quality. print, mirrored: see
    fingerprints.
    """

    sample: Sample
    pose: Pose
    aligned: Image
    quality: best_frame.Quality
    look: continuity.Look
    cover: float
    print: bytes
    mirrored: bytes
    crops: Crops | None = None

    @property
    def at_ms(self) -> float:
        """Milliseconds from the start."""
        return self.sample.at_ms


@dataclass
class Clip:
    """A whole clip. times: of every analysed frame; faceless, with_others: how many had no face, or a second one."""

    seen: list[Seen] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    faceless: int = 0
    with_others: int = 0

    @property
    def duration_ms(self) -> float:
        """From the first frame to the last."""
        return self.times[-1] - self.times[0] if self.times else 0.0

    @cached_property
    def joins(self) -> list[int]:
        """Milliseconds at which it seems cut."""
        return continuity.joins([seen.look for seen in self.seen])


class Watcher:
    """Looks at clips. Safe to share between threads."""

    def __init__(self, models: Path, faces: DeepFaceEngine, passive: MiniFasNet | None) -> None:
        self._faces, self._passive = faces, passive
        self._detector, self._mesh = FaceDetector(models), FaceMesh(models)

    def watch(self, video: bytes) -> Clip:
        """Every analysed frame of a clip.

        Raises:
            InvalidInput: it cannot be decoded.
        """
        clip = Clip()
        for frame in images.frames(video):
            image = frame.image
            clip.times.append(frame.at_ms)
            faces = self._detector.find(image)
            if not faces:
                clip.faceless += 1
                continue
            clip.with_others += bool(others(faces))
            face, crop = faces[0], face_crop(image, faces[0])
            points = self._mesh.of_face(image, face)
            clip.seen.append(
                Seen(
                    Sample(frame.at_ms, points),
                    pose(points),
                    self._faces.aligned(image, face),
                    best_frame.quality(crop, sharpness(crop), face.box[2]),
                    continuity.look(frame.at_ms, image, face, points),
                    cover(image, points),
                    fingerprint(image, points),
                    mirrored(image, points),
                    self._passive.crops(image, face) if self._passive else None,
                )
            )
        return clip
