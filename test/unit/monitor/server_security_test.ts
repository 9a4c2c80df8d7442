/** Goal: the monitor gives nothing to whom it should not, and stands what a caller may throw at it. Method: bytes on sockets. */

import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { FAILURES_PER_MIN } from "../../../src/monitor/guard.ts";
import { HEAD_BYTES_MAX } from "../../../src/monitor/server.ts";
import { request, sendRaw } from "../../support/http_raw.ts";
import { startMonitor } from "../../support/monitors.ts";

const TOKEN = "0123456789abcdef-secret";
const bearer = { authorization: `Bearer ${TOKEN}` };
const form = { "content-type": "application/x-www-form-urlencoded" };

Deno.test("without a token configured, this machine sees everything, and every answer is guarded", async () => {
  await using started = await startMonitor();
  for (const path of ["/", "/page/main.ts", "/page/page.css", "/vendor/uplot.js", "/healthz", "/metrics", "/login"]) {
    const { status, headers, body } = await request(started.port, `GET ${path}`);
    assert.equal(status, 200, path);
    assert.ok(body.length > 0 || path.endsWith(".css"), path);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["cache-control"], "no-store");
    assert.match(headers["content-security-policy"], /default-src 'none'.*frame-ancestors 'none'/);
    assert.equal(headers["access-control-allow-origin"], undefined);
    assert.equal((await request(started.port, `HEAD ${path}`)).body, "");
  }
});

Deno.test("with a token configured, what is the gateway's own needs it", async () => {
  await using started = await startMonitor({ token: TOKEN });
  const refused = { authorization: `Bearer ${TOKEN}x` };
  for (const path of ["/", "/events", "/metrics"]) {
    assert.equal((await request(started.port, `GET ${path}`)).status, 401, path);
    assert.equal((await request(started.port, `GET ${path}`, refused)).status, 401, path);
    const cookie = { cookie: `quartz_session=${TOKEN}` };
    assert.equal((await request(started.port, `GET ${path}`, cookie)).status, 401, "the token is no session");
  }
  assert.equal((await request(started.port, `GET /?token=${TOKEN}`)).status, 400, "a token never goes into the URL");
  assert.equal((await request(started.port, "GET /", bearer)).status, 200);
  assert.equal((await request(started.port, "GET /metrics", bearer)).status, 200);
  const health = await request(started.port, "GET /healthz");
  assert.deepEqual(JSON.parse(health.body), { status: "ok" }, "and no more than that");
  const page = await request(started.port, "GET /", { accept: "text/html" });
  assert.equal(page.status, 303);
  assert.equal(page.headers.location, "/login");
});

Deno.test("logging in by form gives a cookie that scripts and other sites cannot use, until logging out", async () => {
  await using started = await startMonitor({ token: TOKEN });
  const wrong = await request(started.port, "POST /login", form, "token=guess");
  assert.equal(wrong.headers.location, "/login?failed");
  assert.equal(wrong.headers["set-cookie"], undefined);
  const right = await request(started.port, "POST /login", form, `token=${TOKEN}`);
  assert.equal(right.headers.location, "/");
  const set = right.headers["set-cookie"];
  assert.match(set, /; HttpOnly; SameSite=Strict; Path=\/; Max-Age=\d+$/);
  assert.ok(!set.includes(TOKEN));
  const cookie = { cookie: set.split(";")[0] };
  assert.equal((await request(started.port, "GET /", cookie)).status, 200);
  await request(started.port, "POST /logout", cookie);
  assert.equal((await request(started.port, "GET /", cookie)).status, 401);
});

Deno.test("guessing tokens by form ends after a number of failures a minute", async () => {
  await using started = await startMonitor({ token: TOKEN });
  for (let i = 0; i < FAILURES_PER_MIN; i++) await request(started.port, "POST /login", form, `token=guess${i}`);
  const { status, headers } = await request(started.port, "POST /login", form, `token=${TOKEN}`);
  assert.equal(status, 429);
  assert.equal(headers["retry-after"], "60");
  assert.equal((await request(started.port, "GET /", bearer)).status, 200, "a token in a header still works");
});

const STRANGERS: readonly [name: string, headers: Record<string, string>, status: number][] = [
  ["a name that was pointed at this machine", { host: "evil.example:8480" }, 421],
  ["a name with a trick in it", { host: "127.0.0.1.evil.example" }, 421],
  ["an empty host", { host: "" }, 400],
  ["a host with a path", { host: "127.0.0.1/x" }, 400],
  ["a page of another site", { origin: "https://evil.example" }, 403],
  ["a page of another port", { origin: "http://127.0.0.1:1" }, 403],
  ["a page without an origin", { origin: "null" }, 403],
  ["an image tag of another site", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }, 403],
  ["a form of another site", { origin: "https://evil.example", "sec-fetch-mode": "navigate" }, 403],
];

for (const [name, headers, status] of STRANGERS) {
  Deno.test(`${name} is refused with ${status}, whatever it asks for`, async () => {
    await using started = await startMonitor({ hosts: ["gw7.lan"] });
    for (const line of ["GET /", "GET /events", "GET /healthz", "POST /login", "GET /nothing"]) {
      assert.equal((await request(started.port, line, headers)).status, status, line);
    }
  });
}

