#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Average precision, AUROC and FPR95 against scikit-learn, to 1e-9, ties included."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np

try:
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
except ImportError:
    average_precision_score = None

RANKING = os.environ.get("ANOMALY_RANKING", "ranking")
TOLERANCE = 1e-9


def drawn(seed: int, count: int, share: float, levels: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores in [0, 1], anomalies a little higher; levels: distinct scores, 0 for as many as float32 has."""
    random = np.random.default_rng(seed)
    targets = (random.random(count) < share).astype(np.uint8)
    targets[:2] = 0, 1
    scores = np.clip(random.normal(0.4 + shift * targets, 0.15), 0, 1)
    if levels:
        scores = np.round(scores * levels) / levels
    return scores.astype(np.float32), targets


@unittest.skipIf(average_precision_score is None, "scikit-learn is not installed (Debian: python3-sklearn)")
class AgreesWithScikitLearn(unittest.TestCase):
    def compare(self, scores: np.ndarray, targets: np.ndarray) -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(scores.astype("<f4").tobytes() + targets.tobytes())
            file.flush()
            ours = json.loads(subprocess.run([RANKING, file.name], check=True, capture_output=True).stdout)
        counted = targets <= 1
        scores, targets = scores[counted], targets[counted]
        rates, recalls, _ = roc_curve(targets, scores, drop_intermediate=False)
        theirs = {"average_precision": average_precision_score(targets, scores), "auroc": roc_auc_score(targets, scores),
                  "fpr95": rates[np.argmax(recalls >= 0.95)]}
        for name, value in theirs.items():
            self.assertLessEqual(abs(ours[name] - value), TOLERANCE, f"{name}: {ours[name]!r} against {value!r}")

    def test_without_ties(self) -> None:
        self.compare(*drawn(1, 200_000, 0.02, 0, 0.2))

    def test_many_ties_as_of_8_bit_maps(self) -> None:
        self.compare(*drawn(2, 200_000, 0.02, 255, 0.2))

    def test_five_scores(self) -> None:
        self.compare(*drawn(3, 50_000, 0.3, 4, 0.1))

    def test_one_score(self) -> None:
        scores, targets = drawn(4, 1000, 0.3, 0, 0)
        self.compare(np.full_like(scores, 0.5), targets)

    def test_few_anomalies(self) -> None:
        self.compare(*drawn(5, 100_000, 0.0001, 255, 0.4))

    def test_worse_than_chance(self) -> None:
        self.compare(*drawn(6, 20_000, 0.1, 100, -0.3))

    def test_perfect(self) -> None:
        targets = np.array([0, 0, 1, 1, 0], dtype=np.uint8)
        self.compare(targets.astype(np.float32), targets)

    def test_ignored_pixels(self) -> None:
        scores, targets = drawn(7, 50_000, 0.05, 255, 0.2)
        targets[::3] = 255
        self.compare(scores, targets)

    def test_small_sets(self) -> None:
        for seed in range(100):
            self.compare(*drawn(100 + seed, 2 + seed, 0.4, 1 + seed % 7, 0.1))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
