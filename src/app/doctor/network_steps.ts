/** The first steps to any host: its name, and a connection to its port. */

import { lookup } from "node:dns/promises";
import { isIP, Socket } from "node:net";
import { advice, type Check, failed, type Finding, type Group, ok } from "./check.ts";

/** Where something listens. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** The checks `ID.dns` and `ID.tcp`. */
export function reachChecks(id: string, group: Group, endpoint: Endpoint, label = ""): Check[] {
  return [
    { id: `${id}.dns`, title: `${label}name`, group, run: () => checkName(endpoint.host) },
    {
      id: `${id}.tcp`,
      title: `${label}connection`,
      group,
      needs: [`${id}.dns`],
      run: (signal) => checkConnection(endpoint, signal),
    },
  ];
}

// ---------------------------------------------------------------------------------------------------------------------

async function checkName(host: string): Promise<Finding> {
  if (isIP(host) !== 0) return ok(`${host} is an address`);
  try {
    const addresses = await lookup(host, { all: true });
    return ok(`${host} is ${addresses.map(({ address }) => address).join(", ")}`);
  } catch (error) {
    const { code } = error as { readonly code?: string };
    if (code === "EPERM") return failed(`this process may not ask for ${host}`, advice(`grant --allow-net=${host}`));
    if (code === "ENOTFOUND") return failed(`nobody knows ${host}`, advice(`check the name: getent hosts ${host}`));
    return failed(
      `${host} does not resolve (${code})`,
      advice("check the name server in /etc/resolv.conf and the network"),
    );
  }
}

const REASONS: Readonly<Record<string, readonly [found: string, mend: string]>> = {
  ECONNREFUSED: ["nothing listens there", "check the port, and that the other side runs"],
  ETIMEDOUT: ["no answer", "check host and port, cable and firewall"],
  EHOSTUNREACH: ["the host cannot be reached", "check the address, the cable and the route: ip route get HOST"],
  ENETUNREACH: ["there is no network towards it", "check the network: ip route"],
  EACCES: ["this process may not connect", "grant --allow-net=HOST:PORT"],
  EPERM: ["this process may not connect", "grant --allow-net=HOST:PORT"],
};

function checkConnection({ host, port }: Endpoint, signal: AbortSignal): Promise<Finding> {
  return new Promise((resolve) => {
    const socket = new Socket();
    const end = (finding: Finding) => {
      signal.removeEventListener("abort", stop);
      socket.destroy();
      socket.once("close", () => resolve(finding));
    };
    const stop = () => end(failed(`${host}:${port} does not answer`, advice(REASONS.ETIMEDOUT[1])));
    signal.addEventListener("abort", stop, { once: true });
    socket.once("connect", () => end(ok(`${host}:${port} from ${socket.localAddress}`)));
    socket.once("error", (error: Error & { readonly code?: string }) => {
      const [found, mend] = REASONS[error.code ?? ""] ?? [error.message, "check host and port"];
      const where = mend.replace("HOST", host).replace("PORT", String(port));
      end(failed(`${host}:${port}: ${found}`, advice(where)));
    });
    socket.connect({ host, port });
  });
}
