// Errors of the server, decoded from the google.rpc details that every answer carries.

import grpc from "@grpc/grpc-js";
import protobuf from "protobufjs";

const text = (id) => ({ type: "string", id });

// The parts of google/rpc/status.proto and error_details.proto that Trueline sends.
const root = protobuf.Root.fromJSON({
  nested: {
    Any: { fields: { typeUrl: text(1), value: { type: "bytes", id: 2 } } },
    Status: { fields: { code: { type: "int32", id: 1 }, message: text(2), details: { rule: "repeated", type: "Any", id: 3 } } },
    ErrorInfo: { fields: { reason: text(1), domain: text(2), metadata: { keyType: "string", type: "string", id: 3 } } },
    Duration: { fields: { seconds: { type: "int64", id: 1 }, nanos: { type: "int32", id: 2 } } },
    RetryInfo: { fields: { retryDelay: { type: "Duration", id: 1 } } },
    FieldViolation: { fields: { field: text(1), description: text(2) } },
    BadRequest: { fields: { fieldViolations: { rule: "repeated", type: "FieldViolation", id: 1 } } },
  },
});

/**
 * A call that failed.
 *
 * @property {string} code canonical status code, e.g. "NOT_FOUND"
 * @property {string} reason an ErrorReason without its prefix, e.g. "UNKNOWN_METRIC"; "" if the server gave none
 * @property {Record<string, string>} metadata what a program needs to act
 * @property {{field: string, description: string}[]} violations broken rules of the request
 * @property {number | undefined} retryAfterMs what the server asks to wait; undefined if it does not
 */
export class TruelineError extends Error {
  constructor(code, reason, message, { metadata = {}, violations = [], retryAfterMs } = {}) {
    super(message);
    this.name = "TruelineError";
    this.code = code;
    this.reason = reason;
    this.metadata = metadata;
    this.violations = violations;
    this.retryAfterMs = retryAfterMs;
  }

  /** True if a later try may succeed: no answer, or an explicit "try again later". */
  get retryable() {
    return this.code === "UNAVAILABLE" || (this.code === "RESOURCE_EXHAUSTED" && this.retryAfterMs !== undefined);
  }

  /** True if a stream that ended with it can go on from its last token. */
  get resumable() {
    return this.retryable || this.code === "CANCELLED" || this.code === "ABORTED";
  }
}

/** The TruelineError of an error that grpc-js gave. */
export function decode(error) {
  if (error instanceof TruelineError || typeof error.code !== "number") {
    return error;
  }
  const found = { reason: "" };
  for (const packed of error.metadata?.get("grpc-status-details-bin") ?? []) {
    for (const { typeUrl, value } of root.lookupType("Status").decode(packed).details) {
      read(typeUrl.split("/").pop(), value, found);
    }
  }
  return new TruelineError(grpc.status[error.code], found.reason, error.details || error.message, found);
}

function read(type, value, found) {
  if (type === "google.rpc.ErrorInfo") {
    const info = root.lookupType("ErrorInfo").decode(value);
    found.reason = info.reason;
    found.metadata = { ...info.metadata };
  } else if (type === "google.rpc.BadRequest") {
    found.violations = root.lookupType("BadRequest").decode(value).fieldViolations.map(({ field, description }) => ({ field, description }));
  } else if (type === "google.rpc.RetryInfo") {
    const { seconds, nanos } = root.lookupType("RetryInfo").decode(value).retryDelay;
    found.retryAfterMs = Number(seconds) * 1000 + nanos / 1e6;
  }
}
