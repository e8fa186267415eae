import { isRunning } from "./postgres/server.ts"
import { several } from "./postgres/stores.ts"
import { contention } from "./sql/contention.ts"

contention("PostgreSQL", isRunning, (n) => several(n, { listen: false }))
