// Loads the contract: from protos/ beside src in a package, else from the repository.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const here = dirname(fileURLToPath(import.meta.url));
const bundled = join(here, "..", "protos");
const root = existsSync(bundled) ? bundled : join(here, "..", "..", "..", "protos");

const services = ["ingest", "metric", "kpi", "system"].map((noun) => `trueline/v1/${noun}_service.proto`);

// Log positions stay below 2^53, so plain numbers hold them.
const definition = loader.loadSync(services, {
  includeDirs: [root],
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
});

/** The services and messages of trueline.v1 as grpc-js gives them. */
export const trueline = grpc.loadPackageDefinition(definition).trueline.v1;
