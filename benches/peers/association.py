#!/usr/bin/env python3
"""Times the ByteTrack of the `trackers` package over the scenes that the Rust program wrote.

usage: association.py FOLDER   (one MOTChallenge det.txt per scene, named after it)
Prints per scene, by tabs: name, scene, microseconds per frame of CPU and of wall time, boxes told,
different ids.
What is timed is what a user must call: detections made from arrays, and the update.
"""
import importlib.metadata
import pathlib
import sys
import time

import numpy as np
import supervision as sv
import trackers

NAME = f"python trackers {importlib.metadata.version('trackers')} ByteTrack"

for path in sorted(pathlib.Path(sys.argv[1]).glob("*.txt")):
    rows = np.loadtxt(path, delimiter=",", dtype=np.float32)
    frames = []
    for frame in range(1, int(rows[:, 0].max()) + 1):
        x, y, w, h, score = rows[rows[:, 0] == frame][:, 2:7].T
        frames.append((np.stack([x, y, x + w, y + h], axis=1), score))
    tracker = trackers.ByteTrackTracker(frame_rate=30.0)
    told = []
    cpu, wall = time.process_time(), time.perf_counter()
    for xyxy, score in frames:
        told.append(tracker.update(sv.Detections(xyxy=xyxy, confidence=score)).tracker_id)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    ids = np.concatenate(told)
    ids = ids[ids >= 0]
    per_frame = (f"{spent * 1e6 / len(frames):.1f}" for spent in (cpu, wall))
    print(NAME, path.stem, *per_frame, len(ids), len(np.unique(ids)), sep="\t", flush=True)
