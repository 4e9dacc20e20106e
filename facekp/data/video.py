"""Videos: their frames as photos, and those that labels speak of as image files."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from facekp.errors import InputError
from facekp.images import MOST, Photo, too_large

FRAME = re.compile(r"(.+)/frame_([0-9]+)\.png")
"""``clip.mp4/frame_000012.png`` is the thirteenth frame of the video ``clip.mp4``."""


def frames(path: str | Path) -> Iterator[tuple[float, Photo]]:
    """(seconds, photo) of each frame of a video, upright; what cannot be decoded at the end is left out.

    Raises:
        InputError: PyAV is not installed, there is no such file, or it is not a video.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: expected a video; found no such file. Check the path.")
    try:
        import av
    except ImportError:
        raise InputError('Reading videos needs PyAV, which is not installed: pip install "facekp[video]", or save the '
                         "frames as images in a folder.") from None
    count = 0
    try:
        with av.open(str(path)) as video:
            for frame in video.decode(video=0):
                if frame.width * frame.height > MOST:
                    raise too_large(path, f"{frame.width} x {frame.height}")
                pixels = np.rot90(frame.to_ndarray(format="rgb24"), getattr(frame, "rotation", 0) // 90)
                yield frame.time if frame.time is not None else count / 25, Photo(np.ascontiguousarray(pixels))
                count += 1
    except (av.FFmpegError, IndexError) as e:  # IndexError: there is sound, and no image
        if not count:
            raise InputError(f"{path}: expected a video; found something else ({e}). Convert it to MP4.") from None


def save_frames(names: Sequence[str], videos: Path, folder: Path) -> list[Path | None]:
    """Write the frames that ``names`` (see ``FRAME``) mean, of videos in the folder ``videos`` or below, to ``folder``.

    Returns:
        The file for each name, None where it names no frame, or one of a video that is not there or is shorter.

    Raises:
        InputError: PyAV is not installed, or a video cannot be read.
    """
    wanted: list[tuple[str, int] | None] = []
    for name in names:
        match = FRAME.fullmatch(name)
        wanted.append((match[1], int(match[2])) if match else None)
    saved: dict[tuple[str, int], Path] = {}
    for video in dict.fromkeys(frame[0] for frame in wanted if frame):
        path = next((p for p in sorted(videos.rglob("*")) if p.name == video and p.is_file()), None)
        numbers = {frame[1] for frame in wanted if frame and frame[0] == video}
        for i, (_, photo) in enumerate(frames(path) if path else ()):
            if i in numbers:
                saved[video, i] = folder / video / f"frame_{i:06d}.png"
                saved[video, i].parent.mkdir(exist_ok=True)
                Image.fromarray(photo.pixels).save(saved[video, i])
            if i >= max(numbers):
                break
    return [saved.get(frame) if frame else None for frame in wanted]
