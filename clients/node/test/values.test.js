// Values between JavaScript and the wire; needs no server.

import assert from "node:assert/strict";
import test from "node:test";

import { eventMessage, plain, timestamp } from "../src/values.js";

test("a text keeps its microseconds, a Date its milliseconds, before 1970 too", () => {
  assert.deepEqual(timestamp("2011-03-07T09:45:00.123456Z"), { seconds: 1299491100, nanos: 123456000 });
  assert.deepEqual(timestamp("2011-03-07T10:45:00+01:00"), { seconds: 1299491100, nanos: 0 });
  assert.deepEqual(timestamp(new Date(1500)), { seconds: 1, nanos: 500e6 });
  assert.deepEqual(timestamp(new Date(-500)), { seconds: -1, nanos: 500e6 });
  assert.equal(timestamp(undefined), undefined);
});

test("a time without offset, or no time at all, is refused", () => {
  for (const wrong of ["2011-03-07T09:45:00", "yesterday", new Date(NaN)]) {
    assert.throws(() => timestamp(wrong), /is not a time with offset/);
  }
});

test("an event gets an identity once, and properties of their type", () => {
  const message = eventMessage({ source: "shop", name: "sale", properties: { plan: "pro", lines: 7, gift: true } });
  assert.match(message.id, /^[0-9a-f-]{36}$/);
  assert.deepEqual(message.properties, { plan: { stringValue: "pro" }, lines: { doubleValue: 7 }, gift: { boolValue: true } });
  assert.throws(() => eventMessage({ properties: { list: [] } }), /properties\.list is of type object/);
});

test("messages become plain values", () => {
  const message = { completeness: "COMPLETENESS_PARTIAL", band: "BAND_ON_TRACK", windowEnd: { seconds: 60, nanos: 0 }, value: 0, _value: "value", watermark: null };
  assert.deepEqual(plain(message), { completeness: "partial", band: "on_track", windowEnd: new Date(60_000), value: 0 });
});
