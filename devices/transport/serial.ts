/**
 * Links over a serial line, by the stream of the serialport project: with a binding of our own under Deno, where its
 * native one opens but delivers nothing, and with the package `serialport` itself under Node.
 */

import { SerialPortStream } from "@serialport/stream";
import { LinkError } from "../../src/core/errors.ts";
import type { Transport } from "../../src/ports/transport.ts";
import { createDuplexTransport } from "./duplex_transport.ts";

/** Which line, and how fast. 8 data bits, no parity, 1 stop bit. */
export interface SerialOptions {
  /** `/dev/ttyUSB0`, or a link below `/dev/serial/by-id/` that names the device whichever socket it is in. */
  readonly path: string;
  /** Bits a second, 50 to 12 000 000; any that the device can make. */
  readonly baudRate: number;
  /** Flow control by wire, when the cable has RTS and CTS. */
  readonly rtscts?: boolean;
}

/**
 * Opens a line for this program alone.
 *
 * @throws {LinkError} `link.open` when there is no such device, it is in use, the rate cannot be had, or (Node) the
 *   package `serialport` is not installed
 */
export async function openSerial(options: SerialOptions): Promise<Transport> {
  const { path, baudRate, rtscts = false } = options;
  if (!(Number.isInteger(baudRate) && baudRate >= 50 && baudRate <= 12_000_000)) {
    throw new LinkError("link.open", `Cannot open ${path} as its baud rate must be 50 to 12000000: found ${baudRate}`);
  }
  const port = await createPort({ path, baudRate, rtscts, lock: true, autoOpen: false });
  await new Promise<void>((resolve, reject) => {
    port.open((error) => error === null || error === undefined ? resolve() : reject(openError(path, error)));
  });
  return createDuplexTransport({
    name: `serial ${path}`,
    framing: "cobs",
    stream: port,
    shut: () => shut(port),
    onClose: "lost",
  });
}

// ---------------------------------------------------------------------------------------------------------------------

interface PortOptions {
  readonly path: string;
  readonly baudRate: number;
  readonly rtscts: boolean;
  readonly lock: boolean;
  readonly autoOpen: false;
}

/** The package that Node needs; named by a variable as it is not among the dependencies. */
const NODE_PACKAGE = "serialport";

async function createPort(options: PortOptions): Promise<SerialPortStream> {
  if ("Deno" in globalThis) {
    const { denoSerialBinding } = await import("./deno_serial_binding.ts");
    return new SerialPortStream({ ...options, binding: denoSerialBinding });
  }
  try {
    const { SerialPort } = await import(NODE_PACKAGE);
    return new SerialPort(options) as SerialPortStream;
  } catch (cause) {
    throw new LinkError(
      "link.open",
      `Cannot open ${options.path} as Node needs the package ${NODE_PACKAGE}: found none`,
      {
        cause,
        hint: `npm install ${NODE_PACKAGE}@13, or run under Deno, which needs no package for it`,
      },
    );
  }
}

function openError(path: string, cause: Error): LinkError {
  const text = `Cannot open ${path} as it must be a serial device that is free: found ${cause.message}`;
  return new LinkError("link.open", text, {
    cause,
    hint: /Requires ffi access/.test(cause.message)
      ? "Run it with all permissions, as deno task quartz:serial does: Deno reaches serial lines through libc"
      : "Look with ls -l /dev/serial/by-id; the user must be in the group dialout",
  });
}

function shut(port: SerialPortStream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      port.destroy();
      resolve();
    };
    if (port.isOpen) port.close(done);
    else if (port.closing) port.once("close", done);
    else done();
  });
}
