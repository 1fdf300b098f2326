/** An end of a network cable cannot be had. The message is one line. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
}
