#!/usr/bin/env bash
# The first minute: renders a scene whose truth is known, analyses it with the detector that needs
# no weights, and prints count and crossings beside the truth. With a video of your own: that one.
#   benches/demo.sh SIGHTLINE [VIDEO]
set -euo pipefail
sightline=$1 video=${2:-}
out=demo-out

bold='' plain=''
[ ! -t 1 ] || { bold=$'\033[1m' plain=$'\033[0m'; }
say() { printf '\n%s\n' "$bold$*$plain"; }

if [ -n "$video" ]; then
  say "Counting people in $video"
  "$sightline" analyze "$video" --job people-count --out "$out/yours"
  say "Watch $out/yours/annotated.*"
  exit
fi

say "Rendering a scene whose truth is known"
"$sightline" simulate --out "$out/scene"
say "Analysing it with motion, the detector that needs no weights"
"$sightline" analyze "$out/scene/video.mp4" --job emergency-count --model motion \
  --params "$out/scene/params.json" --out "$out/result"
say "Beside the truth"
python3 - "$out/scene/crossings.json" "$out/result/results.json" <<'PYTHON'
import json, sys

truth, found = (json.load(open(path)) for path in sys.argv[1:3])
print(f"{'':34}{'truth':>8}{'found':>8}")
print(f"{'distinct figures':34}{truth['unique_figures']:8}{found['total_objects']:8}")
for line in truth["lines"]:
    counts = found["final_counts"][line["id"]]
    for way in ("forward", "backward"):
        print(f"{line['name'] + ', ' + way:34}{line[way]:8}{counts[way]:8}")
print("To motion a group is one moving thing, and who stops or is hidden comes again as another.")
PYTHON
say "Watch $out/result/annotated.mp4; then try your own: make demo VIDEO=my.mp4"
