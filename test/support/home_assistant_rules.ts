/**
 * Home Assistant's documented rules of MQTT discovery, as a table: home-assistant.io integrations/mqtt and the pages of the
 * platforms (sensor.mqtt, binary_sensor.mqtt, number.mqtt, switch.mqtt, button.mqtt), and the sensor device classes with
 * their units and state classes (developers.home-assistant.io, core/entity/sensor).
 */

type Options = Readonly<Record<string, unknown>>;

const TOP_LEVEL = ["dev", "o", "cmps", "availability", "availability_mode", "state_topic", "command_topic", "qos"];
const DEVICE = ["ids", "cns", "mf", "mdl", "mdl_id", "name", "hw", "sn", "sw", "via_device", "sa", "cu"];
const EVERY_PLATFORM = [
  ...["p", "name", "unique_id", "icon", "entity_category", "enabled_by_default", "device_class", "qos", "encoding"],
  ...["availability", "availability_mode", "json_attributes_topic", "json_attributes_template", "default_entity_id"],
];
/** Options of each platform besides those of every platform; the first is required. */
const PLATFORMS: Readonly<Record<string, readonly string[]>> = {
  sensor: [
    ...["state_topic", "value_template", "expire_after", "force_update", "options", "suggested_display_precision"],
    ...["state_class", "unit_of_measurement", "last_reset_value_template"],
  ],
  binary_sensor: [
    "state_topic",
    "value_template",
    "expire_after",
    "force_update",
    "off_delay",
    "payload_on",
    "payload_off",
  ],
  number: [
    ...["command_topic", "command_template", "state_topic", "value_template", "min", "max", "step", "mode"],
    ...["optimistic", "payload_reset", "retain", "unit_of_measurement"],
  ],
  switch: [
    ...["command_topic", "command_template", "state_topic", "value_template", "payload_on", "payload_off"],
    ...["state_on", "state_off", "optimistic", "retain"],
  ],
  button: ["command_topic", "command_template", "payload_press", "retain"],
};
const DEVICE_CLASSES: Readonly<Record<string, readonly string[]>> = {
  sensor: ["enum", "power", "energy", "duration", "data_size", "timestamp"],
  binary_sensor: ["problem", "connectivity", "running"],
  number: [],
  switch: ["outlet", "switch"],
  button: ["identify", "restart", "update"],
};
const UNITS: Readonly<Record<string, readonly string[]>> = {
  power: ["mW", "W", "kW", "MW"],
  energy: ["J", "kJ", "MJ", "mWh", "Wh", "kWh", "MWh"],
  duration: ["d", "h", "min", "s", "ms"],
  data_size: ["bit", "B", "kB", "MB", "GB", "KiB", "MiB", "GiB"],
};
const STATE_CLASSES: Readonly<Record<string, readonly string[]>> = {
  power: ["measurement"],
  energy: ["total", "total_increasing"],
  duration: ["measurement", "total", "total_increasing"],
  data_size: ["measurement", "total", "total_increasing"],
};

