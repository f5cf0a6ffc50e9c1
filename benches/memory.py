#!/usr/bin/env python3
"""Resident memory of `analyze` at 3,000 and at 30,000 frames of a looped clip.

  benches/memory.py SIGHTLINE VIDEO [analyze's own flags ...]

Loops VIDEO to a little over 30,000 frames without encoding it again, analyses that, and reads VmRSS when the log tells that a frame is through.
"""
import os, re, subprocess, sys, tempfile

MARKS = (3_000, 30_000)


def frames_of(video):
    command = ["ffprobe", "-v", "error", "-count_packets", "-select_streams", "v:0",
               "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", video]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().strip(","))


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) / 1024


def main():
    sightline, video, *flags = sys.argv[1:]
    with tempfile.TemporaryDirectory() as home:
        looped = f"{home}/looped.mp4"
        times = MARKS[-1] // frames_of(video) + 1
        subprocess.run(["ffmpeg", "-v", "error", "-stream_loop", str(times), "-i", video, "-an", "-c", "copy", looped], check=True)
        command = [sightline, "analyze", looped, "--out", f"{home}/out", *flags]
        run = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                               env={**os.environ, "LOG_LEVEL": "actors::pipeline=debug"})
        seen = {}
        for line in run.stderr:
            found = re.search(r"frames=(\d+)", line)
            if found and int(found.group(1)) in MARKS:
                seen[int(found.group(1))] = resident(run.pid)
        assert run.wait() == 0, run.returncode
    first, last = (seen[m] for m in MARKS)
    print(f"{os.path.basename(video)} {' '.join(flags)}: {first:.1f} MiB at {MARKS[0]} frames, {last:.1f} MiB at {MARKS[1]}: {100 * (last / first - 1):+.1f} %")


main()
