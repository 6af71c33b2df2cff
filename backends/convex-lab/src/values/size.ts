/** The size that Convex charges for a value, in bytes. */
import { kindOf, type ConvexJson, type ConvexObject } from "./json.ts";

export function sizeOf(value: ConvexJson): number {
  switch (kindOf(value)) {
    case "Null":
    case "Boolean":
      return 1;
    case "Int64":
    case "Float64":
      return 9;
    case "String":
      return Buffer.byteLength(value as string) + 2;
    case "Bytes":
      return Buffer.byteLength((value as { $bytes: string }).$bytes, "base64") + 2;
    case "Array": {
      let size = 2;
      for (const item of value as ConvexJson[]) size += sizeOf(item);
      return size;
    }
    case "Object": {
      let size = 2;
      const object = value as ConvexObject;
      for (const field in object) size += field.length + 1 + sizeOf(object[field]!);
      return size;
    }
  }
}

const UNITS = ["B", "KiB", "MiB", "GiB"];

/** Like "1.5 MiB". */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${Number(amount.toFixed(2))} ${UNITS[unit]}`;
}
