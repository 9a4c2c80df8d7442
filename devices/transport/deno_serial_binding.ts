/**
 * A binding for `@serialport/stream` under Deno on Linux: termios2, poll and an eventfd by foreign calls into libc.
 *
 * Beside `src/core/platform.ts` the only file with `Deno.` in it. Needs `--allow-ffi`. Constants are those of x86-64 and arm64, which have them alike
 * (asm-generic/termbits.h, asm-generic/ioctls.h).
 */

import type { Buffer } from "node:buffer";

/** What the stream asks a binding to open. */
export interface SerialOpenOptions {
  readonly path: string;
  readonly baudRate: number;
  readonly dataBits?: 5 | 6 | 7 | 8;
  readonly stopBits?: 1 | 1.5 | 2;
  readonly parity?: string;
  readonly rtscts?: boolean;
  readonly xon?: boolean;
  readonly xoff?: boolean;
  readonly xany?: boolean;
  readonly hupcl?: boolean;
  readonly lock?: boolean;
}

/** The binding: `new SerialPortStream({ binding: denoSerialBinding, path, baudRate })`. */
export const denoSerialBinding = {
  /** Ports cannot be listed this way; look into `/dev/serial/by-id`. */
  list: (): Promise<never[]> => Promise.resolve([]),
  /** Opens for this process alone: `flock`, as serialport does, and TIOCEXCL against everyone but root. */
  open: (options: SerialOpenOptions): Promise<DenoSerialPort> => {
    // What opening throws becomes a rejection.
    return Promise.resolve().then(() => new DenoSerialPort(options));
  },
};

// ---------------------------------------------------------------------------------------------------------------------

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  // In a thread of its own, since it may wait for ever; the eventfd ends it.
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32", nonblocking: true },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  ioctlNumber: { name: "ioctl", parameters: ["i32", "u64", "u64"], result: "i32" },
  drain: { name: "ioctl", parameters: ["i32", "u64", "u64"], result: "i32", nonblocking: true },
  errnoLocation: { name: "__errno_location", parameters: [], result: "pointer" },
  strerror: { parameters: ["i32"], result: "pointer" },
} as const;

const O_RDWR = 0o2, O_NOCTTY = 0o400, O_NONBLOCK = 0o4000, O_CLOEXEC = 0o2000000;
const POLLIN = 0x1, POLLOUT = 0x4, POLLERR = 0x8, POLLHUP = 0x10, POLLNVAL = 0x20;
const EAGAIN = 11, EWOULDBLOCK_LOCK = 11;
const LOCK_EX = 2, LOCK_NB = 4;
const TCGETS2 = 0x802c542a, TCSETS2 = 0x402c542b, TCSBRK = 0x5409, TCFLSH = 0x540b, TCIOFLUSH = 2;
const TIOCEXCL = 0x540c, TIOCMGET = 0x5415, TIOCMBIS = 0x5416, TIOCMBIC = 0x5417;
const TIOCM_DTR = 0x2, TIOCM_RTS = 0x4, TIOCM_CTS = 0x20, TIOCM_CAR = 0x40, TIOCM_DSR = 0x100;
const IXON = 0o2000, IXANY = 0o4000, IXOFF = 0o10000;
const CSTOPB = 0o100, CREAD = 0o200, PARENB = 0o400, PARODD = 0o1000, HUPCL = 0o2000, CLOCAL = 0o4000;
const CRTSCTS = 0o20000000000, BOTHER = 0o10000, INPUT_SPEED_SHIFT = 16;
/** struct termios2: four flag words, the line discipline, 19 control characters, two speeds. */
const TERMIOS2_BYTES = 44, SPEED_IN_AT = 36, SPEED_OUT_AT = 40, CC_AT = 17, VTIME = 5, VMIN = 6;
/** A rate may be off by this much; a receiver loses its place at about 5 %. */
const BAUD_ERROR_MAX = 0.02;

type Libc = Deno.DynamicLibrary<typeof SYMBOLS>;

/** An open port, as `@serialport/bindings-interface` describes it. */
class DenoSerialPort {
  readonly openOptions: Required<SerialOpenOptions>;
  isOpen = false;
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #wakeFd: number;
  /** Reads and writes that have not settled: the descriptors stay until they have. */
  readonly #pending = new Set<Promise<unknown>>();

