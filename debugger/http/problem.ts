/** Errors as problem details. Source: RFC 9457. */

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  413: "Content Too Large",
  422: "Unprocessable Content",
  500: "Internal Server Error",
};

/** A response with the media type `application/problem+json`. */
export function problem(status: 400 | 401 | 403 | 404 | 413 | 422 | 500, detail: string): Response {
  const body = { type: "about:blank", title: TITLES[status], status, detail };
  const headers: Record<string, string> = { "content-type": "application/problem+json" };
  if (status === 401) headers["www-authenticate"] = "Bearer";
  return new Response(JSON.stringify(body), { status, headers });
}
