/**
 * What only the runtime underneath can tell or do: permissions, and datagrams on unix sockets, which `node:` APIs do not have.
 * Beside the serial binding the only file with `Deno.` in it; everything here also answers on Node.
 */

/** One thing that a process may be allowed to do; without `target` all of its kind. */
export interface Permission {
  readonly kind: "read" | "write" | "net" | "run" | "env" | "sys" | "ffi";
  /** A path, `host:port`, a program, a variable, a kind of system information. */
  readonly target?: string;
}

/** How Deno names the target of each kind. */
const TARGET_NAMES = {
  read: "path",
  write: "path",
  net: "host",
  run: "command",
  env: "variable",
  sys: "kind",
  ffi: "path",
} as const;

/** True when this process may do it without asking. Node asks nobody: always true there. */
export function isGranted({ kind, target }: Permission): boolean {
  if (!("Deno" in globalThis)) return true;
  const descriptor = target === undefined ? { name: kind } : { name: kind, [TARGET_NAMES[kind]]: target };
  return Deno.permissions.querySync(descriptor as Deno.PermissionDescriptor).state === "granted";
}

/** Sends datagrams to one unix socket. */
export interface DatagramSender {
  /** Rejects when nobody receives there any more. */
  send(text: string): Promise<void>;
  close(): void;
}

/** The part of Deno's unstable datagrams that is used here (`--unstable-net`). */
interface UnixDatagrams {
  listenDatagram?(options: { readonly transport: "unixpacket"; readonly path: string }): {
    send(bytes: Uint8Array, to: { readonly transport: "unixpacket"; readonly path: string }): Promise<number>;
    close(): void;
  };
}

/**
 * A sender of datagrams from the socket `own`, which it makes and which its owner removes, to the socket `to`; null where
 * this runtime cannot, or may not.
 */
export function openDatagramSender({ own, to }: { readonly own: string; readonly to: string }): DatagramSender | null {
  const { listenDatagram } = "Deno" in globalThis ? Deno as unknown as UnixDatagrams : {} as UnixDatagrams;
  if (listenDatagram === undefined) return null;
  try {
    const socket = listenDatagram({ transport: "unixpacket", path: own });
    return {
      send: async (text) =>
        void await socket.send(new TextEncoder().encode(text), { transport: "unixpacket", path: to }),
      close: () => socket.close(),
    };
  } catch {
    return null;
  }
}
