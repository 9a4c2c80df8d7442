/**
 * One gateway to a folder: a lock that the system lets go of when its process ends, however it ends.
 *
 * Node has no call for file locks; a transaction of SQLite holds one. Loaded when wanted only, as Node warns of it.
 */

import { join } from "node:path";

/** Of the lock's file, which stays empty. */
const NAME = "lock";
/** What SQLite says when somebody else has the lock. Deno gives no code with it. */
const HELD = /\blocked\b/;

/**
 * Takes the lock of a folder that is there. Null where the file system has no locks or the disk no room for one: then
 * nothing keeps a second gateway away, as nothing would without.
 *
 * @throws {Error} when another gateway has it
 */
export async function lockFolder(folder: string): Promise<Disposable | null> {
  const { DatabaseSync } = await import("node:sqlite");
  let database: InstanceType<typeof DatabaseSync> | undefined;
  try {
    database = new DatabaseSync(join(folder, NAME));
    database.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (error) {
    database?.close();
    if (HELD.test(String(error))) {
      throw new Error("another gateway uses this folder; each needs one of its own (spool.path)");
    }
    return null;
  }
  const held = database;
  return { [Symbol.dispose]: () => held.close() };
}
