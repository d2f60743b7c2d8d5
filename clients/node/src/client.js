// A small client for Trueline: ingest, query, watch.

import { setTimeout as sleep } from "node:timers/promises";

import grpc from "@grpc/grpc-js";

import { TruelineError, decode } from "./errors.js";
import { trueline } from "./protos.js";
import { duration, eventMessage, plain, timestamp } from "./values.js";

export { TruelineError };

const EVENTS_PER_CALL = 1000;
const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
// A watch is dead when so many heartbeats in a row are missing.
const MISSED_HEARTBEATS = 3;

/**
 * A client of one server. Calls have a deadline that bounds all their tries, and are tried again when no server
 * answered or the server asked for it. Every method rejects with a TruelineError.
 */
export class TruelineClient {
  /**
   * @param {string} address host:port
   * @param {{token?: string, timeoutMs?: number, tls?: boolean}} [options] the credential; milliseconds a call may
   *   take (30,000); TLS with the system's certificates
   */
  constructor(address = "127.0.0.1:7171", { token, timeoutMs = 30_000, tls = false } = {}) {
    this.address = address;
    this.timeoutMs = timeoutMs;
    this.metadata = new grpc.Metadata();
    if (token) {
      this.metadata.set("authorization", `Bearer ${token}`);
    }
    const credentials = tls ? grpc.credentials.createSsl() : grpc.credentials.createInsecure();
    const options = {
      "grpc.max_receive_message_length": 64 * 1024 * 1024,
      // A server that comes back is found quickly; by itself gRPC would look after up to two minutes.
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 2000,
    };
    const open = (service) => new trueline[service](address, credentials, options);
    this.services = {
      ingest: open("IngestService"),
      metric: open("MetricService"),
      kpi: open("KpiService"),
      system: open("SystemService"),
    };
  }

  /** Close the connections. */
  close() {
    Object.values(this.services).forEach((service) => service.close());
  }

  /**
   * Send events, a thousand a call, and wait until they are durable.
   *
   * @param {object[]} events {source, name, id?, occurredAt?, userId?, accountId?, anonymousId?, deviceId?, value?,
   *   currency?, properties?}; an event without id gets one before the first try
   * @returns {Promise<{accepted: number, duplicates: number, rejections: object[], position: number}>}
   */
  async ingest(events) {
    const messages = events.map(eventMessage);
    const total = { accepted: 0, duplicates: 0, rejections: [], position: 0 };
    for (let start = 0; start < messages.length; start += EVENTS_PER_CALL) {
      const batch = messages.slice(start, start + EVENTS_PER_CALL);
      const { outcome } = await this.#call("ingest", "ingestEvents", { events: batch });
      total.accepted += outcome.accepted;
      total.duplicates += outcome.duplicates;
      total.position = Math.max(total.position, outcome.position);
      for (const { index, field, reason, message } of outcome.rejections) {
        total.rejections.push({ index: start + index, field, reason: reason.replace("ERROR_REASON_", ""), message });
      }
    }
    return total;
  }

