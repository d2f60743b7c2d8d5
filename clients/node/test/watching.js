// Prints the messages of a watch as JSON lines until it is ended: node watching.js HOST:PORT METRIC...

import { TruelineClient } from "../src/client.js";

const [address, ...metrics] = process.argv.slice(2);
const client = new TruelineClient(address);
const onWait = (error) => console.error(`${error.message}; the watch waits for the server`);
for await (const message of client.watchMetrics({ metrics, heartbeatMs: 1000, onWait })) {
  console.log(JSON.stringify(message));
}
