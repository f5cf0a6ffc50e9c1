#!/usr/bin/env python3
"""2,000 mixed requests a second for a minute: latencies, errors, memory before and after.

  benches/requests.py SIGHTLINE GENERATOR [--rate 2000] [--seconds 60]

GENERATOR is the example `requests` of this workspace: it sends at its rate whether answers come or
not. The server holds 50 jobs that are done; limits are raised by the environment, as an operator
would for clients behind one address.
"""
import argparse, json, subprocess, tempfile
from serving import PASSWORD, Server, clip, cpu, resident

LIMITS = {"RATE_LIMIT_REQUESTS": "1000000/s", "RATE_LIMIT_LOGIN": "1000000/s", "QUEUE_PER_USER": "1000"}
JOBS = 50


def get(server, path, *headers):
    lines = [f"GET {path} HTTP/1.1", "host: bench", f"authorization: Bearer {server.token}", *headers]
    return "\r\n".join(lines) + "\r\n\r\n"


def mixture(server, jobs):
    """Requests by name, and how many of a thousand each is."""
    login = json.dumps({"username": "bench", "password": PASSWORD})
    post = f"POST /api/v1/auth/login HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {len(login)}\r\n\r\n{login}"
    shapes = [("login", 1, post), ("health", 50, get(server, "/health")), ("job types", 29, get(server, "/api/v1/job-types")),
              ("list", 150, get(server, "/api/v1/jobs?limit=20")), ("events", 20, get(server, "/api/v1/events?limit=20"))]
    for number, job in enumerate(jobs):
        path, media = f"/api/v1/jobs/{job['id']}", job["input"]["url"].split("/", 3)[3]
        first = number * 8192
        shapes += [("job", 8, get(server, path)), ("results", 3, get(server, path + "/results")),
                   ("media range", 4, get(server, f"/{media}", f"range: bytes={first}-{first + 65535}"))]
    return [{"name": name, "weight": weight, "text": text} for name, weight, text in shapes]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("sightline")
    p.add_argument("generator")
    p.add_argument("--rate", type=int, default=2000)
    p.add_argument("--seconds", type=int, default=60)
    a = p.parse_args()
    video = clip(a.sightline)
    with Server(a.sightline, **LIMITS) as server, tempfile.NamedTemporaryFile("w", suffix=".json") as plan:
        server.sign_in("bench")
        jobs = [server.submit(video, f"clip-{n}.mp4") for n in range(JOBS)]
        json.dump(mixture(server, jobs), plan)
        plan.flush()
        before, used = resident(server.pid), cpu(server.pid)
        command = [a.generator, f"127.0.0.1:{server.port}", plan.name, str(a.rate), str(a.seconds), "64"]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        used, after = cpu(server.pid) - used, resident(server.pid)
    rate = found["requests"] / found["seconds"]
    print(f"{found['requests']} requests, {rate:.0f}/s: {found['errors']} errors, p50 {found['p50_ms']:.2f} ms, p99 {found['p99_ms']:.2f} ms, "
          f"{used / found['seconds'] * 100:.0f} % of a core, {before:.0f} MiB before and {after:.0f} MiB after")
    for name, row in found["shapes"].items():
        print(f"  {name}: {row['statuses']}, p50 {row['p50_ms']:.2f} ms, p99 {row['p99_ms']:.2f} ms")
    if found["errors"]:
        raise SystemExit(1)


main()
