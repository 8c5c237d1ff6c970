# SPDX-License-Identifier: LGPL-2.1-or-later
"""Videos whose odd frames are known: of frames of two kinds, flat and noisy, the detector scores one higher."""
import json
import random
import subprocess

WIDTH, HEIGHT, RATE = 64, 48, 10
PATIENCE = 120  # seconds, for a machine that is busy with other work
DETECTOR = ["--method", "softmax-distance", "--normalization", "frame", "--threads", "1"]


def run(*command, **settings):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=PATIENCE, check=False, **settings)


def flat():
    return bytes([16] * (WIDTH * HEIGHT * 3))


def noise():
    return random.Random(1).randbytes(WIDTH * HEIGHT * 3)


def make_video(path, pictures):
    """Frame by frame, without loss."""
    made = subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(RATE),
                           "-i", "-", "-c:v", "ffv1", "-pix_fmt", "bgr0", str(path)], input=b"".join(pictures), check=False,
                          capture_output=True, timeout=PATIENCE)
    if made.returncode:
        raise RuntimeError(made.stderr)


def scores(path, bundle):
    """What the detector, set up as DETECTOR says, makes of each frame."""
    done = run("gst-launch-1.0", "-q", "anomalysource", f"location={path}", "!", "videoconvert", "!", "anomalydetect",
               f"model={bundle}", "method=softmax-distance", "normalization=frame", "threads=1", "!", "anomalypublish", "location=-", "!",
               "fakesink")
    return [json.loads(line)["score"] for line in done.stdout.splitlines()]
