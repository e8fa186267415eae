// The example is a test itself.
import "../../examples/03-testing.test.ts"
