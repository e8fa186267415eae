/**
 * The examples in the docs are programs: each one type-checks, and runs.
 */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")
const place = join(root, ".tmp/docs")

interface Example {
  readonly from: string
  readonly code: string
}

/** The ```ts blocks of a text, without the stars of a doc comment. */
const blocks = (from: string, text: string): ReadonlyArray<Example> =>
  [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => ({
    from,
    code: match[1]!.replaceAll(/^ *\* ?/gm, "")
  }))

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((file) =>
  file.endsWith(".ts")
)
const inSource = sources.flatMap((file) => {
  const text = readFileSync(join(root, "src", file), "utf8")
  return [...text.matchAll(/\/\*\*[\s\S]*?\*\//g)].flatMap((comment) => blocks(`src/${file}`, comment[0]))
})
const readme = readFileSync(join(root, "README.md"), "utf8")
const [shortest] = blocks("README.md", readme)

const tsc = join(root, "node_modules/.bin/tsc")
const node = join(root, "node_modules/.bin/node")
const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning"]

describe("the docs", { timeout: 120_000 }, () => {
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
  const files = [...inSource, shortest!].map((example, i) => {
    const file = join(place, `${String(i).padStart(3, "0")}.ts`)
    writeFileSync(file, `// ${example.from}\n${example.code}\nexport {}\n`)
    return { ...example, file }
  })

  it("have examples", () => assert.isAbove(files.length, 10))

  it("type-check", () => {
    const config = join(place, "tsconfig.json")
    writeFileSync(
      config,
      JSON.stringify({
        extends: "../../tsconfig.json",
        compilerOptions: { noUnusedLocals: false, plugins: [] },
        include: ["*.ts"]
      })
    )
    try {
      execFileSync(tsc, ["-p", config], { encoding: "utf8", cwd: root })
    } catch (error) {
      const output = (error as { readonly stdout: string }).stdout
      assert.fail(output.replaceAll(/\S*?(\d{3})\.ts/g, (_, i) => `${files[Number(i)]?.from} (.tmp/docs/${i}.ts)`))
    }
  })

  it("run", () => {
    // Examples of test files need a test runner around them.
    const inDocs = files.filter(({ code, from }) => from !== "README.md" && !code.includes("vitest"))
    const all = join(place, "all.mts")
    writeFileSync(
      all,
      inDocs.map(({ file, from }) =>
        `try { await import(${JSON.stringify(file)}) } catch (error) { console.error(${
          JSON.stringify(from)
        }, error); process.exitCode = 1 }`
      ).join("\n")
    )
    execFileSync(node, [...flags, all], { encoding: "utf8", cwd: root, stdio: "pipe" })
  })

  it("begin with a program that works as it stands (live clock, 12 seconds)", () => {
    const output = execFileSync(node, [...flags, files[files.length - 1]!.file], { encoding: "utf8", cwd: root })
    const lines = output.trim().split("\n")
    assert.isAtLeast(lines.length, 2)
    assert.deepStrictEqual([...new Set(lines)], ["digest for acme"])
  })
})