Deno.test("its own names, forwarded ports and links from elsewhere are fine", async () => {
  await using started = await startMonitor({ hosts: ["gw7.lan"] });
  const own: Record<string, string>[] = [
    { host: "localhost:9000" },
    { host: "GW7.lan" },
    { host: "192.168.1.7:8480" },
    { host: "[::1]:8480" },
    { host: "gw7.lan", origin: "https://gw7.lan" },
    { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" },
  ];
  for (const headers of own) assert.equal((await request(started.port, "GET /", headers)).status, 200);
});

Deno.test("two hosts in one request are none", async () => {
  await using started = await startMonitor();
  const lines = ["GET / HTTP/1.1", "host: 127.0.0.1", "host: evil.example", "connection: close", "", ""];
  assert.equal((await sendRaw(started.port, lines.join("\r\n"))).status, 400);
});

const PATHS: readonly [line: string, status: number][] = [
  ["GET /nothing", 404],
  ["GET /page/../monitor.ts", 404],
  ["GET /page/../../../../etc/passwd", 404],
  ["GET /page/%2e%2e/monitor.ts", 404],
  ["GET /page/..%2fmonitor.ts", 404],
  ["GET //etc/passwd", 404],
  ["GET http://127.0.0.1/", 404],
  ["GET /page/main.ts%00.css", 404],
  ["GET /?x=1", 400],
  ["GET /events?camera=nobody", 404],
  ["GET /" + "y".repeat(1000), 414],
  ["POST /", 405],
  ["PUT /page/main.ts", 405],
  ["DELETE /events", 405],
  ["HEAD /events", 405],
  ["OPTIONS /", 405],
  ["TRACE /", 405],
  ["GET /logout", 405],
];

Deno.test("only the listed paths and methods are answered", async () => {
  await using started = await startMonitor();
  for (const [line, status] of PATHS) assert.equal((await request(started.port, line)).status, status, line);
  assert.equal((await request(started.port, "POST /")).headers.allow, "GET, HEAD");
});

Deno.test("heads and bodies beyond their limits are refused", async () => {
  await using started = await startMonitor({ token: TOKEN });
  const long = await request(started.port, "GET /", { "x-long": "y".repeat(HEAD_BYTES_MAX) });
  assert.ok(long.closed && (long.status === 0 || long.status === 431), `${long.status}`);
  const line = await sendRaw(started.port, `GET /${"y".repeat(1_000_000)}`);
  assert.ok(line.closed);
  const body = await request(started.port, "POST /login", form, `token=${"y".repeat(100_000)}`);
  assert.equal(body.status, 413);
  assert.equal((await request(started.port, "GET /healthz")).status, 200, "others are still answered");
});

Deno.test("a caller that sends its request drop by drop is let go", async () => {
  await using started = await startMonitor();
  const [slow, mute] = await Promise.all([
    sendRaw(started.port, "GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n", 6000),
    sendRaw(started.port, "POST /login HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 50\r\n\r\ntok", 8000),
  ]);
  assert.ok(slow.closed && mute.closed);
});

Deno.test("viewer number 201 is told that there are too many; the others go on", async () => {
  await using started = await startMonitor();
  const sockets: Socket[] = [];
  const opened = await Promise.all(Array.from({ length: 200 }, () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(started.port, "127.0.0.1");
      sockets.push(socket);
      socket.once("data", (chunk) => resolve(chunk.toString().startsWith("HTTP/1.1 200")));
      socket.write("GET /events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
    })));
  assert.ok(opened.every((ok) => ok));
  const { status, body, headers } = await request(started.port, "GET /events");
  assert.equal(status, 503);
  assert.match(body, /200 viewers look already/);
  assert.equal(headers["retry-after"], "30");
  assert.equal((await request(started.port, "GET /healthz")).status, 200);
  sockets.forEach((socket) => socket.destroy());
  for (let tries = 0; (await request(started.port, "GET /healthz")).status === 200 && tries < 50; tries++) {
    const again = await sendRaw(started.port, "GET /events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", 50);
    if (again.status === 200) return;
  }
  assert.fail("places of viewers who left are free again");
});

Deno.test("a port that is taken is a problem of health, and tried again", async () => {
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(0, "127.0.0.1", () => resolve()));
  const { port } = squatter.address() as { port: number };
  const { promise: failed, resolve } = Promise.withResolvers<void>();
  const sleeps: number[] = [];
  const clock = {
    nowUs: () => performance.now() * 1000,
    wallMs: () => 0,
    sleep: (ms: number) => {
      sleeps.push(ms);
      if (sleeps.length === 2) squatter.close();
      resolve();
      return new Promise<void>((wake) => setTimeout(wake, 5));
    },
  };
  await using started = await startMonitor({ port, clock });
  await failed;
  assert.equal(started.port, port);
  assert.ok(sleeps.length >= 2 && sleeps[0] >= 500, `${sleeps}`);
  assert.equal(started.problems.size, 0, "over when it listens");
});
