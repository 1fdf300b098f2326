/** What compiles a command's hot code, and where it keeps what was hot. */
import { ThreadCompiler } from "../devices/deno/compiler.ts";
import { cachePath } from "../guests/debian/deno/cache.ts";

/** The caller closes it. */
export function openCompiler(): ThreadCompiler {
  return new ThreadCompiler(profilePath());
}

/** `HINDSIGHT_PROFILE`, where `none` is no file; else in the cache folder, if there is one. */
function profilePath(): string | undefined {
  const set = Deno.env.get("HINDSIGHT_PROFILE");
  if (set) return set === "none" ? undefined : set;
  return cachePath("profile");
}
