/**
 * A small RTSP camera for tests (RFC 2326, over TCP, interleaved): ffmpeg makes the RTP packets, this answers DESCRIBE,
 * SETUP and PLAY and passes them on.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { Buffer } from "node:buffer";
import { createSocket } from "node:dgram";
import { createServer, type Socket } from "node:net";
import { eventually } from "./mqtt_listener.ts";

/** A camera server. Disposing ends it and the ffmpeg behind it. */
export interface RtspServer extends AsyncDisposable {
  /** `rtsp://127.0.0.1:PORT/live` */
  readonly url: string;
  /** Methods in the order of arrival. */
  readonly methods: string[];
  /** False: packets are no longer passed on, and the connection stays. */
  flowing: boolean;
}

/** Starts a camera that shows `source`, input arguments of ffmpeg; with `password`, others than gw get 401. */
export async function openRtspServer(
  folder: string,
  options: { readonly source: readonly string[]; readonly password?: string },
): Promise<RtspServer> {
  const viewers = new Set<Socket>();
  const sockets = new Set<Socket>();
  const methods: string[] = [];
  const rtp = createSocket("udp4");
  await new Promise<void>((resolve) => rtp.bind(0, "127.0.0.1", resolve));
  rtp.on("message", (packet) => {
    if (!server.flowing) return;
    for (const socket of viewers) {
      socket.write(Buffer.concat([Buffer.of(0x24, 0, packet.length >> 8, packet.length), packet]));
    }
  });
  const sdpPath = `${folder}/live.sdp`;
  const child: ChildProcess = spawn("ffmpeg", [
    ...["-nostdin", "-v", "error", "-re", ...options.source, "-pix_fmt", "yuv420p"],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "5", "-bsf:v", "dump_extra"],
    ...["-f", "rtp", "-sdp_file", sdpPath, `rtp://127.0.0.1:${rtp.address().port}`],
  ], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  let sdp = "";
  await eventually(() => {
    try {
      sdp = Deno.readTextFileSync(sdpPath);
    } catch {
      // not written yet
    }
    return sdp.includes("a=rtpmap");
  }, "the SDP");
  // Over TCP the client names the channels; the port in the SDP means nothing.
  const body = sdp.replace(/^SDP:\s*/, "").replace(/m=video \d+/, "m=video 0").trim() + "\r\na=control:trackID=0\r\n";
  const wanted = options.password && `Basic ${Buffer.from(`gw:${options.password}`).toString("base64")}`;

  const answer = (socket: Socket, request: string): unknown => {
    const method = request.split(" ", 1)[0];
    const cseq = /^CSeq: *(\d+)/im.exec(request)?.[1] ?? "0";
    methods.push(method);
    const reply = (status: string, headers: readonly string[] = [], text = "") =>
      socket.write([`RTSP/1.0 ${status}`, `CSeq: ${cseq}`, ...headers, "", text].join("\r\n"));
    if (wanted && /^Authorization: (.*)$/im.exec(request)?.[1].trim() !== wanted) {
      return reply("401 Unauthorized", ['WWW-Authenticate: Basic realm="camera"']);
    }
    const session = "Session: 12345678";
    if (method === "OPTIONS") return reply("200 OK", ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"]);
    if (method === "DESCRIBE") {
      return reply("200 OK", ["Content-Type: application/sdp", `Content-Length: ${body.length}`], body);
    }
    if (method === "SETUP") return reply("200 OK", [session, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]);
    if (method === "PLAY") viewers.add(socket);
    if (method === "TEARDOWN") viewers.delete(socket);
    return reply("200 OK", [session]);
  };
  const listener = createServer((socket) => {
    sockets.add(socket);
    let text = "";
    socket.setNoDelay(true);
    socket.on("data", (bytes) => {
      // The client's own interleaved packets (receiver reports) start with `$`; none of our requests has one.
      text += bytes[0] === 0x24 ? "" : bytes.toString("latin1");
      for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
        answer(socket, text.slice(0, end));
        text = text.slice(end + 4);
      }
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      viewers.delete(socket);
      sockets.delete(socket);
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as { port: number };
  const server: RtspServer = {
    url: `rtsp://127.0.0.1:${port}/live`,
    methods,
    flowing: true,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
      await new Promise<void>((resolve) => rtp.close(() => resolve()));
    },
  };
  return server;
}
