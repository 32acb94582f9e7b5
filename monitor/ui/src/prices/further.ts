// Rates that the forms have no field for: they stay as they are when the others change.
const FURTHER = ["cache_write_1h", "audio_input", "audio_output", "image_input", "image_output"] as const;
type Further = (typeof FURTHER)[number];

export function further(of: { [K in Further]?: number | null } | null | undefined): Partial<Record<Further, number>> {
  return Object.fromEntries(FURTHER.flatMap((f) => (of?.[f] == null ? [] : [[f, of[f]]])));
}
