// The real server as a process of its own, over a data folder of its own, and clips for it.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const BINARY = resolve(ROOT, process.env["SIGHTLINE_BIN"] ?? "target/debug/sightline");

/** A key that tokens are signed with, so that a test can make one that has expired. */
export const SECRET = "a-key-for-tests-that-is-long-enough";

/** A folder that is gone after the process. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sightline-web-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A video of `seconds` in which `motion` finds something, 25 frames/s. */
export function clip(folder: string, name: string, seconds: number): string {
  const path = join(folder, name);
  const pattern = `testsrc2=size=320x240:rate=25:duration=${seconds}`;
  const how = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "ultrafast", "-g", "25"];
  execFileSync("ffmpeg", ["-v", "error", "-y", "-f", "lavfi", "-i", pattern, ...how, path]);
  return path;
}

export class Server {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
    private readonly data: string,
  ) {}

  /** Starts one over the folder `data`, at `port` or a free one. */
  static async start(data: string, port = 0): Promise<Server> {
    const child = spawn(BINARY, ["serve", "--port", String(port), "--data-dir", join(data, "data")], {
      cwd: data,
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        PATH: process.env["PATH"],
        HOME: data,
        JWT_SECRET: SECRET,
        LOG_LEVEL: "error",
        METRICS_ADDR: "off",
        PROCESSING_MAX_CONCURRENT_JOBS: "1",
        SIGHTLINE_MODELS_DIR: join(data, "no-models"),
      },
    });
    const ended = once(child, "exit").then(([code]) => { throw new Error(`the server ended with ${code}`); });
    ended.catch(() => {});
    const lines = createInterface({ input: child.stdout! });
    const [line] = await Promise.race([once(lines, "line"), ended]) as [string];
    const url = line.trim().split(" ").at(-1)!.replace(/\/$/, "");
    process.on("exit", () => child.kill("SIGKILL"));
    return new Server(url, child, data);
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    const exit = once(this.child, "exit");
    this.child.kill("SIGTERM");
    await exit;
  }

  /** Starts it anew, at the same address. */
  async restarted(): Promise<Server> {
    return Server.start(this.data, Number(new URL(this.url).port));
  }
}
