import { defineConfig } from "vitest/config"

export default defineConfig({
  // tests import the library by its public names; the condition makes those resolve to src
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/stores/postgres/globalSetup.ts"],
    testTimeout: 20_000,
    maxWorkers: 2
  }
})
