import { isRunning } from "./mysql/server.ts"
import { several } from "./mysql/stores.ts"
import { contention } from "./sql/contention.ts"

contention("MariaDB", isRunning, several)
