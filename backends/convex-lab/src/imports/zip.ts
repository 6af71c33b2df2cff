/** The entries of a ZIP archive, by its central directory; stored or deflated, up to 4 GiB. */
import { crc32, inflateRawSync } from "node:zlib";
import { UserError } from "../errors.ts";

export interface ZipEntry {
  name: string;
  /** The entry's bytes. Throws UserError when they are damaged. */
  read(): Buffer;
}

const END = 0x06054b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const DIRECTORY_ENTRY = 0x02014b50;
const DIRECTORY_ENTRY_BYTES = 46;
const LOCAL_HEADER = 0x04034b50;
const LOCAL_HEADER_BYTES = 30;
const STORED = 0;
const DEFLATED = 8;

/** Throws UserError when this is no archive. */
export function readZip(archive: Buffer): ZipEntry[] {
  try {
    return directory(archive);
  } catch (error) {
    if (error instanceof RangeError) throw invalid();
    throw error;
  }
}

function directory(archive: Buffer): ZipEntry[] {
  const end = findEnd(archive);
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  const entries: ZipEntry[] = [];
  for (let i = 0; i < count; i++) {
    if (archive.readUInt32LE(at) !== DIRECTORY_ENTRY) throw invalid();
    const nameBytes = archive.readUInt16LE(at + 28);
    const extraBytes = archive.readUInt16LE(at + 30);
    const commentBytes = archive.readUInt16LE(at + 32);
    const name = archive.toString("utf8", at + DIRECTORY_ENTRY_BYTES, at + DIRECTORY_ENTRY_BYTES + nameBytes);
    entries.push(entryOf(archive, name, at));
    at += DIRECTORY_ENTRY_BYTES + nameBytes + extraBytes + commentBytes;
  }
  return entries;
}

function findEnd(archive: Buffer): number {
  const last = archive.length - END_BYTES;
  for (let at = last; at >= Math.max(0, last - MAX_COMMENT_BYTES); at--) {
    if (archive.readUInt32LE(at) === END) return at;
  }
  throw invalid();
}

function entryOf(archive: Buffer, name: string, at: number): ZipEntry {
  const method = archive.readUInt16LE(at + 10);
  const checksum = archive.readUInt32LE(at + 16);
  const packedBytes = archive.readUInt32LE(at + 20);
  const header = archive.readUInt32LE(at + 42);
  return {
    name,
    read: () => {
      if (archive.readUInt32LE(header) !== LOCAL_HEADER) throw invalid();
      const start = header + LOCAL_HEADER_BYTES + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28);
      const packed = archive.subarray(start, start + packedBytes);
      const bytes = unpack(packed, method);
      if (packed.length !== packedBytes || crc32(bytes) !== checksum) throw invalid();
      return bytes;
    },
  };
}

function unpack(packed: Buffer, method: number): Buffer {
  if (method === STORED) return packed;
  if (method !== DEFLATED) throw invalid();
  try {
    return inflateRawSync(packed);
  } catch {
    throw invalid();
  }
}

function invalid(): UserError {
  return new UserError("InvalidZip", "invalid zip file");
}
