/** A MariaDB of the tests' own, for what must not be asked of one that others use. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { type AddressInfo, connect, createServer } from "node:net"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

export const isInstalled = ["mariadbd", "mariadb-install-db"].every((program) =>
  spawnSync(program, ["--help"]).error === undefined
)

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port })
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false)).on("close", () => socket.destroy())
    socket.on("data", () => socket.destroy())
  })

/** The address of a database that is always there, of a server that runs until the scope ends. */
export const started = (...settings: ReadonlyArray<string>) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const directory = mkdtempSync(join(tmpdir(), "effect-scheduler-mariadb-"))
        const own = ["--no-defaults", `--datadir=${directory}`, `--user=${userInfo().username}`]
        execFileSync("mariadb-install-db", [...own, "--auth-root-authentication-method=normal", "--skip-test-db"], {
          stdio: "ignore"
        })
        const port = await freePort()
        const server = spawn(
          "mariadbd",
          [...own, `--port=${port}`, `--socket=${join(directory, "socket")}`, "--bind-address=127.0.0.1", ...settings],
          { stdio: "ignore" }
        )
        for (let tries = 0; tries < 300 && !(await answers(port)); tries++) await sleep(100)
        return { directory, port, server }
      }),
      ({ directory, server }) =>
        Effect.promise(async () => {
          server.kill("SIGKILL")
          if (server.exitCode === null && server.signalCode === null) await once(server, "exit")
          rmSync(directory, { recursive: true, force: true })
        })
    ),
    ({ port }) => Redacted.make(`mysql://root@127.0.0.1:${port}/mysql`)
  )
