/** Is the board's line there and free to use, and does its agent answer HELLO? */

import { join } from "node:path";
import { openTransport, parseLinkAddress } from "../../../../devices/transport/address.ts";
import type { BoardConfig } from "../../../config/types.ts";
import { LinkError } from "../../../core/errors.ts";
import { openHostSession } from "../../../link/host_link.ts";
import { openBoard } from "../../../loihi/board_file.ts";
import { VERSION } from "../../version.ts";
import { groupLines, lookAt, type MayUse } from "../access.ts";
import {
  advice,
  type Check,
  command,
  failed,
  type Finding,
  hintOf,
  ok,
  plainError,
  skipped,
  warning,
} from "../check.ts";
import type { DoctorContext } from "../context.ts";
import { reachChecks } from "../network_steps.ts";

const HELLO_MS_MAX = 8000;

/** The checks `board.*`; none where the simulator runs the networks. */
export function boardChecks(context: DoctorContext): Check[] {
  const backend = context.loaded?.config.backend;
  if (backend?.kind !== "loihi") return [];
  const address = parseLinkAddress(backend.link);
  const group = "board";
  const before: Check[] = address.kind === "tcp"
    ? reachChecks("board", group, address)
    : address.kind === "serial"
    ? [{ id: "board.serial", title: "serial line", group, run: () => checkSerial(address.path, context.root) }]
    : [];
  return [
    { id: "board.file", title: "board file", group, run: () => checkFile(backend.board) },
    ...before,
    {
      id: "board.hello",
      title: "HELLO",
      group,
      needs: before.map(({ id }) => id),
      timeoutMs: HELLO_MS_MAX,
      run: (signal) => checkHello(backend, context, signal),
    },
  ];
}

/** For tests with a root of their own: what a serial device says of who may use it. */
export async function checkSerial(path: string, root: string, mayUse?: MayUse): Promise<Finding> {
  const found = await lookAt(join(root, path), "read and write", root, mayUse);
  switch (found.state) {
    case "hidden":
      return skipped("Deno shows /dev only with -A; the line, which is opened through libc, is tried below");
    case "missing":
      return failed(`no ${path}`, command("ls -l /dev/serial/by-id/ /dev/ttyUSB* /dev/ttyACM*   # or: list-devices"));
    case "denied": {
      const text = `${path} is for the group ${found.group} (mode ${
        found.mode.toString(8)
      }), which this user is not in`;
      return failed(text, command(...groupLines(found, { group: "dialout", subsystem: "tty" })));
    }
    case "usable":
      return path.startsWith("/dev/serial/by-id/") ? ok(`${path} may be opened`) : warning(
        `${path} may be opened, but its number may be another's after the next start`,
        advice("name it as under /dev/serial/by-id"),
      );
  }
}

// ---------------------------------------------------------------------------------------------------------------------

async function checkFile(name: string): Promise<Finding> {
  try {
    const { name: board, chips, coresPerChip } = await openBoard(name);
    return ok(`${board}, ${chips} chip(s) of ${coresPerChip} cores`);
  } catch (error) {
    return failed(plainError(error), hintOf(error));
  }
}

async function checkHello(
  { link, baud }: BoardConfig,
  { clock, random }: DoctorContext,
  signal: AbortSignal,
): Promise<Finding> {
  const address = parseLinkAddress(link.startsWith("serial:") ? `${link}?baud=${baud}` : link);
  try {
    const transport = await openTransport(address, clock);
    const stop = () => void transport.close();
    signal.addEventListener("abort", stop, { once: true });
    try {
      const session = await openHostSession(transport, { clock, random, name: `quartz-edge ${VERSION} doctor` });
      const { boardName, agentName, imageSha256 } = session.caps;
      await session[Symbol.asyncDispose]();
      const image = /^0*$/.test(imageSha256) ? "no image loaded" : "an image loaded";
      return ok(`${boardName}, agent ${agentName}, ${image}`);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    const hint = hintOf(error);
    // A serial line is one program's at a time.
    if (/in use by another program/.test(error.message)) {
      return warning(`${plainError(error)} (perhaps by this gateway)`, hint);
    }
    return failed(plainError(error), hint);
  }
}
