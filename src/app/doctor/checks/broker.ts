/** The way to the broker, step by step: name, connection, certificates, CONNECT, and what the broker allows there. */

import type { Config, MqttConfig } from "../../../config/types.ts";
import type { Clock } from "../../../core/clock.ts";
import { redactSecrets } from "../../../core/redact.ts";
import { brokerAddress } from "../../../publish/mqtt_options.ts";
import {
  type ProbeOptions,
  type Visit,
  visitBroker,
  visitPublish,
  visitSubscribe,
} from "../../../publish/broker_probe.ts";
import { birthTopic, discoveryTopic } from "../../../publish/home_assistant/device.ts";
import { commandTopics } from "../../../publish/topics.ts";
import { brokerTerms } from "../../compose/publisher.ts";
import { advice, type Check, failed, type Finding, inConfig, ok, skipped, warning } from "../check.ts";
import type { DoctorContext } from "../context.ts";
import { reachChecks } from "../network_steps.ts";
import { checkTls } from "./tls.ts";

const CONNECT_MS_MAX = 5000;
/** Of a client id, as the publisher has it. */
const CLIENT_ID_LENGTH_MAX = 128;
const OWN = "-doctor";
const STEP_LENGTH_MAX = "-subscribe".length;

/** A visit of each step by its own id: two at once with the same one would throw each other out. */
const own = (terms: Terms, step: string): Terms => ({ ...terms, clientId: `${terms.clientId}-${step}` });

/** The checks `broker.*`; none without a broker. */
export function brokerChecks({ loaded, clock }: Pick<DoctorContext, "loaded" | "clock">): Check[] {
  const { config } = loaded ?? {};
  if (config === undefined || config.mqtt === null) return [];
  const { mqtt, gateway: { id: gatewayId } } = config;
  const address = brokerAddress(mqtt.url);
  const root = { baseTopic: mqtt.baseTopic, gatewayId };
  const probe = probeTerms(mqtt, clock);
  const filters = filtersOf(config);
  const topic = `${mqtt.baseTopic}/${gatewayId}/doctor`;
  const step = (name: string, title: string, needs: string, run: Check["run"]): Check => ({
    id: `broker.${name}`,
    title,
    group: "broker",
    needs: [`broker.${needs}`],
    timeoutMs: 2 * CONNECT_MS_MAX + 1000,
    run,
  });
  return [
    ...reachChecks("broker", "broker", address),
    step("tls", "TLS", "tcp", (signal) => checkTls({ address, tls: probe.tls, clock, signal })),
    step("connect", "CONNECT", "tls", (signal) => checkConnect(probe, signal)),
    step(
      "publish",
      "publish",
      "connect",
      (signal) => checkPublish({ ...own(probe, "publish"), topic }, clock.wallMs(), root, signal),
    ),
    step("subscribe", "subscribe", "connect", (signal) => checkSubscribe(own(probe, "subscribe"), filters, signal)),
  ];
}

// ---------------------------------------------------------------------------------------------------------------------

type Terms = Omit<ProbeOptions, "protocol"> & { readonly protocols: readonly ("5" | "3.1.1")[] };

/** A client of its own: with the gateway's id it would throw a running gateway out. */
function probeTerms(mqtt: MqttConfig, clock: Clock): Terms {
  const { protocol, url, ...terms } = brokerTerms(mqtt);
  return {
    ...terms,
    clock,
    address: brokerAddress(url),
    clientId: mqtt.clientId.slice(0, CLIENT_ID_LENGTH_MAX - OWN.length - STEP_LENGTH_MAX) + OWN,
    connectTimeoutMs: CONNECT_MS_MAX,
    protocols: protocol === "auto" ? ["5", "3.1.1"] : [protocol],
  };
}

function filtersOf({ mqtt, gateway, commands, homeAssistant, cameras }: Config): string[] {
  const own = commands === null ? [] : [commandTopics({ baseTopic: mqtt!.baseTopic, gatewayId: gateway.id }).filter];
  const assistant = homeAssistant === null
    ? []
    : [birthTopic(homeAssistant.prefix), discoveryTopic(homeAssistant.prefix, gateway.id)];
  // Not as a member of the group, which would take pictures away from the others.
  return [...own, ...assistant, ...cameras.flatMap(({ source }) => source.kind === "mqtt" ? [source.topic] : [])];
}

/** Visits with MQTT 5, and with 3.1.1 where the broker does not speak 5 and the configuration leaves the choice. */
async function visitWith<T>(
  { protocols, ...terms }: Terms,
  go: (options: ProbeOptions) => Promise<Visit<T>>,
): Promise<{ readonly visit: Visit<T>; readonly protocol: string }> {
  const [first, second] = protocols;
  const visit = await go({ ...terms, protocol: first });
  if (!("end" in visit) || visit.end.kind !== "version" || second === undefined) return { visit, protocol: first };
  return { visit: await go({ ...terms, protocol: second }), protocol: second };
}

async function checkConnect(terms: Terms, signal: AbortSignal): Promise<Finding> {
  const { visit, protocol } = await visitWith(terms, (options) => visitBroker(options, signal));
  if ("end" in visit) return noVisit(visit, terms);
  const as = terms.username === undefined ? "" : ` as user ${JSON.stringify(terms.username)}`;
  return ok(`MQTT ${protocol}${as}, client ${terms.clientId}`);
}

async function checkPublish(
  { topic, ...terms }: Terms & { readonly topic: string },
  wallMs: number,
  root: { readonly baseTopic: string; readonly gatewayId: string },
  signal: AbortSignal,
): Promise<Finding> {
  const payload = JSON.stringify({ schema: "quartz.doctor.v1", ts: new Date(wallMs).toISOString() });
  const { visit } = await visitWith(terms, (options) => visitPublish({ ...options, topic, payload }, signal));
  if ("end" in visit) return noVisit(visit, terms);
  const rule = `topic readwrite ${root.baseTopic}/${root.gatewayId}/#`;
  if (visit.answer === "unknown") {
    return warning(
      `${topic} was taken, but MQTT 3.1.1 does not tell whether it was thrown away`,
      advice(`broker rule: ${rule}`),
    );
  }
  if (visit.answer === null) return ok(topic);
  return failed(`${topic}: ${visit.answer}`, advice(`give this user the broker's rule: ${rule}`));
}

async function checkSubscribe(terms: Terms, filters: readonly string[], signal: AbortSignal): Promise<Finding> {
  if (filters.length === 0) return skipped("nothing to listen to: no commands, no pictures over MQTT");
  const { visit } = await visitWith(terms, (options) => visitSubscribe(options, filters, signal));
  if ("end" in visit) return noVisit(visit, terms);
  const refused = filters.filter((_, index) => visit.answer[index] !== null);
  if (refused.length === 0) return ok(filters.join(", "));
  const reasons = [...new Set(visit.answer.filter((reason) => reason !== null))].join(", ");
  const rules = refused.map((filter) => `topic read ${filter}`).join("; ");
  return failed(`${refused.join(", ")}: ${reasons}`, advice(`give this user the broker's rules: ${rules}`));
}

function noVisit({ end }: Extract<Visit<never>, { end: unknown }>, { password, address }: Terms): Finding {
  const found = redactSecrets(end.text, [password]);
  if (end.kind === "version") return failed(found, inConfig('mqtt.protocol: "3.1.1"'));
  const isTls = address.protocol === "mqtts" || address.protocol === "wss";
  const hint = end.hint ??
    (end.kind === "unreachable" && !isTls ? "does this port want TLS? then mqtt.url: mqtts://…" : undefined);
  return failed(found, hint === undefined ? undefined : advice(hint));
}
