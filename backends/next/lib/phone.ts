/** The digits of a phone number written in any way; "" when it has none. */
export function digitsOf(phone: string): string {
  return phone.replace(/[^0-9]/g, "");
}

/** Enough to tell two callers apart in a log, too little to call either. */
export function maskedPhone(digits: string): string {
  return digits.length > 3 ? `***${digits.slice(-3)}` : "***";
}
