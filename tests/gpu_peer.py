#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Times the published estimator, eager, on the GPU: a line for the table of tests/gpu.sh.
usage: gpu_peer.py FOLDER [FRAMES]     FOLDER: the authors' repository with its checkpoints in models/"""
import os
import sys
import time

import numpy as np


def main():
    folder, frames = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10
    os.chdir(folder)
    sys.path.insert(0, folder)
    import torch
    from PIL import Image
    from estimator import AnomalyDetector
    detector = AnomalyDetector(True)
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (1024, 2048, 3), np.uint8))
    for _ in range(2):
        detector.estimator_image(picture)
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(frames):
        detector.estimator_image(picture)
    torch.cuda.synchronize()
    seconds = (time.perf_counter() - start) / frames
    print('| published code, eager, float32, segmentation 2048x1024 | %.1f ms a frame | %.2f frames/s |'
          % (1e3 * seconds, 1 / seconds))


if __name__ == '__main__':
    main()
