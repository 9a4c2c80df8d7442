/** A publisher in a process of its own, to be killed: `deno run publisher_child.ts <url> <client id> <5|3.1.1> <gateway>`. */

import process from "node:process";
import { openTestPublisher } from "./open_publisher.ts";

const [url, clientId, protocol, gatewayId] = process.argv.slice(2);
openTestPublisher(url, { clientId, protocol: protocol as "5" | "3.1.1", gatewayId });
