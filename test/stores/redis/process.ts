/**
 * A Redis server of the tests' own, to be killed and started again.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { createClient } from "redis"

export const isInstalled = spawnSync("redis-server", ["--version"]).status === 0

export const answers = async (url: string): Promise<boolean> => {
  const client = createClient({ url, socket: { reconnectStrategy: false, connectTimeout: 1_000 } })
  client.on("error", () => {})
  try {
    await client.connect()
    await client.ping()
    return true
  } catch {
    return false
  } finally {
    if (client.isOpen) client.destroy()
  }
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

export class Server {
  private process: ChildProcess | undefined
  private readonly directory = mkdtempSync(join(tmpdir(), "effect-scheduler-redis-"))
  private readonly port: number
  private readonly settings: ReadonlyArray<string>
  readonly url: string

  private constructor(port: number, settings: ReadonlyArray<string>) {
    this.port = port
    this.settings = settings
    this.url = `redis://127.0.0.1:${port}`
  }

  static async make(...settings: ReadonlyArray<string>): Promise<Server> {
    return new Server(await freePort(), settings)
  }

  async start(): Promise<void> {
    this.process = spawn(
      "redis-server",
      ["--port", `${this.port}`, "--bind", "127.0.0.1", "--save", "", "--dir", this.directory, ...this.settings],
      { stdio: "ignore" }
    )
    for (let turn = 0; turn < 200; turn++) {
      if (await answers(this.url)) return
      await sleep(50)
    }
    throw new Error(`redis-server does not answer at ${this.url}`)
  }

  async command(...words: ReadonlyArray<string>): Promise<unknown> {
    const client = createClient({ url: this.url })
    await client.connect()
    try {
      return await client.sendCommand(words)
    } finally {
      client.destroy()
    }
  }

  /** As a crash would: nothing is saved that was not. */
  async kill(): Promise<void> {
    const process = this.process
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return
    const gone = once(process, "exit")
    process.kill("SIGKILL")
    await gone
  }

  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.directory, { recursive: true, force: true })
  }
}
