#!/usr/bin/env python3
"""What is counted in each public clip, beside what people counted by looking.

  benches/truth.py SIGHTLINE DATA_DIR [--sweep]

Same defaults for all clips. With --sweep also over score threshold and track buffer.
"""
import itertools, json, os, subprocess, sys, tempfile

VEHICLES = ["--classes", "car,truck,bus"]
LINE = ["--job", "emergency-count", "--line", "0,0.8,1,0.8"]
RUNS = [
    ("one-by-one-person-detection", "yolox-nano", [], "6 people"),
    ("one-by-one-person-detection", "motion", [], "6 people"),
    ("car-detection", "motion", [], "4 cars"),
    ("car-detection", "yolox-nano", VEHICLES, "4 cars, hard from above"),
    ("cars", "yolox-nano", VEHICLES + LINE, "7 forward"),
    ("cars", "motion", LINE, "7 forward"),
    ("people-walking", "yolox-nano", [], "not counted: two men, a crowd"),
    ("people-walking", "motion", [], "not counted: the camera moves"),
    ("bottle-detection", "yolox-nano", [], "no whole person; arms come in 4 times"),
    ("bottle-detection", "motion", [], "not counted"),
    ("night-street", "yolox-nano", [], "not counted: few distant walkers"),
    ("night-street", "motion", [], "not counted"),
]
SCORES, BUFFERS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6), (15, 30, 60, 90)


def analyze(sightline, data, clip, model, flags, more=None):
    with tempfile.TemporaryDirectory() as out:
        command = [sightline, "analyze", f"{data}/videos/{clip}.mp4", "--model", model, "--models", f"{data}/models",
                   "--no-video", "--out", out, *flags]
        if more:
            json.dump(more, open(f"{out}/p.json", "w"))
            command += ["--params", f"{out}/p.json"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found = json.load(open(f"{out}/results.json"))
    if "final_counts" in found:
        return found["final_counts"]["line-1"]["forward"]
    return found["total_people"]


def main():
    sightline, data, *flags = sys.argv[1:]
    print(f"{'clip':30}{'model':12}{'truth':40}found")
    for clip, model, extra, truth in RUNS:
        print(f"{clip:30}{model:12}{truth:40}{analyze(sightline, data, clip, model, extra)}", flush=True)
    if "--sweep" not in flags:
        return
    for clip, model, extra, truth in [RUNS[0], RUNS[1], RUNS[2], RUNS[4]]:
        print(f"\n{clip} with {model} ({truth}): score down, buffer across\n{'':6}" + "".join(f"{b:5}" for b in BUFFERS))
        found = {(s, b): analyze(sightline, data, clip, model, extra, {"score_threshold": s, "track_buffer": b})
                 for s, b in itertools.product(SCORES, BUFFERS)}
        for s in SCORES:
            print(f"{s:<6}" + "".join(f"{found[s, b]:5}" for b in BUFFERS), flush=True)


if __name__ == "__main__":
    main()
