// How large a text is as it travels: in bytes of UTF-8, not in the units this page counts in.

export function utf8(text: string | null | undefined): number {
  if (!text) return 0;
  let n = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    n++;
    if (code < 0x800) continue;
    n++;
    // A pair is four bytes: both its halves are counted here.
    if (code >= 0xd800 && code < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i++;
  }
  return n;
}
