/** The parts that entities are made of. */

/** One entity: `p` is its platform, the rest its options. */
export interface Component {
  readonly p: "sensor" | "binary_sensor" | "number" | "switch" | "button";
  readonly [option: string]: unknown;
}

/** An entity and its key in the discovery message. */
export type Entry = readonly [key: string, component: Component];

/** Sensors whose numbers are worth a long-term average. */
export const MEASUREMENT = { state_class: "measurement" } as const;
/** Shown apart from what the device is for. */
export const DIAGNOSTIC = { entity_category: "diagnostic" } as const;

/**
 * One entity. Its unique id never changes: Home Assistant ties names, history and automations to it. Ids have no full
 * stop, so no two sets of parts make the same one.
 */
export function entity(gatewayId: string, parts: readonly string[], component: Component): Entry {
  return [parts.join("_"), { ...component, unique_id: ["quartz", gatewayId, ...parts].join(".") }];
}

/** An availability topic whose other words than `online` (`offline`, `stopped`, `paused`, `error`) all mean no. */
export function available(topic: string): { readonly topic: string; readonly value_template: string } {
  return { topic, value_template: "{{ 'online' if value == 'online' else 'offline' }}" };
}

/** The item of a list whose `key` is `id`, put through `expression`, in which it is called `one`; nothing when there is none. */
export function ofItem(list: string, key: string, id: string, expression: string): string {
  return `{% for one in value_json.${list} if one.${key} == '${id}' %}{{ ${expression} }}{% endfor %}`;
}

/**
 * Template of a command's payload with `args`, JSON in which a template may stand. Its id is the moment in which it was
 * given, so a message that is delivered twice is done once.
 */
export function command(args: string): string {
  return `{"id":"ha-{{ utcnow().timestamp() }}","ts":"{{ utcnow().isoformat() }}","args":${args}}`;
}
