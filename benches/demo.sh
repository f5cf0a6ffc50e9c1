#!/usr/bin/env bash
# The first minute: renders a scene whose truth is known, analyses it with the detector that needs
# no weights, and prints count and crossings beside the truth. With a video of your own: that one.
#   benches/demo.sh SIGHTLINE [VIDEO]
set -euo pipefail
sightline=$1 video=${2:-}
out=demo-out

if [ -n "$video" ]; then
  "$sightline" analyze "$video" --job people-count --out "$out/yours"
  exit
fi
"$sightline" simulate --out "$out/scene"
"$sightline" analyze "$out/scene/video.mp4" --job emergency-count --model motion \
  --params "$out/scene/params.json" --out "$out/result"
python3 - "$out/scene/crossings.json" "$out/result/results.json" <<'PYTHON'
import json, sys
truth, found = (json.load(open(path)) for path in sys.argv[1:3])
print(f"\n{'':24}{'truth':>8}{'found':>8}")
print(f"{'distinct figures':24}{truth['unique_figures']:8}{found['total_objects']:8}")
for line in truth["lines"]:
    counts = found["final_counts"][line["id"]]
    for way in ("forward", "backward"):
        print(f"{line['name'] + ', ' + way:24}{line[way]:8}{counts[way]:8}")
print(f"\nwatch: demo-out/result/annotated.mp4   try: make demo VIDEO=my.mp4")
PYTHON
