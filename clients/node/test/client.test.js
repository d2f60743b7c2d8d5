// The client against a running server, named by TRUELINE_ADDRESS.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";

import { TruelineClient, TruelineError } from "../src/client.js";

const address = process.env.TRUELINE_ADDRESS;
assert.ok(address, "TRUELINE_ADDRESS must name a running server");

const client = new TruelineClient(address, { token: process.env.TRUELINE_TOKEN });
after(() => client.close());

// Names of its own, so that a server that has other events does not matter.
const run = randomUUID().slice(0, 8);
const source = `node-${run}`;

function event(id, more = {}) {
  return { id, source, name: `node_${run}`, occurredAt: new Date(), userId: "u1", ...more };
}

test("events go in once: again is a duplicate, with other content a conflict", async () => {
  const first = [event("a", { value: 2.5, currency: "GBP", properties: { plan: "pro", lines: 7, gift: true } }), event("b")];
  const sent = await client.ingest(first);
  assert.deepEqual([sent.accepted, sent.duplicates, sent.rejections], [2, 0, []]);
  assert.ok(sent.position > 0);
  const again = await client.ingest([...first, { ...first[1], userId: "u2" }]);
  assert.deepEqual([again.accepted, again.duplicates], [0, 2]);
  assert.deepEqual(again.rejections.map(({ index, field, reason }) => [index, field, reason]), [[2, "id", "EVENT_CONFLICT"]]);
});

test("bad events are refused one by one, with index, field and reason", async () => {
  const result = await client.ingest([event("c", { value: NaN }), event("d"), event("", {})]);
  assert.equal(result.accepted, 1);
  assert.deepEqual(result.rejections.map(({ index, field, reason }) => [index, field, reason]), [
    [0, "value", "VALUE_OUT_OF_RANGE"],
    [2, "id", "MISSING_FIELD"],
  ]);
});

test("what was sent can be queried", async () => {
  const { position } = await client.ingest([event("e"), event("f")]);
  const { points, watermark } = await client.queryMetric("events_by_name", {
    start: new Date(Date.now() - 3 * 86_400_000),
    labels: { name: `node_${run}` },
    minPosition: position,
  });
  // All events of this run so far: a, b, d, e, f. A midnight in between would split them over two days.
  assert.equal(points.reduce((sum, point) => sum + point.value, 0), 5);
  assert.deepEqual(points.at(-1).labels, { name: `node_${run}` });
  assert.equal(points.at(-1).exact, true);
  assert.ok(points.at(-1).windowEnd instanceof Date);
  assert.ok(watermark instanceof Date);
});

test("a watch gives a snapshot, says when it is complete, then tells changes", async () => {
  const seen = [];
  const labels = { name: `node_${run}` };
  for await (const message of client.watchMetrics({ metrics: ["events_by_name"], labels, heartbeatMs: 1000 })) {
    seen.push(message.kind);
    if (message.kind === "synced") {
      assert.ok(message.resumeToken);
      await client.ingest([event("g")]);
    }
    if (message.kind === "changes") {
      assert.equal(message.points[0].labels.name, `node_${run}`);
      break;
    }
  }
  assert.ok(seen.indexOf("synced") < seen.indexOf("changes"));
});

test("a watch goes on from a token with what changed since", async () => {
  const labels = { name: `node_${run}` };
  const watch = (resumeToken) => client.watchMetrics({ metrics: ["events_by_name"], labels, resumeToken, heartbeatMs: 1000 });
  let token;
  for await (const message of watch("")) {
    token = message.resumeToken;
    if (message.kind === "synced") {
      break;
    }
  }
  const { position } = await client.ingest([event("h")]);
  const seen = [];
  for await (const message of watch(token)) {
    seen.push(...(message.points ?? []));
    if (seen.some((point) => point.revision >= position)) {
      break;
    }
  }
  assert.ok(seen.every((point) => point.labels.name === labels.name));
});

test("a watch ends when its signal says so", async () => {
  const controller = new AbortController();
  for await (const message of client.watchMetrics({ signal: controller.signal, heartbeatMs: 1000 })) {
    if (message.kind === "synced") {
      controller.abort();
    }
  }
});

test("the alignment score is a tree of KPIs", async () => {
  const score = await client.alignmentScore();
  assert.equal(score.scorecard, "alignment");
  assert.ok(score.items.length > 0);
  for (const { kpi, weight } of score.items) {
    assert.ok(weight > 0);
    assert.ok(kpi.value !== undefined || kpi.missing, `${kpi.name} has neither a value nor a reason`);
    assert.ok(["higher", "lower"].includes(kpi.direction));
  }
});

test("errors carry code, reason and metadata", async () => {
  await assert.rejects(client.queryMetric("events_by_nam"), (error) => {
    assert.ok(error instanceof TruelineError);
    assert.deepEqual([error.code, error.reason], ["NOT_FOUND", "UNKNOWN_METRIC"]);
    assert.equal(error.metadata.nearest, "events_by_name");
    return true;
  });
  await assert.rejects(client.finishImport(""), (error) => {
    assert.deepEqual([error.code, error.violations[0].field], ["INVALID_ARGUMENT", "source"]);
    return true;
  });
});

test("a server that is not there is UNAVAILABLE within the deadline", async () => {
  const lost = new TruelineClient("127.0.0.1:9", { timeoutMs: 1000 });
  await assert.rejects(lost.finishImport("x"), (error) => ["UNAVAILABLE", "DEADLINE_EXCEEDED"].includes(error.code));
  lost.close();
});
