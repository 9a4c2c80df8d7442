/** Keeps the newest message of each kind that exporters want, and sums what messages give by the window. */

import type { InfoMessage, LatencyMessage, Message, PowerMessage, StateMessage } from "../core/messages.ts";
import type { MessageListener } from "../ports/message_listener.ts";
import type { ShadowTotals } from "./metrics_view.ts";

/** What was heard of one camera. */
interface Heard {
  state: StateMessage | null;
  window: LatencyMessage | null;
  shadow: ShadowTotals | null;
}

const NOTHING: Readonly<Heard> = { state: null, window: null, shadow: null };

/** A listener with a memory of one message a kind and camera. */
export class LatestMessages implements MessageListener {
  readonly #cameras = new Map<string, Heard>();
  #info: InfoMessage | null = null;
  #power: PowerMessage | null = null;

  get info(): InfoMessage | null {
    return this.#info;
  }
  get power(): PowerMessage | null {
    return this.#power;
  }

  /** Of a camera that was not heard of: nulls. */
  camera(id: string): Readonly<Heard> {
    return this.#cameras.get(id) ?? NOTHING;
  }

  onMessage(message: Message): void {
    if (message.kind === "info") this.#info = message;
    else if (message.kind === "power") this.#power = message;
    else if (message.kind === "state") this.#of(message.camera).state = message;
    else if (message.kind === "latency") {
      const heard = this.#of(message.camera);
      heard.window = message;
      heard.shadow = sumShadow(heard.shadow, message.shadow);
    }
  }

  #of(camera: string): Heard {
    let heard = this.#cameras.get(camera);
    if (heard === undefined) this.#cameras.set(camera, heard = { ...NOTHING });
    return heard;
  }
}

// ---------------------------------------------------------------------------------------------------------------------

function sumShadow(before: ShadowTotals | null, window: LatencyMessage["shadow"]): ShadowTotals | null {
  if (window === undefined) return before;
  const { frames, agreed, failed } = before ?? { frames: 0, agreed: 0, failed: 0 };
  return { frames: frames + window.frames, agreed: agreed + window.agreed, failed: failed + window.failed };
}
