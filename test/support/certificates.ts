/** A certificate authority of its own for a test, by openssl; nothing of it outlives the test. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** False where the Debian package openssl is not installed. */
export const opensslAvailable = existsSync("/usr/bin/openssl");

/** Paths of PEM files. */
export interface Certificates extends Disposable {
  readonly ca: string;
  /** For 127.0.0.1 and localhost. */
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
  read(path: string): string;
}

/** Makes an authority and two certificates that it signed, valid for a day. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "quartz-certificates-"));
  const file = (name: string) => join(folder, name);
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...curve,
    "-days",
    "1",
    "-subj",
    "/CN=test authority",
    "-keyout",
    file("ca.key"),
    "-out",
    file("ca.pem"),
  );
  const sign = (name: string, subject: string, extension: string) => {
    openssl("req", ...curve, "-subj", subject, "-keyout", file(`${name}.key`), "-out", file(`${name}.csr`));
    writeFileSync(file(`${name}.ext`), extension);
    const authority = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial"];
    const out = ["-days", "1", "-extfile", file(`${name}.ext`), "-out", file(`${name}.crt`)];
    openssl("x509", "-req", "-in", file(`${name}.csr`), ...authority, ...out);
    return { cert: file(`${name}.crt`), key: file(`${name}.key`) };
  };
  return {
    ca: file("ca.pem"),
    server: sign("server", "/CN=broker", "subjectAltName=DNS:localhost,IP:127.0.0.1\n"),
    client: sign("client", "/CN=gw7", "extendedKeyUsage=clientAuth\n"),
    read: (path) => readFileSync(path, "utf8"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

// ---

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot make certificates: ${stderr}`);
}
