"""A server for the benches that need the real one: started, signed in to, given a job, ended."""
import json, os, re, socket, struct, subprocess, tempfile, time, urllib.error, urllib.request, uuid

PASSWORD = "a password for the bench"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu(pid):
    """CPU seconds of a process and of its children that live."""
    tasks = [pid] + [int(p) for p in open(f"/proc/{pid}/task/{pid}/children").read().split()]
    used = 0
    for task in tasks:
        after = open(f"/proc/{task}/stat").read().rsplit(")", 1)[1].split()
        used += int(after[11]) + int(after[12])
    return used / os.sysconf("SC_CLK_TCK")


def resident(pid):
    """Resident memory in MiB."""
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) / 1024


def clip(sightline, size=0):
    """A short video, filled up to `size` bytes with a box that players skip."""
    with tempfile.TemporaryDirectory() as home:
        scene = "--seconds 30 --width 320 --height 180 --fps 5 --figures 12"
        subprocess.run([sightline, "simulate", "--out", home, *scene.split()], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        video = next(open(f"{home}/{name}", "rb").read() for name in os.listdir(home) if name.endswith(".mp4"))
    left = size - len(video)
    return video + (struct.pack(">I4s", left, b"free") + os.urandom(left - 8) if left >= 8 else b"")


class Server:
    """`sightline serve` in a folder of its own, configured by the environment as an operator would."""

    def __init__(self, sightline, **environment):
        self.folder = tempfile.TemporaryDirectory()
        self.port, self.token = free_port(), None
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(f"{self.folder.name}/log", "w")
        settings = {"PORT": str(self.port), "METRICS_ADDR": f"127.0.0.1:{free_port()}", "HOST": "127.0.0.1", "DATA_DIR": f"{self.folder.name}/data", "LOG_LEVEL": "warn"}
        self.process = subprocess.Popen([os.path.abspath(sightline), "serve"], stdout=self.log, stderr=self.log, cwd=self.folder.name,
                                        env={**os.environ, **settings, **environment})
        self.pid = self.process.pid
        self.until(lambda: self.answers("/readyz"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.folder.cleanup()

    def answers(self, path):
        if self.process.poll() is not None:
            raise SystemExit(open(self.log.name).read())
        try:
            return urllib.request.urlopen(self.url + path, timeout=5).status == 200
        except OSError:
            return False

    def until(self, holds, seconds=60):
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                raise SystemExit(f"not within {seconds} s")
            time.sleep(0.05)

    def ask(self, method, path, body=None, content_type="application/json"):
        """The `data` of an answer."""
        headers = {"content-type": content_type}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            return json.load(urllib.request.urlopen(request, timeout=60)).get("data")
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from None

    def sign_in(self, name):
        self.token = self.ask("POST", "/api/v1/auth/register", {"username": name, "password": PASSWORD})["access_token"]

    def submit(self, file_bytes, name):
        """Submits a job for motion, and gives it when it is done."""
        line = uuid.uuid4().hex
        part = lambda head, value: f"--{line}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + value + b"\r\n"
        body = part('name="job_type"', b"people-count") + part('name="params"', b'{"model":"motion"}')
        body += part(f'name="file"; filename="{name}"', file_bytes) + f"--{line}--\r\n".encode()
        job = self.ask("POST", "/api/v1/jobs", body, f"multipart/form-data; boundary={line}")["id"]
        path = f"/api/v1/jobs/{job}"
        self.until(lambda: self.ask("GET", path)["status"] not in ("pending", "processing"))
        found = self.ask("GET", path)
        if found["status"] != "done":
            raise SystemExit(f"the job is {found['status']}: {found['error']}")
        return found
