/** The one kind of error by which preparing the Debian guest ends: something outside failed. */

/**
 * The host, the network or the archive failed: no space, no right to write, no answer, a wrong sum.
 * The message is one line that can be shown as it is.
 */
export class HostFailure extends Error {
  override readonly name = "HostFailure";
  /** The command's exit status: 4, the host failed. */
  readonly exitCode = 4;
}
