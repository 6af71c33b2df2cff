/** Convex's limits on what one function may read and write. */
import { UserError } from "../errors.ts";
import { formatBytes } from "../values/size.ts";

const MAX_DOCUMENTS_READ = 32_000;
const MAX_BYTES_READ = 1 << 24;
const MAX_INTERVALS_READ = 4096;
const MAX_DOCUMENTS_WRITTEN = 16_000;
const MAX_BYTES_WRITTEN = 1 << 24;
const HELP =
  "Consider using smaller limits in your queries, paginating your queries, or using indexed queries with a selective index range expressions.";

export class Usage {
  documentsRead = 0;
  bytesRead = 0;
  intervalsRead = 0;
  documentsWritten = 0;
  bytesWritten = 0;

  read(bytes: number): void {
    this.documentsRead++;
    this.bytesRead += bytes;
    if (this.documentsRead > MAX_DOCUMENTS_READ) {
      throw new UserError(
        "TooManyDocumentsRead",
        `Too many documents read in a single function execution (limit: ${MAX_DOCUMENTS_READ}). ${HELP}`,
      );
    }
    if (this.bytesRead > MAX_BYTES_READ) {
      throw new UserError(
        "TooManyBytesRead",
        `Too many bytes read in a single function execution (limit: ${MAX_BYTES_READ} bytes). ${HELP}`,
      );
    }
  }

  /** One more interval; `merged` says how many there are when those that touch count as one. */
  interval(merged: () => number): void {
    this.intervalsRead++;
    if (this.intervalsRead <= MAX_INTERVALS_READ) return;
    this.intervalsRead = merged();
    if (this.intervalsRead > MAX_INTERVALS_READ) {
      throw new UserError(
        "TooManyReads",
        `Too many reads in a single function execution (limit: ${MAX_INTERVALS_READ}). ${HELP}`,
      );
    }
  }

  write(bytes: number): void {
    this.documentsWritten++;
    this.bytesWritten += bytes;
    if (this.documentsWritten > MAX_DOCUMENTS_WRITTEN) {
      throw new UserError(
        "TooManyWrites",
        `Too many writes in a single function execution (limit: ${MAX_DOCUMENTS_WRITTEN})`,
      );
    }
    if (this.bytesWritten > MAX_BYTES_WRITTEN) {
      throw new UserError(
        "TooManyBytesWritten",
        `Too many bytes written in a single function execution (limit: ${formatBytes(MAX_BYTES_WRITTEN)})`,
      );
    }
  }
}
