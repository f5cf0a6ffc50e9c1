#!/usr/bin/env python3
"""The whole `analyze` against a Python pipeline with the same model, in turn, as ratios.

  benches/analyze.py SIGHTLINE PEER.py VIDEO MODELS_DIR [--rounds 3] [--annotate]

PEER.py is shared/tools/peers/python_pipeline.py; needs numpy, opencv-python-headless, onnxruntime,
supervision, trackers (and openvino for its modes). The peer's own figures are taken, which leave
its start-up and imports out; ours are those of the whole process. What is not inference is what
is left of the CPU time when that of the same session (one thread) in the same run is taken off.
"""
import argparse, json, os, resource, statistics, subprocess, sys, tempfile, time

MODES = {
    "peer, default": [],
    "peer, one thread": ["--threads", "1"],
    "peer, --fast": ["--fast", "--threads", "2"],
    "peer, --fast openvino f32": ["--fast", "--engine", "openvino", "--precision", "f32", "--threads", "2"],
}


def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ours(a, out):
    command = [a.sightline, "analyze", a.video, "--model", "yolox-nano", "--models", a.models, "--out", out]
    begun, used = time.perf_counter(), cpu()
    subprocess.run(command + ([] if a.annotate else ["--no-video"]), check=True, stdout=subprocess.DEVNULL)
    wall, used = time.perf_counter() - begun, cpu() - used
    frames = json.load(open(f"{out}/results.json"))["frame_count"]
    return wall / frames, used / frames


def peer(a, mode, out):
    command = [sys.executable, a.peer, a.video, "--model", f"{a.models}/yolox/yolox_nano.onnx", "--out", out]
    run = subprocess.run(command + MODES[mode] + (["--annotate"] if a.annotate else []),
                         check=True, capture_output=True, text=True)
    found = json.loads(run.stdout.strip().splitlines()[-1])
    return found["seconds"] / found["frames"], found["cpu_ms_per_frame"] / 1e3


def inference(a, openvino, runs=200):
    """CPU seconds of one run of the session with one thread: ours and most of the peer's modes."""
    import numpy as np
    model, x = f"{a.models}/yolox/yolox_nano.onnx", np.full((1, 3, 416, 416), 114, np.float32)
    if openvino:
        import openvino as ov
        config = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        request = ov.Core().compile_model(model, "CPU", config).create_infer_request()
        run = lambda: request.infer([x])
    else:
        import onnxruntime as ort
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        run = lambda: session.run(None, {session.get_inputs()[0].name: x})
    for _ in range(10):
        run()
    begun = time.process_time()
    for _ in range(runs):
        run()
    return (time.process_time() - begun) / runs


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("sightline", "peer", "video", "models"):
        p.add_argument(name)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--annotate", action="store_true")
    a = p.parse_args()
    modes = list(MODES)
    try:
        import openvino  # noqa: F401
    except ImportError:
        modes = [m for m in modes if "openvino" not in m]
        print("skipped: the peer's openvino mode, as openvino is not installed")
    figures = {name: [] for name in ["sightline", *modes]}
    infer = {False: [], True: []}
    has_openvino = any("openvino" in m for m in modes)
    with tempfile.TemporaryDirectory() as out:
        for _ in range(a.rounds):
            infer[False].append(inference(a, False))
            if has_openvino:
                infer[True].append(inference(a, True))
            figures["sightline"].append(ours(a, f"{out}/ours"))
            for mode in modes:
                figures[mode].append(peer(a, mode, f"{out}/peer"))
    i = statistics.median(infer[False])
    of = lambda name: statistics.median(infer["openvino" in name])
    print(f"{os.path.basename(a.video)}, {'with' if a.annotate else 'without'} annotated video, {a.rounds} rounds in turn;"
          f" inference alone {1e3 * i:.2f} CPU ms a frame")
    print(f"{'':28}{'wall ms':>9}{'cpu ms':>9}{'rest ms':>9}   ours/this: {'wall':>6}{'cpu':>7}{'rest':>7}")
    median = {n: tuple(statistics.median(x) for x in zip(*f)) for n, f in figures.items()}
    w0, c0 = median["sightline"]
    for name, (wall, used) in median.items():
        ratios = f"{w0 / wall:17.2f}{c0 / used:7.2f}{(c0 - i) / max(used - of(name), 1e-9):7.2f}"
        print(f"{name:28}{1e3 * wall:9.2f}{1e3 * used:9.2f}{1e3 * (used - of(name)):9.2f}{ratios}")


if __name__ == "__main__":
    main()
