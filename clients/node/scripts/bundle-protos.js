// Copies the contract into the package, so that it works outside the repository.

import { cpSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "protos");

rmSync(target, { recursive: true, force: true });
cpSync(join(here, "..", "..", "..", "protos", "trueline"), join(target, "trueline"), { recursive: true });
