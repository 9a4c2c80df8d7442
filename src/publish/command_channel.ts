/** Commands over a publisher's session: what it subscribes to, and where answers go. */

import type { Problem } from "../core/messages.ts";
import type { CommandSink } from "../ports/commands.ts";
import type { CheckedOptions } from "./mqtt_options.ts";
import type { Session, Subscription } from "./mqtt_session.ts";
import { createResponses, responseTopic } from "./responses.ts";
import { commandTopics } from "./topics.ts";

/** What a channel is made of. */
export interface CommandChannelParts {
  readonly options: Pick<CheckedOptions, "baseTopic" | "gatewayId" | "clock" | "log">;
  readonly sink: CommandSink;
  /** The session of now: answers to commands of an earlier one are lost, with whoever asked. */
  session(): Session | null;
  /** An answer waits in `responses`. */
  onAnswer(): void;
}

/** Hears commands and keeps their answers until they are sent. */
export class CommandChannel {
  readonly responses = createResponses();
  readonly subscription: Subscription;
  /** The broker does not let us hear commands; ends with the session. */
  problem: Problem | null = null;

  constructor({ options, sink, session, onAnswer }: CommandChannelParts) {
    const { filter, commandPrefix } = commandTopics(options);
    const { clock, log } = options;
    this.subscription = {
      filter,
      // A broker of MQTT 5 would otherwise hide that a command is one to be kept.
      retainAsPublished: true,
      onMessage: ({ topic, payload, isRetained, responseTopic: wanted, correlation }) => {
        const verb = topic.slice(commandPrefix.length);
        const answerVerb = /^[a-z_]{1,32}$/.test(verb) ? verb : "unknown";
        const asked = session();
        sink({ verb, payload, isRetained }, (answer) => {
          if (asked === null || asked !== session()) return;
          this.responses.push(responseTopic(wanted, answerVerb, options), answer, correlation);
          onAnswer();
        });
      },
      onRefused: (found) => {
        const text = `Cannot take commands as the broker must let us subscribe to ${filter}: found ${found}`;
        this.problem = { what: "commands", sinceWallMs: clock.wallMs(), text };
        log("error", text, { code: "publish.subscribe", filter });
      },
    };
  }
}
