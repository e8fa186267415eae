/**
 * The processes of this machine.
 *
 * @since 0.1.0
 */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // a process that exists and belongs to somebody else answers EPERM
    return (error as NodeJS.ErrnoException).code !== "ESRCH"
  }
}
