#!/usr/bin/env python3
"""Files and ranges of them, as `sightline serve` and as nginx serve them, in turn, as ratios.

  benches/media.py SIGHTLINE [--rounds 3] [--seconds 3]

The same file of 64 MiB in the page cache: ours by a signed URL (which looks the job up for every
request), nginx's by `sendfile` with one worker per core. wrk (one thread, keep-alive) asks for
random ranges of 64 KiB and of 1 MiB and for the whole, over 1 and over 16 connections. CPU is that
of the server alone. Needs Debian's packages nginx-light and wrk.
"""
import argparse, os, re, shutil, socket, statistics, subprocess, tempfile, time
from serving import Server, clip, cpu, free_port, resident

SIZE = 64 << 20
SHAPES = {"64 KiB": 64 << 10, "1 MiB": 1 << 20, "whole": None}

SCRIPT = """
local size, length, seed = %d, %s, 1
request = function()
  if not length then return wrk.format() end
  seed = (seed * 1103515245 + 12345) %% 2147483648
  local first = math.floor(seed / 2147483648 * (size - length))
  return wrk.format(nil, nil, {["Range"] = "bytes=" .. first .. "-" .. first + length - 1})
end
"""

NGINX = """
daemon off; worker_processes auto; pid %(home)s/pid; error_log %(home)s/error.log;
%(user)s
events { worker_connections 1024; }
http {
  access_log off; sendfile on; keepalive_requests 1000000; default_type video/mp4;
  client_body_temp_path %(home)s/a; proxy_temp_path %(home)s/b; fastcgi_temp_path %(home)s/c; uwsgi_temp_path %(home)s/d; scgi_temp_path %(home)s/e;
  server { listen 127.0.0.1:%(port)d; root %(home)s; }
}
"""


def until_listening(port):
    for _ in range(100):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("nginx does not listen")


class Nginx:
    def __init__(self, file):
        self.folder = tempfile.TemporaryDirectory()
        self.port, home = free_port(), self.folder.name
        os.chmod(home, 0o755)
        shutil.copy(file, f"{home}/file.mp4")
        user = "user root;" if os.geteuid() == 0 else ""
        with open(f"{home}/conf", "w") as conf:
            conf.write(NGINX % {"home": home, "port": self.port, "user": user})
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", f"{home}/conf"], stderr=subprocess.DEVNULL)
        self.pid, self.url = self.process.pid, f"http://127.0.0.1:{self.port}/file.mp4"
        until_listening(self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(3)
        self.process.wait(10)
        self.folder.cleanup()


def measure(pid, url, script, connections, seconds):
    """MiB a second, and CPU milliseconds a MiB."""
    before = cpu(pid)
    run = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "30", "-s", script, url],
                         check=True, capture_output=True, text=True).stdout
    used = cpu(pid) - before
    if re.search(r"Non-2xx|Socket errors", run) or used == 0:
        raise SystemExit(run)
    amount = re.search(r"in ([\d.]+)(ms|s|m),", run)
    took = float(amount.group(1)) * {"ms": 1e-3, "s": 1, "m": 60}[amount.group(2)]
    read = re.search(r"([\d.]+)([KMG]B) read", run)
    total = float(read.group(1)) * {"KB": 2**-10, "MB": 1, "GB": 1024}[read.group(2)]
    return total / took, used * 1e3 / total


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("sightline")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=int, default=3)
    a = p.parse_args()
    for tool in ("/usr/sbin/nginx", "wrk"):
        if not shutil.which(tool):
            print(f"skipped: {tool} is missing: apt-get install nginx-light wrk")
            return
    video = clip(a.sightline, SIZE)
    limits = {"RATE_LIMIT_REQUESTS": "10000000/s"}
    with tempfile.NamedTemporaryFile() as file, Server(a.sightline, **limits) as server:
        file.write(video)
        file.flush()
        server.sign_in("bench")
        ours = server.submit(video, "large.mp4")["input"]["url"]
        before = resident(server.pid)
        with Nginx(file.name) as nginx:
            peers = {"sightline": (server.pid, ours), "nginx": (nginx.pid, nginx.url)}
            for shape, length in SHAPES.items():
                with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
                    script.write(SCRIPT % (SIZE, length or "nil"))
                    script.flush()
                    for connections in (1, 16):
                        table(shape, connections, peers, script.name, a)
        print(f"memory of sightline: {before:.0f} MiB before and {resident(server.pid):.0f} MiB after")


def table(shape, connections, peers, script, a):
    figures = {name: [] for name in peers}
    for _ in range(a.rounds):
        for name, (pid, url) in peers.items():
            figures[name].append(measure(pid, url, script, connections, a.seconds))
    medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in figures.items()}
    told = "; ".join(f"{name} {speed:.0f} MiB/s, {used:.2f} ms CPU per MiB" for name, (speed, used) in medians.items())
    speed, used = (medians["sightline"][i] / medians["nginx"][i] for i in (0, 1))
    print(f"{shape}, {connections} connection(s): {told}: {speed:.2f}x the throughput, {used:.2f}x the CPU", flush=True)


main()