  constructor(options: SerialOpenOptions) {
    this.openOptions = {
      dataBits: 8,
      stopBits: 1,
      parity: "none",
      rtscts: false,
      xon: false,
      xoff: false,
      xany: false,
      hupcl: true,
      lock: true,
      ...options,
    };
    const { path, baudRate, lock } = this.openOptions;
    if (path.includes("\0")) throw new Error("a path with a zero byte");
    this.#libc = Deno.dlopen("libc.so.6", SYMBOLS);
    const { symbols } = this.#libc;
    this.#fd = symbols.open(new TextEncoder().encode(`${path}\0`), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    this.#wakeFd = -1;
    try {
      if (this.#fd < 0) throw this.#failure("open");
      if (lock && symbols.flock(this.#fd, LOCK_EX | LOCK_NB) < 0) {
        throw this.#errno() === EWOULDBLOCK_LOCK
          ? new Error("it is in use by another program")
          : this.#failure("flock");
      }
      this.#configure(baudRate);
      if (lock) symbols.ioctlNumber(this.#fd, BigInt(TIOCEXCL), 0n);
      this.#wakeFd = symbols.eventfd(0, O_NONBLOCK | O_CLOEXEC);
      if (this.#wakeFd < 0) throw this.#failure("eventfd");
      this.isOpen = true;
    } catch (error) {
      this.#shut();
      throw error;
    }
  }

  read(buffer: Buffer, offset: number, length: number): Promise<{ buffer: Buffer; bytesRead: number }> {
    return this.#track(async () => {
      const target = buffer.subarray(offset, offset + length);
      for (;;) {
        const bytesRead = this.#transfer("read", target);
        if (bytesRead > 0) return { buffer, bytesRead };
        await this.#ready(POLLIN);
      }
    });
  }

  write(buffer: Buffer): Promise<void> {
    return this.#track(async () => {
      for (let rest = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length); rest.length > 0;) {
        const written = this.#transfer("write", rest);
        if (written > 0) rest = rest.subarray(written);
        else await this.#ready(POLLOUT);
      }
    });
  }

  async close(): Promise<void> {
    if (!this.isOpen) throw new Error("Port is not open");
    this.isOpen = false;
    this.#libc.symbols.write(this.#wakeFd, new Uint8Array(new BigUint64Array([1n]).buffer), 8n);
    await Promise.allSettled(this.#pending);
    this.#shut();
  }

  // deno-lint-ignore require-await -- the interface's: what is thrown becomes a rejection
  async update({ baudRate }: { readonly baudRate: number }): Promise<void> {
    this.#mustBeOpen();
    this.#configure(baudRate);
  }

  // deno-lint-ignore require-await
  async set({ dtr, rts }: { readonly dtr?: boolean; readonly rts?: boolean }): Promise<void> {
    this.#mustBeOpen();
    for (const [isOn, bit] of [[dtr, TIOCM_DTR], [rts, TIOCM_RTS]] as const) {
      if (isOn !== undefined) this.#ioctl(isOn ? TIOCMBIS : TIOCMBIC, new Int32Array([bit]));
    }
  }

  // deno-lint-ignore require-await
  async get(): Promise<{ cts: boolean; dsr: boolean; dcd: boolean }> {
    this.#mustBeOpen();
    const bits = new Int32Array(1);
    this.#ioctl(TIOCMGET, bits);
    const has = (bit: number) => (bits[0] & bit) !== 0;
    return { cts: has(TIOCM_CTS), dsr: has(TIOCM_DSR), dcd: has(TIOCM_CAR) };
  }

  // deno-lint-ignore require-await
  async getBaudRate(): Promise<{ baudRate: number }> {
    this.#mustBeOpen();
    return { baudRate: this.#termios().getUint32(SPEED_OUT_AT, true) };
  }

  // deno-lint-ignore require-await
  async flush(): Promise<void> {
    this.#mustBeOpen();
    this.#libc.symbols.ioctlNumber(this.#fd, BigInt(TCFLSH), BigInt(TCIOFLUSH));
  }

  drain(): Promise<void> {
    // TCSBRK with 1 waits until all is sent and makes no break.
    return this.#track(async () => void await this.#libc.symbols.drain(this.#fd, BigInt(TCSBRK), 1n));
  }

  /** Raw bytes, 8N1 unless asked for otherwise, at any rate (BOTHER). */
  #configure(baudRate: number): void {
    const { dataBits, stopBits, parity, rtscts, xon, xoff, xany, hupcl } = this.openOptions;
    const termios = this.#termios();
    const parityBits = parity === "none" ? 0 : PARENB | (parity === "odd" ? PARODD : 0);
    const control = ((dataBits - 5) << 4) | (stopBits > 1 ? CSTOPB : 0) | parityBits | CREAD | CLOCAL |
      (hupcl ? HUPCL : 0) | BOTHER | (BOTHER << INPUT_SPEED_SHIFT);
    termios.setUint32(0, (xon ? IXON : 0) | (xoff ? IXOFF : 0) | (xany ? IXANY : 0), true);
    termios.setUint32(4, 0, true);
    termios.setUint32(8, (control | (rtscts ? CRTSCTS : 0)) >>> 0, true);
    termios.setUint32(12, 0, true);
    termios.setUint8(CC_AT + VMIN, 1);
    termios.setUint8(CC_AT + VTIME, 0);
    termios.setUint32(SPEED_IN_AT, baudRate, true);
    termios.setUint32(SPEED_OUT_AT, baudRate, true);
    this.#ioctl(TCSETS2, new Uint8Array(termios.buffer));
    const granted = this.#termios().getUint32(SPEED_OUT_AT, true);
    if (Math.abs(granted - baudRate) > baudRate * BAUD_ERROR_MAX) {
      throw new Error(`a device that makes ${granted} baud of ${baudRate}`);
    }
  }

  #termios(): DataView {
    const bytes = new Uint8Array(TERMIOS2_BYTES);
    if (this.#libc.symbols.ioctl(this.#fd, BigInt(TCGETS2), bytes) < 0) {
      throw new Error("a file that is no serial device");
    }
    return new DataView(bytes.buffer);
  }

  #ioctl(request: number, argument: Uint8Array | Int32Array): void {
    if (
      this.#libc.symbols.ioctl(
        this.#fd,
        BigInt(request),
        argument as Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer>,
      ) < 0
    ) {
      throw this.#failure("ioctl");
    }
  }

  /** Bytes moved now; 0 when it must wait. */
  #transfer(way: "read" | "write", bytes: Uint8Array): number {
    this.#mustBeOpen();
    const count = Number(this.#libc.symbols[way](this.#fd, bytes as Uint8Array<ArrayBuffer>, BigInt(bytes.length)));
    if (count > 0) return count;
    // With VMIN 1 an open line never reads nothing: this one has hung up.
    if (count === 0) throw new Error("the device hung up");
    const errno = this.#errno();
    if (errno === EAGAIN) return 0;
    throw this.#failure(way, errno);
  }

  /** Waits until the port can read or write; fails when it hangs up or is closed. */
  async #ready(events: number): Promise<void> {
    // Two struct pollfd: descriptor, events, what happened.
    const fds = new Int16Array(8);
    new Int32Array(fds.buffer).set([this.#fd, 0, this.#wakeFd, 0]);
    fds[2] = events;
    fds[6] = POLLIN;
    await this.#libc.symbols.poll(fds, 2n, -1);
    this.#mustBeOpen();
    // Rest first, hang-up second: what arrived before the unplugging is still to be read.
    if ((fds[3] & events) === 0 && (fds[3] & (POLLHUP | POLLERR | POLLNVAL)) !== 0) {
      throw new Error("the device hung up");
    }
    if ((fds[3] & POLLHUP) !== 0 && events === POLLOUT) throw new Error("the device hung up");
  }

  #track<T>(work: () => Promise<T>): Promise<T> {
    const promise = work();
    this.#pending.add(promise);
    // Both ways handled, so that this second promise never rejects unheard.
    const forget = () => void this.#pending.delete(promise);
    promise.then(forget, forget);
    return promise;
  }

  #mustBeOpen(): void {
    // The stream takes `canceled` to mean that the port was closed on purpose.
    if (!this.isOpen) throw Object.assign(new Error("Port is closed"), { canceled: true });
  }

  /** Of the last call; reliable right after it. */
  #errno(): number {
    const at = this.#libc.symbols.errnoLocation();
    return at === null ? 0 : new Deno.UnsafePointerView(at).getInt32();
  }

  #failure(call: string, errno: number = this.#errno()): Error {
    const text = this.#libc.symbols.strerror(errno);
    return new Error(text === null ? `${call}: error ${errno}` : new Deno.UnsafePointerView(text).getCString());
  }

  #shut(): void {
    const { symbols } = this.#libc;
    if (this.#wakeFd >= 0) symbols.close(this.#wakeFd);
    if (this.#fd >= 0) symbols.close(this.#fd);
    this.#libc.close();
  }
}
