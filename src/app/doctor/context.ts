/** What the checks look at. Roots and programs are parameters, so that tests can show them another machine. */

import type { LoadedConfig } from "../../config/load.ts";
import type { Clock } from "../../core/clock.ts";
import type { Network } from "../../core/network.ts";
import type { Random } from "../../core/random.ts";

/** The world of the doctor. */
export interface DoctorContext {
  readonly clock: Clock;
  readonly random: Random;
  /** The configuration as the command line names it; null without one. */
  readonly configPath: string | null;
  /** Null when there is none, or none that can be used. */
  readonly loaded: LoadedConfig | null;
  /** Why there is none that can be used. */
  readonly configError: unknown;
  /** Folder that stands for `/`: /dev, /sys and /run are looked for in it. */
  readonly root: string;
  /** Name or path of ffmpeg. */
  readonly ffmpeg: string;
  /** Networks of the configuration by path, each loaded once. */
  network(path: string): Promise<Network>;
}