/** Every rule that a discovery message breaks. */
export function brokenRules(topic: string, message: Options): string[] {
  const broken: string[] = [];
  const rule = (isKept: boolean, text: string) => void (isKept || broken.push(text));
  const { dev, o, cmps } = message as { dev?: Options; o?: Options; cmps?: Record<string, Options> };
  rule(/^[^+#]+\/device\/[a-zA-Z0-9_-]+\/config$/.test(topic), `discovery topic ${topic}`);
  rule(Object.keys(message).every((key) => TOP_LEVEL.includes(key)), "shared options are those of the list");
  rule(typeof o?.name === "string", "o has a name");
  rule(dev !== undefined && Object.keys(dev).every((key) => DEVICE.includes(key)), "dev has options of the list");
  rule([dev?.ids, dev?.cns].flat().some((one) => typeof one === "string" && one !== ""), "dev has an identifier");
  checkAvailability(message, "device", rule);
  const ids = Object.values(cmps ?? {}).map((component) => component.unique_id);
  rule(ids.length > 0 && new Set(ids).size === ids.length, "unique ids are unique");
  for (const [key, component] of Object.entries(cmps ?? {})) {
    checkComponent(component, key, String(dev?.name ?? ""), rule);
  }
  return broken;
}

// ---

type Rule = (isKept: boolean, text: string) => void;

function checkComponent(component: Options, key: string, deviceName: string, rule: Rule): void {
  const { p, unique_id, name, device_class, entity_category } = component;
  const options = PLATFORMS[String(p)];
  if (options === undefined) return rule(false, `${key}: platform ${p}`);
  const known = [...EVERY_PLATFORM, ...options];
  for (const option of Object.keys(component)) rule(known.includes(option), `${key}: ${p} knows ${option}`);
  rule(typeof component[options[0]] === "string", `${key}: ${p} needs ${options[0]}`);
  rule(typeof unique_id === "string" && unique_id !== "", `${key}: has a unique id`);
  rule(typeof name === "string" && !name.toLowerCase().startsWith(deviceName.toLowerCase()), `${key}: name ${name}`);
  if (device_class !== undefined) {
    rule(DEVICE_CLASSES[String(p)].includes(String(device_class)), `${key}: ${p} of class ${device_class}`);
  }
  const categories = p === "sensor" || p === "binary_sensor" ? ["diagnostic"] : ["diagnostic", "config"];
  rule(entity_category === undefined || categories.includes(String(entity_category)), `${key}: ${entity_category}`);
  for (const [option, value] of Object.entries(component)) {
    if (!option.endsWith("_topic")) continue;
    rule(typeof value === "string" && value !== "" && !/[+#\0]/.test(value), `${key}: ${option} has no wildcard`);
  }
  rule(
    (component.json_attributes_template === undefined) || component.json_attributes_topic !== undefined,
    `${key}: attributes have a topic`,
  );
  checkAvailability(component, key, rule);
  if (p === "sensor") checkSensor(component, key, rule);
  if (p === "number") {
    const { min, max, step } = component as { min: number; max: number; step: number };
    rule(min < max && step >= 0.001, `${key}: min < max, step >= 0.001`);
  }
}

function checkSensor(component: Options, key: string, rule: Rule): void {
  const { device_class, unit_of_measurement, state_class, options, expire_after, suggested_display_precision } =
    component;
  const kind = String(device_class);
  if (device_class === "enum") {
    rule(Array.isArray(options) && options.length > 0, `${key}: an enum has options`);
    rule(new Set(options as string[]).size === (options as string[]).length, `${key}: options are different`);
    rule(unit_of_measurement === undefined && state_class === undefined, `${key}: an enum has no unit, no state class`);
  } else rule(options === undefined, `${key}: only an enum has options`);
  if (UNITS[kind] !== undefined) {
    rule(UNITS[kind].includes(String(unit_of_measurement)), `${key}: ${kind} in ${unit_of_measurement}`);
    rule(
      state_class === undefined || STATE_CLASSES[kind].includes(String(state_class)),
      `${key}: ${kind} is no ${state_class}`,
    );
  }
  rule(state_class === undefined || unit_of_measurement !== undefined, `${key}: statistics have a unit`);
  rule(expire_after === undefined || (Number.isInteger(expire_after) && Number(expire_after) > 0), `${key}: expiry`);
  rule(suggested_display_precision === undefined || Number.isInteger(suggested_display_precision), `${key}: precision`);
}

function checkAvailability({ availability, availability_mode }: Options, key: string, rule: Rule): void {
  if (availability_mode !== undefined) {
    rule(["all", "any", "latest"].includes(String(availability_mode)), `${key}: availability mode`);
  }
  if (availability === undefined) return;
  if (!Array.isArray(availability)) return rule(false, `${key}: availability is a list`);
  rule(availability.length < 2 || availability_mode !== undefined, `${key}: several topics have a mode`);
  for (const one of availability as Options[]) {
    const keys = ["topic", "payload_available", "payload_not_available", "value_template"];
    rule(typeof one.topic === "string", `${key}: availability has a topic`);
    rule(Object.keys(one).every((option) => keys.includes(option)), `${key}: availability options`);
  }
}
