/**
 * Completes package-lock.json with the optional packages of other platforms.
 *
 * npm leaves out of a new lock file what it could not look up when it wrote it, as happens behind a registry that keeps only what was asked
 * for, and `npm ci` then refuses the file everywhere. The entries say what npm itself would: the version that the parent names exactly,
 * and the platform, by which npm knows not to install it here. Run it after adding a dependency.
 */
import { readFileSync, writeFileSync } from "node:fs"

const file = new URL("../package-lock.json", import.meta.url)
const lock = JSON.parse(readFileSync(file, "utf8"))
const systems = ["android", "darwin", "freebsd", "linux", "openharmony", "win32", "aix", "netbsd", "openbsd", "sunos"]
const processors = ["arm64", "arm", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "x64"]

const find = (words, name) => words.find((word) => new RegExp(`(^|[-/])${word}([-./]|$)`).test(name))
let added = 0
for (const [path, parent] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const places = [`node_modules/${name}`, `${path}/node_modules/${name}`]
    if (places.some((place) => place in lock.packages)) continue
    const os = find(systems, name)
    const cpu = find(processors, name)
    if (os === undefined || !/^\d+\.\d+\.\d+/.test(version)) continue
    lock.packages[places[0]] = {
      version,
      ...(cpu === undefined ? {} : { cpu: [cpu] }),
      ...(parent.dev ? { dev: true } : {}),
      optional: true,
      os: [os]
    }
    added++
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
writeFileSync(file, JSON.stringify(lock, null, 2) + "\n")
console.log(`${added} packages of other platforms added`)
