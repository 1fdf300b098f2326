/** Runs peer tools (QEMU, dtc, e2fsck, …), which may be missing on a developer's machine but not in CI. */

/**
 * Whether a tool is installed. If not: prints `ignored: needs …`, which the test runner counts, so
 * that no case is skipped silently; with CI=true it throws.
 */
export async function hasPeer(tool: string, aptPackage: string): Promise<boolean> {
  try {
    await new Deno.Command(tool, { args: ["--version"], stdout: "null", stderr: "null" }).output();
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const message = `needs ${tool} (apt install ${aptPackage})`;
    if (Deno.env.get("CI") === "true") throw new Error(message);
    console.log(`ignored: ${message}`);
    return false;
  }
}

/** Runs a tool to its end. @throws Error with its standard error if it fails */
export async function runPeer(
  tool: string,
  args: readonly string[],
): Promise<{ stdout: string; stderr: string }> {
  const output = await new Deno.Command(tool, { args: [...args], stdin: "null" }).output();
  const decoder = new TextDecoder();
  const [stdout, stderr] = [decoder.decode(output.stdout), decoder.decode(output.stderr)];
  if (!output.success) throw new Error(`${tool} ${args.join(" ")}: ${output.code}\n${stderr}`);
  return { stdout, stderr };
}
