/** The errors by which preparing the Debian guest ends: something outside failed. */

/**
 * The host, the network or the archive failed: no space, no right to write, no answer, a wrong sum.
 * The message is one line that can be shown as it is.
 */
export class HostFailure extends Error {
  override name = "HostFailure";
  /** The command's exit status: 4, the host failed. */
  readonly exitCode = 4;
}

/** The archive answers, but does not have the file (any more: a point release replaces packages). */
export class MissingFromArchive extends HostFailure {
  override name = "MissingFromArchive";
}
