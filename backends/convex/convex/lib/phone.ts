/** The digits of a phone number written in any way; "" when it has none. */
export function digitsOf(phone: string): string {
  return phone.replace(/[^0-9]/g, "");
}
