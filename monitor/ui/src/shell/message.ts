// Element Plus's short messages. They come with the first one, or when somebody first touches
// the page: what is said before that is rare, and the first drawing does not wait for them.

import type { ElMessage } from "element-plus/es/components/message/index.mjs";
import { later } from "./later";

type Options = Exclude<Parameters<typeof ElMessage>[0], undefined>;
type Shown = ReturnType<typeof ElMessage>;

const bring = later(async () => (await import("element-plus/es/components/message/index.mjs")).ElMessage);

for (const touch of ["pointermove", "pointerdown", "keydown"]) {
  addEventListener(touch, () => void bring().catch(() => {}), { once: true, passive: true });
}

/** Shows one; nothing where even that cannot be loaded. */
export async function message(options: Options): Promise<Shown | undefined> {
  const show = await bring().catch(() => undefined);
  return show?.(options);
}
