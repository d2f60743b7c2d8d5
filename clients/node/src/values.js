// Between the messages of the wire and plain JavaScript values.

import { randomUUID } from "node:crypto";

// Fields that hold an enum; each value begins with the field's name.
const ENUMS = new Set(["completeness", "band", "direction", "aggregation"]);

/** A Timestamp of a Date, or of a text like 2024-05-06T07:08:09.123456Z, which keeps microseconds. */
export function timestamp(value) {
  if (value === undefined || value === null) {
    return undefined;
  }
  const millis = value instanceof Date ? value.getTime() : Date.parse(value);
  if (Number.isNaN(millis) || (typeof value === "string" && !/(Z|[+-]\d\d:\d\d)$/i.test(value))) {
    throw new TypeError(`'${value}' is not a time with offset like 2024-05-06T07:00:00Z`);
  }
  const fraction = typeof value === "string" ? /\.(\d+)/.exec(value)?.[1] : undefined;
  const nanos = fraction === undefined ? (((millis % 1000) + 1000) % 1000) * 1e6 : Number(fraction.slice(0, 9).padEnd(9, "0"));
  return { seconds: Math.floor(millis / 1000), nanos };
}

/** A Duration of milliseconds. */
export function duration(millis) {
  return { seconds: Math.floor(millis / 1000), nanos: (millis % 1000) * 1e6 };
}

/** The message of an event; it gets an identity if it has none, so that it may be sent again. */
export function eventMessage({ id = randomUUID(), occurredAt = new Date(), properties = {}, ...rest }) {
  const values = Object.entries(properties).map(([key, value]) => [key, propertyValue(key, value)]);
  return { id, occurredAt: timestamp(occurredAt), properties: Object.fromEntries(values), ...rest };
}

function propertyValue(key, value) {
  switch (typeof value) {
    case "string":
      return { stringValue: value };
    case "number":
      return { doubleValue: value };
    case "boolean":
      return { boolValue: value };
    default:
      throw new TypeError(`properties.${key} is of type ${typeof value}; a string, number or boolean is needed`);
  }
}

/**
 * A message as plain values: times become Dates, enums lose their prefix ("COMPLETENESS_PARTIAL" is "partial"), what is
 * absent is undefined, and the names of oneofs are left out.
 */
export function plain(value, key = "") {
  if (Array.isArray(value)) {
    return value.map((item) => plain(item));
  }
  if (value === null) {
    return undefined;
  }
  if (typeof value === "string") {
    return ENUMS.has(key) ? value.replace(`${key.toUpperCase()}_`, "").toLowerCase() : value;
  }
  if (typeof value !== "object" || Buffer.isBuffer(value)) {
    return value;
  }
  if ("seconds" in value && "nanos" in value && Object.keys(value).length === 2) {
    return new Date(value.seconds * 1000 + Math.floor(value.nanos / 1e6));
  }
  const entries = Object.entries(value).filter(([name, item]) => !name.startsWith("_") && item !== null);
  return Object.fromEntries(entries.map(([name, item]) => [name, plain(item, name)]));
}
