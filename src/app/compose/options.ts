/** What composing needs besides the configuration. Types only. */

import type { LogConfig } from "../../config/types.ts";
import type { Clock } from "../../core/clock.ts";
import type { Random } from "../../core/random.ts";
import type { Controls } from "../../ports/controls.ts";
import type { MessageListener } from "../../ports/message_listener.ts";
import type { Log } from "../../publish/mqtt_options.ts";
import type { RuntimeObserver } from "../../runtime/runtime.ts";

/** What most parts are made with. */
export interface PartOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What `compose` takes. */
export interface ComposeOptions extends PartOptions {
  readonly configSha256: string;
  readonly observers?: readonly RuntimeObserver[];
  /** Who hears every message beside the publisher. */
  readonly listeners?: readonly MessageListener[];
  /** Told where the monitor can be reached, once it listens. */
  readonly onMonitor?: (url: string) => void;
  /** Ends the program so that its supervisor starts it again; without it that command is refused. */
  readonly restart?: () => void;
  /** Reads the configuration again and gives it to the gateway; without it that command is refused. */
  readonly reload?: Controls["reload"];
  /** A reload has brought another way of logging. */
  readonly onLogConfig?: (log: LogConfig) => void;
  /** Most frames that each camera yields; all by default. */
  readonly frameLimit?: number;
}

/** What a camera needs besides the configuration. */
export type CameraOptions = Pick<ComposeOptions, "clock" | "frameLimit">;
