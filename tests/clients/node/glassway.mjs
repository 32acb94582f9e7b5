// Glassway as whole processes before a scripted upstream, for real clients and
// for the browser.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const ADMIN_KEY = "test-admin-key-0123456789abcdef";
const PATIENCE_MS = 60_000;
const root = fileURLToPath(new URL("../../../", import.meta.url));
const binaries = process.env.GLASSWAY_BIN_DIR ?? path.join(root, "target/debug");

/** Waits for a condition; its value is the answer. */
export async function eventually(what, condition) {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    const value = await condition();
    if (value) return value;
    await sleep(20);
  }
  throw new Error(`waited in vain: ${what}`);
}

/** Answers each request with `answer(request, response)`; keeps what it was asked. */
export class Upstream {
  requests = [];
  #server;

  static async start(answer) {
    const upstream = new Upstream();
    upstream.#server = http.createServer(async (request, response) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      const body = Buffer.concat(parts).toString();
      upstream.requests.push({ method: request.method, path: request.url, headers: request.headers, body });
      await answer({ path: request.url, headers: request.headers, body: body && JSON.parse(body) }, response);
    });
    upstream.#server.listen(0, "127.0.0.1");
    await once(upstream.#server, "listening");
    upstream.url = `http://127.0.0.1:${upstream.#server.address().port}`;
    return upstream;
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

export function json(response, body, status = 200, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

/** Begins an event stream; write frames with `event`, then `response.end()`. */
export function stream(response) {
  response.writeHead(200, { "content-type": "text/event-stream" });
}

export function event(response, data, name) {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  response.write(`${name ? `event: ${name}\n` : ""}data: ${text}\n\n`);
}

class Process {
  lines = [];

  static async start(name, config, env) {
    const program = path.join(binaries, name);
    if (!existsSync(program)) throw new Error(`${program} is not built: cargo build -p ${name}`);
    const running = new Process();
    running.child = spawn(program, ["--config", config], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
    for (const output of [running.child.stdout, running.child.stderr]) {
      output.setEncoding("utf8");
      output.on("data", (text) => running.lines.push(text));
    }
    running.url = await eventually(`${name} listens`, () => {
      if (running.child.exitCode !== null) throw new Error(running.log());
      return /listening on (http:\/\/[\d.:]+)/.exec(running.log())?.[1];
    });
    return running;
  }

  log() {
    return this.lines.join("");
  }

  async stop() {
    if (this.child.exitCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.kill("SIGTERM");
    const [code] = await ended;
    if (code !== 0) throw new Error(`exit code ${code}\n${this.log()}`);
  }
}

export class Glassway {
  static async start(upstream, { adminKey = ADMIN_KEY, env = {} } = {}) {
    const glassway = new Glassway();
    glassway.env = env;
    glassway.folder = mkdtempSync(path.join(tmpdir(), "glassway-"));
    glassway.config = path.join(glassway.folder, "config.toml");
    writeFileSync(
      glassway.config,
      `[proxy]\nlisten = "127.0.0.1:0"\ndrain_timeout = "5s"\n` +
        `[upstream]\nbase_url = "${upstream.url}"\nanthropic_base_url = "${upstream.url}"\n` +
        `[monitor]\nlisten = "127.0.0.1:0"\nadmin_key = "${adminKey}"\n`,
    );
    await glassway.startBoth();
    return glassway;
  }

  /** Starts both; after a stop, where they were. */
  async startBoth() {
    const where = this.#where();
    this.proxy = await Process.start("glassway-proxy", this.config, where);
    this.url = this.proxy.url;
    await this.startMonitor(where);
  }

  /** Starts the monitor; after a stop, where it was. */
  async startMonitor(where = this.#where()) {
    this.monitor = await Process.start("glassway-monitor", this.config, where);
  }

  #where() {
    const again = (process) => (process ? new URL(process.url).host : "127.0.0.1:0");
    return { ...this.env, GLASSWAY_PROXY__LISTEN: again(this.proxy), GLASSWAY_MONITOR__LISTEN: again(this.monitor) };
  }

  async stopBoth() {
    await this.proxy.stop();
    await this.monitor.stop();
  }

  async stop() {
    await this.stopBoth();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** GET, or another method with a JSON body. */
  async api(path, body, method = body ? "POST" : "GET") {
    const headers = { authorization: `Bearer ${ADMIN_KEY}` };
    if (body) headers["content-type"] = "application/json";
    const answer = await fetch(this.monitor.url + path, { method, headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** Waits for n finished exchanges; gives them in full, oldest first. */
  async recorded(n) {
    const items = await eventually(`${n} recorded exchanges`, async () => {
      const list = await this.api("/api/requests?limit=1000");
      const ended = list.items.filter((item) => item.outcome !== "in_flight");
      return ended.length === n && ended;
    });
    return Promise.all(items.reverse().map((item) => this.api(`/api/request/${item.id}`)));
  }
}
