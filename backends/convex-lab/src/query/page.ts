/** `.paginate(...)`: one page of a query, between two cursors. */
import { UserError } from "../errors.ts";
import { NOTHING, type Interval } from "../storage/rows.ts";
import type { ConvexObject } from "../values/json.ts";
import { afterKey } from "../values/sort-key.ts";
import { fingerprint, readCursor, writeCursor, type Position } from "./cursor.ts";
import { parseQuery } from "./query.ts";
import type { Reader } from "./reader.ts";
import { QueryStream } from "./stream.ts";

export interface PageRequest {
  query: unknown;
  cursor?: string | null;
  endCursor?: string | null;
  pageSize: number;
  maximumRowsRead?: number | null;
  maximumBytesRead?: number | null;
}

const MAX_PAGE_SIZE = 32_000;
const SOFT_MAX_PAGE_LENGTH = 6144;
const SOFT_MAX_ROWS_READ = 24_000;
const SOFT_MAX_BYTES_READ = 12 * 2 ** 20;

/** Reads the page and returns the syscall's JSON result. */
export function readPage(reader: Reader, request: PageRequest): string {
  checkRequest(request);
  const query = parseQuery(request.query);
  const index = reader.index(query.tableName, query.indexName);
  const mark = fingerprint(request.query, index?.fields ?? []);
  const start = request.cursor == null ? undefined : readCursor(request.cursor, mark);
  const end = request.endCursor == null ? undefined : readCursor(request.endCursor, mark);
  // A page with an end must be read whole, whatever its size.
  const whole = end !== undefined;
  const stream = new QueryStream(
    reader,
    query,
    (interval) => between(interval, query.order === "asc", start, end),
    whole ? undefined : { rows: request.maximumRowsRead ?? Infinity, bytes: request.maximumBytesRead ?? Infinity },
  );
  const page = collect(stream, whole ? Infinity : request.pageSize);
  stream.recordReads();
  const position: Position = end ?? (stream.exhausted ? "end" : stream.lastKey ?? start ?? "end");
  const middle = page.length > 2 ? page[page.length >> 1] : undefined;
  const split = middle === undefined ? null : writeCursor(index!.keyOf(JSON.parse(middle) as ConvexObject), mark);
  const status = stream.overBudget
    ? "SplitRequired"
    : page.length > SOFT_MAX_PAGE_LENGTH || stream.rowsRead > SOFT_MAX_ROWS_READ || stream.bytesRead > SOFT_MAX_BYTES_READ
      ? "SplitRecommended"
      : null;
  const rest = JSON.stringify({
    isDone: position === "end",
    continueCursor: writeCursor(position, mark),
    splitCursor: split,
    pageStatus: status,
  });
  return `{"page":[${page.join(",")}],${rest.slice(1)}`;
}

function checkRequest({ pageSize, maximumRowsRead, maximumBytesRead }: PageRequest): void {
  if (pageSize === 0) {
    throw new UserError("NoDocumentsForPagination", "Must request at least 1 document while paginating");
  }
  if (pageSize > MAX_PAGE_SIZE) throw new UserError("PageSizeTooLarge", `Requested too many items: ${pageSize}`);
  if (!Number.isInteger(pageSize)) {
    throw new UserError("InvalidArgument", `Invalid arguments for \`queryPage\`: pageSize must be an integer, got ${pageSize}`);
  }
  if (maximumRowsRead === 0 || maximumBytesRead === 0) {
    throw new UserError("InvalidPaginationLimit", "maximumRowsRead and maximumBytesRead must be greater than 0");
  }
}

function between(interval: Interval, ascending: boolean, start: Position | undefined, end: Position | undefined): Interval {
  let { low, high } = interval;
  if (start === "end") return NOTHING;
  if (start !== undefined) {
    if (ascending) low = later(low, afterKey(start));
    else high = earlier(high, start);
  }
  if (end !== undefined && end !== "end") {
    if (ascending) high = earlier(high, afterKey(end));
    else low = later(low, end);
  }
  return { low, high };
}

function later(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Buffer.compare(a, b) >= 0 ? a : b;
}

function earlier(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Buffer.compare(a, b) <= 0 ? a : b;
}

function collect(stream: QueryStream, pageSize: number): string[] {
  const page: string[] = [];
  while (page.length < pageSize) {
    const json = stream.next();
    if (json === undefined) break;
    page.push(json);
  }
  return page;
}