  /** Write the end mark of a source; answers its log position. */
  async finishImport(source) {
    return (await this.#call("ingest", "finishImport", { source })).position;
  }

  /**
   * The points of a metric, by window end and labels; without `start` the newest window only.
   *
   * @param {string} metric
   * @param {{start?: Date|string, end?: Date|string, labels?: Record<string, string>, fillEmpty?: boolean,
   *   minPosition?: number}} [options] minPosition waits until that log position is processed
   * @returns {Promise<{points: object[], watermark?: Date, position: number}>}
   */
  async queryMetric(metric, { start, end, labels = {}, fillEmpty = false, minPosition = 0 } = {}) {
    const request = { metric, startTime: timestamp(start), endTime: timestamp(end), labels, fillEmpty, minPosition };
    const points = [];
    let page = { nextPageToken: "" };
    do {
      page = await this.#call("metric", "queryMetric", { ...request, pageToken: page.nextPageToken });
      points.push(...page.points);
    } while (page.nextPageToken);
    return { points: plain(points), watermark: plain(page.watermark), position: page.position };
  }

  /**
   * The alignment score with its items.
   *
   * @param {{scorecard?: string, at?: Date|string, knownAt?: Date|string, minPosition?: number}} [options]
   */
  async alignmentScore({ scorecard = "", at, knownAt, minPosition = 0 } = {}) {
    const request = { scorecard, at: timestamp(at), knownAt: timestamp(knownAt), minPosition };
    return plain((await this.#call("kpi", "getAlignmentScore", request)).score);
  }

  /**
   * Metrics as they change: {kind: "snapshot" | "synced" | "changes" | "heartbeat", resumeToken, points?, position?}.
   *
   * Connects again by itself and goes on from the last token without a gap. Ends with `break`, with the signal, or
   * with an error that connecting again does not mend. The first connection is tried as often as any call; a server
   * that was lost is waited for.
   *
   * @param {{metrics?: string[], labels?: Record<string, string>, resumeToken?: string, heartbeatMs?: number,
   *   giveUpAfterMs?: number, onWait?: (error: TruelineError) => void, signal?: AbortSignal}} [options]
   *   giveUpAfterMs: milliseconds that a lost server is waited for (120,000); onWait hears why, once each time
   */
  async *watchMetrics({
    metrics = [],
    labels = {},
    resumeToken = "",
    heartbeatMs = 10_000,
    giveUpAfterMs = 120_000,
    onWait,
    signal,
  } = {}) {
    let token = resumeToken;
    let failures = 0;
    // When the server was lost; before the first message there is none to lose.
    let lost;
    let connected = false;
    while (!signal?.aborted) {
      const request = { metrics, labels, resumeToken: token, heartbeatInterval: duration(heartbeatMs) };
      let synced = false;
      try {
        for await (const message of this.#listen(request, heartbeatMs * MISSED_HEARTBEATS, signal)) {
          failures = 0;
          lost = undefined;
          connected = true;
          // Within a snapshot the token stays, so that a snapshot that is cut starts again.
          synced ||= message.event === "synced";
          token = synced && message.resumeToken ? message.resumeToken : token;
          yield { kind: message.event, resumeToken: token, ...plain(message[message.event]) };
        }
      } catch (error) {
        const failure = decode(error);
        failures += 1;
        if (signal?.aborted) {
          return;
        }
        const wait = pause(failures, failure.retryAfterMs);
        lost ??= Date.now();
        const late = connected ? Date.now() + wait >= lost + giveUpAfterMs : failures >= ATTEMPTS;
        if (!failure.resumable || late) {
          throw failure;
        }
        // The first try again follows at once in most cases; that is not worth a word.
        if (connected && failures === 2) {
          onWait?.(failure);
        }
        await sleep(wait, undefined, { signal }).catch(() => {});
      }
    }
  }

  async *#listen(request, silenceMs, signal) {
    const stream = this.services.metric.watchMetrics(request, this.metadata);
    const cancel = () => stream.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    const silent = new TruelineError("UNAVAILABLE", "", `${this.address} was silent for ${silenceMs} ms`);
    let timer = setTimeout(() => stream.destroy(silent), silenceMs);
    try {
      for await (const message of stream) {
        clearTimeout(timer);
        yield message;
        timer = setTimeout(() => stream.destroy(silent), silenceMs);
      }
      throw new TruelineError("UNAVAILABLE", "", `${this.address} ended the stream`);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
      stream.cancel();
    }
  }

  async #call(service, method, request) {
    const deadline = Date.now() + this.timeoutMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await new Promise((resolve, reject) => {
          const answered = (error, response) => (error ? reject(error) : resolve(response));
          this.services[service][method](request, this.metadata, { deadline }, answered);
        });
      } catch (error) {
        const failure = decode(error);
        const wait = pause(attempt, failure.retryAfterMs);
        if (!failure.retryable || attempt >= ATTEMPTS || Date.now() + wait >= deadline) {
          throw failure;
        }
        await sleep(wait);
      }
    }
  }
}

/** Milliseconds before the next try: doubled each time, with jitter, never less than the server asks for. */
function pause(attempt, retryAfterMs = 0) {
  const bound = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1));
  return Math.max(retryAfterMs, bound * (0.5 + Math.random() / 2));
}
